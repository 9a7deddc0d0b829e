"""Laws of what a page may ask for."""

import json

import pytest

from stemd.errors import ProtocolError
from stemd_client.web import orders


def read(**words: object) -> orders.Order:
    return orders.read(json.dumps(words))


def test_orders_are_read() -> None:
    assert read(order="gain", stream="desk", part="rest", gain=0) == orders.Gain("desk", "rest", 0.0)
    assert read(order="solo", stream="desk", part="bass", on=True) == orders.Switch("desk", "solo", "bass", True)
    assert read(order="wet", stream="desk", wet=0.5) == orders.Wet("desk", 0.5)
    assert read(order="bypass", stream="desk", on=False) == orders.Bypass("desk", False)
    assert read(order="watch", looking=True, meters=["desk"]) == orders.Watch(True, ("desk",))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        "{}",
        '{"order": ["gain"]}',
        '{"order": "close", "stream": "desk"}',
        '{"order": "gain", "stream": "desk", "part": "bass", "gain": 9}',
        '{"order": "gain", "stream": "desk", "part": "bass", "gain": NaN}',
        '{"order": "gain", "stream": "desk", "part": "bass", "gain": true}',
        '{"order": "gain", "stream": "a/b", "part": "bass", "gain": 1}',
        '{"order": "mute", "stream": "desk", "part": "bass", "on": 1}',
        '{"order": "wet", "stream": "desk", "wet": -0.1}',
        '{"order": "watch", "looking": true, "meters": "desk"}',
        "[" * 5_000,
    ],
)
def test_what_is_no_order_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="no order"):
        orders.read(text)
