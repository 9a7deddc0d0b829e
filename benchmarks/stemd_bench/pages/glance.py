"""At a glance: what somebody wants to know who reads nothing else."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stemd_bench.network.names import BAGS, EAGER, FAST, OPENVINO
from stemd_bench.results import Report, Variant

_PLANS: Final = ("auto", "live", "fast", "studio")


@dataclass(frozen=True, slots=True)
class Fact:
    """What it is about, the figure, and what to know beside it."""

    about: str
    value: str
    beside: str = ""


def facts(reports: Sequence[Report]) -> tuple[Fact, ...]:
    """Of those suites that are there; nothing of the others."""
    by_suite = {report.suite: report for report in reversed(reports)}
    found = [fact for suite, tell in _TELL.items() if suite in by_suite for fact in tell(by_suite[suite])]
    if "latency" not in by_suite and "live" in by_suite:
        found = [*_live(by_suite["live"]), *found]
    return (*found, *_aims(reports))


def _latency(report: Report) -> Iterable[Fact]:
    for variant in report.variants:
        if variant.parameters.get("group") in ("base", "plan") and "declared" in variant.measures:
            late = variant.distributions.get("late")
            kept = f"p99 {late.p99:+.1f} ms after it" if late else ""
            yield Fact(f"Latency declared, plan {variant.parameters.get('plan')}", _ms(variant), kept)


def _live(report: Report) -> Iterable[Fact]:
    for variant in report.variants:
        if variant.parameters.get("group") == "stream" and "declared" in variant.measures:
            late = variant.measures.get("late_p99")
            kept = f"p99 {late.median:+.1f} ms after it" if late else ""
            yield Fact(f"Latency declared, {variant.name}", _ms(variant), kept)


def _quality(report: Report) -> Iterable[Fact]:
    for variant in report.variants:
        measures, of = variant.measures, variant.parameters
        if of.get("group") == "curve" and of.get("plan") in _PLANS and "curve_sdr" in measures:
            told = []
            if "curve_loss" in measures and of.get("plan") != "studio":
                told.append(f"{measures['curve_loss'].median:.2f} dB below studio")
            if "latency" in measures:
                refused = "" if of.get("declared", 1) else "; refused here"
                told.append(f"latency {_ms(variant, 'latency')}{refused}")
            elif not of.get("declared", 1):
                told.append("refused here")
            yield Fact(f"SDR, plan {of.get('plan')}", f"{measures['curve_sdr'].median:.2f} dB", "; ".join(told))


def _streams(report: Report) -> Iterable[Fact]:
    """With each network the plan by which most streams hold, or if none does by any, by which most are admitted."""
    tried = [v for v in report.variants if v.parameters.get("group") == "capacity" and "held" in v.measures]
    for network in dict.fromkeys(v.parameters.get("network") for v in tried):
        own = [v for v in tried if v.parameters.get("network") == network]
        most = max(own, key=lambda v: (_median(v, "held"), _median(v, "admitted")))
        held, admitted = _median(most, "held"), _median(most, "admitted")
        beside = f"plan {most.parameters.get('plan')}" if held else f"by any plan; {admitted:.0f} are admitted"
        yield Fact(f"Streams at once, {network}", f"{held:.0f}", beside)


def _network(report: Report) -> Iterable[Fact]:
    named = {variant.name: variant.measures for variant in report.variants}
    for row in (FAST, OPENVINO):
        if "eager" in named.get(row, {}) and "seconds" in named[row] and "seconds" in named.get(EAGER, {}):
            seconds = f"{named[row]['seconds'].median:.2f} s a segment, PyTorch {named[EAGER]['seconds'].median:.2f} s"
            narrow = "; a narrow network, which says nothing" if report.quick else ""
            yield Fact(f"{row}, against PyTorch", f"{named[row]['eager'].median:.1f} times as fast", seconds + narrow)
    if "one" in named.get(BAGS[FAST], {}):
        yield Fact("Four specialists, against one", f"{named[BAGS[FAST]]['one'].median:.1f} times as long")


def _aims(reports: Sequence[Report]) -> Iterable[Fact]:
    verdicts = [said.met for report in reports for said in report.conclusions]
    if verdicts:
        others = f"{verdicts.count(False)} not met, {verdicts.count(None)} not tried"
        yield Fact("Aims", f"{verdicts.count(True)} of {len(verdicts)} met", others)


def _median(variant: Variant, quantity: str) -> float:
    return variant.measures[quantity].median if quantity in variant.measures else 0.0


def _ms(variant: Variant, quantity: str = "declared") -> str:
    ms = variant.measures[quantity].median
    return f"{ms:.0f} ms" if ms < 1e3 else f"{ms / 1e3:.1f} s"


_TELL: Final[dict[str, Callable[[Report], Iterable[Fact]]]] = {
    "latency": _latency,
    "quality": _quality,
    "streams": _streams,
    "network": _network,
}
