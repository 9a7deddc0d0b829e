"""Where `stemd listen` puts what it hears: a file or the sound device."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from stemd.audio import Format
from stemd.errors import ConfigError, DeviceError, StemdError
from stemd.protocol import Stem
from stemd_client.extras import sounddevice, soundfile
from stemd_client.ring import Ring, Samples
from stemd_client.subscription import StemBlock

_SUBTYPES: Final[dict[tuple[str, Format], str]] = {
    (".wav", "f32le"): "FLOAT",
    (".wav", "s16le"): "PCM_16",
    (".flac", "f32le"): "PCM_24",  # FLAC has no floating point
    (".flac", "s16le"): "PCM_16",
}
_RING_SECONDS: Final = 0.5
_PREFILL_SECONDS: Final = 0.06


class Sink(AbstractContextManager["Sink"], Protocol):
    """Takes blocks in order until the end of the stream."""

    async def take(self, block: StemBlock) -> None:
        """Write or play a block; waits while there is no room."""

    async def finish(self, end: Stem) -> None:
        """The stream has ended; play what is left."""

    def summary(self) -> str:
        """What became of it, in a few words."""


class FileSink(Sink):
    """A WAV or FLAC file. Frames that were lost on the way become silence, so that positions stay true.

    Raises:
        ConfigError: the file is there already (without `force`), cannot be written, or is of neither kind.
    """

    def __init__(self, path: Path, fmt: Format, *, force: bool = False):
        if path.suffix.lower() not in (".wav", ".flac"):
            raise ConfigError(f"{path} ends in neither .wav nor .flac")
        self._soundfile = soundfile()
        self._path = path
        self._subtype = _SUBTYPES[path.suffix.lower(), fmt]
        self._file: Any = None
        self._position: int | None = None
        self.filled = 0
        try:
            # Taken now, not when the first block comes: nobody wants to learn after an hour that it cannot be.
            self._handle = path.open("wb" if force else "xb")
        except FileExistsError:
            raise ConfigError(f"{path} is there already; name another file, or say --force") from None
        except OSError as exc:
            raise ConfigError(f"cannot write {path}: {exc.strerror}") from exc

    async def take(self, block: StemBlock) -> None:
        """Write a block."""
        header = block.header
        if self._file is None:
            kind = self._path.suffix[1:].upper()
            self._file = self._soundfile.SoundFile(
                self._handle, "w", header.rate, header.channels, self._subtype, format=kind
            )
            self._position = header.position
        self._fill(header)
        self._write(block.samples.T)
        self._position = header.position + header.frames

    def _fill(self, header: Stem) -> None:
        """Silence up to where `header` begins."""
        assert self._position is not None  # noqa: S101 - set with the file
        missing = header.position - self._position
        self.filled += missing
        while missing > 0:
            frames = min(missing, header.rate)
            self._write(np.zeros((frames, header.channels), np.int16))
            missing -= frames

    def _write(self, samples: Samples) -> None:
        try:
            self._file.write(samples)
        except (self._soundfile.SoundFileError, OSError) as exc:
            raise StemdError(f"cannot write {self._path}: {exc}") from exc

    async def finish(self, end: Stem) -> None:
        """Make the file as long as the stream was."""
        if self._file is not None:
            self._fill(end)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        self._handle.close()
        if self._file is None:
            self._path.unlink(missing_ok=True)  # nothing came, so there is nothing to keep

    def summary(self) -> str:
        """Where it is, and how much of it is silence."""
        if self._file is None:
            return f"{self._path} was not written"
        return f"wrote {self._path}" + (f", {self.filled} lost frames as silence" if self.filled else "")


class DeviceSink(Sink):
    """The default sound device, opened with the first block.

    Raises:
        ConfigError: the package sounddevice is missing.
        DeviceError: PortAudio is missing.
    """

    def __init__(self) -> None:
        self._sounddevice = sounddevice()
        self._device: Any = None
        self._ring: Ring | None = None
        self._rate = 0

    def _start(self, block: StemBlock) -> Ring:
        header, dtype = block.header, block.samples.dtype
        self._rate = header.rate
        ring = Ring(round(_RING_SECONDS * self._rate), round(_PREFILL_SECONDS * self._rate), header.channels, dtype)
        try:
            self._device = self._sounddevice.OutputStream(
                samplerate=header.rate, channels=header.channels, dtype=dtype.name, callback=_callback(ring)
            )
            self._device.start()
        except self._sounddevice.PortAudioError as exc:
            raise DeviceError(f"cannot play on the default sound device: {exc}; write a file with -o") from exc
        return ring

    async def take(self, block: StemBlock) -> None:
        """Hand a block to the callback; waits while half a second is ahead."""
        if self._ring is None:
            self._ring = self._start(block)
        samples = block.samples.T
        while len(samples := samples[self._ring.write(samples) :]):
            await self._wait()

    async def finish(self, end: Stem) -> None:
        """Wait until all was played."""
        del end
        if self._ring is not None:
            self._ring.end()
            while self._ring.filled:
                await self._wait()
            # What the device still holds is thrown away by `close`, so let silence push it out.
            await asyncio.sleep(2 * self._device.latency)

    async def _wait(self) -> None:
        if not self._device.active:
            raise DeviceError("the sound device has stopped; is it unplugged?")
        await asyncio.sleep(0.01)

    def __exit__(self, *_: object) -> None:
        if self._device is not None:
            self._device.close()

    def summary(self) -> str:
        """How smoothly it went."""
        return "nothing was played" if self._ring is None else f"played with {self._ring.underruns} underruns"


def _callback(ring: Ring) -> Callable[..., None]:
    def callback(out: Any, _frames: int, _time: Any, _status: Any) -> None:
        ring.read_into(out)

    return callback
