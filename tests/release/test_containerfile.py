"""What can be known of the image without building it, for which a registry of images would have to be at hand."""

import json
import re
import subprocess
import sys
import tomllib

import msgspec

from stemd.config import Config
from tests.end_to_end.process import free_port, running
from tests.release.tree import ROOT, clean

TEXT = (ROOT / "release" / "Containerfile").read_text("utf-8").replace("\\\n", "")
CONFIG = re.search(r"printf '(.*?)' >", TEXT)[1].replace("\\n", "\n")


def words(instruction: str) -> list[str]:
    """The words of an instruction in its form for programs."""
    return json.loads(re.search(rf"^\s*{instruction}.*?(\[.*\])$", TEXT, re.MULTILINE)[1])


def healthy(address: str) -> int:
    """What the image's check of its health ends with, asked of another address."""
    asked = [word.replace("127.0.0.1:9109", address) for word in words("HEALTHCHECK")]
    assert address in asked[-1]
    return subprocess.run([sys.executable, *asked[1:]], env=clean(), capture_output=True, check=False).returncode


def test_it_is_built_of_what_make_dist_leaves() -> None:
    [copied] = re.findall(r"^COPY (?!--from)(.*) /$", TEXT, re.MULTILINE)
    assert copied.split() == ["requirements-daemon.lock", "stemd-*.whl"]
    assert "--require-hashes" in TEXT


def test_it_runs_as_nobody_in_particular_with_a_configuration_that_holds() -> None:
    config = msgspec.convert(tomllib.loads(CONFIG), Config)
    assert config.metrics.endpoint == ("127.0.0.1", 9109)
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", TEXT, re.MULTILINE)
    assert words("ENTRYPOINT") == ["stemd"]
    assert "> /etc/stemd/stemd.toml" in TEXT
    assert '\nCMD ["serve", "--config", "/etc/stemd/stemd.toml"]\n' in TEXT


def test_the_check_of_its_health_asks_a_daemon_how_it_is() -> None:
    address = f"127.0.0.1:{free_port()}"
    assert healthy(address) != 0
    with running({"metrics": {"address": address}}):
        assert healthy(address) == 0


def test_it_names_no_registry() -> None:
    names = re.findall(r"^(?:FROM|ARG BASE=)\s*(\S+)", TEXT, re.MULTILINE)
    assert names == ["python:3.11-slim-bookworm", "${BASE}", "${BASE}"]
    assert not [name for name in names if "/" in name]
