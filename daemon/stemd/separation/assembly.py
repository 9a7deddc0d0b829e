"""One stream's samples, put together: blocks in, segments out to the networks; estimates in, aligned blocks out.

No clock and no network: who runs the segments, and when a block is due, is decided elsewhere. That is why a stream's
stems can be compared with the offline composition to the last bit.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import gcd

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.fifo import Fifo
from stemd.dsp.overlap import OverlapAdd
from stemd.dsp.plan import Span, WindowPlan
from stemd.dsp.resample import Resampler, held_back, resampled_length
from stemd.dsp.segmenter import Segment, Segmenter, on_grid
from stemd.separation.manifest import CHANNELS

_PIECE = 1_024  # frames resampled at once, so that a long hop does not hold up the event loop


def to_stereo(samples: Float32Array) -> Float32Array:
    """(1 or 2, frames) as (2, frames): mono goes to both."""
    return np.repeat(samples, CHANNELS, axis=0) if samples.shape[0] == 1 else samples


def from_stereo(samples: Float32Array, channels: int) -> Float32Array:
    """(..., 2, frames) as (..., channels, frames): mono is the mean of both."""
    if channels == CHANNELS:
        return samples
    mono: Float32Array = samples.mean(axis=-2, keepdims=True, dtype=np.float32)
    return mono


def latency(plan: WindowPlan, model_rate: int, rate: int) -> int:
    """Frames at `rate` between the arrival of a frame and of the last one that its stems depend on, resamplers too."""
    into = held_back(rate, model_rate)
    return resampled_length(plan.latency + into, model_rate, rate) + held_back(model_rate, rate)


class Track:
    """One specialist's estimates in one stream, from the segment `first` on, at the stream's rate and channels."""

    def __init__(self, assembly: "Assembly", stems: Sequence[str], first: int) -> None:
        self.stems = tuple(stems)
        self.degraded: deque[tuple[int, int]] = deque()  # [start, stop) in the stream's frames
        self._plan, self._rates = assembly.plan, (assembly.model_rate, assembly.rate)
        self._channels = assembly.channels
        model_rate, rate = self._rates
        self._join = OverlapAdd(assembly.plan, len(stems) * self._channels)
        self._waiting: dict[int, tuple[Span, Float32Array | None]] = {}
        self.next = first  # the index of the segment that is due
        at = first * assembly.plan.hop
        # The resampler starts where both rates have a frame, so that its output is on the stream's grid.
        origin = at - at % (model_rate // gcd(model_rate, rate))
        lines, held = len(stems) * self._channels, assembly.plan.hop + assembly.plan.overlap + assembly.plan.spill
        self._final = Fifo(np.float32, lines, start=origin, window=held + model_rate)
        self._final.append(np.zeros((lines, at - origin), np.float32))
        self._resampler = Resampler(model_rate, rate, lines)
        self._ready = Fifo(np.float32, lines, start=origin * rate // model_rate)
        # What the segment before would have spilt over is missing in the first frames.
        self.first = resampled_length(at + assembly.plan.spill, model_rate, rate) if first else 0
        self._ended = False

    def push(self, span: Span, estimates: Float32Array | None) -> None:
        """Take (stems, 2, span.reach) of a segment, in any order; None for one that never came."""
        self._waiting[span.index] = (span, estimates)
        while self.next in self._waiting:
            due, value = self._waiting.pop(self.next)
            self.next += 1
            if value is None:
                start, stop = (resampled_length(p, *self._rates) for p in (due.position, due.position + due.reach))
                reach = held_back(*self._rates)  # so far the resampler's kernel carries the silence
                self.degraded.append((start - reach, stop + reach))
                value = np.zeros((len(self.stems), CHANNELS, due.reach), np.float32)
            mapped = from_stereo(value, self._channels).reshape(-1, due.reach)
            self._final.append(self._join.push(due, mapped))

    def end(self) -> None:
        """Say that no segment follows those that were cut."""
        self._ended = True

    def ready(self, stop: int, segments: int) -> bool:
        """Whether frames before `stop` are final; `segments` is how many the stream has, once it has ended."""
        while self._ready.end < stop and len(self._final):
            piece = self._final.view(self._final.start, min(self._final.end, self._final.start + _PIECE))
            self._ready.append(self._resampler.push(piece))
            self._final.forget_before(self._final.start + piece.shape[1])
        if self._ready.end < stop and self._ended and self.next >= segments:
            self._ready.append(self._resampler.flush())
        return self._ready.end >= stop

    def waited_for(self, stop: int) -> int:
        """The index of the last segment that frames before `stop` need, or of the last that there is.

        Frames whose last segment was given up are degraded, and no others. Where the rates differ, up to three frames
        are counted in that the resampler may not have needed.
        """
        model_rate, rate = self._rates
        last = stop - 1 + held_back(model_rate, rate)
        return min(last * model_rate // (rate * self._plan.hop), self.next - 1)

    def read(self, start: int, stop: int) -> Float32Array:
        """Frames `[start, stop)` as (stems, channels, frames), silent before `first`; they are forgotten."""
        out = self._ready.padded(start, stop)
        if start < self.first:
            out[:, : self.first - start] = 0.0
        self._ready.forget_before(stop)
        while self.degraded and self.degraded[0][1] <= stop:
            self.degraded.popleft()
        return out.reshape(len(self.stems), self._channels, stop - start)

    def is_degraded(self, start: int, stop: int) -> bool:
        """Whether any of the frames `[start, stop)` lacks the network's estimate."""
        return any(low < stop and start < high for low, high in self.degraded)


@dataclass(frozen=True, slots=True, eq=False)
class AlignedBlock:
    """Frames `[position, position + n)` of everything: the mixture untouched, and each running stem.

    Attributes:
        position: the first frame, in the stream's frames.
        mixture: (channels, n), to the bit what was pushed.
        stems: (channels, n) for each stem of each running track.
        degraded: the stems that are not the network's somewhere in this block.
    """

    position: int
    mixture: Float32Array
    stems: dict[str, Float32Array] = field(default_factory=dict)
    degraded: frozenset[str] = frozenset()


class Assembly:
    """Blocks in, segments out; estimates in, aligned blocks of the input's sizes out.

    Args:
        plan: the window plan, in the model's frames.
        model_rate: Hz.
        rate: the stream's, in Hz.
        channels: the stream's, 1 or 2.
        spectral: whether the networks want spectrograms.
    """

    def __init__(self, plan: WindowPlan, model_rate: int, rate: int, channels: int, *, spectral: bool) -> None:
        self.plan = on_grid(plan) if spectral else plan
        self.model_rate, self.rate, self.channels = model_rate, rate, channels
        self.tracks: dict[int, Track] = {}
        self._into = Resampler(rate, model_rate, CHANNELS)
        self._segmenter = Segmenter(self.plan, CHANNELS, spectral=spectral)
        # Held until it leaves: for the plan's latency, and what is added for computing, a hop at most.
        held = resampled_length(plan.latency + plan.hop + model_rate, model_rate, rate)
        self._mixture = Fifo(np.float32, channels, window=held)
        self._blocks: deque[int] = deque()
        self._cut = 0
        self._ended = False

    def take_memory(self) -> None:
        """See Segmenter."""
        self._segmenter.take_memory()
        self._mixture.take_memory()

    @property
    def received(self) -> int:
        """Frames pushed so far."""
        return self._mixture.end

    @property
    def given(self) -> int:
        """The position of the next block to come out."""
        return self._mixture.start

    @property
    def due(self) -> int:
        """Where the next block to come out ends; `given` where there is none."""
        return self.given + (self._blocks[0] if self._blocks else 0)

    def push(self, samples: Float32Array) -> list[Segment]:
        """Take a block (channels, n), n > 0; give the segments that it completes."""
        self._mixture.append(samples)
        self._blocks.append(samples.shape[1])
        return self._counted(self._segmenter.push(self._into.push(to_stereo(samples))))

    def flush(self) -> list[Segment]:
        """End the stream; give its last segments."""
        segments = self._segmenter.push(self._into.flush()) + self._segmenter.flush()
        self._ended = True
        for track in self.tracks.values():
            track.end()
        return self._counted(segments)

    def start(self, specialist: int, stems: Sequence[str]) -> Track:
        """Let a specialist take part from the next segment on."""
        track = Track(self, stems, self._cut)
        self.tracks[specialist] = track
        return track

    def stop(self, specialist: int) -> None:
        """Let a specialist rest; what it still owes is not waited for."""
        self.tracks.pop(specialist, None)

    def unready(self) -> list[int]:
        """The specialists that the next block has to wait for."""
        stop = self.due
        return [key for key, t in self.tracks.items() if t.first < stop and not t.ready(stop, self._cut)]

    def pop(self) -> AlignedBlock | None:
        """The next block, once every running track is final for it; None until then, and at the end."""
        if not self._blocks or self.unready():
            return None
        start, stop = self.given, self.due
        running = [track for track in self.tracks.values() if track.first < stop]
        self._blocks.popleft()
        mixture = self._mixture.view(start, stop).copy()
        self._mixture.forget_before(stop)
        degraded = frozenset(stem for track in running if track.is_degraded(start, stop) for stem in track.stems)
        stems = {
            stem: part for track in running for stem, part in zip(track.stems, track.read(start, stop), strict=True)
        }
        return AlignedBlock(start, mixture, stems, degraded)

    def _counted(self, segments: list[Segment]) -> list[Segment]:
        self._cut += len(segments)
        return segments
