"""`stemd bench compare`: what is said of a change is what the repeats bear out, and no more."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.cli import main
from stemd_bench.compare.changes import Change, Thresholds, Verdict, change
from stemd_bench.compare.comparison import Comparison, compare
from stemd_bench.compare.plots import MOST, plots
from stemd_bench.machine import Machine
from stemd_bench.report import as_json
from stemd_bench.results import Better, Conclusion, Distribution, Measure, Parameter, Report, Skipped, Variant

MACHINE = Machine("Z80", 1, 0.1, "CP/M", "CPython 3", {"numpy": "2"}, "1", "1976-07-01T00:00:00+00:00", 0.0)
CALM = (10.0, 10.1, 9.9, 10.2)


def measure(*values: float, unit: str = "ms", better: Better | None = "lower") -> Measure:
    return Measure.of(values, unit, better)


def judged(a: Measure, b: Measure, percent: float = 10.0, decibels: float = 0.1) -> Change:
    return change("case", "quantity", a, b, Thresholds(percent, decibels))


def report(*variants: Variant, **words: object) -> Report:
    whole = {"suite": "s", "quick": False, "repeats": 4, "machine": MACHINE, "method": ("It is timed.",)}
    return Report(**{**whole, "variants": variants, "conclusions": (), **words})  # type: ignore[arg-type]


def variant(name: str = "one", parameters: Mapping[str, Parameter] | None = None, **measures: Measure) -> Variant:
    return Variant(name, dict(parameters or {}), measures)


def compared(a: Report, b: Report, thresholds: Thresholds | None = None) -> Comparison:
    return compare(a, b, (Path("A.json"), Path("B.json")), thresholds or Thresholds())


def timed(*values: float) -> Report:
    return report(variant(time=measure(*values)))


class TestVerdicts:
    @pytest.mark.parametrize(
        ("after", "verdict"),
        [
            ((12.0, 12.2, 11.8, 12.1), "worse"),
            ((8.0, 8.1, 7.9, 8.2), "better"),
            ((10.5, 10.6, 10.4, 10.7), "slight"),
            ((10.0, 10.1, 9.9, 10.2), "same"),
            ((5.0, 20.0, 9.0, 11.0), "unclear"),
        ],
    )
    def test_a_change_counts_beyond_noise_and_threshold(self, after: Sequence[float], verdict: Verdict) -> None:
        assert judged(measure(*CALM), measure(*after)).verdict == verdict

    def test_which_way_is_progress_decides(self) -> None:
        fast, slow = measure(*CALM, better="higher"), measure(12.0, 12.2, 11.8, 12.1, better="higher")
        assert judged(fast, slow).verdict == "better"
        assert judged(slow, fast).verdict == "worse"

    def test_what_has_no_better_way_is_never_worse(self) -> None:
        assert judged(measure(*CALM, better=None), measure(*(2 * v for v in CALM), better=None)).verdict == "differs"
        assert judged(measure(1, better=None), measure(2, better=None)).verdict == "unclear"

    def test_a_direction_in_either_file_is_enough(self) -> None:
        assert judged(measure(*CALM, better=None), measure(*(2 * v for v in CALM))).verdict == "worse"

    def test_the_threshold_decides_what_counts(self) -> None:
        a, b = measure(*CALM), measure(*(1.2 * v for v in CALM))
        assert [judged(a, b, percent).verdict for percent in (10, 30)] == ["worse", "slight"]

    def test_decibels_are_compared_by_difference_and_threshold_of_their_own(self) -> None:
        a, b = (measure(*values, unit="dB", better="higher") for values in ((6.0, 6.0), (5.8, 5.8)))
        found = judged(a, b)
        assert (found.percent, found.change) == (False, pytest.approx(-0.2))
        assert [judged(a, b, decibels=least).verdict for least in (0.1, 0.5)] == ["worse", "slight"]
        assert judged(measure(-3.0, -3.0, unit="dB"), measure(1.0, 1.0, unit="dB")).change == 4

    def test_ratios_are_in_percent_of_a(self) -> None:
        found = judged(measure(80, 80), measure(100, 100))
        assert found.percent
        assert found.change == pytest.approx(25)
        assert judged(measure(100, 100), measure(80, 80)).change == pytest.approx(-20)

    def test_below_nothing_the_threshold_is_a_share_of_what_a_was(self) -> None:
        a = measure(-10, -10)
        assert judged(a, measure(-10.5, -10.5)).verdict == "slight"
        assert judged(a, measure(-12, -12)).verdict == "better"
        assert judged(a, measure(1, 1)).verdict == "worse"
        assert judged(a, a).percent is False

    def test_from_nothing_every_fault_counts(self) -> None:
        none, some = measure(0, 0, 0, 0, unit="blocks"), measure(1, 2, 1, 3, unit="blocks")
        assert judged(none, none).verdict == "same"
        assert judged(none, some).verdict == "worse"
        assert judged(some, none).verdict == "better"

    def test_with_too_few_repeats_only_what_every_pair_shows_counts(self) -> None:
        assert judged(measure(10, 11), measure(13, 14)).verdict == "worse"
        assert judged(measure(10, 11.9), measure(13, 14)).verdict == "unclear", "the nearest two are 9 % apart"
        assert judged(measure(10, 10.1), measure(10.2, 10.3)).verdict == "same", "no two are 10 % apart"
        assert judged(measure(10), measure(12)).confidence is None


class TestRuns:
    def test_machines_others_and_quick_runs_are_said(self) -> None:
        other = msgspec.structs.replace(MACHINE, processor="6502", others=0.3)
        found = compared(timed(*CALM), msgspec.structs.replace(timed(*CALM), machine=other, quick=True)).cautions
        assert [sentence.split()[0] for sentence in found] == ["Two", "Other", "B"]
        assert "Z80" in found[0]
        assert "6502" in found[0]
        assert "30%" in found[1]
        again = msgspec.structs.replace(MACHINE, date="1976-07-02T00:00:00+00:00")
        assert not compared(timed(*CALM), msgspec.structs.replace(timed(*CALM), machine=again)).cautions

    def test_one_run_in_two_files_is_said_to_be(self) -> None:
        (caution,) = compared(timed(*CALM), timed(*CALM)).cautions
        assert "one and the same run" in caution
        assert not any("same run" in one for one in compared(timed(*CALM), timed(*CALM[:3], 9.0)).cautions)

    def test_what_others_used_during_the_run_counts_too(self) -> None:
        busy = report(variant(time=measure(*CALM), others=measure(80.0, unit="% of a core", better=None)))
        (caution,) = compared(busy, timed(*CALM)).cautions
        assert "up to 80% of the machine before or during A" in caution

    def test_what_was_varied_otherwise_is_said(self) -> None:
        a, b = (report(variant("v", {"hop": hop}, time=measure(*CALM))) for hop in (1, 2))
        assert compared(a, b).cautions == ("v: not the same thing in both: hop 1 and 2.",)

    def test_what_only_one_has_is_listed_with_its_reason(self) -> None:
        a = report(variant("v", time=measure(*CALM), size=measure(3)), variant("w", time=measure(*CALM)))
        b = report(variant("v", time=measure(*CALM)), variant("x", new=measure(1)), skipped=(Skipped("w", "refused"),))
        assert compared(a, b).notes == ("Only in A: v: size; w (refused).", "Only in B: x.")

    def test_versions_commands_repeats_and_aims_that_differ_are_said(self) -> None:
        machine = msgspec.structs.replace(MACHINE, stemd="2", packages={"numpy": "3", "torch": "1"})
        a = msgspec.structs.replace(timed(*CALM), command="a", conclusions=(Conclusion("aim", "9", met=True),))
        b = msgspec.structs.replace(
            timed(*CALM), command="b", conclusions=(Conclusion("aim", "11", met=False),), repeats=5, machine=machine
        )
        assert compared(a, b).notes == (
            "Commands: A is of `a`, B of `b`.",
            "Repeats: 4 in A, 5 in B.",
            "Changed: stemd 1 -> 2, numpy 2 -> 3, torch none -> 1.",
            "Aim: aim: met in A (9), NOT MET in B (11).",
        )

    def test_units_that_differ_are_not_compared_and_said(self) -> None:
        a, b = (report(variant(time=measure(*CALM), size=measure(3, unit=unit))) for unit in ("MB", "MiB"))
        found = compared(a, b)
        assert [c.quantity for c in found.changes] == ["time"]
        assert "'MB' in A and 'MiB' in B" in found.cautions[0]

    def test_where_nothing_has_a_better_way_that_is_said(self) -> None:
        a = report(variant(time=measure(*CALM, better=None)))
        assert "Nothing can be judged" in compared(a, a).cautions[-1]


class TestComparison:
    def test_a_run_against_itself_has_nothing_that_changed(self) -> None:
        noisy = timed(1.0, 9.0, 3.0, 4.0)
        found = compared(noisy, noisy)
        assert not found.worse
        assert {c.verdict for c in found.changes} <= {"same", "unclear"}

    def test_a_distribution_is_shown_and_not_judged(self) -> None:
        random = np.random.default_rng(0)
        a, b = (
            report(Variant("v", {}, {"time": measure(*CALM)}, {"late": Distribution.of(values, "ms")}))
            for values in (random.gamma(2, 1, 500), random.gamma(2, 9, 500))
        )
        found = compared(a, b)
        percentiles = [c for c in found.changes if c.quantity.startswith("late:")]
        assert {c.quantity for c in percentiles} == {"late:p50", "late:p95", "late:p99", "late:high"}
        assert {c.verdict for c in percentiles} == {"unclear"}
        assert found.judged == 1

    def test_what_matters_comes_first(self) -> None:
        doubled, halved = (tuple(factor * v for v in CALM) for factor in (2, 0.5))
        a = report(*(variant(name, time=measure(*CALM)) for name in "abcd"))
        changed = {"a": CALM, "b": halved, "c": doubled, "d": tuple(4 * v for v in CALM)}
        b = report(*(variant(name, time=measure(*values)) for name, values in changed.items()))
        assert [c.variant for c in compared(a, b).changes] == ["d", "c", "b", "a"]

    def test_what_chance_alone_would_do_is_counted(self) -> None:
        found = compared(timed(*CALM), timed(*CALM))
        assert found.by_chance == pytest.approx(1 / math.comb(8, 4))
        assert (found.judged, found.too_few) == (1, 0)
        assert compared(timed(1, 2, 3), timed(1, 2, 3)).too_few == 1

    def test_each_change_is_in_the_plot_until_there_are_too_many(self) -> None:
        def runs(count: int) -> list[Report]:
            return [
                report(*(variant(f"case {n}", time=measure(*(factor * v for v in CALM))) for n in range(count)))
                for factor in (1, 3)
            ]

        (drawn,) = plots(compared(*runs(3)))
        (again,) = plots(compared(*runs(3)))
        (many,) = plots(compared(*runs(MOST + 2)))
        assert drawn == again
        assert "3 worse" in drawn.caption
        assert f"of {MOST + 2} the first {MOST}" in many.caption

    def test_decibels_have_a_plot_of_their_own_and_counts_from_nothing_none(self) -> None:
        levels = [variant(sdr=measure(6.0, 6.0, unit="dB", better="higher"), faults=measure(0, 0))]
        assert [drawn.name for drawn in plots(compared(report(*levels), report(*levels)))] == ["changes-in-db"]


class TestCommand:
    @staticmethod
    def files(tmp_path: Path, *reports: Report) -> list[str]:
        paths = [tmp_path / f"{letter}.json" for letter in "AB"]
        for path, one in zip(paths, reports, strict=True):
            path.write_text(as_json(one))
        return [str(path) for path in paths]

    def test_the_exit_status_says_whether_anything_got_worse(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a, b = self.files(tmp_path, timed(*CALM), timed(*(2 * v for v in CALM)))
        assert main(["bench", "compare", a, b]) == 1
        assert "worse" in capsys.readouterr().out
        assert main(["bench", "compare", b, a]) == 0
        assert main(["bench", "compare", a, b, "--threshold", "150"]) == 0
        assert main(["bench", "compare", a, a]) == 0

    def test_everything_is_shown_only_where_asked_for(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        a, b = self.files(tmp_path, timed(*CALM), timed(*CALM))
        assert main(["bench", "compare", a, b]) == 0
        assert "4 v 4" not in capsys.readouterr().out.split("--all")[0]
        assert main(["bench", "compare", a, b, "--all"]) == 0
        assert "4 v 4" in capsys.readouterr().out

    def test_too_few_repeats_are_said_with_what_chance_does(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        a, b = self.files(tmp_path, timed(1, 1.1, 1.2), timed(2, 2.1, 2.2))
        assert main(["bench", "compare", a, b]) == 1
        told = " ".join(capsys.readouterr().out.split())
        assert "1 judged have too few repeats" in told
        assert "1 of 20 cases" in told

    def test_json_has_all_that_was_found(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        a, b = self.files(tmp_path, timed(*CALM), timed(*(2 * v for v in CALM)))
        assert main(["bench", "compare", a, b, "--json"]) == 1
        found = msgspec.json.decode(capsys.readouterr().out, type=Comparison)
        assert found.changes[0].verdict == "worse"
        assert found.changes[0].change == pytest.approx(100)
        target = tmp_path / "c.json"
        assert main(["bench", "compare", a, b, "--json", str(target), "--plot", str(tmp_path / "plots")]) == 1
        assert json.loads(target.read_text())["suite"] == "s"
        assert (tmp_path / "plots" / "changes.svg").is_file()

    def test_a_file_of_an_older_version_is_read(self, tmp_path: Path) -> None:
        a, b = self.files(tmp_path, timed(*CALM), timed(*(2 * v for v in CALM)))
        old = json.loads(Path(a).read_text()) | {"schema_version": 1}
        for key in ("command", "headings"):
            del old[key]
        for one in old["variants"]:
            del one["distributions"], one["series"]
            for taken in one["measures"].values():
                del taken["better"]
        Path(a).write_text(json.dumps(old))
        assert main(["bench", "compare", a, b]) == 1

    @pytest.mark.parametrize("fault", ["absent", "empty", "suite", "nothing", "threshold"])
    def test_what_cannot_be_compared_is_refused_in_one_line(
        self, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = {
            "suite": msgspec.structs.replace(timed(*CALM), suite="t"),
            "nothing": report(variant(size=measure(1))),
        }.get(fault, timed(*CALM))
        a, b = self.files(tmp_path, timed(*CALM), other)
        if fault == "absent":
            Path(b).unlink()
        if fault == "empty":
            Path(b).write_text("")
        words = ["--threshold", "-1"] if fault == "threshold" else []
        assert main(["bench", "compare", a, b, *words]) == 78
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "--threshold" in told if fault == "threshold" else "B.json" in told
