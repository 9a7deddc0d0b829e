"""What a source sends, checked before anything is made of it: whole frames, finite numbers, in its time."""

import time
from collections.abc import Callable
from typing import Final

import numpy as np

from stemd.audio import Float32Array, decode_pcm
from stemd.errors import BlockError
from stemd.protocol import Mixture, Open

Clock = Callable[[], int]
MAX_GAP_SECONDS: Final = 10
_MAX_AHEAD_SECONDS: Final = 2


class Intake:
    """The input side of one stream: positions, gaps, limits.

    Args:
        opened: how the stream was opened.
        clock: nanoseconds of CLOCK_MONOTONIC.
    """

    def __init__(self, opened: Open, clock: Clock = time.monotonic_ns) -> None:
        self.expected = 0  # the position that is due
        self.granted: int | None = None  # frames below this may come; None: the clock is the limit
        self.gaps = self.late = self.refused = 0
        self._gap_end = -1
        self._opened, self._clock = opened, clock
        self._ahead = 0.0  # seconds that a realtime source was ahead of the clock when its last block came
        self._last_ns = clock()

    def check(self, block: Mixture, pcm: memoryview) -> tuple[int, Float32Array] | None:
        """The frames missing before the block, and its samples; None where it comes too late to be used.

        A block of no frames says that all before it is a gap, so that a stream can end in one.

        Raises:
            BlockError: the block is refused; its frames become a gap when the next one comes.
        """
        try:
            return self._checked(block, pcm)
        except BlockError:
            self.refused += 1
            raise

    def skip(self, frames: int) -> None:
        """These frames will not be waited for. They are a gap; or part of one, if the last frames were, too."""
        if frames:
            self.gaps += self.expected != self._gap_end
            self.expected += frames
            self._gap_end = self.expected

    def _checked(self, block: Mixture, pcm: memoryview) -> tuple[int, Float32Array] | None:
        opened = self._opened
        try:
            samples = decode_pcm(pcm, opened.channels, opened.format)
        except ValueError as exc:
            raise BlockError(f"stream {opened.stream!r}: block at {block.position}: {exc}") from exc
        frames = samples.shape[1]
        if frames > opened.block:
            raise BlockError(
                f"stream {opened.stream!r}: block at {block.position} has {frames} frames, more than the "
                f"{opened.block} named in open"
            )
        if not np.isfinite(samples).all():
            raise BlockError(
                f"stream {opened.stream!r}: block at {block.position} has NaN or infinity; it becomes a gap"
            )
        if block.position < self.expected:
            self.late += 1
            return None
        missing = block.position - self.expected
        if missing > MAX_GAP_SECONDS * opened.rate:
            raise BlockError(
                f"stream {opened.stream!r}: block at {block.position} leaves a gap of {missing} frames after "
                f"{self.expected}, more than {MAX_GAP_SECONDS} s; open the stream anew"
            )
        self._check_pace(block.position + frames)
        self.skip(missing)
        self.expected = block.position + frames
        return missing, samples

    def _check_pace(self, stop: int) -> None:
        opened = self._opened
        if self.granted is not None:
            if stop > self.granted:
                raise BlockError(
                    f"stream {opened.stream!r}: frames up to {stop} were sent, {self.granted} were granted; "
                    "wait for `grant`"
                )
            return
        now = self._clock()
        # A pause earns nothing: else an hour of silence would be a licence to send an hour of sound at once.
        ahead = max(0.0, self._ahead + (stop - self.expected) / opened.rate - (now - self._last_ns) / 1e9)
        if ahead > _MAX_AHEAD_SECONDS:
            raise BlockError(
                f"stream {opened.stream!r} is sent {ahead:.1f} s ahead of real time; pace it, or open it with "
                "timing 'free'"
            )
        self._ahead, self._last_ns = ahead, now
