"""Open sound devices: `Capture`, `Playback`, and `Duplex`, which is both in one stream."""

from typing import Any

from stemd.devices.endpoints import Endpoint
from stemd.devices.port import Latency, Port
from stemd.dsp.rings import CaptureRing, TimelineRing


class Capture(Port):
    """A device that is listened to; its frames come in `captured`.

    Args:
        endpoint: the device.
        rate: frames per second; None: its default.
        channels: 1 or 2, the first that it has; None: what fits.
        block: frames of a callback; 0: as the device likes it.
        latency: of the device's buffers, in seconds or in PortAudio's words.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        rate: int | None = None,
        channels: int | None = None,
        block: int = 0,
        latency: Latency = "low",
    ) -> None:
        super().__init__({"input": endpoint}, rate, block, latency)
        self.channels = self._channels("input", channels)
        self.captured = CaptureRing(self.capacity, self.channels)

    def _make(self, sd: Any) -> Any:
        device = self._ends["input"].index
        return sd.InputStream(device=device, channels=self.channels, **self._common(self._callback))

    def _callback(self, samples: Any, frames: int, _time: Any, status: Any) -> None:
        self.captured.write(samples)
        self._after(frames, status)


class Playback(Port):
    """A device that plays what is in `playing`, in time with its own clock; see `Capture` for the arguments."""

    def __init__(
        self,
        endpoint: Endpoint,
        rate: int | None = None,
        channels: int | None = None,
        block: int = 0,
        latency: Latency = "low",
    ) -> None:
        super().__init__({"output": endpoint}, rate, block, latency)
        self.channels = self._channels("output", channels)
        self.playing = TimelineRing(self.capacity, self.channels)
        self._shift: int | None = None

    def follow(self, shift: int) -> None:
        """Play position n + shift as the device's frame n, from the next callback on."""
        self._shift = shift

    def _make(self, sd: Any) -> Any:
        device = self._ends["output"].index
        return sd.OutputStream(device=device, channels=self.channels, **self._common(self._callback))

    def _callback(self, samples: Any, frames: int, _time: Any, status: Any) -> None:
        if self._shift is not None:
            self.playing.seek(self.frames + self._shift)
        self.playing.read_into(samples)
        self._after(frames, status)


class Duplex(Port):
    """An input and an output in one stream of PortAudio, so that every callback moves as many frames in as out.

    Args:
        source: the input.
        sink: the output.
        rate: frames per second; None: the input's default.
        channels: of the input, and of the output; None: what fits each.
        block: frames of a callback; 0: as the devices like it.
        latency: of each device's buffers, in seconds or in PortAudio's words.
    """

    def __init__(
        self,
        source: Endpoint,
        sink: Endpoint,
        rate: int | None = None,
        channels: tuple[int | None, int | None] = (None, None),
        block: int = 0,
        latency: Latency = "low",
    ) -> None:
        super().__init__({"input": source, "output": sink}, rate, block, latency)
        self.channels = self._channels("input", channels[0])
        self.output_channels = self._channels("output", channels[1])
        self.captured = CaptureRing(self.capacity, self.channels)
        self.playing = TimelineRing(self.capacity, self.output_channels)
        self._delay: int | None = None

    def follow(self, delay: int) -> None:
        """Play position p - delay while input frame p arrives: output frame n is then input frame n - delay, always."""
        self._delay = delay

    def _make(self, sd: Any) -> Any:
        devices = (self._ends["input"].index, self._ends["output"].index)
        channels = (self.channels, self.output_channels)
        return sd.Stream(device=devices, channels=channels, **self._common(self._callback))

    def _callback(self, came: Any, goes: Any, frames: int, _time: Any, status: Any) -> None:
        if self._delay is not None:
            self.playing.seek(self.captured.position - self._delay)
        self.captured.write(came)
        self.playing.read_into(goes)
        self._after(frames, status)
