"""The noise of two runs: the interval is exactly that of the test behind it, and says no more than the repeats bear."""

import math
from itertools import combinations

import numpy as np
import pytest
import scipy.stats

from stemd_bench.compare.noise import CONFIDENCE, chance_of_order, shift


@pytest.mark.parametrize(("a", "b"), [(4, 4), (3, 5), (2, 8), (5, 7), (10, 10)])
def test_the_interval_holds_exactly_the_shifts_that_the_test_does_not_refuse(a: int, b: int) -> None:
    """By SciPy's exact Mann-Whitney test: inside, p is over 5 %; outside, it is not."""
    random = np.random.default_rng(a * b)
    first, second = random.normal(0, 1, a), random.normal(1, 2, b)
    found = shift(first.tolist(), second.tolist())
    assert found.confidence is not None
    for place in np.linspace(found.low - 1, found.high + 1, 101):
        p = scipy.stats.mannwhitneyu(second - place, first, method="exact").pvalue
        assert (p > 1 - CONFIDENCE) == (found.low < place < found.high)
    p = scipy.stats.mannwhitneyu(second - (found.low - 1e-9), first, method="exact").pvalue
    assert found.confidence == pytest.approx(1 - p)


@pytest.mark.parametrize(("a", "b"), [(4, 4), (5, 5), (3, 6), (4, 3), (3, 3), (1, 9), (2, 7), (2, 8)])
def test_there_is_an_interval_where_the_most_extreme_order_is_rare_enough(a: int, b: int) -> None:
    found = shift(range(a), [0.5 + n for n in range(b)])
    rare = 2 / math.comb(a + b, a) <= 1 - CONFIDENCE
    assert (found.confidence is not None) is rare
    if found.confidence is not None:
        assert found.confidence >= CONFIDENCE


def test_the_interval_holds_the_shift_as_often_as_it_says() -> None:
    """Where nothing changed, each four of eight values are as likely to be those of A: so all are tried."""
    values = {1.0, 1.5, 2.7, 3.1, 5.0, 7.0, 7.2, 8.8}
    found = [shift(four, sorted(values - set(four))) for four in combinations(sorted(values), 4)]
    held = sum(one.low <= 0 <= one.high for one in found)
    assert held / len(found) == pytest.approx(found[0].confidence)
    assert held < len(found)


def test_what_has_no_noise_is_certain_and_one_value_is_not() -> None:
    assert shift([80, 80], [100, 100, 100]).confidence == 1
    assert shift([80], [100]).confidence is None
    assert shift([80, 80], [100, 100]).low == 20


def test_the_estimate_is_the_median_of_all_pairs() -> None:
    assert shift([0, 1], [10, 20, 70]).estimate == np.median([10, 20, 70, 9, 19, 69])


def test_both_ways_are_the_same_but_for_the_sign() -> None:
    a, b = [1.0, 4.0, 2.0, 9.0], [5.0, 3.0, 11.0, 2.5, 8.0]
    there, back = shift(a, b), shift(b, a)
    assert (there.estimate, there.low, there.high) == (-back.estimate, -back.high, -back.low)


def test_all_of_one_above_all_of_the_other_is_one_order_of_many() -> None:
    assert [chance_of_order(1, 1), chance_of_order(3, 3)] == [1 / 2, 1 / 20]
