"""What a stream must give: the offline composition with the shipped network, and recordings to give it."""

from functools import cache
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.plan import WindowPlan
from stemd.protocol import Plan
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.offline import separate
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model, find

THREADS: Final = 1  # of one run of a network, in the daemons of these tests and here
PLAN: Final = WindowPlan(segment=65_536, hop=22_528, overlap=1_024, lookahead=8_192)
WIRE_PLAN: Final = Plan(PLAN.segment, PLAN.hop, PLAN.overlap, PLAN.lookahead)


@cache
def model() -> Model:
    """The shipped model."""
    return find("spleeter-vocals")


@cache
def specialists() -> list[Specialist]:
    """The shipped network, loaded as the daemons load it."""
    return model().open(EngineOptions(threads=THREADS))


def offline(mixture: Float32Array, rate: int, plan: WindowPlan = PLAN) -> Float32Array:
    """The vocals of a recording (channels, frames)."""
    return separate(mixture, rate, specialists(), plan, model().manifest.sample_rate, spectral=True)["vocals"]


def recording(frames: int, rate: int, channels: int = 2, seed: int = 0, level: float = 0.25) -> Float32Array:
    """Sung-like notes in noise, different in every channel, and never the same twice."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(frames) / rate
    pitch = 220 * 2 ** (np.floor(seconds * 3 + seed) * 5 % 12 / 12) * (1 + 0.02 * np.sin(2 * np.pi * 5.5 * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    voice = sum(np.sin(n * phase) / n for n in range(1, 12))
    noise = rng.normal(0, 0.3, (channels, frames))
    panned = np.stack([voice * (1 - 0.3 * c) for c in range(channels)])
    return np.clip(level * (panned + noise), -1, 1).astype(np.float32)
