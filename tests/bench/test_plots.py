"""Plots are drawn from reports alone, hold every case that was measured, and are the same each time."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd.errors import ConfigError
from stemd_bench.live.figures import UNITS, figures
from stemd_bench.live.plots import plots as plots_of_live
from stemd_bench.live.task import Result
from stemd_bench.overhead.plots import plots as plots_of_overhead
from stemd_bench.plots import Plot, plot, save, sheet
from stemd_bench.report import as_json
from stemd_bench.results import Distribution, Measure, Parameter, Report, Series, Variant
from stemd_bench.soak import figures as soaking
from stemd_bench.soak.plots import plots as plots_of_soak
from stemd_bench.workers.plots import plots as plots_of_workers
from tests.bench.reports import report

LATE = np.random.default_rng(0).gamma(2.0, 1.0, 2_000).tolist()
RESULT = Result(
    declared=0.24, plan=(9, 2, 0, 3), late=LATE, sent=2_000, heard=2_000, loads=[0.4] * 40, memory=[99.0] * 40
)


def variant(name: str, parameters: Mapping[str, Parameter], found: Mapping[str, object]) -> Variant:
    """As the suite makes it of the figures of one run."""
    made = Variant(name, dict(parameters), {}, {}, {})
    for quantity, value in found.items():
        if isinstance(value, Series):
            made.series[quantity] = value
        elif isinstance(value, np.ndarray):
            made.distributions[quantity] = Distribution.of(value, UNITS[quantity])
        else:
            made.measures[quantity] = Measure.of([float(str(value))], "")
    return made


def streams() -> Report:
    names = ("auto at 44.1 kHz", "live at 48 kHz, beside a slow network")
    refused = Variant("fast at 44.1 kHz", {"group": "stream", "plan": "fast"}, {})
    return report("live", *(variant(name, {"group": "stream"}, figures(RESULT)) for name in names), refused)


def soaked(seconds: float = 600.0) -> Report:
    return report("soak", variant("auto, 600 s", {}, soaking.figures(RESULT, 9, seconds, 2.0)))


def loaded() -> Report:
    def case(streams: int, rate: int, p99: float) -> Variant:
        found = {"opened": streams, "added_p50": 1.0, "added_p99": p99, "added_max": 2 * p99, "cpu_per_stream": 2.0}
        faults = dict.fromkeys(("degraded", "dropped", "changed", "lost"), 0.0)
        return variant(f"{streams}", {"timing": "realtime", "rate": rate, "streams": streams}, {**found, **faults})

    free = variant("free", {"timing": "free", "rate": 44_100, "streams": 1}, {"trip_p50": 0.4})
    return report("overhead", free, case(1, 44_100, 2.0), case(50, 44_100, 40.0), case(1, 48_000, 3.0))


def worked(*plans: str) -> Report:
    found = {"trip_p50": 5.25, "trip_p99": 9.0, "cpu": 7.5, "pss": 700.0, "pss_workers": 61.0}
    return report(
        "workers",
        *(
            variant(f"{plan}, {kind}", {"plan": plan, "workers": kind}, found)
            for plan in plans
            for kind in ("threads", "processes")
        ),
        variant("live, both in turn", {"plan": "live", "workers": "both"}, {"added_p50": 1.0}),
    )


DRAWN: list[tuple[Callable[[Report], Sequence[Plot]], Report]] = [
    (plots_of_live, streams()),
    (plots_of_soak, soaked()),
    (plots_of_overhead, loaded()),
    (plots_of_workers, worked("live", "studio")),
]


def told(drawn: Plot) -> str:
    """Matplotlib draws letters as curves, and says what they are in comments."""
    return "\n".join(part.partition("-->")[0].strip() for part in drawn.svg.split("<!--")[1:])


@pytest.mark.parametrize(("draw", "found"), DRAWN)
def test_a_plot_comes_from_the_report_alone_and_is_the_same_each_time(
    draw: Callable[[Report], Sequence[Plot]], found: Report
) -> None:
    plots = draw(found)
    assert plots
    assert draw(msgspec.json.decode(as_json(found), type=Report)) == plots
    assert all(drawn.caption and drawn.title and drawn.name.startswith(found.suite) for drawn in plots)
    assert len({drawn.name for drawn in plots}) == len(plots)


@pytest.mark.parametrize(("draw", "found"), DRAWN)
def test_nothing_is_drawn_where_nothing_was_measured(draw: Callable[[Report], Sequence[Plot]], found: Report) -> None:
    empty = [msgspec.structs.replace(v, measures={}, distributions={}, series={}) for v in found.variants]
    assert list(draw(msgspec.structs.replace(found, variants=tuple(empty)))) == []


def test_each_stream_that_was_opened_is_in_both_plots_of_live() -> None:
    for drawn in plots_of_live(streams()):
        assert "auto at 44.1 kHz: " in told(drawn)
        assert "live at 48 kHz, beside a slow network: " in told(drawn)
        assert "fast" not in told(drawn)


def test_a_soak_is_told_in_minutes_and_a_short_one_in_seconds() -> None:
    assert "time (min)" in told(plots_of_soak(soaked(600.0))[0])
    assert "time (s)" in told(plots_of_soak(soaked(20.0))[0])


def test_each_rate_has_its_panel_and_where_streams_do_not_hold_there_is_a_shade() -> None:
    added, processor = plots_of_overhead(loaded())
    for drawn in (added, processor):
        assert {"44.1 kHz", "48 kHz"} <= set(told(drawn).splitlines())
    calm = msgspec.structs.replace(loaded(), variants=tuple(v for v in loaded().variants if v.name != "50"))
    assert "#e8e8e8" in added.svg
    assert "#e8e8e8" not in plots_of_overhead(calm)[0].svg


def test_memory_of_workers_is_on_top_of_the_daemons() -> None:
    (drawn,) = plots_of_workers(worked("live"))
    assert {"live: trip (ms)", "threads", "processes", "5.2", "761"} <= set(told(drawn).splitlines())
    half = [one for one in worked("live", "studio").variants if one.name != "studio, processes"]
    for only in (worked("live"), report("workers", *half)):
        (drawn,) = plots_of_workers(only)
        assert "studio" not in told(drawn), "no panel for what was not measured"


def test_plots_are_files_of_their_names_in_a_folder_that_is_made(tmp_path: Path) -> None:
    figure, axes = sheet(1.0)
    axes.plot([1, 2])
    drawn = plot("a-name", "A title", "What is seen.", figure)
    (path,) = save([drawn], tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / "a-name.svg"
    assert path.read_text("utf-8") == drawn.svg


def test_where_plots_cannot_be_written_one_line_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file.*name another folder"):
        save([], tmp_path / "file")
    (tmp_path / "x.svg").mkdir()
    with pytest.raises(ConfigError, match="cannot be written"):
        save([Plot("x", "", "", "<svg/>")], tmp_path)
