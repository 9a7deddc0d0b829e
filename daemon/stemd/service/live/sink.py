"""A stem on a device: in its channels, through a limiter, at a delay that is declared and stays."""

import math
from collections import Counter
from typing import Any

import numpy as np

from stemd.audio import Float32Array
from stemd.config import Playback as Settings
from stemd.devices.ports import Duplex, Playback
from stemd.dsp.drift import DriftResampler
from stemd.dsp.limiter import Limiter
from stemd.service.live.lines import BridgedLine, CountingLine, DuplexLine, Ending, Line
from stemd.service.promise import Promise
from stemd.service.timebase import TimeBase

PlaybackPort = Playback | Duplex


class Sink:
    """Plays one stem of a stream; see `stemd.service.outlet.Player`.

    Attributes:
        stem: which.
        delay: from the arrival of a frame's block to the device's asking for it, in the stream's frames: the stream's
            latency, `hold`, the limiter, and the resampler where there is one.
        parts: what makes it more than the stream's latency, in seconds by name.
        clock: "one device", "same" or "own": how frames find their places; see `stemd.service.live.lines`.

    Args:
        settings: of the playback.
        promise: of the stream.
        source: the stream's time base.
        clock: see below.
        target_rate: of the device.
    """

    def __init__(self, settings: Settings, promise: Promise, source: TimeBase, *, clock: str, target_rate: int) -> None:
        self.stem = settings.stem
        self._settings, self._promise, self.clock = settings, promise, clock
        self._rate = promise.request.rate
        self._peak = 0.0
        self._source = source
        self._line: Line | None = None
        self._ending = Ending(None)
        self._port: PlaybackPort | None = None
        self._past: Counter[str] = Counter()  # of devices that were lost
        limiter = Limiter(target_rate, 1).delay if settings.limiter else 0
        resampler = DriftResampler(self._rate, target_rate, 1).held_back if clock == "own" else 0
        self.parts = {"hold": settings.hold, "limiter": limiter / target_rate, "resampler": resampler / target_rate}
        self.delay = promise.latency + math.ceil(sum(self.parts.values()) * self._rate)

    @property
    def peak(self) -> float:
        """The loudest sample that was played since this was last asked for, linear, before any limiter."""
        peak, self._peak = self._peak, 0.0
        return peak

    def opened(self, port: PlaybackPort) -> None:
        """A device is there, at first or again: it is aligned anew."""
        channels = port.output_channels if isinstance(port, Duplex) else port.channels
        self._port = port
        self._ending = Ending(Limiter(port.rate, channels) if self._settings.limiter else None)
        self._channels = channels
        self._line = self._new_line(port, channels)

    def lost(self) -> None:
        """The device has gone; what would be played is dropped."""
        self._past = self._counters()
        self._ending = Ending(None)
        self._port = self._line = None

    def captured(self, position: int, ns: int, offset: int) -> None:
        """The capturing device completed the stream's frames before `position` at `ns`."""
        if self._line:
            self._line.captured(position, ns, offset)

    def play(self, position: int, samples: Float32Array) -> None:
        """See `Player`."""
        self._peak = max(self._peak, float(np.abs(samples).max(initial=0.0)))
        if self._line is None:
            return
        self._line.play(position, _in_channels(samples, self._channels))

    def state(self) -> dict[str, Any]:
        """For `status`."""
        line, port = self._line, self._port
        bridge = line.bridge if isinstance(line, BridgedLine) else None
        return {
            "stem": self.stem,
            "delay": self.delay,
            "parts": {name: round(seconds, 5) for name, seconds in self.parts.items()},
            "clock": self.clock,
            "rate": port.rate if port else None,
            **self._counters(),
            "delay_error": round(line.error, 6) if line else None,
            "drift_ppm": round(bridge.ppm, 2) if bridge and bridge.locked else None,
            "device_latency": round(port.reported_latency, 4) if port else None,
        }

    def _new_line(self, port: PlaybackPort, channels: int) -> Line:
        request = self._promise.request
        if isinstance(port, Duplex):
            return DuplexLine(port, self.delay, request.block, self._ending)
        if self.clock == "same":
            return CountingLine(port, self.delay, self._source, self._ending)
        return BridgedLine(port, channels, self.delay, request, self._source, self._ending)

    def _counters(self) -> Counter[str]:
        here = Counter(clipped=self._ending.clipped, limited=self._ending.limited)
        if self._port and self._line:
            playing = self._port.playing
            here.update(underruns=playing.underruns, late=playing.late, xruns=self._port.xruns)
            here.update(resyncs=self._line.resyncs)
        here.update(self._past)
        return here


def _in_channels(samples: Float32Array, channels: int) -> Float32Array:
    """(1 or 2, frames) as (channels, frames): mono to both, stereo to the mean."""
    if samples.shape[0] == channels:
        return samples
    if samples.shape[0] < channels:
        return np.repeat(samples, channels, axis=0)
    mono: Float32Array = samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return mono
