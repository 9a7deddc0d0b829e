"""A stream some of whose segments never come back from the network."""

from collections.abc import Collection

from stemd.audio import Float32Array
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.separation.assembly import AlignedBlock, Assembly
from stemd.separation.specialist import Specialist

RATE = 44_100  # of the networks
BLOCK = 96


def with_losses(
    mixture: Float32Array,
    rate: int,
    specialist: Specialist,
    plan: WindowPlan,
    lost: Collection[int],
    *,
    spectral: bool = False,
) -> list[AlignedBlock]:
    """What a mixture (channels, frames) comes to where the segments of these indices are lost."""
    assembly = Assembly(plan, RATE, rate, mixture.shape[0], spectral=spectral)
    track = assembly.start(0, specialist.stems)
    out: list[AlignedBlock] = []

    def give(segments: list[Segment]) -> None:
        for segment in segments:
            track.push(segment.span, None if segment.span.index in lost else specialist.run(segment))
        while block := assembly.pop():
            out.append(block)

    for at in range(0, mixture.shape[1], BLOCK):
        give(assembly.push(mixture[:, at : at + BLOCK]))
    give(assembly.flush())
    return out
