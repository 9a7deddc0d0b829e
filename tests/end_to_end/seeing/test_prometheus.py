"""A real Prometheus scrapes a real daemon, finds nothing to complain of, and answers what dashboard and alerts ask."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.process import free_port, running
from tests.end_to_end.raw import connected
from tests.end_to_end.seeing.scraping import get, metrics_at
from tests.service.seeing.test_catalogue import ALERTS, dashboard
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs("prometheus")]


@contextmanager
def prometheus(folder: Path, target: int) -> Iterator[int]:
    """Scrapes four times a second; the port at which it is asked."""
    port = free_port() + 2
    config = {
        "global": {"scrape_interval": "250ms", "evaluation_interval": "250ms", "scrape_timeout": "250ms"},
        "scrape_configs": [{"job_name": "stemd", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
        "rule_files": [str(ALERTS)],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    place = ("--config.file", str(folder / "prometheus.yml"), "--storage.tsdb.path", str(folder / "data"))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["prometheus", *place, f"--web.listen-address=127.0.0.1:{port}"], stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


def ask(port: int, path: str, **parameters: str) -> Any:
    """What Prometheus' API answers; None while it starts."""
    query = urllib.parse.urlencode(parameters)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}?{query}", timeout=5) as answer:
            found = json.load(answer)
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code == 503:
                return None
            raise AssertionError(f"{parameters}: {exc.read()!r}") from exc
    except (urllib.error.URLError, ConnectionError):
        return None
    assert found["status"] == "success"
    return found["data"]


def values(port: int, query: str) -> list[float]:
    found = ask(port, "query", query=query) or {"result": []}
    return [float(one["value"][1]) for one in found["result"]]


def test_prometheus_reads_it_and_answers_what_is_asked(tmp_path: Path) -> None:
    table, target = metrics_at()
    with running(table) as daemon, prometheus(tmp_path, target) as port, connected(daemon.address) as raw:
        raw.opened("seen")

        def scraped() -> bool:
            raw.ping()
            return values(port, 'stemd_streams{job="stemd",timing="free"}') == [1]

        wait_until(scraped, "Prometheus knows of the stream")
        assert values(port, "up") == [1]
        assert values(port, "stemd_ready") == [1]
        asked = {"$job": "stemd", "$instance": ".*", "$stream": ".*", "$__rate_interval": "1m"}
        for expression in dashboard():
            for variable, value in asked.items():
                expression = expression.replace(variable, value)  # noqa: PLW2901
            assert ask(port, "query", query=expression) is not None
        rules = ask(port, "rules")["groups"][0]["rules"]
        assert {rule["name"] for rule in rules if rule["health"] == "err"} == set()
        assert values(port, 'count(ALERTS{alertstate="firing"})') == []


def test_its_own_tool_has_nothing_to_mend() -> None:
    table, port = metrics_at()
    with running(table) as daemon, connected(daemon.address) as raw:
        raw.opened("seen", timing="realtime", model=None)
        raw.listen("seen", "mix")
        text = get(port, "/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
