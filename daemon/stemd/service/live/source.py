"""What a device captures, as a stream's input: taken from the ring as blocks come, timed by the device's callbacks."""

import asyncio
import time
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.devices.ports import Capture, Duplex
from stemd.service.live.sink import Sink
from stemd.service.stream import Stream

CapturePort = Capture | Duplex

_LOOK_AGAIN: Final = 0.001  # seconds, where a block is later than expected
_ABSENT: Final = 0.02  # seconds between two looks at a device that is lost


class Source:
    """Feeds one stream. A device that was lost goes on where the stream, which has filled the time, stands by then.

    Attributes:
        broken: blocks with NaN or infinity in them, which became gaps.
        peak: the loudest sample since it was last asked for, linear.
    """

    def __init__(self, stream: Stream, block: int) -> None:
        self.broken = 0
        self._peak = 0.0
        self._stream, self._block = stream, block
        self._port: CapturePort | None = None
        self._sink: Sink | None = None
        self._period = 0  # the longest callback of the device
        self._lost_before = 0  # of the device's frames, before they were wanted
        self._offset: int | None = None  # of the stream's positions to the device's

    @property
    def peak(self) -> float:
        """See the class."""
        peak, self._peak = self._peak, 0.0
        return peak

    def opened(self, port: CapturePort, sink: Sink | None = None) -> None:
        """A device is there, at first or again; `sink` is told of its clock."""
        # What came while the network was loaded and timed is old: fed in now, all of it would be too late.
        while port.captured.filled:
            port.captured.read()
        self._lost_before, self._period = port.captured.lost, 0
        self._port, self._offset, self._sink = port, None, sink

    @property
    def missed(self) -> int:
        """Frames of the present device that came when there was no room for them."""
        return self._port.captured.lost - self._lost_before if self._port else 0

    def lost(self) -> None:
        """The device has gone."""
        self._port = None

    async def run(self) -> None:
        """Feed the stream until cancelled."""
        while True:  # noqa: ASYNC110 - an audio callback may set no event
            await asyncio.sleep(self._take() if self._port else _ABSENT)

    def _take(self) -> float:
        """Hand on the blocks that are there; seconds until the next is due."""
        port = self._port
        assert port is not None  # noqa: S101 - see run
        while port.captured.filled >= self._block:
            position, samples = port.captured.read(self._block)
            if samples.shape[1]:
                self._hand_on(port, position, samples)
        frames, called_ns = port.clock
        if not frames:
            return _LOOK_AGAIN
        lacking = self._block - port.captured.filled
        due = called_ns / 1e9 + lacking / port.rate
        return max(_LOOK_AGAIN, due - time.monotonic())

    def _hand_on(self, port: CapturePort, position: int, samples: Float32Array) -> None:
        frames, called_ns = port.clock
        stop = position + samples.shape[1]
        # A callback's first frame waited for its last: all count as if they had waited as long, so that none comes
        # later than the time base says, however long the device's callbacks are.
        self._period = max(self._period, port.block)
        arrived = called_ns + (stop + self._period - frames) * 1_000_000_000 // port.rate
        if self._offset is None:
            self._offset = self._stream.inlet.intake.expected - position
        if not np.isfinite(samples).all():
            self.broken += 1  # what comes next leaves a gap in its place
            return
        if self._sink:
            self._sink.captured(stop + self._offset, arrived, self._offset)
        self._peak = max(self._peak, float(np.abs(samples).max()))
        self._stream.capture(position + self._offset, samples, arrived)
