"""What stands first and beside on the page of `stemd bench report`: facts at a glance, and peers."""

import msgspec
import pytest

from stemd_bench.pages import peers
from stemd_bench.pages.chapters import page
from stemd_bench.results import Report, Skipped
from tests.bench.reports import latency, network, quality, report, streams, variant


@pytest.fixture(autouse=True)
def nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes a second, and these reports lack what plots want."""
    monkeypatch.setattr("stemd_bench.pages.chapters._plots", lambda report, count: ())


def facts(*reports: Report) -> dict[str, str]:
    return {fact.about: fact.value for fact in page(reports).facts}


def test_what_stands_at_a_glance_is_what_was_measured() -> None:
    found = facts(network(), latency(), quality(), streams())
    assert found["Latency declared, plan auto"] == "226 ms"
    assert found["Latency declared, plan studio"] == "8.0 s"
    assert found["SDR, plan auto"] == "6.60 dB"
    assert "SDR, plan a point" not in found
    assert found["Streams at once, Spleeter"] == "7"
    assert found["stemd in onnxruntime, against PyTorch"] == "0.4 times as fast"
    assert found["Aims"] == "3 of 5 met"


def beside(*reports: Report) -> dict[str, str]:
    return {fact.about: f"{fact.value}, {fact.beside}" for fact in page(reports).facts}


def test_a_plan_s_cost_stands_beside_what_it_gives() -> None:
    rows = [
        variant(f"curve: {plan}", {"group": "curve", "plan": plan, "declared": declared}, **measures)
        for plan, declared, measures in (
            ("studio", 1, {"curve_sdr": 7.0, "curve_loss": 0.0, "latency": 9_000.0}),
            ("live", 0, {"curve_sdr": 6.5, "curve_loss": 0.5, "latency": 139.0}),
        )
    ]
    found = beside(report("quality", *rows))
    assert found["SDR, plan studio"] == "7.00 dB, latency 9.0 s", "it is not held against itself"
    assert found["SDR, plan live"] == "6.50 dB, 0.50 dB below studio; latency 139 ms; refused here"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"live": 0.0, "roomy": 7.0}, "7, plan roomy"),
        ({"live": 0.0, "roomy": 0.0}, "0, by any plan; 8 are admitted"),
    ],
)
def test_streams_at_once_name_the_plan_only_if_some_hold(held: dict[str, float], said: str) -> None:
    rows = [
        variant(f"x, {plan}", {"group": "capacity", "network": "x", "plan": plan}, held=count, admitted=admitted)
        for (plan, count), admitted in zip(held.items(), (0.0, 8.0), strict=True)
    ]
    assert beside(report("streams", *rows))["Streams at once, x"] == said


def test_without_pytorch_s_time_nothing_is_held_against_it() -> None:
    found = network()
    without = msgspec.structs.replace(found, variants=tuple(v for v in found.variants if v.name != "PyTorch eager"))
    assert not [about for about in facts(without) if "PyTorch" in about]
    assert "Four specialists, against one" in facts(without)


def test_what_copies_is_no_peer() -> None:
    rows = [
        variant(name, {"group": "network", "network": name}, declared=50.0) for name in ("copying network", "HT-Demucs")
    ]
    own = [row[0].text for row in peers.latencies([report("latency", *rows)]).rows]
    assert own[:-2] == ["stemd, latency: HT-Demucs"]


def test_peers_are_measured_computed_or_said_to_be_left_out() -> None:
    segments, latencies = page([network()]).peers
    assert {"PyTorch eager", "PyTorch compiled", "demucs-onnx", "stemd in OpenVINO"} < {
        r[0].text for r in segments.rows
    }
    gst = {row[0].text: (row[1].text, row[2].text) for row in latencies.rows}
    assert gst["GStreamer's demucs, overlap 25%"] == ("10.00 s", "computed by the element's rule, not run")
    own = {row[0].text: (row[1].text, row[2].text) for row in peers.latencies([latency()]).rows}
    assert own["stemd, latency: plan auto"] == ("0.23 s", "declared by the daemon in this run")
    without = msgspec.structs.replace(
        network(),
        variants=tuple(v for v in network().variants if v.name != "demucs-onnx"),
        skipped=(Skipped("demucs-onnx", "not installed"),),
    )
    table = peers.networks([without])
    assert table
    assert table.notes == ("demucs-onnx: left out (not installed)",)
