"""What `stemd measure` found, as text."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """Latencies in seconds, from the output's asking for a frame to the input's having captured it.

    Attributes:
        played: chirps.
        heard: of them.
        rate: of both devices.
        median: of the latencies.
        least: of them.
        most: of them.
        level_db: the gain from output to input.
        inverted: whether the polarity was.
        likeness: of what was heard to what was played; 1 is exact.
        xruns: callbacks before which a device lost frames; each may move what follows.
        reported: by the devices, of their buffers, by name.
    """

    played: int
    heard: int
    rate: int
    median: float
    least: float
    most: float
    level_db: float
    inverted: bool
    likeness: float
    xruns: int
    reported: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Declared:
    """What a stemd says of its own; latencies in seconds.

    Attributes:
        stream: its name.
        captures: the device.
        plays: the device.
        seconds: all that it declares.
        parts: what this is made of.
        reported: by its devices, of their buffers.
    """

    stream: str
    captures: str
    plays: str
    seconds: float
    parts: Mapping[str, float]
    reported: Mapping[str, float]


def as_text(result: Result, declared: Declared | None) -> str:
    """For people."""
    jitter = result.most - result.least
    lost = f"; {result.xruns} xruns: try again with a longer --device-latency" if result.xruns else ""
    lines = [
        f"heard       {_length(result.median, result)}",
        f"between     {_length(result.least, result)} and {_length(result.most, result)}: "
        f"jitter {_length(jitter, result)}",
        f"level       {result.level_db:+.1f} dB from output to input, {'inverted, ' * result.inverted}"
        f"{100 * result.likeness:.0f} % alike",
        f"chirps      {result.heard} of {result.played} heard, at {result.rate} Hz{lost}",
    ]
    reported = {f"this {name}": seconds for name, seconds in result.reported.items()}
    if declared:
        reported = {**reported, **declared.reported}
        lines.append(
            f"declared    {_ms(declared.seconds)} by stemd, stream {declared.stream!r} from {declared.captures} to "
            f"{declared.plays}: {_sum(declared.parts)}"
        )
    lines.append(f"reported    {_ms(sum(reported.values()))} by the devices, of their buffers: {_sum(reported)}")
    left = result.median - sum(reported.values()) - (declared.seconds if declared else 0.0)
    why = (
        "converters, cables, and buffers that nobody reports"
        if left >= 0
        else "buffers are reported by their size, and need not be full"
    )
    return "\n".join([*lines, f"left over   {_ms(left)}: {why}"])


def _length(seconds: float, result: Result) -> str:
    return f"{1_000 * seconds:.2f} ms ({round(seconds * result.rate)} frames)"


def _sum(parts: Mapping[str, float]) -> str:
    return " + ".join(f"{name} {1_000 * seconds:.1f}" for name, seconds in parts.items() if seconds)


def _ms(seconds: float) -> str:
    return f"{1_000 * seconds:.2f} ms"
