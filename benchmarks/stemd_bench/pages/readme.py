"""The README's figures: a few tables, the command and the machine beside each, between two lines of comment."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from stemd.errors import ConfigError
from stemd_bench.latency.texts import MEANS
from stemd_bench.network.names import APART, BAGS, CHANGED, COMPILED, EAGER, FAST, OPENVINO, PEER
from stemd_bench.pages import machines
from stemd_bench.pages.markdown import code, escaped, table
from stemd_bench.pages.tables import excerpt
from stemd_bench.report import cell
from stemd_bench.results import Report, Variant

BEGIN: Final = "<!-- figures: written by `stemd bench report --readme` -->"
END: Final = "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Extract:
    """Of one suite: what is said of it, which variants, and which of their quantities."""

    suite: str
    about: str
    wanted: Callable[[Variant], bool]
    headings: Mapping[str, str]


_NETWORKS: Final = {
    *(EAGER, COMPILED, PEER, FAST, OPENVINO, APART),
    *BAGS.values(),
    *(CHANGED[name] for name in ("float16", "portable")),
}
EXTRACTS: Final = (
    Extract(
        "latency",
        "Where the time of a block goes: means that add up to the latency",
        lambda v: v.parameters.get("group") in ("base", "plan"),
        {"declared": "declared", **MEANS},
    ),
    Extract(
        "live",
        "Streams in real time",
        lambda v: v.parameters.get("group") == "stream",
        {
            "declared": "declared",
            "late:p50": "later than declared\np50",
            "late:p99": "\np99",
            "late:high": "\nmax",
            "load": "load",
            "degraded": "degraded",
            "blocks": "of blocks",
        },
    ),
    Extract(
        "quality",
        "SDR against latency: mean over songs and stems",
        lambda v: v.parameters.get("group") == "curve",
        {"latency": "latency", "curve_sdr": "SDR", "curve_loss": "below studio"},
    ),
    Extract(
        "streams",
        "How many streams hold at once",
        lambda v: v.parameters.get("group") == "capacity",
        {
            "held": "streams that hold",
            "admitted": "streams admitted",
            "declared": "declared",
            "load_per_stream": "load, a stream",
            "memory_per_stream": "RSS, a stream",
        },
    ),
    Extract(
        "network",
        "One segment of HT-Demucs; a bag is four specialists, one after another",
        lambda v: v.name in _NETWORKS,
        {
            "seconds": "seconds",
            "eager": "times as fast as PyTorch",
            "floor": "times the floor",
            "snr": "parity",
            "megabytes": "file",
            "peak": "peak memory",
        },
    ),
    Extract(
        "overhead",
        "The daemon beside the network: blocks of 20 ms, a network that copies",
        lambda v: v.parameters.get("timing") == "realtime",
        {
            "added_p50": "later than declared\np50",
            "added_p99": "\np99",
            "cpu_per_stream": "% of a core, a stream",
            "degraded:high": "degraded, worst",
        },
    ),
)


def figures(reports: Sequence[Report]) -> str:
    """The part of the README that is figures, without the two lines of comment."""
    return "\n".join(_lines(reports)).strip() + "\n"


def between(text: str, inside: str) -> str:
    """The text with this between its two lines of comment, which it must have."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    part = f"{BEGIN}\n\n{inside}\n{END}"
    return before + (part.replace("\n", "\r\n") if "\r\n" in text else part) + after


def inside(text: str) -> str:
    """What stands between the two lines of comment."""
    return text.partition(BEGIN)[2].partition(END)[0].strip() + "\n"


def read(path: Path) -> str:
    """A file that has the two lines of comment, each once, in their order.

    Raises:
        ConfigError: it has not, or cannot be read.
    """
    try:
        text = path.read_bytes().decode("utf-8")  # with its ends of lines, whichever those are
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot be read ({exc})") from exc
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ConfigError(f"{path}: figures go between the lines {BEGIN} and {END}, each once; put them in first")
    return text


def _lines(reports: Sequence[Report]) -> Iterator[str]:
    by_suite = {report.suite: report for report in reversed(reports)}
    chosen = [(extract, by_suite[extract.suite]) for extract in EXTRACTS if extract.suite in by_suite]
    for said in machines.warnings([report for _, report in chosen]):
        yield from (f"**Mind:** {escaped(said)}", "")
    for extract, report in chosen:
        if rows := [v for v in report.variants if extract.wanted(v) and any(cell(v, q) for q in extract.headings)]:
            about = f"{extract.about} ({code(report.command or f'stemd bench {report.suite}')}, {_where(report)}):"
            named = [msgspec.structs.replace(v, name=v.name.removeprefix("curve: ")) for v in rows]
            yield from (about, "", *table(excerpt(named, extract.headings, ""))[2:])


def _where(report: Report) -> str:
    """The machine, and when."""
    machine = report.machine
    place = escaped(f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB")
    return f"{place}; stemd {escaped(machine.stemd)}, {machine.date.partition('T')[0]}"
