"""When a changed key takes effect."""

import msgspec
import pytest

from stemd.config import Config
from stemd.config.effects import EFFECTS, Effect, adopted, changes, described, effect, keys


@pytest.mark.parametrize("key", [key for key, _ in keys(Config())])
def test_of_every_key_it_is_said_when_it_takes_effect(key: str) -> None:
    assert isinstance(effect(key), Effect)


def test_nothing_is_said_of_keys_that_there_are_not() -> None:
    known = [key for key, _ in keys(Config())]
    assert [key for key in EFFECTS if not any(k == key or k.startswith(f"{key}.") for k in known)] == []


def test_what_needs_a_restart_stays_and_all_else_is_taken_over() -> None:
    before = Config()
    tables = {"server": {"address": "ipc:///x", "max_streams": 3}, "engine": {"threads": 7}, "plan": "studio"}
    after = msgspec.convert(tables, Config)
    merged = adopted(before, after)
    assert (merged.server.max_streams, merged.plan) == (3, "studio")
    assert (merged.server.address, merged.engine.threads) == (before.server.address, before.engine.threads)
    assert changes(before, after) == {
        "server.address": Effect.RESTART,
        "server.max_streams": Effect.AT_ONCE,
        "engine.threads": Effect.RESTART,
        "plan": Effect.NEXT_STREAM,
    }
    assert changes(after, after) == {}


def test_a_reload_is_told_in_lines() -> None:
    changed = {"a.b": "at once", "c": "after a restart", "a.d": "at once"}
    assert described(changed, ["a note"]) == ["a.b, a.d: at once", "c: after a restart", "a note"]
    assert described({}, ()) == ["nothing has changed"]
