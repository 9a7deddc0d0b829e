"""The SBOM: CycloneDX's own tool over an environment, and the shipped networks beside what it finds there.

It tells versions, licences and what needs what; the hashes of the files are in the lock that is published beside it.
"""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

MODELS = Path("daemon") / "stemd" / "models"


def write(python: Path, root: Path, out: Path, when: int) -> None:
    """Write the SBOM of what an environment holds.

    Args:
        python: of the environment.
        root: of the source tree, for pyproject.toml and the networks.
        out: the file.
        when: its timestamp, in seconds since 1970.

    Raises:
        subprocess.CalledProcessError: the tool failed, or found its own output to be against the schema.
    """
    tool = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--of", "JSON"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(when)}
    command = [*tool, "--pyproject", str(root / "pyproject.toml"), str(python)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    text = json.dumps(_with_networks(json.loads(found), root / MODELS), indent=2, sort_keys=True)
    out.write_text(text + "\n", "utf-8")


def _with_networks(bom: dict[str, Any], models: Path) -> dict[str, Any]:
    """The same with each shipped network as a component that stemd depends on: it is data, which the tool knows not."""
    networks = [_network(manifest) for manifest in sorted(models.glob("*/manifest.toml"))]
    main = bom["metadata"]["component"]["bom-ref"]
    needs = [
        {**one, "dependsOn": [*one["dependsOn"], *(network["bom-ref"] for network in networks)]}
        if one["ref"] == main
        else one
        for one in bom["dependencies"]
    ]
    leaves = [{"ref": network["bom-ref"]} for network in networks]
    return {**bom, "components": [*bom["components"], *networks], "dependencies": [*needs, *leaves]}


def _network(manifest: Path) -> dict[str, Any]:
    """A network as a component: its version and licence, the digest of each of its files."""
    told = tomllib.loads(manifest.read_text("utf-8"))
    name = f"model:{told['name']}"
    return {
        "bom-ref": name,
        "type": "machine-learning-model",
        "name": told["name"],
        "version": told["version"],
        "licenses": [{"license": {"acknowledgement": "declared", "id": told["licence"]["weights"]}}],
        "components": [
            {
                "bom-ref": f"{name}/{specialist['file']}",
                "type": "file",
                "name": specialist["file"],
                "hashes": [{"alg": "SHA-256", "content": specialist["sha256"]}],
            }
            for specialist in told["specialists"]
        ],
    }
