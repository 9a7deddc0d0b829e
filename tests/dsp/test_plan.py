import itertools

import pytest

from stemd.dsp.plan import WindowPlan
from stemd.errors import PlanError

PLANS = [WindowPlan(400, 300, 100, 0), WindowPlan(400, 60, 20, 30), WindowPlan(64, 16, 16, 0), WindowPlan(9, 3, 0, 4)]


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("length", [1, 2, 59, 60, 61, 99, 100, 101, 300, 301, 399, 400, 401, 1_234])
def test_trusted_parts_cover_every_frame_and_meet_in_the_overlap(plan: WindowPlan, length: int) -> None:
    spans = list(plan.spans(length))
    assert [span.position for span in spans] == [k * plan.hop for k in range(len(spans))]
    for this, following in itertools.pairwise(spans):
        end = this.position + this.frames
        assert end == min(length, following.position + plan.overlap)
    assert spans[-1].position + spans[-1].frames == length
    assert all(0 <= span.trusted.start <= span.trusted.stop <= plan.segment for span in spans)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_segments_that_fit_do_not_depend_on_the_end(plan: WindowPlan) -> None:
    length = 10 * plan.hop + plan.segment
    for index in range(10):
        assert plan.span(index) == plan.span_at_end(index, length)


@pytest.mark.parametrize(
    "numbers", [(400, 0, 0, 0), (400, 300, 101, 0), (400, 100, 101, 0), (4, 2, 1, -1), (4, 2, -1, 0)]
)
def test_impossible_plans_are_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(PlanError, match=str(numbers[1])):
        WindowPlan(*numbers)
