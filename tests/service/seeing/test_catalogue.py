"""The catalogue keeps to Prometheus' conventions; dashboard, alerts and manual speak of all that is in it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stemd.service.seeing.catalogue import METRICS
from tests.service.seeing.expressions import TARGET_LABELS, wanted
from tests.service.seeing.make_table import PAGE, page_with

DOCS = PAGE.parent
DASHBOARD, ALERTS = DOCS / "grafana" / "stemd.json", DOCS / "prometheus" / "alerts.yml"
PROCESS = {f"process_{name}" for name in ("resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds")}
PROCESS |= {"process_cpu_seconds_total"}
# What a panel would only repeat.
LEFT_OUT = {
    "stemd_blocks_total",
    "stemd_stream_blocks_total",  # its labels are what the choice of streams is filled from
    "stemd_clients_total",
    "stemd_streams_limit",
    "stemd_streams_opened_total",
    "stemd_subscription_sent_blocks_total",
    *(f"stemd_stream_{name}_total" for name in ("failed_segments", "gaps", "late_blocks", "refused_blocks")),
    *(f"stemd_stream_{name}_total" for name in ("saturated_samples", "source_jumps")),
}


def labels_of() -> dict[str, set[str]]:
    """The labels of each sample name."""
    found: dict[str, set[str]] = {name: set() for name in (*PROCESS, "up")}
    for metric in METRICS:
        labels = {*metric.labels, *TARGET_LABELS}
        if metric.kind == "histogram":
            found |= {f"{metric.name}_sum": labels, f"{metric.name}_count": labels}
            found[f"{metric.name}_bucket"] = {*labels, "le"}
        else:
            found[metric.name] = labels
    return {name: labels | TARGET_LABELS for name, labels in found.items()}


def panels() -> Iterator[dict[str, Any]]:
    yield from (panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row")


def dashboard() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_are_as_prometheus_wants_them(metric: Any) -> None:
    assert re.fullmatch(r"stemd_[a-z0-9_]+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert metric.kind != "histogram" or metric.name.endswith("_seconds")
    assert not re.search(r"_(ms|milliseconds|ns|ppm|percent|count|sum|bucket)(_|$)", metric.name)
    assert metric.words[0].isupper()
    assert metric.words.endswith(".")
    assert "\n" not in metric.words
    assert "le" not in metric.labels


def test_no_name_is_there_twice() -> None:
    names = [metric.name.removesuffix("_total") for metric in METRICS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("expression", [*dashboard(), *(rule["expr"] for rule in alerts())])
def test_an_expression_asks_for_what_there_is(expression: str) -> None:
    known = labels_of()
    asked = list(wanted(expression))
    assert asked
    for one in asked:
        assert one.metric in known, f"no metric {one.metric}"
        assert one.labels <= known[one.metric], f"{one.metric} has no {one.labels - known[one.metric]}"


def test_choices_of_the_dashboard_are_filled_from_what_there_is() -> None:
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            source, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"]).groups()  # type: ignore[union-attr]
            [one] = wanted(source)
            assert {label, *one.labels} <= labels_of()[one.metric]


def test_every_metric_has_its_panel_or_a_reason() -> None:
    shown = {one.metric for expression in dashboard() for one in wanted(expression)}
    shown = {re.sub(r"(_seconds)_(bucket|sum|count)$", r"\1", name) for name in shown}
    assert {metric.name for metric in METRICS} - shown == LEFT_OUT


def test_panels_do_not_lie_on_each_other_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        assert panel["title"]
        assert panel["description"]
        taken |= cells
    numbers = [panel["id"] for panel in json.loads(DASHBOARD.read_text())["panels"]]
    assert len(numbers) == len(set(numbers))


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_the_manual_has_the_metrics_that_there_are() -> None:
    text = PAGE.read_text("utf-8")
    assert page_with(text) == text, "run `python -m tests.service.seeing.make_table`"
    assert all(f"`{metric.name}`" in text for metric in METRICS)


@pytest.mark.needs("prometheus")
def test_prometheus_understands_every_expression(tmp_path: Path) -> None:
    """The dashboard's with what Grafana puts in for its variables, as rules; and the alerts as they are."""
    filled = [re.sub(r"\$__rate_interval", "1m", text).replace("$", "x") for text in dashboard()]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(filled)]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    for checked in (file, ALERTS):
        done = subprocess.run(["promtool", "check", "rules", checked], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs("prometheus")
def test_each_alert_is_raised_by_what_it_is_for() -> None:
    """By Prometheus' own tool for rules, on made-up series; each must be in one of its cases."""
    cases = Path(__file__).parent / "alerts_test.yml"
    asked = [case for test in yaml.safe_load(cases.read_text())["tests"] for case in test["promql_expr_test"]]
    raised = {
        match[1] for case in asked if case["exp_samples"] for match in re.finditer(r'alertname="(\w+)"', case["expr"])
    }
    assert raised == {rule["alert"] for rule in alerts()}
    done = subprocess.run(["promtool", "test", "rules", cases], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
