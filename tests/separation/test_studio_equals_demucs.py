"""Plan `studio` composes as `demucs.apply.apply_model(split=True, overlap=0.25, shifts=0)` does, at every length."""

import numpy as np
import pytest
import torch
from demucs.apply import apply_model

from stemd.dsp.plan import WindowPlan
from stemd.separation.offline import separate
from tests.networks import FunctionSpecialist, noise, smear

RATE = 44_100
FULL = WindowPlan(343_980, 257_985, 85_995, 0)
SMALL = WindowPlan(400, 300, 100, 0)


class SmearNetwork(torch.nn.Module):
    """`smear` as demucs would meet it: batches in, one source out, a fixed input length."""

    samplerate = RATE
    sources = ("stem0",)

    def __init__(self, segment: int) -> None:
        super().__init__()
        self.frames = segment
        self.segment = segment / RATE
        while int(self.samplerate * self.segment) < segment:
            self.segment = float(np.nextafter(self.segment, np.inf))

    def valid_length(self, length: int) -> int:
        return self.frames

    def forward(self, mix: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(smear(mix[0].numpy()))[None, None]


def difference(plan: WindowPlan, length: int) -> float:
    mixture = noise(length, seed=length)
    ours = separate(mixture, RATE, [FunctionSpecialist(smear)], plan, RATE, spectral=False)["stem0"]
    theirs = apply_model(
        SmearNetwork(plan.segment), torch.from_numpy(mixture)[None], shifts=0, split=True, overlap=0.25
    )
    return float(np.abs(ours - theirs[0, 0].numpy()).max())


def edges(plan: WindowPlan) -> list[int]:
    v, hop, segment = plan.overlap, plan.hop, plan.segment
    return [
        *(1, v - 1, v, v + 1, hop - 1, hop, hop + 1, segment - 1, segment, segment + 1),
        *(hop + segment - 1, 2 * hop + 1, 2 * hop + v),
    ]


@pytest.mark.parametrize("length", edges(FULL) + [int(n) for n in np.random.default_rng(3).integers(1, 40 * RATE, 6)])
def test_at_full_size(length: int) -> None:
    assert difference(FULL, length) < 1e-6


def test_at_every_length_of_a_small_analogue() -> None:
    assert max(difference(SMALL, length) for length in range(1, 1_301)) < 1e-6
