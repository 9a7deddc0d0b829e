"""What `stemd jack` tells: what was opened, and how things stand."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from stemd.dsp.levels import SILENCE_DB, decibels
from stemd.protocol import Opened
from stemd_client.figures import cut

if TYPE_CHECKING:
    from stemd_client.jack.passage import Counts, Passage
    from stemd_client.jack.ports import Ports


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How things stand at one moment; peaks in dBFS, since the snapshot before.

    Attributes:
        state: `plays`, `waits` (for a daemon) or `freewheels`.
        rate: of JACK.
        period: of JACK.
        latency: D in frames; None while no daemon has told.
        input: peak of what comes in.
        stems: the peak of each stem that is heard.
        xruns: times when somebody in JACK was too late.
        lost: frames that JACK skipped.
        underruns: callbacks in which frames of a stem lacked.
        missing: frames that lacked, the most of any stem.
        late: frames of stems that came too late, of all stems together.
        streams: that were opened; more than one: the daemon or the period changed.
        broken: blocks with NaN or infinity.
        skipped: frames that the daemon did not wait for.
        stalls: times when JACK stood still and the daemon went on.
        degraded: stem blocks that are not the network's.
    """

    state: str
    rate: int
    period: int
    latency: int | None
    input: float
    stems: dict[str, float]
    xruns: int
    lost: int
    underruns: int
    missing: int
    late: int
    streams: int
    broken: int
    skipped: int
    stalls: int
    degraded: int


def snapshot(ports: "Ports", passage: "Passage | None", counts: "Counts") -> Snapshot:
    """How things stand; peaks begin anew."""
    engine = ports.engine
    came = 0.0
    if passage:
        came, passage.peak = passage.peak, 0.0
    stems = {}
    for voice in engine.voices:
        if voice.wanted:
            stems[voice.stem] = round(decibels(voice.peak), 1)
            voice.peak = 0.0
    return Snapshot(
        state="freewheels" if engine.freewheeling else "plays" if passage else "waits",
        rate=ports.rate,
        period=engine.period,
        latency=engine.delay,
        input=round(decibels(came), 1),
        stems=stems,
        xruns=ports.xruns,
        lost=engine.lost,
        underruns=sum(voice.underruns for voice in engine.voices),
        missing=max((voice.missing for voice in engine.voices), default=0),
        late=sum(voice.ring.late for voice in engine.voices),
        **asdict(counts),
    )


def line(now: Snapshot, width: int | None = None) -> str:
    """One line for people, cut to `width`."""
    faults = [
        f"{name} {count}"
        for name, count in (
            ("xruns", now.xruns),
            ("lost", now.lost),
            ("underruns", now.underruns),
            ("degraded", now.degraded),
            ("skipped", now.skipped),
            ("stalls", now.stalls),
            ("broken", now.broken),
        )
        if count
    ]
    state = {"waits": "NO DAEMON  ", "freewheels": "FREEWHEELING  "}.get(now.state, "")
    heard = "  ".join(f"{stem} {_level(level)}" for stem, level in now.stems.items())
    latency = "" if now.latency is None else f"  {milliseconds(now.latency, now.rate)}"
    text = (
        f"{state}in {_level(now.input)}  {heard or 'no stem is connected'}{latency}  {', '.join(faults) or 'no faults'}"
    )
    return text if width is None else cut(text, width)


def opening(opened: Opened, rate: int, delay: int, *, freewheeling: bool) -> Sequence[str]:
    """What is said when a stream is open."""
    if freewheeling:
        return [f"freewheeling: stream {opened.stream!r} waits for JACK and JACK for it, at the same latency"]
    plan = opened.plan
    numbers = ",".join(map(str, (plan.segment, plan.hop, plan.overlap, plan.lookahead)))
    return [
        f"stream {opened.stream!r}, model {opened.model}, plan {numbers}",
        f"stems {', '.join(opened.stems)}",
        f"latency {milliseconds(delay, rate)} ({delay} frames), told to JACK: stream "
        f"{milliseconds(opened.latency, rate)} + way {milliseconds(delay - opened.latency, rate)}",
    ]


def milliseconds(frames: int, rate: int) -> str:
    """Frames as time, for people."""
    return f"{1_000 * frames / rate:.1f} ms"


def _level(level: float) -> str:
    return "-inf dB" if level <= SILENCE_DB else f"{level:.1f} dB"
