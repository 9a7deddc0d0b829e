"""A sound file as the source of a stream."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from stemd.audio import MAX_CHANNELS, MAX_RATE, MIN_RATE, Float32Array
from stemd.errors import BlockError, ConfigError
from stemd_client.extras import soundfile
from stemd_client.stream import Stream


class FileSource:
    """Reads blocks of float32 (channels, frames) from a WAV, FLAC, OGG or MP3 file.

    Raises:
        ConfigError: the file cannot be read, or has a rate or channels that stemd does not take.
    """

    def __init__(self, path: Path):
        library = soundfile()
        if not path.is_file():
            raise ConfigError(f"there is no file {path}")
        try:
            self._file: Any = library.SoundFile(path)
        except library.SoundFileError as exc:
            raise ConfigError(f"cannot read {path}: {exc}") from exc
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        self.frames: int = self._file.frames
        if self.channels > MAX_CHANNELS or not MIN_RATE <= self.rate <= MAX_RATE:
            self._file.close()
            raise ConfigError(
                f"{path} has {self.channels} channels at {self.rate} Hz; stemd takes 1 or 2 at {MIN_RATE} to {MAX_RATE}"
            )

    def read(self, frames: int) -> Float32Array:
        """At most `frames` more frames; none at the end."""
        samples = self._file.read(frames, dtype="float32", always_2d=True)
        return np.ascontiguousarray(samples.T)

    def __enter__(self) -> "FileSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


async def play(source: FileSource, stream: Stream, block: int, *, paced: bool, shown: Callable[[int], None]) -> int:
    """Send a whole file, `paced` by its rate or as fast as the stream takes it; the number of unusable blocks.

    Each block has a deadline of its own on the monotonic clock, so that lateness never adds up. Blocks with NaN or
    infinity become gaps.
    """
    start_ns = time.monotonic_ns()
    unusable = 0
    # A disk may be slow: it is read in a thread, the next block while this one waits for its time.
    samples = await asyncio.to_thread(source.read, block)
    while frames := samples.shape[1]:
        following = asyncio.create_task(asyncio.to_thread(source.read, block))
        try:
            due_ns = start_ns + stream.position * 1_000_000_000 // source.rate
            if paced:
                await asyncio.sleep(max(0, due_ns - time.monotonic_ns()) / 1e9)
            try:
                await stream.send(samples, source_ns=due_ns if paced else None)
            except BlockError:
                unusable += 1
                await stream.gap(frames)
            shown(stream.position)
        finally:
            samples = await following
    return unusable


class Progress:
    """One line that is written over, on a terminal; silence elsewhere.

    Args:
        name: what plays.
        rate: frames a second.
        total: frames.
    """

    def __init__(self, name: str, rate: int, total: int):
        self._name, self._rate, self._total = name, rate, total
        self._next = 0.0
        self._shown = sys.stderr.isatty()

    def __call__(self, position: int) -> None:
        """Show that `position` frames were sent, four times a second."""
        now = time.monotonic()
        if self._shown and now >= self._next:
            self._next = now + 0.25
            done, total = clock_time(position / self._rate), clock_time(self._total / self._rate)
            sys.stderr.write(f"\r{self._name}  {done} / {total} ")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._shown and self._next:
            sys.stderr.write("\n")


def clock_time(seconds: float) -> str:
    """Minutes and seconds, as players show them."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
