"""Laws of the daemon's state as pages get it."""

import json
from typing import Any

import pytest

from stemd.service.rendering import offered
from stemd_client.web.view import metered_stems, state_as_json, stems


def stream(*network: str, **levels: float) -> dict[str, Any]:
    gains = dict.fromkeys((*network, "rest"), 1.0)
    return {"stream": "desk", "stems": list(offered(network)), "gains": gains, "levels": levels}


@pytest.mark.parametrize(
    ("network", "listed"),
    [
        (("vocals",), ["out", "vocals", "instrumental", "mix"]),
        (("drums", "bass"), ["out", "drums", "bass", "mix"]),
        (("vocals", "instrumental"), ["out", "vocals", "instrumental", "mix"]),
    ],
)
def test_all_that_a_stream_offers_can_be_chosen(network: tuple[str, ...], listed: list[str]) -> None:
    assert stems(stream(*network)) == listed


def test_only_what_has_a_meter_is_heard_for_it() -> None:
    assert metered_stems(stream("vocals")) == ["out", "vocals", "instrumental"]
    assert metered_stems(stream("vocals", "drums")) == ["out", "vocals", "drums"]


def test_beside_vocals_alone_the_rest_is_as_loud_as_the_instrumental() -> None:
    def shown(**levels: float) -> dict[str, float]:
        [found] = json.loads(state_as_json({"streams": [stream("vocals", **levels)]}))["streams"]
        return found["levels"]

    assert shown(instrumental=-3.0, vocals=-9.0) == {"instrumental": -3.0, "vocals": -9.0, "rest": -3.0}
    assert shown(vocals=-9.0) == {"vocals": -9.0}
