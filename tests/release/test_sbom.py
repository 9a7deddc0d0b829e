"""The SBOM names what an installation by the lock holds, no more and no less, and what is shipped in stemd itself."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.release.conftest import Made
from tests.release.tree import ROOT, clean

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
NETWORK = ROOT / "daemon" / "stemd" / "models" / "spleeter-vocals" / "vocals.onnx"


@pytest.fixture(scope="module")
def bom(made: Made) -> dict[str, Any]:
    return json.loads(made.one(".cdx.json").read_text("utf-8"))


def test_the_sbom_is_valid_to_the_letter_of_the_schema(made: Made, bom: dict[str, Any]) -> None:
    validator = JsonStrictValidator(SchemaVersion.from_version(bom["specVersion"]))
    assert validator.validate_str(made.one(".cdx.json").read_text("utf-8")) is None
    assert validator.validate_str(json.dumps({**bom, "components": [{"name": "x"}]})) is not None


def test_the_sbom_names_what_is_installed(bom: dict[str, Any], programs: Path) -> None:
    listing = [str(programs / "pip"), "list", "--format=json", "--disable-pip-version-check"]
    done = subprocess.run(listing, env=clean(), capture_output=True, text=True, check=True)
    installed = {(one["name"].lower().replace("_", "-"), one["version"]) for one in json.loads(done.stdout)}
    libraries = [one for one in bom["components"] if one["type"] == "library"]
    named = {(one["name"].lower().replace("_", "-"), one["version"]) for one in libraries}
    main = bom["metadata"]["component"]
    tools = {one for one in installed if one[0] in {"pip", "setuptools"}}
    assert named | {(main["name"], main["version"])} == installed - tools
    assert all(one["purl"].startswith("pkg:pypi/") for one in libraries)


def test_every_component_says_its_licence(bom: dict[str, Any]) -> None:
    unsaid = {one["name"] for one in bom["components"] if not one.get("licenses")}
    assert unsaid <= {"protobuf"}  # which brings the text of its licence, BSD, and does not name it


def test_everything_named_is_needed_by_stemd_in_the_end(bom: dict[str, Any]) -> None:
    needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
    reached, todo = set(), [bom["metadata"]["component"]["bom-ref"]]
    while todo:
        if (one := todo.pop()) not in reached:
            reached.add(one)
            todo += needs[one]
    assert reached == {one["bom-ref"] for one in [bom["metadata"]["component"], *bom["components"]]}


def test_the_shipped_network_is_a_component_with_its_digest(bom: dict[str, Any]) -> None:
    [network] = [one for one in bom["components"] if one["type"] == "machine-learning-model"]
    [file] = network["components"]
    assert network["name"] == "spleeter-vocals"
    assert file["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(NETWORK.read_bytes()).hexdigest()}]


def test_the_sbom_tells_nothing_of_the_machine_it_was_made_on(made: Made, bom: dict[str, Any]) -> None:
    text = made.one(".cdx.json").read_text("utf-8")
    assert "serialNumber" not in bom
    assert bom["metadata"]["timestamp"] == "2025-06-15T15:06:40+00:00"
    assert not [place for place in ("/tmp", "/home", "/root", "file://") if place in text]  # noqa: S108
