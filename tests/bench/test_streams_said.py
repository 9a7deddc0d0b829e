"""What `stemd bench streams` says and draws of its figures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from stemd_bench.machine import Machine
from stemd_bench.overhead.task import Served
from stemd_bench.plots import Plot
from stemd_bench.report import as_json
from stemd_bench.results import Measure, Parameter, Report, Variant
from stemd_bench.streams.capacity import ALONE, FREE
from stemd_bench.streams.growth import AXES, Setting, orders, points, settings
from stemd_bench.streams.options import Options
from stemd_bench.streams.suite import Streams
from stemd_bench.streams.texts import order, short_order

MACHINE = Machine("Z80", 1, 0.1, "CP/M", "CPython 3", {"numpy": "2"}, "0", "1976-07-01T00:00:00+00:00", 0.0)
FAULTLESS = dict.fromkeys(("degraded", "dropped", "changed", "lost"), 0.0)
Cost = Callable[[Setting], float]


def variant(name: str, parameters: dict[str, Parameter], **measures: float | Sequence[float]) -> Variant:
    units = Streams.units
    values = {n: Measure.of([v] if isinstance(v, int | float) else v, units[n]) for n, v in measures.items()}
    return Variant(name, parameters, values)


def usual_cost(setting: Setting) -> float:
    """Per stream."""
    blocks = 44_100 / setting.block
    return 1.0 + 0.4 * setting.stems + 0.05 * setting.subscribers + 0.01 * blocks


def grown(cost: Cost = usual_cost, **changes: float) -> list[Variant]:
    found = []
    for setting in settings(quick=False, streams=128):
        one = cost(setting)
        costs = {
            "cpu_per_stream": [one, 1.01 * one],
            "daemon_cpu": [setting.streams * one, 1.01 * setting.streams * one],
        }
        whole = {"opened": setting.streams, "added_p50": 1.0, "added_p99": 4.0, "memory": 90.0, "blocks": 1_000.0}
        found.append(variant(setting.name, setting.parameters, **{**FAULTLESS, **whole, **costs, **changes}))
    return found


def capacity(network: str, plan: str, admitted: float, held: float, **more: float) -> Variant:
    parameters: dict[str, Parameter] = {"group": "capacity", "network": network, "plan": plan}
    return variant(f"{network}, {plan}", parameters, admitted=admitted, held=held, **more)


def beside(**changes: float) -> Variant:
    parameters: dict[str, Parameter] = {
        "group": "company",
        "company": FREE,
        "network": "spleeter-vocals",
        "plan": "roomy",
    }
    whole = {
        **FAULTLESS,
        "opened": 8.0,
        "added_p99": 4.0,
        "fairness": 0.998,
        "worst_on_time": 97.0,
        "best_on_time": 100.0,
    }
    return variant(FREE, parameters, **{**whole, **changes})


def whole() -> list[Variant]:
    shares = {"fairness": 0.999, "worst_on_time": 99.0, "best_on_time": 100.0}
    found = [
        capacity("spleeter-vocals", "live", 1, 1, **shares),
        capacity("spleeter-vocals", "roomy", 8, 8, **shares),
        capacity("copy", "live", 128, 75, broke=80, **shares),
        beside(),
        *grown(),
    ]
    for number in range(8):
        parameters: dict[str, Parameter] = {"group": "stream", "company": ALONE, "stream": number + 1}
        got = {"stream_late_p99": 2.0 + number, "stream_on_time": 99.0}
        found.append(variant(f"{ALONE}, stream {number + 1}", parameters, **got))
    return [*found, *orders(found)]


def report(variants: Sequence[Variant]) -> Report:
    suite = Streams(Options())
    return Report(
        suite=suite.name,
        quick=True,
        repeats=2,
        machine=MACHINE,
        method=suite.method,
        variants=tuple(variants),
        conclusions=suite.conclude(variants),
        remarks=suite.remarks(variants),
    )


def drawn(of: Report) -> Sequence[Plot]:
    return Streams(Options()).plots(of)


def test_each_cost_is_fitted_along_the_axis_on_which_nothing_else_changes() -> None:
    found = {(v.parameters["axis"], v.parameters["of"]): v for v in orders(grown())}
    slopes = {axis: found[axis.parameter, axis.cost].measures["fit_slope"].median for axis in AXES}
    assert [round(slope, 2) for slope in slopes.values()] == [1.96, 0.4, 0.05, 0.01]
    assert {v.parameters["order"] for (_, of), v in found.items() if of != "memory"} == {"linear"}
    assert {v.parameters["order"] for (_, of), v in found.items() if of == "memory"} == {"flat"}


def test_an_order_is_said_with_what_one_more_costs_and_how_sure_that_is() -> None:
    found = {(v.parameters["axis"], v.parameters["of"]): v for v in orders(grown())}
    sentence = order(found["streams", "daemon_cpu"])
    assert sentence.startswith(
        "1 to 128 streams: processor time grows linearly: 2 % of a core a stream (exponent 1.00 +- "
    )
    assert "0.1 ms a block" in order(found["block", "cpu_per_stream"])
    assert order(found["stems", "memory"]) == "1 to 8 stems of a stream: memory is flat, 0 MiB at most from end to end."
    assert short_order(found["subscribers", "cpu_per_stream"]) == "linear: 0.05 % a listener"


def test_other_orders_are_said_by_their_exponent_and_unknown_ones_are_not_guessed() -> None:
    found = {(v.parameters["axis"], v.parameters["of"]): v for v in orders(grown(lambda s: 3.0 + 0.1 * s.stems**2))}
    assert "faster than linear, as x^2.00" in order(found["stems", "cpu_per_stream"])
    assert short_order(found["stems", "cpu_per_stream"]) == "faster than linear, x^2.0"
    odd = {
        (v.parameters["axis"], v.parameters["of"]): v
        for v in orders(grown(lambda s: 1.0 + crc32(repr(s).encode()) % 97))
    }
    assert "do not tell" in order(odd["subscribers", "cpu_per_stream"])
    assert short_order(odd["subscribers", "cpu_per_stream"]) == "order not known"


def test_cases_in_which_the_machine_was_held_up_are_named() -> None:
    late, good = beside(client_late_p99=12.0), capacity("copy", "live", 8, 8, client_late_p99=1.0)
    (said,) = [remark for remark in report([late, good]).remarks if "client itself" in remark]
    assert said.endswith(f"others: {FREE}.")
    assert not any("client itself" in remark for remark in report([good]).remarks)


def test_an_axis_without_figures_is_said_to_lack_them() -> None:
    lacking = "How costs grow with streams, stems of a stream, listeners to a stem, blocks a second is not known"
    assert any(remark.startswith(lacking) for remark in report([]).remarks)
    assert not any(remark.startswith("How costs grow") for remark in report(whole()).remarks)


def test_what_was_not_all_done_is_not_fitted() -> None:
    variants = [
        msgspec.structs.replace(v, measures={**v.measures, "degraded": Measure.of([500.0], "blocks")})
        if v.parameters["streams"] in (96, 128)
        else v
        for v in grown()
    ]
    (found,) = [v for v in orders(variants) if (v.parameters["axis"], v.parameters["of"]) == ("streams", "daemon_cpu")]
    assert (found.parameters["low"], found.parameters["high"]) == (1.0, 64.0)
    assert len(points(variants, AXES[0])) == 9, "but it is drawn"
    assert orders(grown(opened=0.0)) == []


def test_promises_limits_and_company_are_judged() -> None:
    def met(*variants: Variant) -> list[bool | None]:
        return [c.met for c in Streams(Options()).conclude(variants)]

    shipped, copying = capacity("spleeter-vocals", "roomy", 8, 8), capacity("copy", "live", 128, 75, broke=80)
    assert met(shipped, copying, beside()) == [True, True, True]
    assert met(capacity("spleeter-vocals", "roomy", 8, 7), copying, beside()) == [False, True, True]
    assert met(shipped, capacity("copy", "live", 128, 30, broke=50), beside()) == [True, False, True]
    assert met(shipped, capacity("copy", "live", 64, 32, broke=64), beside()) == [True, None, True], "50 may hold"
    assert met(shipped, capacity("copy", "live", 32, 32), beside()) == [True, None, True], "50 were not tried"
    assert met(shipped, copying, beside(degraded=1.0)) == [True, True, False]
    assert met(shipped, copying, beside(added_p99=11.0)) == [True, True, False]
    assert met() == [None, None, None]


def test_each_of_equal_streams_stands_in_the_report_by_itself() -> None:
    suite = Streams(Options())
    suite._served = {ALONE: [[Served(late=[1.0]), Served(late=[3.0])], [Served(late=[2.0])]]}
    first, second = suite.derive([])
    assert first.measures["stream_late_p99"].values == (1.0, 2.0)
    assert second.measures["stream_late_p99"].values == (3.0,), "one was not admitted the second time"
    assert {v.parameters["company"] for v in (first, second)} == {ALONE}


def test_plots_are_drawn_from_the_report_alone(tmp_path: Path) -> None:
    first = report(whole())
    again = msgspec.json.decode(as_json(first), type=Report)
    assert [p.name for p in drawn(first)] == ["streams-capacity", "streams-load", "streams-growth", "streams-fairness"]
    assert drawn(first) == drawn(again)


def test_nothing_is_drawn_of_what_was_not_measured() -> None:
    assert drawn(report([])) == []
    assert [p.name for p in drawn(report(grown()))] == ["streams-load", "streams-growth"]
    assert [p.name for p in drawn(report([capacity("copy", "live", 0, 0)]))] == ["streams-capacity"]


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (lambda streams: 4.0, "All hold, up to 128"),
        (lambda streams: 4.0 if streams < 96 else 20.0, "64 hold and 96 do not"),
        (lambda streams: 20.0, "Already 1 did not hold"),
    ],
)
def test_the_caption_says_where_streams_stop_holding(late: Callable[[int], float], said: str) -> None:
    variants = [
        msgspec.structs.replace(
            v, measures={**v.measures, "added_p99": Measure.of([late(int(v.parameters["streams"]))], "ms")}
        )
        for v in grown()
    ]
    assert said in drawn(report(variants))[0].caption
