"""What every open sound device has in common."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, Literal

from stemd.audio import MAX_CHANNELS, MAX_RATE, MIN_RATE
from stemd.devices.endpoints import Direction, Endpoint
from stemd.devices.listing import rates_that_fit
from stemd.devices.portaudio import close_stream, open_stream, words
from stemd.devices.priority import hurry
from stemd.errors import DeviceError

Latency = float | Literal["low", "high"]

_RING_SECONDS: Final = 2.0
_FIRST_NS: Final = 2_000_000_000  # a device has this long until it first calls
_SILENCE_NS: Final = 500_000_000  # one that then has not called for this long, or for eight periods, is gone
_SILENT_PERIODS: Final = 8


class Port(ABC):
    """An open sound device.

    `open` and `close` wait for the sound system: call them in a thread. A port is opened once and closed once; after a
    loss a new one is made.

    Attributes:
        rate: frames per second.
        frames: how many the device has moved, each way.
        block: of them, those of the last callback; before the first, what was asked for.
        xruns: callbacks to which PortAudio said that frames were lost before them.
        clock: (frames, time of CLOCK_MONOTONIC in ns) of the last callback, its own frames counted; zeros before the
            first. One tuple, so that both are always of the same callback.
        reported_latency: seconds that PortAudio believes a frame takes through the device's buffers; of a duplex
            port, through both.
        priority: of the real-time class, for the thread that the device calls; see `hurry`. Set it before `open`.

    Args:
        ends: the device, or both, each in the direction that it is wanted for.
        rate: frames per second; None: the first device's default.
        block: frames of a callback; 0: as the device likes it.
        latency: of the device's buffers, in seconds or in PortAudio's words.

    Raises:
        DeviceError: a rate, a channel count or a block that is impossible.
    """

    def __init__(self, ends: dict[Direction, Endpoint], rate: int | None, block: int, latency: Latency) -> None:
        self._ends = ends
        self.rate = rate or next(iter(ends.values())).rate
        if not MIN_RATE <= self.rate <= MAX_RATE:
            raise DeviceError(f"{self._names()}: {self.rate} Hz is not between {MIN_RATE} and {MAX_RATE}")
        if not 0 <= block <= self.rate:
            raise DeviceError(f"{self._names()}: a block of {block} frames is not between 0 and a second")
        self._wanted_block = block
        self._latency = latency
        # The device's buffers go in twice, however long they were asked to be.
        seconds = max(_RING_SECONDS, 0.0 if isinstance(latency, str) else 4 * latency, 4 * block / self.rate)
        self.capacity = round(seconds * self.rate)
        self._stream: Any = None
        self._finished = False
        self._opened_ns = 0
        self.frames = 0
        self.block = block
        self.xruns = 0
        self.clock = (0, 0)
        self.reported_latency = 0.0
        self.priority = 0

    def open(self) -> None:
        """Open the device and let it run.

        Raises:
            DeviceError: it cannot be opened; the text says at which rates it can.
        """
        environment: dict[str, str] = {}
        for end in self._ends.values():
            environment |= end.environment
        try:
            self._stream = open_stream(self._make, environment)
        except DeviceError as exc:
            raise DeviceError(f"cannot open {self._names()}: {exc}") from exc
        except MemoryError as exc:  # of cffi, whose callbacks are made in memory that is written and then executed
            raise DeviceError(
                f"cannot open {self._what()}: this process may not make code while it runs, which sound devices need; "
                "as a service: stemd install-service --with sound"
            ) from exc
        except Exception as exc:  # PortAudioError, of a module that may not be there; ValueError for its arguments
            raise DeviceError(f"cannot open {self._what()}: {words(exc)}; {self._advice()}") from exc
        self._opened_ns = time.monotonic_ns()
        latency = self._stream.latency
        self.reported_latency = float(sum(latency) if isinstance(latency, tuple) else latency)

    def close(self) -> None:
        """Close the device. Takes two seconds at most: one that hangs is left behind."""
        stream, self._stream = self._stream, None
        if stream is not None:
            close_stream(stream)

    def alive(self, now_ns: int) -> bool:
        """Whether the device still calls, at this time of CLOCK_MONOTONIC."""
        if self._stream is None or self._finished:
            return False
        frames, called_ns = self.clock
        if not frames:
            return now_ns - self._opened_ns <= _FIRST_NS
        return now_ns - called_ns <= max(_SILENCE_NS, _SILENT_PERIODS * self.block * 1_000_000_000 // self.rate)

    @abstractmethod
    def _make(self, sd: Any) -> Any:
        """The stream of sounddevice `sd` that this is a port of."""

    def _common(self, callback: Callable[..., None]) -> dict[str, Any]:
        return {
            "samplerate": self.rate,
            "blocksize": self._wanted_block,
            "latency": self._latency,
            "dtype": "float32",
            "callback": callback,
            "finished_callback": self._finish,
            "clip_off": True,  # what is too loud is for the limiter, and samples are to pass untouched
            "dither_off": True,
        }

    def _after(self, frames: int, status: Any) -> None:
        """What every callback counts."""
        if not self.frames:
            hurry(self.priority)
        if status and (status.input_overflow or status.output_underflow):
            self.xruns += 1
        self.frames += frames
        self.block = frames
        self.clock = (self.frames, time.monotonic_ns())

    def _finish(self) -> None:
        self._finished = True

    def __str__(self) -> str:
        """The device, as messages name it."""
        return self._names()

    def _names(self) -> str:
        return " and ".join(f"the {direction} {end.name!r}" for direction, end in self._ends.items())

    def _what(self) -> str:
        return f"{self._names()} at {self.rate} Hz"

    def _advice(self) -> str:
        fit = set.intersection(*(set(rates_that_fit(end, direction)) for direction, end in self._ends.items()))
        if fit - {self.rate}:
            return f"rates that fit: {', '.join(map(str, sorted(fit)))}"
        return "is it unplugged, or in use by another program? `stemd devices` lists what there is"

    def _channels(self, direction: Direction, wanted: int | None) -> int:
        has = self._ends[direction].channels(direction)
        channels = min(has, MAX_CHANNELS) if wanted is None else wanted
        if not 1 <= channels <= min(has, MAX_CHANNELS):
            limit = f"it has {has}" if has < MAX_CHANNELS else f"stemd uses the first {MAX_CHANNELS} at most"
            raise DeviceError(
                f"the {direction} {self._ends[direction].name!r} cannot give {channels} channels: {limit}"
            )
        return channels
