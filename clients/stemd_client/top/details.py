"""The lower half of the screen: the chosen stream's mixer beside its meters, who listens, and the sound devices."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from rich.text import Text

from stemd_client.figures import bar, cut, gain_text, level_text
from stemd_client.top.choice import Choice, State, chosen_part, chosen_stream
from stemd_client.top.picture import Picture, devices_of
from stemd_client.top.table import Column, table
from stemd_client.top.view import latency_text

_NAME: Final = 13  # characters of a stem's name
_MIXER: Final = 36  # characters of the mixer's column
_SHORTEST_BAR: Final = 8


def details(picture: Picture, choice: Choice, width: int) -> list[Text]:
    """All about the chosen stream; empty where there is none."""
    stream = chosen_stream(picture.state, choice)
    if stream is None:
        return []
    devices = _devices(picture.state, stream, width)
    return [
        *_title(stream, width),
        *_beside(mixer(stream, chosen_part(stream, choice)), stream.get("levels", {}), width),
        *listeners(picture.state, stream, width),
        *devices,
    ]


def _title(stream: State, width: int) -> list[Text]:
    channels = "mono" if stream.get("channels") == 1 else "stereo"
    facts = f"{stream.get('timing', '')}, {stream.get('rate', '')} Hz, {channels}, {stream.get('model', '')}"
    line = Text(cut(f"{stream['stream']}   {facts}, latency {latency_text(stream)}", width), "bold underline")
    return [Text(""), line]


def mixer(stream: State, part: str | None) -> list[Text]:
    """The knobs of a stream: a line of its own for wet and bypass, then each part, the chosen one marked."""
    state = "BYPASS: as it came; b ends it" if stream.get("bypass") else f"wet {100 * stream.get('wet', 1):.0f} %"
    lines = [Text.assemble(("out  ", "dim"), (state, "bold reverse red" if stream.get("bypass") else ""))]
    for name, gain in stream.get("gains", {}).items():
        mark = ">" if name == part else " "
        text = f"{mark} {cut(name, _NAME):<{_NAME}} {gain_text(gain)}  {_standing(stream, name)}"
        lines.append(Text(text, "bold reverse" if name == part else ""))
    return lines


def _standing(stream: State, part: str) -> str:
    solo = stream.get("solo", ())
    if part in stream.get("mute", ()):
        return "MUTE solo" if part in solo else "MUTE"
    return "SOLO" if part in solo else "silent" if solo else ""


def meters(levels: Mapping[str, float], width: int) -> list[Text]:
    """A heading, then a bar with its number for each stem, the mixture first; `!` behind it: beyond full scale."""
    lines = [Text("levels of what is listened to", "dim")]
    for stem in sorted(levels, key=lambda stem: stem != "mix"):
        number = level_text(levels[stem])
        length = max(_SHORTEST_BAR, width - _NAME - 1 - len(number) - 1)
        over = ("!", "bold red") if levels[stem] >= 0 else ""
        lines.append(Text.assemble(f"{cut(stem, _NAME):<{_NAME}} ", *bar(levels[stem], length), number, over))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _beside(left: Sequence[Text], levels: Mapping[str, float], width: int) -> list[Text]:
    """Mixer and meters side by side, or one above the other on a narrow screen."""
    if width < 2 * _MIXER:
        for line in left:
            line.truncate(width, overflow="ellipsis")
        return [*left, *meters(levels, width)]
    lines = []
    for one, other in zip_longest(left, meters(levels, width - _MIXER - 2), fillvalue=Text("")):
        line = one.copy()
        line.truncate(_MIXER, pad=True, overflow="ellipsis")
        lines.append(Text.assemble(line, "  ", other))
    return lines


def listeners(state: State, stream: State, width: int) -> list[Text]:
    """Who is subscribed to the stream, and who waits for a stream that is not open."""
    found = stream.get("subscriptions", ())
    lines = [Text(""), Text("nobody listens", "dim")]
    if found:
        names = ("stem", "delivery", "sent", "dropped", "waiting")
        columns = [
            Column(name, [str(each.get(name, "")) for each in found], right=name not in names[:2]) for name in names
        ]
        lines = [Text(""), *table(columns, width)]
    waiting = [f"{each['stream']}/{each['stem']}" for each in state.get("pending", ())]
    return lines + [Text(cut(f"  waiting for streams to open: {', '.join(waiting)}", width))] * bool(waiting)


def _devices(state: State, stream: State, width: int) -> list[Text]:
    devices = devices_of(state, stream)
    if not devices:
        return []
    capture, playback = devices["capture"], devices.get("playback")
    ends = [("capture", capture, _counts(capture, "xruns", "lost", "broken"))]
    if playback:
        counts = _counts(playback, "xruns", "underruns", "late", "resyncs", "clipped", "limited")
        delay = f"delay {1_000 * playback['delay'] / stream['rate']:.0f} ms"
        ends.append(("playback", playback, f"{delay}, {_drift(playback)}{counts}"))
    lines = [Text("")]
    for way, end, facts in ends:
        lines.append(Text(cut(f"{way:<8} {end['device']}: {facts}", width)))
        if end.get("trouble"):
            lines.append(Text(cut(f"         TROUBLE: {end['trouble']}", width), "bold red"))
    return lines


def _drift(playback: Mapping[str, Any]) -> str:
    drift = playback.get("drift_ppm")
    return "" if drift is None else f"drift {drift:+.0f} ppm, "


def _counts(end: Mapping[str, Any], *names: str) -> str:
    """The xruns, and of the other counters those that are not zero."""
    return ", ".join(f"{name} {end[name]}" for name in names if end.get(name) or (name == "xruns" and name in end))
