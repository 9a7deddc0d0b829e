"""Functions in a network's place, and streams run without a clock: what the laws of windows and streams need."""

from collections.abc import Callable, Iterator

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.segmenter import Segment
from stemd.separation.assembly import AlignedBlock, Assembly
from stemd.separation.specialist import Specialist

Function = Callable[[Float32Array], Float32Array]


class FunctionSpecialist:
    """Any function (2, segment) -> (2, segment) per stem, as a network."""

    def __init__(self, *functions: Function, names: tuple[str, ...] | None = None) -> None:
        self.stems = names or tuple(f"stem{i}" for i in range(len(functions)))
        self.functions = functions

    def run(self, segment: Segment) -> Float32Array:
        whole = np.stack([f(segment.mixture) for f in self.functions])
        return whole[:, :, segment.span.trusted]


def copy(x: Float32Array) -> Float32Array:
    return x


def smear(x: Float32Array) -> Float32Array:
    """Depends on where a frame lies in the segment and on all of the segment, as a network's output does."""
    ramp = np.linspace(-1, 1, x.shape[1], dtype=np.float32)
    return (np.tanh(x[::-1]) * ramp + x.mean(dtype=np.float64).astype(np.float32)).astype(np.float32)


def noise(frames: int, channels: int = 2, seed: int = 0) -> Float32Array:
    return np.random.default_rng(seed).uniform(-0.7, 0.7, (channels, frames)).astype(np.float32)


def blocks(length: int, size: int | str, seed: int = 0) -> Iterator[slice]:
    """Slices that cover `length` frames; `size` may be "random"."""
    rng, at = np.random.default_rng(seed), 0
    while at < length:
        step = int(rng.integers(1, 6_000)) if size == "random" else int(size)
        yield slice(at, min(length, at + step))
        at += step


def run_stream(
    assembly: Assembly, specialists: list[Specialist], mixture: Float32Array, size: int | str
) -> list[AlignedBlock]:
    """Push a recording through an assembly in blocks, each segment run at once."""
    for key, specialist in enumerate(specialists):
        assembly.start(key, specialist.stems)
    out: list[AlignedBlock] = []

    def give(segments: list[Segment]) -> None:
        for segment in segments:
            for key, specialist in enumerate(specialists):
                assembly.tracks[key].push(segment.span, specialist.run(segment))
        while block := assembly.pop():
            out.append(block)

    for part in blocks(mixture.shape[1], size):
        give(assembly.push(mixture[:, part]))
    give(assembly.flush())
    return out


def joined(out: list[AlignedBlock], stem: str) -> Float32Array:
    return np.concatenate([block.stems[stem] for block in out], axis=1)
