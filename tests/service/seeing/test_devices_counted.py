"""What sound devices count: a fake state in the shape of the real one (see tests/live), one value moved at a time."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from stemd.service.seeing.catalogue import DEVICES
from stemd.service.seeing.metric import Metric

# As `Live.state` has it; tests/end_to_end/seeing/test_devices.py holds it against a real one.
STATE: Mapping[str, Mapping[str, Any]] = {
    "capture": {"trouble": None, "xruns": 0, "lost": 0, "broken": 0, "device_latency": 0.01},
    "playback": {
        "trouble": None,
        "clipped": 0,
        "limited": 0,
        "underruns": 0,
        "late": 0,
        "xruns": 0,
        "resyncs": 0,
        "delay_error": 0.0,
        "device_latency": 0.01,
    },
}


def read(metric: Metric, state: Any) -> dict[tuple[str, ...], Any]:
    return dict(metric.rows(SimpleNamespace(devices=lambda: state)))  # type: ignore[arg-type]


@pytest.mark.parametrize("direction", STATE)
def test_each_value_moves_one_metric_by_as_much(direction: str) -> None:
    moved = set()
    for key in STATE[direction]:
        value = 3 if key != "trouble" else "unplugged"
        state = {**STATE, direction: {**STATE[direction], key: value}}
        changed = [metric for metric in DEVICES if read(metric, state) != read(metric, STATE)]
        assert len(changed) == 1, key
        expected = 0.0 if key == "trouble" else 3.0
        assert read(changed[0], state)[direction,] == expected
        moved.add(changed[0].name)
    assert len(moved) == len(STATE[direction])


def test_every_metric_of_devices_is_one_of_these() -> None:
    known = {metric.name for metric in DEVICES if read(metric, STATE)}
    assert known == {metric.name for metric in DEVICES}


def test_without_devices_there_is_nothing_to_tell() -> None:
    for state in (None, {}, {"capture": STATE["capture"], "playback": None}):
        for metric in DEVICES:
            assert all(direction != ("playback",) for direction in read(metric, state))
