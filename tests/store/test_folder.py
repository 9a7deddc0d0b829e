"""Laws of the folder: who changes a model is alone with it, and leavings are cleared up and never taken for models."""

from pathlib import Path

import pytest

from stemd.errors import ModelError
from stemd.separation.store import aside, find, on_disk
from stemd.store.checks import file_faults
from stemd.store.folder import Store
from tests.store.graphs import model_folder
from tests.store.states import models, names


def test_two_cannot_change_one_model_at_once(store: Store) -> None:
    with store.locked("tiny"):
        with pytest.raises(ModelError, match="another stemd is fetching or changing 'tiny'"), store.locked("tiny"):
            pass
        with store.locked("other"):
            pass
    with store.locked("tiny"):
        pass


def test_only_whole_models_are_seen(store: Store) -> None:
    for hidden in (store.half_fetched("tiny"), store.half_imported("tiny"), store.root / ".tiny.gone"):
        model_folder(hidden)
    assert models(store) == {}
    with pytest.raises(ModelError, match="no model 'tiny'"):
        find("tiny", [store.root])
    store.mend()
    assert names(store.root) == [".tiny.pull"]  # the next pull goes on there
    assert store.resumable() == ["tiny"]


def test_a_replacement_cut_short_still_finds_the_old_model(store: Store) -> None:
    model_folder(aside(store.root / "tiny"))
    assert models(store) == {"tiny": "imported"}
    store.mend()
    assert models(store) == {"tiny": "imported"}
    assert names(store.root) == ["tiny"]


def test_of_the_old_and_the_new_model_the_new_one_counts(store: Store) -> None:
    model_folder(aside(store.root / "tiny"), gains=(0.1,))
    new = model_folder(store.root / "tiny")
    assert find("tiny", [store.root]).manifest == new
    store.mend()
    assert names(store.root) == ["tiny"]


def test_mending_leaves_alone_what_somebody_works_at(store: Store) -> None:
    model_folder(store.half_imported("tiny"))
    with store.locked("other"):
        model_folder(store.half_imported("other"))
        store.mend()
        assert names(store.root) == [".other.import"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "models")
    store.mend()
    words = r"cannot be read or written \(Not a directory\); check its permissions"
    with pytest.raises(ModelError, match=words), store.locked("tiny"):
        pass


def test_a_failed_swap_leaves_the_old_model(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old = model_folder(store.root / "tiny")
    model_folder(store.half_imported("tiny"), gains=(0.1,))
    rename = Path.rename

    def in_use(self: Path, target: Path) -> Path:
        if self == store.half_imported("tiny"):
            raise PermissionError("in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", in_use)
    with pytest.raises(PermissionError):
        store.install("tiny", store.half_imported("tiny"))
    assert find("tiny", [store.root]).manifest == old
    assert names(store.root) == [".tiny.import", "tiny"]


def test_each_file_is_named_with_what_is_wrong_with_it(tmp_path: Path) -> None:
    manifest = model_folder(tmp_path / "tiny")
    assert file_faults(tmp_path / "tiny", manifest) == []
    graph = tmp_path / "tiny" / "x_vocals.onnx"
    whole = graph.read_bytes()
    (tmp_path / "tiny" / "y.onnx").write_bytes(b"")
    graph.write_bytes(whole[:-1])
    damaged, extra = file_faults(tmp_path / "tiny", manifest)
    assert "x_vocals.onnx: damaged or replaced" in damaged
    assert extra == f"{tmp_path / 'tiny' / 'y.onnx'}: is not named by manifest.toml; delete it"
    graph.unlink()
    missing, _ = file_faults(tmp_path / "tiny", manifest)
    assert "x_vocals.onnx: missing, though manifest.toml names it" in missing


def test_hidden_folders_are_no_models(tmp_path: Path) -> None:
    model_folder(tmp_path / ".hidden")
    model_folder(tmp_path / "tiny")
    assert [folder.name for folder in on_disk([tmp_path]) if folder.parent == tmp_path] == ["tiny"]
