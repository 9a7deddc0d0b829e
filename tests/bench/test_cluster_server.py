"""Where a Triton server is looked for, and what is said where there is none."""

import re
from pathlib import Path

import pytest

from stemd.errors import StemdError
from stemd_bench.cluster.server import Server, tritonserver
from stemd_bench.results import Skipped

PLACE = "lib/python3.11/site-packages/pytriton/tritonserver"


def test_where_there_is_no_server_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMD_TRITON", str(tmp_path))
    found = tritonserver()
    assert isinstance(found, Skipped)
    assert f"there is no tritonserver in {tmp_path}: `make .venv-triton` fetches one" in found.reason
    with pytest.raises(StemdError, match="there is no tritonserver"), Server(tmp_path):
        pass


def test_a_server_without_a_python_backend_for_its_python_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMD_TRITON", str(tmp_path))
    program = tmp_path / PLACE / "bin" / "tritonserver"
    program.parent.mkdir(parents=True)
    program.touch()
    found = tritonserver()
    assert isinstance(found, Skipped)
    assert "has no Python backend for python3.11" in found.reason


def test_the_server_is_locked_to_the_numpy_that_it_can_read() -> None:
    """Triton's Python backend of this version is built for NumPy 1: of NumPy 2's arrays it reads the first element."""
    lock = (Path(__file__).parents[2] / "requirements-triton.lock").read_text("utf-8")
    assert re.findall(r"^numpy==(\d+)\.", lock, re.MULTILINE) == ["1"]
    assert re.search(r"^nvidia-pytriton==0\.7\.0 ", lock, re.MULTILINE)
