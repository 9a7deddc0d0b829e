"""Window plans: which frames a network sees, and which of its output frames are trusted.

Segment k starts at `o_k = k*hop - (segment - hop - overlap - lookahead)`; frames before 0 are zeros. It is trusted on
`[k*hop, k*hop + hop + overlap)`, and neighbours are crossfaded over `overlap`. A plan without history and lookahead
(`segment == hop + overlap`: the studio plan) centres its short last segments, as `demucs.apply.apply_model` does.

Networks that live on a spectrogram need no crossfade: neighbouring segments can share out the STFT frames, and the
windows of these, which overlap anyway, join them. Such a plan has overlap 0 and a `spill` (see `segmenter.on_grid`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from stemd.errors import PlanError


@dataclass(frozen=True, slots=True)
class Span:
    """Where segment `index` lies: it begins at frame `start`, and its frames `trusted` are used.

    `spill` is how many frames its estimate goes on after these, to be added to what follows; None where estimates are
    crossfaded instead.
    """

    index: int
    start: int
    trusted: slice
    spill: int | None = None

    @property
    def position(self) -> int:
        """The stream's frame at which the trusted part begins."""
        return self.start + int(self.trusted.start)

    @property
    def frames(self) -> int:
        """How many frames are trusted."""
        return int(self.trusted.stop) - int(self.trusted.start)

    @property
    def reach(self) -> int:
        """How many frames the estimate has: the trusted ones and the spill."""
        return self.frames + (self.spill or 0)


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Four lengths in the model's frames, and the `spill` that they have on a spectrogram's grid.

    Raises:
        PlanError: not `0 <= overlap <= hop`, or `hop + overlap + lookahead > segment`.
    """

    segment: int
    hop: int
    overlap: int
    lookahead: int
    spill: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        if self.hop < 1:
            raise PlanError(f"{self}: hop must be at least 1 frame")
        if not 0 <= self.overlap <= self.hop:
            raise PlanError(f"{self}: overlap must lie between 0 and hop")
        if self.lookahead < 0:
            raise PlanError(f"{self}: lookahead cannot be negative")
        if self.history < 0:
            raise PlanError(f"{self}: hop + overlap + lookahead must not exceed segment")

    def __str__(self) -> str:
        numbers = ", ".join(f"{f.name} {getattr(self, f.name)}" for f in fields(self) if f.repr)
        return f"plan ({numbers})"

    @property
    def history(self) -> int:
        """Frames before the trusted part, which the network sees and whose estimate is not used."""
        return self.segment - self.hop - self.overlap - self.lookahead

    @property
    def centred_tail(self) -> bool:
        """Whether short segments at the end are centred between zeros instead of followed by them."""
        return self.history == 0 and self.lookahead == 0

    @property
    def latency(self) -> int:
        """Frames between the arrival of a frame and the arrival of the last one that its stems depend on."""
        return self.hop + self.overlap + self.lookahead

    @property
    def backlog(self) -> int:
        """The most frames before `k*hop` that segment k may still want."""
        return max(self.history, self.segment // 2 if self.centred_tail else 0)

    def span(self, index: int) -> Span:
        """Where segment `index` lies while the stream goes on."""
        start = index * self.hop - self.history
        trusted = slice(self.history, self.history + self.hop + self.overlap)
        return Span(index, start, trusted, self.spill or None)

    def span_at_end(self, index: int, length: int) -> Span:
        """Where segment `index` lies in a stream that ends after `length` frames, `index * hop < length`."""
        left = length - index * self.hop
        if self.centred_tail:
            frames = min(self.segment, left)
            before = (self.segment - frames) // 2
            return Span(index, index * self.hop - before, slice(before, before + frames))
        frames = min(self.hop + self.overlap, left)
        spill = min(self.spill, left - frames) if self.spill else None
        return Span(index, index * self.hop - self.history, slice(self.history, self.history + frames), spill)

    def spans(self, length: int) -> Iterator[Span]:
        """Every segment of a stream of `length` frames, in order."""
        return (self.span_at_end(index, length) for index in range(self.segments(length)))

    def segments(self, length: int) -> int:
        """How many segments a stream of `length` frames has."""
        return -(-length // self.hop)
