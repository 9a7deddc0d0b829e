"""The flag `degraded` is to be trusted: a block without it is the network's, to the last bit."""

import numpy as np
import pytest

from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.separation.assembly import AlignedBlock, Assembly
from stemd.separation.offline import separate
from tests.networks import FunctionSpecialist, noise, smear

PLAN = WindowPlan(4_000, 700, 50, 300)
MODEL_RATE = 44_100
BLOCK = 96
LOST = frozenset({6, 7, 19})


def with_losses(mixture: np.ndarray, rate: int, specialist: FunctionSpecialist) -> list[AlignedBlock]:
    """A stream some of whose segments never come back from the network."""
    assembly = Assembly(PLAN, MODEL_RATE, rate, mixture.shape[0], spectral=False)
    track = assembly.start(0, specialist.stems)
    out: list[AlignedBlock] = []

    def give(segments: list[Segment]) -> None:
        for segment in segments:
            track.push(segment.span, None if segment.span.index in LOST else specialist.run(segment))
        while block := assembly.pop():
            out.append(block)

    for at in range(0, mixture.shape[1], BLOCK):
        give(assembly.push(mixture[:, at : at + BLOCK]))
    give(assembly.flush())
    return out


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_block_without_the_flag_is_the_networks_to_the_last_bit(rate: int, channels: int) -> None:
    mixture = noise(rate // 2, channels, seed=rate)
    specialist = FunctionSpecialist(smear)
    whole = separate(mixture, rate, [specialist], PLAN, MODEL_RATE, spectral=False)["stem0"]
    blocks = with_losses(mixture, rate, specialist)
    flagged = [block for block in blocks if block.degraded]
    for block in blocks:
        if not block.degraded:
            at = slice(block.position, block.position + block.mixture.shape[1])
            assert np.array_equal(block.stems["stem0"], whole[:, at]), f"the block at {block.position} is not flagged"
    lost = len(LOST) * (PLAN.hop + PLAN.overlap) * rate / MODEL_RATE
    assert lost / BLOCK <= len(flagged) <= 1.5 * lost / BLOCK + 6
