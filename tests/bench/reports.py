"""Reports of every suite, small, with what the pages look for in them: made of figures, not measured."""

from collections.abc import Mapping

import msgspec
import numpy as np

from stemd_bench.machine import Machine
from stemd_bench.network.names import APART, BAGS, CHANGED, COMPILED, EAGER, FAST, OPENVINO, PEER
from stemd_bench.network.ratios import derive
from stemd_bench.results import Conclusion, Distribution, Measure, Parameter, Report, Skipped, Variant

PACKAGES = {"onnxruntime": "1.32.0", "numpy": "2"}
MACHINE = Machine("Z80", 2, 0.1, "CP/M", "CPython 3", PACKAGES, "0", "1976-07-01T00:00:00+00:00", 0.0)


def variant(name: str, of: Mapping[str, Parameter], /, **measures: float | list[float]) -> Variant:
    lists = {q: values if isinstance(values, list) else [values] for q, values in measures.items()}
    return Variant(name, dict(of), {q: Measure.of(values, "ms") for q, values in lists.items()})


def report(suite: str, *variants: Variant, machine: Machine = MACHINE, **changes: object) -> Report:
    found = Report(
        suite=suite,
        command=f"stemd bench {suite}",
        quick=False,
        repeats=3,
        machine=machine,
        method=(f"It measures `{suite}`.",),
        variants=variants,
        conclusions=(Conclusion(f"{suite} is fast", "it is", met=True),),
    )
    return msgspec.structs.replace(found, **changes)


def network() -> Report:
    names = [EAGER, COMPILED, PEER, FAST, OPENVINO, *CHANGED.values(), *BAGS.values()]
    rows = [
        variant(
            name,
            {"group": "network", "specialists": 4 if name in BAGS.values() else 1},
            seconds=[2.0 + n, 2.5 + n, 2.25 + n],
            gflop=[100.0],
            peak=[1_000.0 + n],
            snr=[100.0],
        )
        for n, name in enumerate(names)
    ]
    apart = variant(APART, {"group": "network", "specialists": 4}, peak=[4_400.0])
    floor = variant("sgemm in numpy", {"group": "floor"}, rate=[100.0, 110.0, 90.0])
    return report(
        "network",
        *derive([*rows, apart, floor]),
        headings=({"seconds": "\nseconds", "eager": "times\neager", "peer": "\npeer"}, {"peak": "peak\nMB"}),
        skipped=(Skipped("numpy", "<b>not</b> installed"),),
        conclusions=(Conclusion("fast", "slow", met=False), Conclusion("small", "unknown", met=None)),
    )


def latency() -> Report:
    late = {"late": Distribution.of(np.linspace(0, 4, 50), "ms")}
    rows = [
        msgspec.structs.replace(
            variant(f"plan {plan}", {"group": group, "plan": plan}, declared=ms, latency_mean=ms), distributions=late
        )
        for plan, group, ms in (("auto", "base", 226.0), ("studio", "plan", 8_000.0))
    ]
    return report("latency", *rows, headings=({"declared": "latency\ndeclared", "late:p99": "late\np99"},))


def streams() -> Report:
    rows = [
        variant(f"Spleeter, {plan}", {"group": "capacity", "network": "Spleeter", "plan": plan}, held=held)
        for plan, held in (("live", 1.0), ("roomy", 7.0))
    ]
    return report("streams", *rows)


def quality() -> Report:
    rows = [
        variant(f"curve: {plan}", {"group": "curve", "plan": plan, "declared": declared}, curve_sdr=sdr, latency=226.0)
        for plan, declared, sdr in (("auto", 1, 6.6), ("a point", 0, 6.2))
    ]
    return report("quality", *rows)


def other(name: str = "counting") -> Report:
    """Of a suite that nothing is known of."""
    row = variant("one", {}, turns=[1.0, 3.0, 2.0])
    return report(name, row, variant("two", {}), headings=({"turns": "turns", "absent": "absent"},))
