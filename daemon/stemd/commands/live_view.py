"""What `stemd live` prints: what was opened, once, and then a line of levels, latency and faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stemd import __version__
from stemd.commands.live_keys import HELP
from stemd.devices.endpoints import VIRTUAL
from stemd.dsp.levels import SILENCE_DB, decibels
from stemd.service.promise import Promise
from stemd_client.figures import bar

_BAR: Final = 10  # characters
_SINK_MADE: Final = (
    "sink      {name}: choose it as the output of what is to be heard through stemd, in the system's mixer or as "
    "PULSE_SINK={name} PROGRAM"
)
_MICROPHONE_MADE: Final = "mic       {name}: choose it as the input of OBS, a call or a recorder"
_CLOCKS: Final = {
    "one device": "one device, so frame n of it is frame n - delay of the input, to the bit",
    "same": "the input's clock, so frames are counted and not touched",
    "own": "a clock of its own, followed by resampling",
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there is to tell at one moment; peaks are linear.

    Attributes:
        input_peak: the loudest sample since the last snapshot.
        output_peak: the same of what is played.
        latency: declared, in seconds.
        load: of the worker, by this stream.
        wet: where the knob stands.
        muted: the stems.
        drift_ppm: where the output has a clock of its own and is locked to the input's.
        counts: by name; those of zero are not shown.
        alarms: what has to be seen at once, first and in capitals.
    """

    input_peak: float
    output_peak: float
    latency: float
    load: float
    wet: float
    muted: Sequence[str]
    drift_ppm: float | None
    counts: Mapping[str, int]
    alarms: Sequence[str]


def snapshot(
    peaks: tuple[float, float], devices: Mapping[str, Any], stream: Mapping[str, Any], *, panic: bool
) -> Snapshot:
    """From what the daemon says of its devices and of the captured stream; `panic` is how bypass came about."""
    capture, playback = devices["capture"], devices["playback"] or {}
    delay = playback.get("delay", stream["latency"])
    counts = {
        "degraded": stream["degraded"],
        "gaps": stream["gaps"],
        "xruns": capture["xruns"] + playback.get("xruns", 0),
        "lost": capture["lost"],
        "underruns": playback.get("underruns", 0),
        "late": playback.get("late", 0),
        "resyncs": playback.get("resyncs", 0),
        "clipped": playback.get("clipped", 0),
        "limited": playback.get("limited", 0),
    }
    alarms = []
    if stream["bypass"]:
        alarms.append("PANIC: dry, b ends it" if panic else "BYPASS")
    alarms += ["INPUT LOST"] * bool(capture["trouble"]) + ["OUTPUT LOST"] * bool(playback.get("trouble"))
    drift = playback.get("drift_ppm")
    if playback.get("clock") == "own" and drift is None and not playback.get("trouble"):
        alarms.append("measuring the clocks, silent until then")
    return Snapshot(
        *(*peaks, delay / stream["rate"], stream["load"], stream["wet"], stream["mute"], drift, counts, tuple(alarms))
    )


def changed(before: Snapshot | None, now: Snapshot) -> tuple[str, ...]:
    """Which troubles came since the snapshot before: they are told loudly for as long as they go on."""
    if before is None:
        return ()
    loud = {"degraded": "DRY: the network is late", "gaps": "GAP"}
    return tuple(text for name, text in loud.items() if now.counts[name] > before.counts[name])


def line(now: Snapshot, fresh: Sequence[str] = (), width: int | None = None) -> str:
    """One line, cut to `width`; what matters most stands first."""
    counts = [f"{name} {count}" for name, count in now.counts.items() if count]
    parts = [
        *now.alarms,
        *fresh,
        f"in {_meter(now.input_peak)}",
        f"out {_meter(now.output_peak)}",
        f"{1_000 * now.latency:.0f} ms",
        f"load {now.load:.2f}",
        *([f"wet {100 * now.wet:.0f} %"] if now.wet < 1 else []),
        *([f"without {', '.join(now.muted)}"] if now.muted else []),
        *([f"drift {now.drift_ppm:+.0f} ppm"] if now.drift_ppm is not None else []),
        ", ".join(counts) or "no faults",
    ]
    text = "  ".join(parts)
    return text if width is None else text[:width]


def _meter(peak: float) -> str:
    level = decibels(peak)
    number = "-inf" if level <= SILENCE_DB else f"{level:.1f}"
    return f"{''.join(run for run, _ in bar(level, _BAR))} {number:>5} dB"


def opening(
    promise: Promise, devices: Mapping[str, Any], parts: Mapping[str, float], plan: str, address: str
) -> list[str]:
    """What is said once, when everything is open.

    Args:
        promise: of the captured stream.
        devices: what the daemon says of them.
        parts: of the declared latency, beside the stream's own, in seconds.
        plan: its name.
        address: where clients reach the daemon.
    """
    request, capture, playback = promise.request, devices["capture"], devices["playback"]
    clock = _CLOCKS[playback["clock"]]
    made = [
        words.format(name=end["device"].removeprefix(VIRTUAL))
        for end, words in ((capture, _SINK_MADE), (playback, _MICROPHONE_MADE))
        if end["device"].startswith(VIRTUAL)
    ]
    return [
        f"stemd {__version__} separates; clients find the stream {request.stream!r} at {address}",
        f"input     {capture['device']}, {request.rate} Hz, {_channels(request.channels)}",
        f"output    {playback['device']}, {playback['rate']} Hz; {clock}",
        f"plan      {plan} of {promise.model.manifest.name}: {_plan(promise)}",
        f"latency   {_latency(promise, playback['delay'], parts)}",
        f"buffers   {_buffers(capture, playback)}",
        *made,
    ]


def controls(mixer: Mapping[str, Any], removed: Sequence[str], *, keys: bool) -> list[str]:
    """Where the mixer's knobs stand at first, and what the keys do."""
    parts = [
        f"without {', '.join(mixer['mute'])}" if mixer["mute"] else "",
        f"only {', '.join(mixer['solo'])}" if mixer["solo"] else "",
        *(f"{stem} {_gain(gain)}" for stem, gain in mixer["gains"].items() if gain != 1.0),
        f"wet {100 * mixer['wet']:.0f} %" if mixer["wet"] < 1 else "",
        "bypass" if mixer["bypass"] else "",
    ]
    heard = ", ".join(part for part in parts if part) or "everything as it came; --remove vocals takes the singer out"
    lines = [f"heard     {heard}"]
    return [*lines, f"keys      {HELP.format(what=', '.join(removed))}"] if keys else lines


def _channels(count: int) -> str:
    return "mono" if count == 1 else "stereo"


def _plan(promise: Promise) -> str:
    plan, rate = promise.plan, promise.model.manifest.sample_rate
    numbers = f"segment {plan.segment}, hop {plan.hop}, overlap {plan.overlap}, lookahead {plan.lookahead}"
    return f"{numbers} (frames of {rate} Hz)"


def _latency(promise: Promise, delay: int, parts: Mapping[str, float]) -> str:
    rate = promise.request.rate
    more = " + ".join(f"{name} {1_000 * seconds:.1f}" for name, seconds in parts.items() if seconds)
    return f"{1_000 * delay / rate:.1f} ms declared: stream {1_000 * promise.latency / rate:.1f} + {more}"


def _buffers(capture: Mapping[str, Any], playback: Mapping[str, Any]) -> str:
    ends = [1_000 * (end["device_latency"] or 0) for end in (capture, playback)]
    if playback["clock"] == "one device":
        return f"{ends[0]:.1f} ms more in the device, by its own report; `stemd measure` measures what is heard"
    both = f"input {ends[0]:.1f} + output {ends[1]:.1f}"
    return f"{sum(ends):.1f} ms more, as the devices report: {both}; `stemd measure` measures what is heard"


def _gain(gain: float) -> str:
    return f"{decibels(gain):+.1f} dB" if gain else "-inf dB"
