"""Laws of several pools as one, and of which the configuration asks for."""

from concurrent.futures import Future
from typing import Any

import msgspec
import pytest

from stemd.config import Engine
from stemd.errors import ConfigError
from stemd.separation.pool import Capacity, Health, Lane, NetworkId, Server
from stemd.separation.pools import new_pool
from stemd.separation.routing import RoutingPool
from stemd.separation.store import find
from stemd.separation.threads import ThreadPool
from tests.graphs import segment

MODEL = find("spleeter-vocals")
KEY = MODEL.manifest.key


class Pretended:
    """A pool that says who was asked for what."""

    def __init__(self, place: str, health: Health) -> None:
        self.place, self.asked, self._health = place, [], health  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> Any:
        def method(*arguments: Any, **named: Any) -> Any:
            self.asked.append(name)
            return {
                "capacity": Capacity(self.place),
                "submit": Future(),
                "engines": {self.place: "engine"},
                "measure": [],
                "servers": [Server(self.place, True, "", 0, (), 0, 0)],
            }.get(name)

        return method

    def health(self) -> dict[Lane, Health]:
        return dict.fromkeys(Lane, self._health)


HERE = Health(1, 0.5, hung=1, lost=2, restarts=3)
AWAY = Health(2, 0.25, hung=10, lost=20, restarts=30, answers=False)


@pytest.mark.parametrize("is_away", [True, False])
def test_a_model_is_asked_for_where_it_was_loaded(is_away: bool) -> None:
    here, away = Pretended("here", HERE), Pretended("away", AWAY)
    pool = RoutingPool(here, away, lambda name: is_away)
    pool.load(MODEL)
    pool.submit(NetworkId(KEY, 0), segment(), Lane.FREE, 0)
    pool.measure(MODEL, MODEL.manifest.live.window(), Lane.FREE, [0])
    assert pool.capacity(KEY).place == ("away" if is_away else "here")
    pool.unload(KEY)
    asked, other = (away, here) if is_away else (here, away)
    assert asked.asked == ["load", "submit", "measure", "capacity", "unload"]
    assert other.asked == []


def test_of_both_together_is_told_what_both_tell() -> None:
    pool = RoutingPool(Pretended("here", HERE), Pretended("away", AWAY), lambda name: True)
    assert pool.engines() == {"here": "engine", "away": "engine"}
    assert [server.address for server in pool.servers()] == ["here", "away"]
    assert pool.health()[Lane.FREE] == Health(3, 0.5, hung=11, lost=22, restarts=33, answers=False)


def configured(**triton: Any) -> Engine:
    return msgspec.convert({"name": "triton", "triton": triton}, Engine)


@pytest.mark.parametrize(
    ("triton", "words"),
    [
        ({}, "wants servers"),
        ({"endpoints": ["10.0.0.7"]}, "'10.0.0.7' is no `host:port`"),
        ({"endpoints": ["http://10.0.0.7:8000"]}, "is no `host:port`"),
        ({"endpoints": ["10.0.0.7:8001"], "token_file": "t"}, "for all to read"),
        ({"endpoints": ["10.0.0.7:8001"], "ca": "ca.pem"}, "set tls"),
        ({"endpoints": ["10.0.0.7:8001"], "tls": True, "key": "key.pem"}, "stand together"),
    ],
)
def test_servers_that_cannot_be_meant_are_refused_before_anything_starts(triton: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        new_pool(configured(**triton))


@pytest.mark.parametrize(
    "triton",
    [
        {"endpoints": ["10.0.0.7:8001", "[fd00::7]:8001", "engine-room:8001", "unix:/run/triton"]},
        {"endpoints": ["127.0.0.1:8001"], "token_file": "t"},
        {"endpoints": ["10.0.0.7:8001"], "token_file": "t", "tls": True},
    ],
)
def test_servers_that_can_be_meant_are_taken(triton: dict[str, Any]) -> None:
    pool = new_pool(configured(**triton))
    pool.close()
    assert isinstance(pool, RoutingPool)


def test_without_servers_nobody_is_routed() -> None:
    pool = new_pool(Engine())
    pool.close()
    assert isinstance(pool, ThreadPool)
    assert pool.servers() == ()


def test_one_model_may_run_elsewhere_and_the_others_here() -> None:
    table = msgspec.convert({"models": {"far": "triton"}, "triton": {"endpoints": ["127.0.0.1:1"]}}, Engine)
    pool = new_pool(table)
    try:
        pool.load(MODEL)
        assert pool.engines() == {KEY: "onnxruntime"}
        assert pool.capacity(KEY) == Capacity()
    finally:
        pool.close()
