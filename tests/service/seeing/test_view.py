"""What /healthz and /readyz say, of parts that are faked as far as they are asked."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from stemd.config import Config, Server
from stemd.separation.pool import Health, Lane
from stemd.service.seeing.catalogue import METRICS, WORKERS
from stemd.service.seeing.exposition import Exposition
from stemd.service.seeing.view import View, ailments, obstacles

WELL = Health(0, 0.0)


def view(*, lanes: dict[Lane, Health] | None = None, streams: int = 0, stopping: bool = False) -> View:
    """A view of fakes."""
    health = {Lane.REALTIME: WELL, Lane.FREE: WELL, **(lanes or {})}
    anything: Any = SimpleNamespace
    opened = anything(open={str(k): None for k in range(streams)}, stopping=stopping)
    config = Config(server=Server(max_streams=2))
    parts = (anything(health=lambda: health), anything(models={}), anything(), opened, anything(), anything())
    return View(lambda: config, *parts, lambda: None, warm=True)


def test_a_daemon_that_works_is_healthy_and_ready() -> None:
    assert ailments(view()) == obstacles(view()) == []


def test_a_lane_that_does_not_answer_is_named_with_what_it_does() -> None:
    ill = view(lanes={Lane.FREE: Health(7, 31.5, hung=2, answers=False)})
    assert ailments(ill) == ["the free lane does not answer: its segment has run for 31.5 s, 7 wait"]
    assert obstacles(ill) == ailments(ill)


def test_what_keeps_it_from_new_streams_is_no_illness() -> None:
    for busy, words in (
        (view(streams=2), "2 streams are open, the most that server.max_streams allows"),
        (view(stopping=True), "the daemon is stopping"),
    ):
        assert ailments(busy) == []
        assert obstacles(busy) == [words]


@pytest.mark.parametrize("metric", WORKERS, ids=lambda metric: metric.name)
def test_a_lane_that_has_had_enough_is_told_by_its_own_series(metric: Any) -> None:
    before = dict(metric.rows(view()))
    after = dict(metric.rows(view(lanes={Lane.REALTIME: Health(3, 4.0, hung=5, lost=6, restarts=7, answers=False)})))
    moved = {lane for lane in before if before[lane] != after[lane]}
    assert moved == {("realtime",)}


def test_the_registry_is_the_daemons_own_and_says_what_it_has() -> None:
    described = {family.name for family in Exposition(view()).registry.collect()}
    assert {metric.name.removesuffix("_total") for metric in METRICS} <= described
    again = Exposition(view())  # a second daemon in the process, which the global registry would refuse
    assert again.registry is not Exposition(view()).registry
    assert Counter(family.name for family in again.registry.collect()).most_common(1)[0][1] == 1
