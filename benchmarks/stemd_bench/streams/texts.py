"""What `stemd bench streams` says in words: how it measures, its tables, and how costs grow."""

from collections.abc import Mapping, Sequence
from typing import Final

from stemd_bench.overhead.task import ON_TIME
from stemd_bench.results import Variant
from stemd_bench.streams.growth import AXES, DERIVED, INTEGERS, NETWORK, Axis
from stemd_bench.streams.verdicts import of_group

METHOD: Final = (
    "Each case has a daemon process of its own; all streams of a case are alike: stereo, 44.1 kHz, float32, noise, "
    "blocks of 20 ms where nothing else is said, one listener to the vocals. They begin one after the other within "
    "a hop, so that their segments are due one after the other; `all at once`: together. The load is made by another "
    "process on the same machine: `client` is what it used, `others` what everything else used.",
    "admitted: streams that the daemon opens before it refuses one. held: of these, how many can play at once without "
    "a block that is degraded, dropped, lost or changed, and with a p99 of lateness (arrival less time base and "
    "declared latency) under 10 ms; found by playing all, then by halving. roomy: the live plan with a hop of half a "
    "second, or twice its own if that is longer.",
    "Fairness is Jain's index (1984) of the share of each stream's blocks that come whole and within 10 ms: 1 where "
    "all are served alike, 1/n where one gets everything. Beside other programs: as many as the machine has cores, "
    "each computing without end at the daemon's own priority.",
    "Growth is measured with a network that copies, hops of 20 ms, 4 streams of 1 stem with 1 listener and blocks of "
    "882 frames; one of these is varied. Listeners are clients of their own. Processor time is user + system. Lines "
    "are y = a + b x by ordinary least squares; the exponent is p of y = a + b x^p, a >= 0, by least squares of log "
    "y; intervals are of 95 % (Student's t). No order is named where that of p is wider than 0.35 either way, or "
    "where the curve explains less than 90 % of the variance; flat: not known to grow, and by under 15 % from end to "
    "end, or by under 5 %. Cases in which over 1 % of the blocks went wrong are not fitted.",
)
_LOAD: Final = {
    "added_p50": "late ms\np50",
    "added_p99": "\np99",
    "daemon_cpu": "% of a core\ndaemon",
    "cpu_per_stream": "\na stream",
    "client_cpu": "\nclient",
    "others": "\nothers",
    "memory": "RSS\nMiB",
}
HEADINGS: Final[Sequence[Mapping[str, str]]] = (
    {
        "admitted": "streams\nadmitted",
        "held": "\nheld",
        "declared": "declared\nms",
        "load_per_stream": "load %\na stream",
        "memory_per_stream": "RSS MiB\na stream",
    },
    {
        "fairness": "Jain's\nindex",
        "best_on_time": "on time %\nbest",
        "worst_on_time": "\nworst",
        "best_late_p99": "p99 ms\nbest",
        "worst_late_p99": "\nworst",
        "best_degraded": "degraded\nbest",
        "worst_degraded": "\nworst",
        "best_load": "load %\nleast",
        "worst_load": "\nmost",
    },
    _LOAD,
    {
        "fit_slope": "grows\nby each",
        "fit_slope_error": "\n+-",
        "fit_base": "\nfrom",
        "fit_r2": "\nR2",
        "fit_exponent": "exponent\np",
        "fit_exponent_error": "\n+-",
    },
)
_CURVED: Final = ("slower than linear", "faster than linear")
_WHOSE: Final = {"daemon_cpu": "processor time", "cpu_per_stream": "processor time of a stream", "memory": "memory"}


def remarks(variants: Sequence[Variant]) -> tuple[str, ...]:
    """How each cost grows, what each kind of stem costs, and how far equal streams were apart."""
    return (*_orders(variants), *_kinds(variants), *_fairness(variants), *_held_up(variants))


def _held_up(variants: Sequence[Variant]) -> list[str]:
    """Cases of which the figures say more about the machine than about the daemon."""
    late = [v for v in variants if "client_late_p99" in v.measures and v.measures["client_late_p99"].median > ON_TIME]
    if not late:
        return []
    names = "; ".join(v.name for v in late)
    return [f"The client itself was over {ON_TIME:g} ms late (p99), so the machine was held up by others: {names}."]


def _orders(variants: Sequence[Variant]) -> list[str]:
    found = of_group(variants, "order")
    fitted = {v.parameters["axis"] for v in found}
    lacking = [axis.title for axis in AXES if axis.parameter not in fitted]
    told = [order(variant) for variant in found]
    if lacking:
        told.append(f"How costs grow with {', '.join(lacking)} is not known: too few cases in which all work was done.")
    return told


def order(variant: Variant) -> str:
    """A sentence about one cost along one axis, a variant of the group `order`."""
    p, (axis,) = variant.parameters, [axis for axis in AXES if axis.parameter == variant.parameters["axis"]]
    whose, range_ = _WHOSE[str(p["of"])], f"{float(p['low']):.0f} to {float(p['high']):.0f} {axis.title}"
    if p["order"] == "flat":
        return f"{range_}: {whose} is flat{_at_most(variant)}."
    if p["order"] == "unknown":
        return f"{range_}: by which order {whose} grows, if it does, these figures do not tell."
    exponent, error = (variant.measures[f"fit_{name}"].median for name in ("exponent", "exponent_error"))
    sure = f"exponent {exponent:.2f} +- {error:.2f}, R2 {variant.measures['fit_r2'].median:.3f}"
    return f"{range_}: {whose} grows {_words(variant, axis)} ({sure})."


def short_order(variant: Variant) -> str:
    """The same in a few words."""
    (axis,) = [axis for axis in AXES if axis.parameter == variant.parameters["axis"]]
    known = variant.parameters["order"]
    if known == "linear":
        return f"linear: {_each(variant, axis).replace(' of a core', '')}"
    if known in _CURVED:
        return f"{known}, x^{variant.measures['fit_exponent'].median:.1f}"
    return "order not known" if known == "unknown" else str(known)


def _words(variant: Variant, axis: Axis) -> str:
    if variant.parameters["order"] in _CURVED:
        return f"{variant.parameters['order']}, as x^{variant.measures['fit_exponent'].median:.2f}"
    return f"linearly: {_each(variant, axis)}"


def _each(variant: Variant, axis: Axis) -> str:
    factor, unit = axis.each if variant.parameters["of"] == axis.cost else (1.0, "MiB")
    return f"{factor * variant.measures['fit_slope'].median:.2g} {unit} a {axis.one}"


def _at_most(variant: Variant) -> str:
    """From end to end, with 95 % confidence."""
    m, (low, high) = variant.measures, (float(variant.parameters[end]) for end in ("low", "high"))
    change = (abs(m["fit_slope"].median) + m["fit_slope_error"].median) * (high - low)
    return f", {change:.2g} {'MiB' if variant.parameters['of'] == 'memory' else '% of a core'} at most from end to end"


def _kinds(variants: Sequence[Variant]) -> list[str]:
    """What it costs to listen to each kind of stem."""
    usual = next(iter(of_group(variants, "growth")), None)
    if usual is None:
        return []
    others = {n: value for n, value in usual.parameters.items() if n != "kind"}
    costs = {
        str(v.parameters["kind"]): v.measures["cpu_per_stream"].median
        for v in of_group(variants, "growth")
        if others.items() <= v.parameters.items()
    }
    names = {NETWORK: "a network's stem", INTEGERS: "the same in s16le", **{name: f"`{name}`" for name in DERIVED}}
    told = ", ".join(f"{names[kind]} {cost:.2f}" for kind, cost in costs.items())
    return [f"One stream with one listener takes so many % of a core, by what is listened to: {told}."]


def _fairness(variants: Sequence[Variant]) -> list[str]:
    return [
        f"{v.name}: {v.measures['opened' if 'opened' in v.measures else 'admitted'].median:.0f} equal streams, Jain's "
        f"index {v.measures['fairness'].median:.4f}; {v.measures['worst_on_time'].median:.1f} to "
        f"{v.measures['best_on_time'].median:.1f} % of a stream's blocks on time."
        for v in variants
        if v.measures.get("fairness") and (v.parameters["group"] == "company" or v.measures["admitted"].median > 1)
    ]
