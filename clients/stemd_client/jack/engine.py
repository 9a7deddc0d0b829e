"""What happens in JACK's callback: frames are copied and counted, and nothing else."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.rings import CaptureRing, TimelineRing

_NOT_DUE: Final = 2**62  # no frame is that late
_COUNTER: Final = 2**32  # JACK counts frames in 32 bit
_PATIENCE: Final = 8.0  # seconds in a callback of a freewheeling JACK, which gives up after ten
_LOOK: Final = 0.001


class Voice:
    """A stem and its two ports.

    Attributes:
        stem: its name.
        ports: the two ports.
        always: whether it is wanted though nothing is connected.
        wanted: whether to play; else the ports are silent.
        due: the first frame that is missed when it is not there; see `expect`.
        reached: the frame up to which the ring was written.
        underruns: callbacks in which frames lacked.
        missing: frames that lacked, and were silence.
        peak: the loudest sample since it was last asked for, linear; the event loop's.

    Args:
        stem: its name.
        ports: the two ports.
        capacity: frames that may wait.
    """

    def __init__(self, stem: str, ports: tuple[Any, Any], capacity: int) -> None:
        self.stem, self.ports = stem, ports
        self.ring = TimelineRing(capacity, 2)
        self.always = self.wanted = False
        self.due = _NOT_DUE
        self.reached = 0
        self.underruns = self.missing = 0
        self.peak = 0.0

    def asked_for(self) -> bool:
        """Whether somebody would hear it."""
        return self.always or any(port.number_of_connections for port in self.ports)

    def expect(self, frame: int) -> None:
        """Count what lacks from this frame on."""
        self.due = frame

    def leave(self) -> None:
        """Nobody listens any more: be silent, and expect nothing."""
        self.wanted, self.due = False, _NOT_DUE

    def put(self, frame: int, samples: Float32Array) -> int:
        """Take samples (channels, frames) that belong from `frame` on; how many of them were dealt with."""
        taken = self.ring.write(frame, samples)
        self.reached = frame + taken
        return taken

    def play(self, frame: int, out: Float32Array) -> None:
        """Give the ports the frames from `frame` on, by way of `out` (frames, 2)."""
        before = self.ring.missing
        self.ring.seek(frame)
        self.ring.read_into(out)
        not_due = min(max(0, self.due - frame), len(out))
        if (lack := self.ring.missing - before - not_due) > 0:
            self.underruns += 1
            self.missing += lack
        for channel, port in enumerate(self.ports):
            port.get_array()[:] = out[:, channel]

    def rest(self) -> None:
        """Give the ports silence."""
        for port in self.ports:
            port.get_array()[:] = 0


class Engine:
    """The callback, and what it shares with the event loop. Frames are counted from the first callback on.

    Attributes:
        captured: what came in, (frames, 2).
        delay: D in frames; None until a stream was open.
        voices: the stems. Replaced whole, for the callback walks through them.
        lost: frames that JACK says it skipped; a gap in `captured`.
        called_ns: when the callback last ran, on CLOCK_MONOTONIC.
        freewheeling: whether JACK runs as fast as it can, and the callback may wait.
        ready: the first frame of a stream whose stems the freewheeling callback waits for; None: for none.

    Args:
        client: of the module `jack`.
        inputs: the two input ports.
        capacity: frames that may wait to be sent.
    """

    def __init__(self, client: Any, inputs: Sequence[Any], capacity: int) -> None:
        self._client, self._inputs = client, tuple(inputs)
        self._capacity = capacity
        self.captured = CaptureRing(capacity, 2)
        self.delay: int | None = None
        self.voices: tuple[Voice, ...] = ()
        self.lost = 0
        self.called_ns = 0
        self.freewheeling = False
        self.ready: int | None = None
        self._given_up = False
        self._due: int | None = None
        self.resize(client.blocksize)

    def resize(self, period: int) -> None:
        """The period has changed; JACK calls nothing else meanwhile."""
        self.period = period
        self._came = np.zeros((period, 2), np.float32)
        self._goes = np.zeros((period, 2), np.float32)

    def freewheel(self, *, starting: bool) -> None:
        """JACK begins or ends to run as fast as it can; no callback runs meanwhile."""
        self.ready, self._given_up = None, False
        self.freewheeling = starting

    def give_up(self) -> None:
        """Let the freewheeling callback wait for nothing more: what it lacks is silence."""
        self._given_up = True

    def process(self, frames: int) -> None:
        """The callback."""
        self.called_ns = time.monotonic_ns()
        self._follow(self._client.last_frame_time, frames)
        if self.freewheeling:
            self._wait(self._has_room)
        position = self.captured.position
        came, goes = self._came[:frames], self._goes[:frames]
        for channel, port in enumerate(self._inputs):
            came[:, channel] = port.get_array()
        self.captured.write(came)
        if self.freewheeling:
            self._wait(self._has_stems)
        for voice in self.voices:
            if voice.wanted and self.delay is not None:
                voice.play(position - self.delay, goes)
            else:
                voice.rest()

    def _follow(self, now: int, frames: int) -> None:
        """Let the count jump with JACK's: what it skipped was never here, and is missing at its place."""
        if self._due is not None:
            skipped = (now - self._due) % _COUNTER
            if 0 < skipped < _COUNTER // 2:
                self.lost += skipped
                self.captured.position += skipped
        self._due = (now + frames) % _COUNTER

    def _wait(self, holds: Callable[[], bool]) -> None:
        """Wait for the event loop, which a freewheeling JACK allows; once in vain, and no more this time."""
        deadline = time.monotonic() + _PATIENCE
        while self.freewheeling and not self._given_up and not holds():
            if time.monotonic() > deadline:
                self._given_up = True
            time.sleep(_LOOK)

    def _has_room(self) -> bool:
        """Whether the event loop has begun to listen, and can take another callback's frames."""
        return self.ready is not None and self.captured.filled + self.period <= self._capacity

    def _has_stems(self) -> bool:
        """Whether every frame that goes out now is there, but for those from before this stream."""
        if self.ready is None or self.delay is None:
            return True
        end = self.captured.position - self.delay
        return end <= self.ready or all(voice.reached >= end for voice in self.voices if voice.wanted)
