"""The central laws: what a stream gives is what the offline composition gives, whatever the blocks."""

import numpy as np
import pytest

from stemd.dsp.plan import WindowPlan
from stemd.separation.assembly import Assembly, latency
from stemd.separation.offline import separate
from tests.networks import FunctionSpecialist, copy, joined, noise, run_stream, smear

PLANS = {
    "studio": WindowPlan(4_000, 3_000, 1_000, 0),
    "live": WindowPlan(4_000, 700, 50, 300),
    "no overlap": WindowPlan(4_000, 1_000, 0, 3_000),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("size", [1, 64, 441, 1_024, 4_410, "random"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_equals_the_offline_composition_to_the_last_bit(
    plan: WindowPlan, size: int | str, rate: int, channels: int
) -> None:
    mixture = noise(3_210 if size == 1 else 20_011, channels, seed=rate + channels)
    specialists = [FunctionSpecialist(smear, copy)]
    assembly = Assembly(plan, 44_100, rate, channels, spectral=False)
    out = run_stream(assembly, specialists, mixture, size)
    whole = separate(mixture, rate, specialists, plan, 44_100, spectral=False)
    assert np.array_equal(np.concatenate([block.mixture for block in out], axis=1), mixture)
    for stem, expected in whole.items():
        assert expected.shape == mixture.shape
        assert np.array_equal(joined(out, stem), expected)


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 96_000, 8_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_network_that_copies_gives_the_mixture_back_in_its_place(rate: int, channels: int) -> None:
    seconds = np.arange(rate) / rate
    mixture = np.stack([np.sin(2 * np.pi * (300 + 40 * c) * seconds) for c in range(channels)]).astype(np.float32)
    assembly = Assembly(PLANS["live"], 44_100, rate, channels, spectral=False)
    out = joined(run_stream(assembly, [FunctionSpecialist(copy)], mixture, 441), "stem0")
    middle = slice(rate // 8, -rate // 8)
    assert np.abs(out[:, middle] - mixture[:, middle]).max() < 2e-4


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_no_block_waits_for_more_input_than_the_declared_latency(rate: int) -> None:
    plan, size = PLANS["live"], 480
    assembly = Assembly(plan, 44_100, rate, 2, spectral=False)
    assembly.start(0, ("stem0",))
    declared = latency(plan, 44_100, rate) + size
    specialist = FunctionSpecialist(copy)
    for _ in range(100):
        for segment in assembly.push(noise(size)):
            assembly.tracks[0].push(segment.span, specialist.run(segment))
        while assembly.pop():
            pass
        # The block that begins at `given` is not out, so it must still have the right to wait.
        assert assembly.received <= assembly.given + declared


def test_a_specialist_that_starts_late_agrees_from_its_first_frame_on() -> None:
    plan, mixture = PLANS["live"], noise(30_000)
    for rate in (44_100, 48_000):
        assembly = Assembly(plan, 44_100, rate, 2, spectral=False)
        specialist = FunctionSpecialist(smear)
        got, first = [], None
        for start in range(0, 30_000, 500):
            if start == 12_000:
                first = assembly.start(0, specialist.stems).first
            for segment in assembly.push(mixture[:, start : start + 500]):
                if 0 in assembly.tracks:
                    assembly.tracks[0].push(segment.span, specialist.run(segment))
            while block := assembly.pop():
                got.append(block)
        whole = separate(mixture, rate, [specialist], plan, 44_100, spectral=False)["stem0"]
        part = np.concatenate([b.stems["stem0"] for b in got if "stem0" in b.stems], axis=1)
        begin = next(b.position for b in got if "stem0" in b.stems)
        assert first is not None
        # Nothing ran before, so blocks went out at once; the stem begins with the next.
        assert begin == 12_000
        assert first % plan.hop == 0 or rate != 44_100
        # Past the first overlap, which fades in from nothing here, and the resampler's kernel.
        settled = max(first, begin) + plan.overlap + 200
        assert np.allclose(part[:, settled - begin :], whole[:, settled : begin + part.shape[1]], atol=1e-6)


def test_a_segment_that_never_came_is_silence_crossfaded_and_flagged() -> None:
    plan, mixture = PLANS["live"], np.ones((2, 7_000), np.float32)
    assembly = Assembly(plan, 44_100, 44_100, 2, spectral=False)
    track = assembly.start(0, ("v",))
    for segment in assembly.push(mixture) + assembly.flush():
        lost = segment.span.index == 3
        track.push(segment.span, None if lost else segment.mixture[np.newaxis][:, :, segment.span.trusted])
    block = assembly.pop()
    assert block is not None
    v = block.stems["v"][0]
    start = 3 * plan.hop
    assert block.degraded == {"v"}
    assert (v[:start] == 1).all()
    assert (v[start + plan.hop + plan.overlap :] == 1).all()
    assert (v[start + plan.overlap : start + plan.hop] == 0).all()
    assert np.abs(np.diff(v)).max() <= 1 / plan.overlap
