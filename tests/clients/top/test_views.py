"""What is on the screen, as text: every line of it, in 80x24."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd_client.top.choice import Choice
from stemd_client.top.details import details
from stemd_client.top.picture import Picture
from stemd_client.top.view import HELP, KEYS, headline, streams
from tests.clients.top.states import devices, state, stream, subscription

FULL = state(stream(), stream("karaoke-night", timing="free", gains={"vocals": 1.0, "rest": 1.0}), devices=devices())
NO_CHOICE = Choice()
SCREEN = """\
stemd 0.1.0 at ipc:///run/user/1000/stemd
up 3 h 12 min   3 clients   load 57 %   models htdemucs-ft
  stream        timing   latency load  blocks degraded gaps late refused xruns
> live          realtime  520 ms 42 % 1234567      12!    3    0       1     5
  karaoke-night free      520 ms 42 % 1234567       12    3    0       1     -

live   realtime, 48000 Hz, stereo, htdemucs-ft, latency 520 ms
out  wet 90 %                         levels of what is listened to
  vocals         -6.0 dB              mix           ██████████████████   0.2 dB!
> drums          +0.0 dB  MUTE        vocals        ████████████······ -21.3 dB
  bass           +0.0 dB              instrumental  ··················  -inf dB
  other          -inf dB              out           ████████████████··  -5.0 dB
  rest           +0.0 dB

  stem   delivery    sent dropped waiting
  vocals live     1234560       0       0
  out    live     1234560       4       0
  mix    live     1234560       0       2

capture  pulse:src.monitor: xruns 2, lost 960
playback pulse:out: delay 562 ms, drift +12 ppm, xruns 3, underruns 1
"""


def shown(daemon: dict[str, Any], choice: Choice = NO_CHOICE, width: int = 80, height: int = 24, **picture: Any) -> str:
    seen = Picture("ipc:///run/user/1000/stemd", daemon, **picture)
    lines = [*headline(seen, width), *streams(seen, choice, width, height // 3), *details(seen, choice, width)]
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)


def test_80x24_shows_everything() -> None:
    text = shown(FULL, Choice("live", "drums"), risen=frozenset({("of-live", "degraded")}))
    assert text == SCREEN
    assert text.count("\n") + 1 + len(KEYS) <= 24
    assert max(map(len, [*KEYS, *HELP.splitlines()])) <= 80
    assert 2 + 1 + len(HELP.splitlines()) + len(KEYS) <= 24


@given(st.integers(20, 200), st.integers(6, 60), st.booleans())
def test_no_line_is_wider_than_the_screen(width: int, height: int, bypass: bool) -> None:
    names = ["s" * 64, *(f"stream-{i}" for i in range(30))]
    everything = state(*(stream(name, bypass=bypass) for name in names), devices=devices(trouble="x" * 200))
    for line in shown(everything, Choice("stream-7"), width, height).splitlines():
        assert len(line) <= width
    assert "> stream-7" in shown(everything, Choice("stream-7"), width, height)


@pytest.mark.parametrize("chosen", range(9))
def test_the_chosen_stream_is_always_among_those_shown(chosen: int) -> None:
    many = state(*(stream(f"s{i}") for i in range(9)))
    picture = Picture("x", many)
    lines = [line.plain for line in streams(picture, Choice(f"s{chosen}"), 80, 4)]
    assert len(lines) == 4
    assert [line[2:4] for line in lines if line.startswith(">")] == [f"s{chosen}"]


def test_a_wide_screen_shows_rate_and_model_as_well() -> None:
    assert "48000/2 htdemucs-ft" in shown(FULL, width=130)
    assert "48000/2" not in shown(FULL).split("\n\n")[0]


def test_a_narrow_screen_has_the_meters_below_the_mixer() -> None:
    lines = shown(FULL, width=50).splitlines()
    assert lines.index("  rest           +0.0 dB") < lines.index("levels of what is listened to")


def test_bypass_solo_and_trouble_are_said_in_words() -> None:
    text = shown(state(stream(bypass=True, solo=["drums", "bass"]), devices=devices(trouble="unplugged")))
    assert "BYPASS: as it came; b ends it" in text
    rows = {line[2:15].strip(): line[26:36].strip() for line in text.splitlines() if " dB" in line}
    assert (rows["drums"], rows["bass"], rows["rest"]) == ("MUTE solo", "SOLO", "silent")
    assert "TROUBLE: unplugged" in text


def test_states_with_little_in_them_are_shown_too() -> None:
    assert "no streams; `stemd stream" in shown(state())
    assert "nobody listens" in shown(state(stream(subscriptions=[], levels={})))
    assert "waiting for streams to open: later/out" in shown(
        state(stream(), pending=[{"stream": "later", "stem": "out"}])
    )
    bare = {"stream": "x", "incarnation": "i"}
    assert "> x" in shown({"streams": [{**bare, "subscriptions": [subscription("mix")]}]})
    assert "stemd  at" in shown({})


def test_the_picture_in_the_documentation_asks_no_other_host() -> None:
    picture = (Path(__file__).parents[3] / "docs" / "top.svg").read_text("utf-8")
    assert set(re.findall(r"https?://[^\"' ]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert all(place.startswith("#") for place in re.findall(r"url\(([^)]*)\)", picture))
