"""What a report shows, in which order: the same for HTML and Markdown."""

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stemd.errors import ConfigError
from stemd_bench.pages import machines, peers, published
from stemd_bench.pages.glance import Fact, facts
from stemd_bench.pages.tables import Cell, Table, of_report, without_figures
from stemd_bench.plots import Plot
from stemd_bench.results import Report, Skipped

_SUITES: Final = {
    "latency": (
        "Latency",
        "From a frame's capture to its arrival at a listener, and where that time goes.",
        "latency.plots",
    ),
    "network": (
        "Networks",
        "One segment in everything that can run it, beside PyTorch and the peer.",
        "network.plots",
    ),
    "quality": ("Quality", "What separation gives, offline and streamed, by window plan.", "quality.plots"),
    "curve": ("Hop and lookahead", "SDR by hop and lookahead.", "quality.curve_plot"),
    "choices": ("Choices of the plan", "What each choice behind the plan `live` is worth, by taking it back.", ""),
    "streams": (
        "Streams",
        "How many streams in real time, and what more of anything costs.",
        "streams.plots",
    ),
    "overhead": ("Overhead", "What the daemon costs beside the network.", "overhead.plots"),
    "live": ("Live", "Streams in real time: what was declared, and what was kept.", "live.plots"),
    "workers": ("Workers", "What workers as processes cost beside threads.", "workers.plots"),
    "cluster": (
        "Cluster",
        "Networks on servers: what the way there costs, and how many streams they hold.",
        "cluster.plots",
    ),
    "soak": ("Soak", "One stream for a long time, with listeners that come and go.", "soak.plots"),
}
"""Title, what it is about, and the module of this package that has its plots, in the order of the chapters."""
_VERDICTS: Final = {True: ("met", "met"), False: ("NOT MET", "unmet"), None: ("not tried", "untried")}


@dataclass(frozen=True, slots=True)
class Chapter:
    """One report.

    Attributes:
        anchor: of its heading, `[a-z0-9-]+`, no other chapter's.
        title: in a word or two.
        about: in a sentence.
        report: the report.
        plots: drawn from it; each name is no other chapter's.
        tables: all its figures.
        remarks: sentences, and whether each is set in columns, so that its lines and spaces count.
        unmeasured: names of variants without any.
    """

    anchor: str
    title: str
    about: str
    report: Report
    plots: tuple[Plot, ...]
    tables: tuple[Table, ...]
    remarks: tuple[tuple[str, bool], ...]
    unmeasured: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """All of it.

    Attributes:
        warnings: what must be said first.
        facts: at a glance.
        chapters: one for each report.
        verdicts: on all aims; None where there are none.
        peers: measured in the same run, or computed.
        published: by others.
        machines: one row each.
        runs: one row for each report.
        left_out: suites that could not be run.
    """

    warnings: tuple[str, ...]
    facts: tuple[Fact, ...]
    chapters: tuple[Chapter, ...]
    verdicts: Table | None
    peers: tuple[Table, ...]
    published: Table
    machines: Table
    runs: Table
    left_out: tuple[Skipped, ...]


def page(reports: Iterable[Report], left_out: Sequence[Skipped] = ()) -> Page:
    """The page of these reports, in the order of the chapters, whatever theirs is."""
    ordered = sorted(reports, key=_place)
    segments = peers.networks(ordered)
    return Page(
        warnings=machines.warnings(ordered),
        facts=facts(ordered),
        chapters=tuple(_chapters(ordered)),
        verdicts=_verdicts(ordered),
        peers=(*([segments] if segments else []), peers.latencies(ordered)),
        published=published.table(),
        machines=machines.machines(ordered),
        runs=machines.runs(ordered),
        left_out=tuple(left_out),
    )


def _chapters(reports: Sequence[Report]) -> Iterable[Chapter]:
    seen: dict[str, int] = {}
    for report in reports:
        title, about, _ = _SUITES.get(report.suite, (report.suite.capitalize(), "", ""))
        slug = re.sub(r"[^a-z0-9]+", "-", report.suite.lower()).strip("-") or "suite"
        seen[slug] = count = seen.get(slug, 0) + 1
        plots = tuple(_plots(report, count))
        yield Chapter(
            anchor=slug if count == 1 else f"{slug}-{count}",
            title=title if count == 1 else f"{title}, {count}",
            about=about,
            report=report,
            plots=plots,
            tables=of_report(report),
            # What is drawn in letters, for the screen, is drawn here.
            remarks=tuple(said for said in remarks(report.remarks) if not (plots and said[1])),
            unmeasured=without_figures(report),
        )


def remarks(lines: Sequence[str]) -> list[tuple[str, bool]]:
    """Remarks as a chapter has them: an empty line ends what stands in columns; of the others each is a sentence."""
    found: list[tuple[str, bool]] = []
    block: list[str] = []
    for line in (*lines, ""):
        if line:
            block.append(line)
            continue
        if any(said.startswith(" ") for said in block):
            found.append(("\n".join(block), True))
        else:
            found += [(said, False) for said in block]
        block = []
    return found


def _plots(report: Report, count: int) -> Iterable[Plot]:
    """Drawn by the suite's own code, which a report can name only if it is one of ours.

    Raises:
        ConfigError: the report lacks a figure that every report of this suite has.
    """
    *_, place = _SUITES.get(report.suite, ("",))
    if not place:
        return
    module: Any = importlib.import_module(f"stemd_bench.{place}")
    try:
        plots: Sequence[Plot] = module.plots(report)
    except KeyError as exc:
        text = f"{report.suite}: its plots want {exc}, which this report does not have; run the suite again"
        raise ConfigError(text) from exc
    for drawn in plots:
        yield drawn if count == 1 else Plot(f"{drawn.name}-{count}", drawn.title, drawn.caption, drawn.svg)


def _verdicts(reports: Sequence[Report]) -> Table | None:
    rows = tuple(
        (Cell(name), Cell(said.aim), _verdict(met=said.met), Cell(said.found))
        for name, report in zip(machines.labels(reports), reports, strict=True)
        for said in report.conclusions
    )
    if not rows:
        return None
    return Table("Every aim, and what the medians say about it.", ("", "aim", "verdict", "found"), rows, numbers=False)


def _verdict(*, met: bool | None) -> Cell:
    text, mark = _VERDICTS[met]
    return Cell(text, mark=mark)


def _place(report: Report) -> tuple[int, str]:
    names = list(_SUITES)
    return (names.index(report.suite) if report.suite in names else len(names), report.suite)
