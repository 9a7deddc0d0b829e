"""Who takes part in `stemd bench network`, alone and beside the others."""

from pathlib import Path

import numpy as np
import pytest

from stemd.errors import StemdError
from stemd_bench.network import alone, peer
from stemd_bench.network.contenders import check, contender
from stemd_bench.network.facts import EXACT, parity
from stemd_bench.network.lineup import Entry, lineup
from stemd_bench.network.material import ONE, SPECIALISTS, Material
from stemd_bench.network.names import APART, BAGS, COMPILED, EAGER, FAST, OPENVINO, PEER
from stemd_bench.network.options import Options
from stemd_bench.network.ready import load, weigh
from tests.bench.small_graphs import SEGMENT, copying, noise, recipe


class TestParity:
    def test_it_is_against_the_references_peak_and_power(self) -> None:
        reference = np.full((2, 10), 2.0, np.float32)
        found = reference.copy()
        found[0, 0] += 0.5
        figures = parity(reference, found)
        assert figures["largest"] == 0.25
        assert figures["snr"] == pytest.approx(10 * np.log10(20 * 4 / 0.25))

    def test_what_is_the_same_has_a_number_that_json_knows(self) -> None:
        silent = np.zeros((2, 10), np.float32)
        assert parity(noise(10), noise(10)) == {"largest": 0.0, "snr": EXACT}
        assert parity(silent, noise(10))["snr"] == -EXACT


class TestContenders:
    def test_each_specialist_gives_its_own_row(self, tmp_path: Path) -> None:
        one, four = copying(tmp_path / "1.onnx"), copying(tmp_path / "4.onnx", rows=4)
        for made, gains in (
            (recipe(one, one, rows=(0, 0)), (1, 1)),
            (recipe(four, four, rows=(1, 3), outputs=4), (2, 4)),
        ):
            network = contender(made)
            assert network.obstacle() is None
            network.prepare()
            stems = network.run(noise(SEGMENT))
            check(stems, made)
            assert np.array_equal(stems, np.stack([gain * noise(SEGMENT) for gain in gains]))

    def test_what_is_no_stem_is_refused(self) -> None:
        made = recipe("a")
        with pytest.raises(StemdError, match="shape"):
            check(np.zeros((1, 2, SEGMENT + 1), np.float32), made)
        with pytest.raises(StemdError, match="none"):
            check(np.full((1, 2, SEGMENT), np.nan, np.float32), made)

    def test_alone_it_is_loaded_run_and_weighed(self, tmp_path: Path) -> None:
        figures = alone.measure(recipe(copying(tmp_path / "a.onnx")), 60)
        assert figures["load"] > 0
        assert 20 < figures["peak"] < 1_000, "MB; PyTorch alone would take more than half of that"

    def test_what_takes_too_long_is_given_up(self, tmp_path: Path) -> None:
        with pytest.raises(StemdError, match=r"not done within 0\.01 s"):
            alone.measure(recipe(copying(tmp_path / "a.onnx")), 0.01)

    def test_who_fails_is_left_out_with_the_reason(self, tmp_path: Path) -> None:
        (tmp_path / "broken.onnx").write_bytes(b"no graph")
        broken = Entry(PEER, recipe(str(tmp_path / "broken.onnx")))
        for skipped in (load([broken], noise(SEGMENT), str)[1], weigh([broken], Options(), str)[1]):
            assert skipped[0].name == PEER
            assert "broken.onnx" in skipped[0].reason

    def test_without_the_reference_there_is_nothing_to_compare_with(self, tmp_path: Path) -> None:
        with pytest.raises(StemdError, match="cannot load"):
            load([Entry(EAGER, recipe(str(tmp_path / "absent.onnx")))], noise(SEGMENT), str)

    def test_stems_are_held_against_those_of_as_many_specialists(self, tmp_path: Path) -> None:
        one = copying(tmp_path / "1.onnx")
        entries = [
            Entry(EAGER, recipe(one)),
            Entry(BAGS[EAGER], recipe(one, one, rows=(0, 0))),
            Entry(FAST, recipe(one)),
            Entry(APART, recipe(one, one, rows=(0, 0)), timed=False),
            Entry(BAGS[FAST], recipe(one, one, rows=(0, 0))),
        ]
        ready, skipped = load(entries, noise(SEGMENT), str)
        assert not skipped
        assert [bool(r.parity) for r in ready.values()] == [False, False, True, True]
        assert APART not in ready

    def test_a_peer_that_is_not_installed_says_how_to_have_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peer.importlib.util, "find_spec", lambda _: None)
        with pytest.raises(StemdError, match=r"pip install --no-deps demucs-onnx==.*--peer"):
            peer.make(tmp_path / "a.pt", tmp_path / "a.onnx", 1.0)

    def test_everybody_takes_part_or_is_named(self, tmp_path: Path) -> None:
        files = Material(SEGMENT, 44_100, [tmp_path] * 4, [tmp_path] * 4, {"all": tmp_path}, None, {"peer": "gone"})
        entries, absent = lineup(files, Options(quick=True, threads=3), tmp_path)
        names = [entry.name for entry in entries]
        assert names[0] == EAGER, "the others are compared with it"
        assert {FAST, OPENVINO, APART, *BAGS.values()} <= {*names, *(s.name for s in absent)}
        assert {s.name: s.reason for s in absent}[PEER] == "gone"
        assert {COMPILED, BAGS[OPENVINO]} <= {s.name for s in absent}
        assert {COMPILED, BAGS[OPENVINO]} <= {e.name for e in lineup(files, Options(), tmp_path)[0]}
        assert {entry.recipe.threads for entry in entries} == {3}
        with_all = next(entry.recipe for entry in entries if "all" in entry.name)
        assert (with_all.rows, with_all.outputs) == ((ONE,), SPECIALISTS)
