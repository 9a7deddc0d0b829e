"""A block of every stem that somebody listens to, made once for each format."""

from collections.abc import Sequence

from stemd.audio import Float32Array, Format, Int16Array, encode_pcm, quantise
from stemd.dsp.mixing import residual, residual_int16
from stemd.separation.assembly import AlignedBlock

MIX, INSTRUMENTAL, OUT = "mix", "instrumental", "out"
VOCALS = "vocals"


def offered(stems: Sequence[str]) -> tuple[str, ...]:
    """What a stream with these network stems offers: them, and what is derived from them."""
    derived = [MIX, INSTRUMENTAL, OUT] if VOCALS in stems else [MIX, OUT]
    return (*stems, *(name for name in derived if name not in stems))


def sources(stem: str, stems: Sequence[str]) -> tuple[str, ...]:
    """Which of the network stems a stem is made from."""
    if stem in stems:
        return (stem,)
    return {MIX: (), INSTRUMENTAL: (VOCALS,), OUT: tuple(stems)}[stem]


class Rendering:
    """One aligned block as PCM.

    Args:
        block: the mixture and the running stems.
        stems: the network stems that the stream offers.
        out: the stem `out`, (channels, frames), where somebody listens to it.
    """

    def __init__(self, block: AlignedBlock, stems: Sequence[str], out: Float32Array | None) -> None:
        self.saturated = 0  # samples of residuals that did not fit into 16 bits
        self._block, self._stems, self._out = block, stems, out
        self._made: dict[tuple[str, Format], bytes] = {}
        self._derived: dict[str, Float32Array] = {}

    def pcm(self, stem: str, fmt: Format) -> bytes:
        """The whole block of a stem, interleaved."""
        key = (stem, fmt)
        if key not in self._made:
            # In integers the sum is exact, so the residual is taken of what was rounded.
            exact = stem == INSTRUMENTAL and fmt == "s16le" and stem not in self._stems
            samples = self._residual_int16() if exact else self.samples(stem)
            self._made[key] = encode_pcm(samples, fmt)
        return self._made[key]

    def has(self, stem: str) -> bool:
        """Whether everything that the stem is made from is there."""
        made = stem != OUT or self._out is not None
        return made and all(source in self._block.stems for source in sources(stem, self._stems))

    def samples(self, stem: str) -> Float32Array:
        """The whole block of a stem, (channels, frames); see `has`."""
        block = self._block
        if stem in self._stems:
            return block.stems[stem]
        if stem == MIX:
            return block.mixture
        if stem == OUT and self._out is not None:
            return self._out
        if stem not in self._derived:
            self._derived[stem] = residual(block.mixture, [block.stems[VOCALS]])
        return self._derived[stem]

    def is_degraded(self, stem: str) -> bool:
        """Whether the stem lacks a network's estimate somewhere in this block."""
        return not self._block.degraded.isdisjoint(sources(stem, self._stems))

    def _residual_int16(self) -> Int16Array:
        block = self._block
        rest, saturated = residual_int16(quantise(block.mixture), [quantise(block.stems[VOCALS])])
        self.saturated += saturated
        return rest
