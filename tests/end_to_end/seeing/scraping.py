"""A daemon's /metrics as Prometheus reads it, and its other pages as a probe does."""

import http.client
import json
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.process import Daemon, free_port

Key = tuple[str, frozenset[tuple[str, str]]]
Sample = dict[Key, float]


@dataclass(frozen=True)
class Answer:
    """Of an HTTP server."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def reasons(self) -> list[str]:
        """What /healthz or /readyz have to say."""
        found: list[str] = json.loads(self.body)["reasons"]
        return found


def metrics_at() -> tuple[dict[str, Any], int]:
    """The table of a configuration by which a daemon can be scraped, and the port."""
    port = free_port()
    return {"metrics": {"address": f"127.0.0.1:{port}"}}, port


def get(port: int, path: str, method: str = "GET", headers: dict[str, str] | None = None) -> Answer:
    """Ask for a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


class Scrape:
    """All metrics at one moment."""

    def __init__(self, port: int) -> None:
        answer = get(port, "/metrics")
        assert answer.status == 200, answer
        self.families = {family.name: family for family in text_string_to_metric_families(answer.body.decode())}
        self.samples: Sample = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __getitem__(self, name: str) -> float:
        """The value of a sample without labels."""
        return self.of(name)

    def of(self, name: str, **labels: str) -> float:
        """The value of the one sample with these labels, and perhaps others."""
        found = self.all(name, **labels)
        assert len(found) == 1, f"{name}{labels}: {found}"
        return found[0]

    def all(self, name: str, **labels: str) -> list[float]:
        """The values of all samples with these labels."""
        return [value for (known, having), value in self.samples.items() if known == name and labels.items() <= having]

    def names(self) -> set[str]:
        """The families, as the catalogue calls them."""
        return {f"{name}_total" if family.type == "counter" else name for name, family in self.families.items()}

    def family(self, name: str) -> Sample:
        """The samples of one family of the catalogue."""
        samples = self.families[name.removesuffix("_total") if name not in self.families else name].samples
        return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def exits(daemon: Daemon) -> tuple[int, str]:
    """Exit status and complaint of a daemon that cannot start."""
    return daemon.wait(), daemon.errors()
