"""Which segment a block waits for, said without a clock: it leaves with that one's estimate, and not before."""

from collections.abc import Sequence

import numpy as np
import pytest

from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.separation.assembly import Assembly, Track
from tests.networks import FunctionSpecialist, blocks, copy, noise

PLANS = {
    "studio": WindowPlan(4_000, 3_000, 1_000, 0),
    "live": WindowPlan(4_000, 700, 50, 300),
    "no overlap": WindowPlan(4_000, 1_000, 0, 3_000),
}
LENGTH = 40_011
SLACK = 3  # frames by which a resampler may be ahead of the least that it promises


def cut(plan: WindowPlan, rate: int, size: int | str) -> tuple[Assembly, Track, Sequence[Segment]]:
    """A recording in an assembly, and all the segments of it."""
    assembly, mixture = Assembly(plan, 44_100, rate, 2, spectral=False), noise(LENGTH)
    track = assembly.start(0, ("stem0",))
    segments = [segment for part in blocks(LENGTH, size) for segment in assembly.push(mixture[:, part])]
    return assembly, track, [*segments, *assembly.flush()]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 96_000, 8_000, 32_000])
def test_frames_that_wait_for_a_segment_that_never_came_are_degraded_and_no_others(plan: WindowPlan, rate: int) -> None:
    assembly = Assembly(plan, 44_100, rate, 2, spectral=False)
    track = assembly.start(0, ("stem0",))
    for index in range(7):
        track.push(plan.span(index), noise(plan.span(index).reach)[np.newaxis] if index < 6 else None)
    [(first, _)] = track.degraded
    for stop in range(first - 9, first + 10):
        assert (track.waited_for(stop) == 6) == track.is_degraded(stop - 1, stop), stop


def released(assembly: Assembly, track: Track) -> dict[int, int]:
    """The segment that each block says it waited for, of those that can leave now, by where they end."""
    named = {}
    while (stop := assembly.due) > assembly.given and assembly.pop():
        named[stop] = track.waited_for(stop)
    return named


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("size", [64, 441, 4_410, "random"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 96_000, 8_000])
def test_a_block_names_the_segment_whose_estimate_let_it_leave(plan: WindowPlan, size: int | str, rate: int) -> None:
    specialist = FunctionSpecialist(copy)
    assembly, track, segments = cut(plan, rate, size)
    waited: dict[int, int] = {}
    for segment in segments:
        track.push(segment.span, specialist.run(segment))
        left = released(assembly, track)
        assert set(left.values()) <= {segment.span.index}
        waited |= left
    assert assembly.given == LENGTH

    # Afterwards, when all estimates are there, they name the same: but for blocks that end where a segment does.
    assembly, track, segments = cut(plan, rate, size)
    for segment in segments:
        track.push(segment.span, specialist.run(segment))
    later = released(assembly, track)
    assert later.keys() == waited.keys()
    doubtful = 0 if rate == 44_100 else SLACK
    for stop, index in waited.items():
        assert later[stop] == index or track.waited_for(stop - doubtful) == index, stop
