"""Distributions count every value once, in its bucket, and the whole counts what its parts do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.service.distribution import LATENCY, LATENESS, MARGIN, Distribution, Timings
from stemd.service.seeing.metric import Metric
from stemd.service.seeing.view import LAG

finite = st.floats(-100, 100)


@given(st.lists(finite))
def test_counts_are_those_of_a_histogram_with_upper_bounds_inside(values: list[float]) -> None:
    distribution = Distribution(MARGIN)
    for value in values:
        distribution.note(value)
    [family] = [Metric("x", "histogram", "Words.", lambda _: []).family([((), distribution)])]
    below = {sample.labels["le"]: sample.value for sample in family.samples}
    for bound in MARGIN:
        assert below[str(bound)] == sum(value <= bound for value in values)
    assert below["+Inf"] == len(values)
    assert distribution.total == pytest.approx(sum(values))


@given(st.lists(st.lists(st.floats(0, 10), max_size=5), max_size=4))
def test_the_whole_is_the_sum_of_its_parts_those_that_are_over_too(parts: list[list[float]]) -> None:
    whole = Timings()
    for values in parts:
        timings = Timings()
        timings.belong_to(whole)
        for value in values:
            timings.latency.note(value)
            timings.lateness.note(value / 2)
            timings.margin.note(-value)
    everything = [value for values in parts for value in values]
    assert sum(whole.latency.counts) == sum(whole.lateness.counts) == sum(whole.margin.counts) == len(everything)
    assert whole.latency.total == pytest.approx(sum(everything))
    assert whole.margin.total == pytest.approx(-sum(everything))


def test_a_copy_stays_as_it_is() -> None:
    distribution = Distribution(LATENCY)
    distribution.note(0.3)
    before = distribution.copy()
    distribution.note(0.3)
    assert (sum(before.counts), sum(distribution.counts)) == (1, 2)


@pytest.mark.parametrize("bounds", [LATENCY, LATENESS, MARGIN, LAG])
def test_bounds_rise(bounds: tuple[float, ...]) -> None:
    assert (np.diff(bounds) > 0).all()


def test_what_is_not_above_0_is_told_apart() -> None:
    assert 0.0 in MARGIN
