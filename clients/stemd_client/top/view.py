"""The upper half of the screen: the daemon in two lines, and a table of its streams."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from stemd_client.figures import cut, duration_text
from stemd_client.top.choice import Choice, State, chosen_stream
from stemd_client.top.picture import COUNTERS, Picture, xruns
from stemd_client.top.table import Column, table

KEYS: Final = (
    "arrows choose  + - gain 1 dB  . , 0.1 dB  0 to 0 dB  m mute  s solo",
    "b bypass  p PANIC  w W wet  ? help  q quit",
)
HELP: Final = """\
The stem `out` is the sum of a stream's parts: the network's stems and the rest
of the mixture. Who listens to it hears what is turned here, by whomever.

up down, k j       choose a part          left right, h l, Tab  choose a stream
+ -                gain 1 dB up, down     . ,         0.1 dB up, down
0                  gain to 0 dB           m s         mute, solo
w W                wet 10 % down, up      b           bypass on, off
p, space           PANIC: bypass on at once, however often; b ends it
PgUp PgDn          scroll what is below   q, Ctrl-C   quit

Watching costs no network: nothing is subscribed to here. So there are meters
for the mixture and for the stems that somebody listens to, and no others.
! behind a level: beyond full scale; behind a counter: up in the last 3 s.
degraded  blocks without the network's estimate: the machine was late
gaps      input that never came          late     input that came too late
refused   input that could not be used   xruns    a sound device ran over or dry
Any key goes back."""


def headline(picture: Picture, width: int) -> list[Text]:
    """Who answers and where, and how it fares."""
    state = picture.state
    first = f"stemd {state.get('version', '')} at {picture.address}"
    clients = state.get("clients", 0)
    second = [
        f"up {duration_text(state.get('uptime', 0))}",
        f"{clients} client{'s' * (clients != 1)}",
        f"load {100 * state.get('load', 0):.0f} %",
        f"models {', '.join(state.get('models', ())) or 'none'}",
    ]
    return [Text(cut(first, width), "bold"), Text(cut("   ".join(second), width))]


def streams(picture: Picture, choice: Choice, width: int, height: int) -> list[Text]:
    """A table of the streams in at most `height` lines, 3 or more; the chosen one is always among them."""
    found: Sequence[State] = picture.state.get("streams", ())
    if not found:
        return [
            Text("no streams; `stemd stream song.wav` plays one, `stemd live` takes one from a sound device", "dim")
        ]
    chosen = chosen_stream(picture.state, choice)
    here = next(i for i, stream in enumerate(found) if stream is chosen)
    rows = max(1, height - 1)
    begin = min(max(0, here - rows // 2), max(0, len(found) - rows))
    shown = found[begin : begin + rows]
    return table(_columns(picture, shown), width, here - begin)


def _columns(picture: Picture, shown: Sequence[State]) -> list[Column]:
    counters = [Column(name, [_count(picture, stream, name) for stream in shown]) for name in COUNTERS]
    return [
        Column("stream", [stream["stream"] for stream in shown], right=False, most=20),
        Column("timing", [stream.get("timing", "") for stream in shown], right=False, spare=2),
        Column("format", [_format(stream) for stream in shown], spare=3),
        Column("model", [stream.get("model", "") for stream in shown], right=False, spare=4),
        Column("latency", [latency_text(stream) for stream in shown]),
        Column("load", [f"{100 * stream.get('load', 0):.0f} %" for stream in shown]),
        Column("blocks", [str(stream.get("blocks", "")) for stream in shown]),
        *counters,
    ]


def _format(stream: Mapping[str, Any]) -> str:
    return f"{stream.get('rate', '')}/{stream.get('channels', '')}"


def latency_text(stream: Mapping[str, Any]) -> str:
    """The declared latency of a stream."""
    return f"{1_000 * stream.get('latency', 0) / (stream.get('rate') or 1):.0f} ms"


def _count(picture: Picture, stream: State, name: str) -> str:
    count = xruns(picture.state, stream) if name == "xruns" else stream.get(name)
    loud = "!" * ((stream.get("incarnation"), name) in picture.risen)
    return "-" if count is None else f"{count}{loud}"
