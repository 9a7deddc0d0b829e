"""What is refused before anything is exported, and in which words."""

from pathlib import Path

import pytest
import torch

from stemd_export.errors import ExportError
from stemd_export.htdemucs.bag import check_supported, load, one_hot
from stemd_export.htdemucs.export import chosen
from stemd_export.htdemucs.seeded import FT_SIGNATURES, NARROW, SOURCES, seeded_model, write_bag


def test_each_network_of_the_fine_tuned_bag_gives_one_stem(narrow_bag: Path) -> None:
    _, experts = load("htdemucs_ft", narrow_bag)
    assert [expert.stems for expert in experts] == [("drums",), ("bass",), ("other",), ("vocals",)]


def test_one_network_gives_several_stems(tmp_path: Path) -> None:
    write_bag(tmp_path, "htdemucs", NARROW, ("955717e8",), None)
    _, experts = load("htdemucs", tmp_path)
    assert [expert.stems for expert in experts] == [SOURCES]


def test_a_single_network_is_loaded_by_its_signature(narrow_bag: Path) -> None:
    _, (expert,) = load(FT_SIGNATURES[0], narrow_bag)
    assert expert.stems == SOURCES


def test_a_mean_of_networks_is_refused_by_name(tmp_path: Path) -> None:
    write_bag(tmp_path, "mdx_like", NARROW, FT_SIGNATURES[:2], ((1, 1, 0, 0.5), (0, 0, 1, 0.5)))
    with pytest.raises(ExportError, match=r"'mdx_like' is not one-hot: 'vocals' is a mean of 2 networks \(weights 0.5"):
        load("mdx_like", tmp_path)


@pytest.mark.parametrize(
    ("weights", "word"),
    [
        ([[1, 0, 0, 0], [0, 1, 1, 0]], "'vocals' is a mean of 0"),
        ([[1, 1, 1, 1], [0, 0, 0, 0]], "no source is taken"),
        ([[1, 1, 1, 1], [0, 0, 0, 0.1]], "'vocals' is a mean of 2"),
    ],
)
def test_bags_that_are_not_one_hot(weights: list[list[float]], word: str) -> None:
    with pytest.raises(ExportError, match=word):
        one_hot("a bag", SOURCES, weights)


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"norm_starts": 2}, "norm_starts"),
        ({"t_layers": 0}, "t_layers"),
        ({"t_emb": "scaled"}, "t_emb"),
        ({"t_norm_first": False, "t_norm_out": False}, "t_norm_first"),
        ({"t_sin_random_shift": 3}, "t_sin_random_shift"),
        ({"t_cross_first": True}, "t_cross_first"),
        ({"t_gelu": False}, "t_gelu"),
        ({"freq_emb": 0}, "freq_emb"),
        ({"rewrite": False}, "rewrite"),
        ({"cac": False}, "cac"),
        ({"t_layer_scale": False}, "t_layer_scale"),
        ({"audio_channels": 1}, "audio_channels"),
    ],
)
def test_what_is_built_otherwise_is_refused_by_the_setting(change: dict[str, object], setting: str) -> None:
    with pytest.raises(ExportError, match=setting):
        check_supported("mine", seeded_model({**NARROW, **change}, 0))


def test_another_kind_of_network_is_refused() -> None:
    with pytest.raises(ExportError, match="'old' is a Linear, not an HTDemucs"):
        check_supported("old", torch.nn.Linear(1, 1))


def test_a_folder_without_the_bag_says_what_it_holds(narrow_bag: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"holds no htdemucs_tf.yaml \(did you mean 'htdemucs_ft'"):
        load("htdemucs_tf", narrow_bag)
    with pytest.raises(ExportError, match="no such folder; it must hold"):
        load("htdemucs_ft", tmp_path / "nowhere")


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    write_bag(tmp_path, "htdemucs", NARROW, ("955717e8",), None)
    (file,) = tmp_path.glob("*.th")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ExportError, match=rf"cannot load 'htdemucs' from .*Invalid checksum for file .*{file.name}"):
        load("htdemucs", tmp_path)


def test_stems_are_chosen_by_name(narrow_bag: Path) -> None:
    _, experts = load("htdemucs_ft", narrow_bag)
    assert [expert.stems for expert in chosen("htdemucs_ft", experts, ["vocals", "bass"])] == [("bass",), ("vocals",)]
    with pytest.raises(ExportError, match=r"has no stem 'vocal'.*did you mean 'vocals'"):
        chosen("htdemucs_ft", experts, ["vocal"])
