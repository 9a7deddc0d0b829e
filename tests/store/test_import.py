"""Laws of importing by hand: a graph is taken as it is, the right row of it counts, and what cannot be is said."""

from pathlib import Path

import numpy as np
import pytest

from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.errors import ModelError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import load_manifest
from stemd.separation.store import find
from stemd.store import by_hand, importing
from stemd.store.by_hand import Hints
from stemd.store.catalogue import Catalogue, catalogue
from stemd.store.folder import Store
from stemd.store.graph import Signature
from stemd.store.importing import import_model
from stemd.store.published import plans
from tests.networks import noise
from tests.store.graphs import FRAMES, graph, model_folder, split_graph
from tests.store.listener import Listener
from tests.store.states import models, names


def written(folder: Path, **graphs: bytes) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.onnx" for name in graphs]
    for path, content in zip(paths, graphs.values(), strict=True):
        path.write_bytes(content)
    return paths


def test_the_row_of_each_specialist_is_found_by_its_name(store: Store, talk: Listener, tmp_path: Path) -> None:
    stems = ("drums", "bass", "other", "vocals")
    four = {f"htdemucs_ft_{stem}": graph([0.1, 0.2, 0.3, 0.4]) for stem in stems}
    written(tmp_path / "got", **four)
    folder = import_model([tmp_path / "got"], Hints(), store, talk)
    assert folder.name == "htdemucs_ft"
    model = find("htdemucs_ft", [store.root])
    mixture = noise(FRAMES)
    (span,) = WindowPlan(FRAMES, FRAMES, 0, 0).spans(FRAMES)
    for specialist in model.open(EngineOptions()):
        (estimate,) = specialist.run(Segment(span, mixture, None))
        gain = 0.1 * (stems.index(specialist.stems[0]) + 1)
        np.testing.assert_allclose(estimate, gain * mixture, rtol=1e-5)


@pytest.mark.parametrize(
    ("gains", "hints", "stems", "rows"),
    [
        ([0.5], Hints(stems=("vocals",)), ("vocals",), ()),
        ([0.1, 0.5], Hints(stems=("vocals",), rows=("1",)), ("vocals",), (1,)),
        ([0.1, 0.5], Hints(stems=("choir", "band")), ("choir", "band"), ()),
        ([0.1, 0.2, 0.3, 0.4], Hints(stems=("vocals",)), ("vocals",), (3,)),
        ([0.1, 0.2, 0.3, 0.4], Hints(stems=("lead",), rows=("vocals",)), ("lead",), (3,)),
        ([0.1, 0.2, 0.3, 0.4], Hints(stems=("drums", "bass")), ("drums", "bass"), (0, 1)),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], Hints(stems=("piano",)), ("piano",), (5,)),
    ],
    ids=str,
)
def test_flags_say_what_a_name_does_not(
    store: Store,
    talk: Listener,
    tmp_path: Path,
    gains: list[float],
    hints: Hints,
    stems: tuple[str, ...],
    rows: tuple[int, ...],
) -> None:
    folder = import_model(written(tmp_path / "got", net=graph(gains)), hints, store, talk)
    (entry,) = load_manifest(folder).specialists
    assert (entry.stems, entry.rows) == (stems, rows)
    assert entry.output_rows == len(gains)


def test_nobody_is_said_to_have_measured_or_licensed_it(store: Store, talk: Listener, tmp_path: Path) -> None:
    folder = import_model(written(tmp_path / "got", x_vocals=graph([0.5])), Hints(), store, talk)
    manifest = load_manifest(folder)
    assert manifest.parity is None
    assert manifest.licence.commercial == "unclear"
    assert manifest.segments.exact == (FRAMES,)
    assert "Ask whoever published them" in talk.asked[0]
    assert names(folder) == ["LICENSE", "manifest.toml", "receipt.toml", "x_vocals.onnx"]


def test_a_file_that_the_catalogue_knows_gets_its_terms_from_there(
    store: Store, talk: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = catalogue().models["htdemucs_ft"].files[3]
    monkeypatch.setattr(Catalogue, "by_digest", lambda *_: ("htdemucs_ft", known))
    import_model(written(tmp_path / "got", x_vocals=graph([0.5])), Hints(), store, talk)
    assert "facebookresearch/demucs issue 327" in talk.asked[0]


def test_the_plans_of_ht_demucs_are_those_of_demucs() -> None:
    live, studio = plans(343_980)
    assert (studio.segment, studio.hop, studio.overlap, studio.lookahead) == (343_980, 257_985, 85_995, 0)
    assert live.hop + live.overlap + live.lookahead <= live.segment == 343_980
    for segment in range(1, 2_000):
        plans(segment + 3)


def test_a_folder_of_stemds_own_is_taken_as_it_is_or_under_another_name(
    store: Store, talk: Listener, tmp_path: Path
) -> None:
    model_folder(tmp_path / "own")
    (tmp_path / "own" / "notes.txt").write_text("mine")
    (tmp_path / "own" / "parity.json").write_text("{}")
    folder = import_model([tmp_path / "own"], Hints(), store, talk)
    for name in ("manifest.toml", "LICENSE", "x_vocals.onnx", "parity.json"):
        assert (folder / name).read_bytes() == (tmp_path / "own" / name).read_bytes()
    assert not (folder / "notes.txt").exists()
    import_model([tmp_path / "own"], Hints(name="twin"), store, talk)
    assert sorted(models(store)) == ["tiny", "twin"]


@pytest.mark.parametrize(
    ("graphs", "hints", "words"),
    [
        ({"net": graph([0.5])}, Hints(), "which stem is it for? Say so with --stem"),
        ({"net": graph([0.1, 0.5])}, Hints(stems=("vocals",)), "gives 2 stems; say with --row which is vocals"),
        ({"net": graph([0.1, 0.5])}, Hints(stems=("vocals",), rows=("2",)), "'2' is none of its rows; they count fr"),
        ({"net": graph([0.1] * 4)}, Hints(stems=("choir",)), "'choir' is none of its rows"),
        ({"a_vocals": graph([0.5]), "b_vocals": graph([0.5])}, Hints(name="x"), "two graphs give the same stem"),
        ({"a_vocals": graph([0.5]), "a_bass": graph([0.5], 9)}, Hints(), "takes segments of 9 frames, not of 44100"),
        ({"a_vocals": graph([0.5]), "a_bass": graph([0.5])}, Hints(stems=("vocals",)), "about one graph"),
        ({"x_vocals": graph([0.5], "n")}, Hints(), "segments of any length; say which with --segment"),
        ({"x_vocals": graph([0.5], second_input=True)}, Hints(), "takes mix, spec and gives stems; stemd imports"),
        ({"x_vocals": b"no graph"}, Hints(), "is no graph in ONNX"),
        ({"x_vocals": graph([float("nan")])}, Hints(), "samples that are no numbers"),
        ({"x_vocals": graph([0.0])}, Hints(), "vocals is silent"),
        ({"x_vocals": graph([0.5, 0.5])}, Hints(stems=("vocals",), rows=("0",), rate=1), "sample_rate"),
        ({"x_vocals": graph([0.5])}, Hints(name="a/b"), "'a/b' is no name for a model"),
        ({"a_vocals": graph([0.5]), "b_bass": graph([0.5])}, Hints(name=".."), "'..' is no name for a model"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_cannot_be_is_said_in_one_line_and_not_installed(
    store: Store, talk: Listener, tmp_path: Path, graphs: dict[str, bytes], hints: Hints, words: str
) -> None:
    with pytest.raises(ModelError) as fault:
        import_model(written(tmp_path / "got", **graphs), hints, store, talk)
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)
    assert not store.root.exists() or names(store.root) == []


def test_a_graph_that_says_nothing_of_its_outputs_is_asked_about(
    store: Store, talk: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(by_hand, "signature", lambda _: Signature(frames=None, rows=None))
    paths = written(tmp_path / "got", x_vocals=graph([0.1, 0.2, 0.3, 0.4], "n"))
    with pytest.raises(ModelError, match="does not say how many stems it gives; say so with --rows"):
        import_model(paths, Hints(), store, talk)
    folder = import_model(paths, Hints(outputs=4, segment=FRAMES), store, talk)
    assert load_manifest(folder).specialists[0].rows == (3,)
    assert load_manifest(folder).segments.exact == (FRAMES,)


def test_weights_in_a_second_file_are_refused_with_the_way_out(store: Store, talk: Listener, tmp_path: Path) -> None:
    split_graph(tmp_path / "x_vocals.onnx")
    with pytest.raises(ModelError, match=r"keeps weights in a second file, .*; join them first: onnx\.save"):
        import_model([tmp_path / "x_vocals.onnx"], Hints(), store, talk)
    assert names(store.root) == []


@pytest.mark.parametrize("wrong", ["nothing.onnx", "empty"])
def test_a_path_without_graphs_is_named(store: Store, talk: Listener, tmp_path: Path, wrong: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=wrong):
        import_model([tmp_path / wrong], Hints(), store, talk)


def test_terms_not_agreed_to_leave_nothing(store: Store, tmp_path: Path) -> None:
    model_folder(tmp_path / "own")
    with pytest.raises(ModelError, match="not agreed to"):
        import_model([tmp_path / "own"], Hints(), store, Listener(answer=False))
    assert names(store.root) == []


def test_the_copy_and_not_the_original_is_checked(
    store: Store, talk: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_folder(tmp_path / "own")

    def spoil(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:-1] if target.suffix == ".onnx" else source.read_bytes())

    monkeypatch.setattr(importing.shutil, "copyfile", spoil)
    with pytest.raises(ModelError, match="damaged or replaced"):
        import_model([tmp_path / "own"], Hints(), store, talk)
    assert names(store.root) == []
