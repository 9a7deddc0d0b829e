"""The flag `degraded` is to be trusted: a block without it is the network's, to the last bit."""

import numpy as np
import pytest

from stemd.dsp.plan import WindowPlan
from stemd.separation.offline import separate
from tests.losses import BLOCK, with_losses
from tests.networks import FunctionSpecialist, noise, smear

PLAN = WindowPlan(4_000, 700, 50, 300)
MODEL_RATE = 44_100
LOST = frozenset({6, 7, 19})


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_block_without_the_flag_is_the_networks_to_the_last_bit(rate: int, channels: int) -> None:
    mixture = noise(rate // 2, channels, seed=rate)
    specialist = FunctionSpecialist(smear)
    whole = separate(mixture, rate, [specialist], PLAN, MODEL_RATE, spectral=False)["stem0"]
    blocks = with_losses(mixture, rate, specialist, PLAN, LOST)
    flagged = [block for block in blocks if block.degraded]
    for block in blocks:
        if not block.degraded:
            at = slice(block.position, block.position + block.mixture.shape[1])
            assert np.array_equal(block.stems["stem0"], whole[:, at]), f"the block at {block.position} is not flagged"
    lost = len(LOST) * (PLAN.hop + PLAN.overlap) * rate / MODEL_RATE
    assert lost / BLOCK <= len(flagged) <= 1.5 * lost / BLOCK + 6
