"""From a bag of checkpoints to a model's folder, by the command."""

import json
from pathlib import Path

import numpy as np
import pytest

from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import load_manifest, verify
from stemd.separation.store import Model
from stemd_export.cli import run
from stemd_export.htdemucs import export
from stemd_export.htdemucs.facts import Flavour
from stemd_export.htdemucs.parity import Bound
from stemd_export.htdemucs.seeded import NARROW, SOURCES, write_bag


def exported(bag: Path, out: Path, *options: str, name: str = "htdemucs_ft") -> int:
    return run([name, "--repo", str(bag), "--out", str(out), *options])


def test_the_folder_is_a_model_with_a_specialist_for_each_stem(
    narrow_bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported(narrow_bag, tmp_path) == 0
    folder = tmp_path / "htdemucs_ft"
    manifest = load_manifest(folder)
    verify(folder, manifest)
    assert (manifest.kind, manifest.stems, manifest.lossy) == ("hybrid", SOURCES, False)
    assert manifest.segments.exact == (35_280,)
    assert (manifest.studio.hop, manifest.studio.overlap, manifest.studio.lookahead) == (26_460, 8_820, 0)
    names = {"LICENSE", "manifest.toml", "parity.json", *(f"{stem}.onnx" for stem in SOURCES)}
    assert {file.name for file in folder.iterdir()} == names
    report = json.loads((folder / "parity.json").read_text())
    assert [row["stem"] for row in report["stems"]] == list(SOURCES)
    assert all(row["snr_db"] >= 110 and row["max_abs_diff"] <= 1e-5 for row in report["stems"])
    shown = capsys.readouterr().out
    assert all(stem in shown for stem in SOURCES)
    assert shown.endswith(f"the model is in {folder}\n")


def test_only_the_specialists_of_the_wanted_stems_are_loaded(narrow_bag: Path, tmp_path: Path) -> None:
    assert exported(narrow_bag, tmp_path) == 0
    model = Model(tmp_path / "htdemucs_ft", load_manifest(tmp_path / "htdemucs_ft"))
    assert [one.stems for one in model.open(EngineOptions(), {"vocals", "bass"})] == [("bass",), ("vocals",)]


@pytest.mark.parametrize(
    ("option", "name", "kind", "lossy"),
    [
        ("--portable", "htdemucs_ft-portable", "waveform", False),
        ("--fp16", "htdemucs_ft-fp16", "hybrid", False),
        ("--int8", "htdemucs_ft-int8", "hybrid", True),
        ("--plain-attention", "htdemucs_ft-plain", "hybrid", False),
    ],
)
def test_each_flavour_is_a_model_of_its_own(
    narrow_bag: Path, tmp_path: Path, option: str, name: str, kind: str, lossy: bool
) -> None:
    assert exported(narrow_bag, tmp_path, option, "--stem", "vocals") == 0
    manifest = load_manifest(tmp_path / name)
    assert (manifest.name, manifest.kind, manifest.lossy, manifest.stems) == (name, kind, lossy, ("vocals",))
    (specialist,) = Model(tmp_path / name, manifest).open(EngineOptions())
    assert specialist.stems == ("vocals",)


def test_one_network_of_four_stems_becomes_one_graph(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", "htdemucs", NARROW, ("955717e8",), None)
    assert exported(tmp_path / "bag", tmp_path, name="htdemucs") == 0
    (entry,) = load_manifest(tmp_path / "htdemucs").specialists
    assert (entry.file, entry.stems) == ("htdemucs.onnx", SOURCES)


def test_failed_parity_leaves_no_file(
    narrow_bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = export.hybrid_graph
    monkeypatch.setattr(export, "hybrid_graph", lambda net, wanted, **how: whole(net, [0], **how))  # never vocals
    assert exported(narrow_bag, tmp_path, "--stem", "vocals") == 1
    said = capsys.readouterr().err
    assert "parity does not hold for vocals" in said
    assert "110 dB" in said
    assert [path for path in tmp_path.rglob("*") if path.suffix != ".lock"] == []


def test_failed_parity_leaves_the_model_that_was_there(
    narrow_bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert exported(narrow_bag, tmp_path, "--stem", "vocals") == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "htdemucs_ft").iterdir()}
    monkeypatch.setattr(Flavour, "bound", property(lambda _: Bound(snr_db=1_000, of_peak=0)))
    assert exported(narrow_bag, tmp_path, "--stem", "vocals") == 1
    assert {path.name: path.read_bytes() for path in (tmp_path / "htdemucs_ft").iterdir()} == before


def test_eight_bits_below_the_bound_are_refused(
    narrow_bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stemd_export.graph.np.round", lambda x: np.floor(x / 16) * 16)  # 4 bits
    assert exported(narrow_bag, tmp_path, "--int8", "--stem", "vocals") == 1
    assert "50 dB" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["htdemucs_ft", "--wheel", "x"], "--wheel does not go with htdemucs_ft"),
        (["spleeter", "--portable"], "--portable does not go with spleeter"),
        (["htdemucs_ft", "--fp16", "--int8"], "not allowed with"),
        (["htdemucs_ft", "--portable", "--plain-attention"], "--plain-attention does not go with --portable"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(arguments)
    assert stopped.value.code == 2
    assert word in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("demucs", "demucs.pretrained", "torch"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    for module in [name for name in __import__("sys").modules if name.startswith("stemd_export.htdemucs")]:
        monkeypatch.delitem(__import__("sys").modules, module)
    assert exported(tmp_path, tmp_path) == 1
    assert "pip install 'stemd[export]'" in capsys.readouterr().err
