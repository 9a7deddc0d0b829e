"""Cuts a stream into segments for a network."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from stemd.audio import Complex64Array, Float32Array
from stemd.dsp import stft
from stemd.dsp.fifo import Fifo
from stemd.dsp.plan import Span, WindowPlan
from stemd.errors import PlanError

_BLOCK: Final = 16_384  # frames that are pushed at once, as a rule at most


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What a network sees at once: to be read only, for segments share what they have in common.

    Attributes:
        span: where in the stream it lies, and which of its frames will be used.
        mixture: (channels, segment) samples at the model's rate.
        spectrum: (channels, n, stft.KEPT) the STFT frames centred in the segment whose windows end within it; None for
            networks that see no spectrogram. The first has index `span.start / 1024`.
        lead: (channels, stft.HALF) the samples before the segment, which the first windows of these STFT frames touch.
    """

    span: Span
    mixture: Float32Array
    spectrum: Complex64Array | None
    lead: Float32Array | None = None


class Segmenter:
    """Blocks in, segments out. The blocks' sizes never change a segment.

    Args:
        plan: the window plan.
        channels: of the samples pushed.
        spectral: whether segments carry their STFT frames.

    Raises:
        PlanError: `spectral` with a plan that is not on the grid of the STFT.
    """

    def __init__(self, plan: WindowPlan, channels: int, *, spectral: bool = False) -> None:
        self.plan = on_grid(plan) if spectral else plan
        self._channels, self._lead = channels, stft.HALF if spectral else 0
        held = plan.segment + plan.backlog - plan.history + _BLOCK
        self._samples = Fifo(np.float32, channels, silence=plan.history + self._lead, window=held + self._lead)
        self._spectrum = stft.SpectrumRing(channels, plan.history, held) if spectral else None
        self._next = 0

    def take_memory(self) -> None:
        """Have all memory at hand that will be used, before anything is pushed; see Fifo."""
        self._samples.take_memory()
        if self._spectrum:
            self._spectrum.take_memory()

    @property
    def received(self) -> int:
        """Frames pushed so far; after `flush`, with the silence that its segments have."""
        return self._samples.end

    def push(self, samples: Float32Array) -> list[Segment]:
        """Take samples (channels, n); give the segments that they complete."""
        self._samples.append(samples)
        if self._spectrum:
            self._spectrum.push(samples)
        ready = []
        while (span := self.plan.span(self._next)).start + self.plan.segment <= self.received:
            ready.append(self._take(span))
        return ready

    def flush(self) -> list[Segment]:
        """Give the segments that the end of the stream cuts short."""
        length = self.received
        spans = [self.plan.span_at_end(k, length) for k in range(self._next, self.plan.segments(length))]
        if spans:
            silence = np.zeros((self._channels, spans[-1].start + self.plan.segment - length), np.float32)
            self._samples.append(silence)
            if self._spectrum:  # after the last window that touches the stream, nothing needs to be computed
                self._spectrum.push(silence[:, : stft.WINDOW])
        return [self._take(span) for span in spans]

    def _take(self, span: Span) -> Segment:
        stop = span.start + self.plan.segment
        spectrum = None
        if self._spectrum:
            spectrum = self._spectrum.frames(span.start // stft.HOP, (stop - stft.HALF) // stft.HOP + 1)
        lead = self._samples.window(span.start - self._lead, span.start) if self._lead else None
        segment = Segment(span, self._samples.window(span.start, stop), spectrum, lead)
        self._next = span.index + 1
        keep = self._next * self.plan.hop - self.plan.backlog
        self._samples.forget_before(keep - self._lead)
        if self._spectrum:
            self._spectrum.forget_before(keep // stft.HOP)
        return segment


def on_grid(plan: WindowPlan) -> WindowPlan:
    """The plan as a network on the STFT's grid uses it: without an overlap it gets a spill.

    Segment k then gives the STFT frames centred in `[k*hop + 2048, (k+1)*hop + 2048)`, the first also those before.
    Their windows begin at `k*hop` and end less than `spill` after `(k+1)*hop`.

    Raises:
        PlanError: a length is off the grid, or the lookahead is too short for the last of these STFT frames.
    """
    check_grid(plan)
    return plan if plan.overlap else replace(plan, spill=stft.SPILL)


def check_grid(plan: WindowPlan) -> None:
    """Refuse a plan that a network on the STFT's grid cannot use.

    Raises:
        PlanError: a length is off the grid, or the lookahead is under half a window (with an overlap), or under the
            spill (without one); or there is neither overlap nor history, and so nobody to give STFT frame -1.
    """
    for name in ("segment", "hop", "overlap", "lookahead"):
        if getattr(plan, name) % stft.HOP:
            raise PlanError(f"{plan}: {name} must be a multiple of {stft.HOP} for a network of kind 'mask'")
    least = stft.HALF if plan.overlap else stft.SPILL
    if plan.lookahead < least:
        how = "with an overlap" if plan.overlap else "without overlap"
        raise PlanError(f"{plan}: lookahead must be at least {least} {how} for a network of kind 'mask'")
    if not plan.overlap and not plan.history:
        raise PlanError(
            f"{plan}: without overlap, segment must be at least {plan.segment + stft.HOP} for a network of kind 'mask'"
        )
