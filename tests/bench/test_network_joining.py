"""How estimates of segments become a stem, and what it costs."""

from collections.abc import Callable

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp.overlap import OverlapAdd
from stemd.dsp.plan import WindowPlan
from stemd_bench.network.aggregation import Joining, article, join, studio
from stemd_bench.network.joined import Joined
from tests.bench.small_graphs import SEGMENT, noise


class TestJoining:
    @pytest.mark.parametrize("way", [article, studio])
    @pytest.mark.parametrize("length", [1, 16, 63, 64, 65, 200])
    def test_it_is_the_weighted_mean_of_all_estimates(self, way: Callable[[int], Joining], length: int) -> None:
        joining, mixture = way(SEGMENT), noise(length)

        def estimate(segment: Float32Array) -> Float32Array:
            return segment * np.linspace(0.5, 2, SEGMENT, dtype=np.float32) + segment.sum()

        due = np.zeros((2, length))
        for n in range(length):
            total = 0.0
            for start in range(0, length, joining.hop):
                if start <= n < start + SEGMENT:
                    segment = np.zeros((2, SEGMENT), np.float32)
                    there = mixture[:, start : start + SEGMENT]
                    segment[:, : there.shape[1]] = there
                    due[:, n] += joining.weight[n - start] * estimate(segment)[:, n - start].astype(float)
                    total += float(joining.weight[n - start])
            due[:, n] /= total
        assert np.allclose(join(mixture, joining, estimate), due, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("way", [article, studio])
    def test_what_is_copied_comes_back(self, way: Callable[[int], Joining]) -> None:
        mixture = noise(500)
        assert np.allclose(join(mixture, way(SEGMENT), lambda segment: segment), mixture, atol=1e-6)

    def test_the_articles_way_runs_the_network_three_times_as_often(self) -> None:
        calls: list[int] = []

        def estimate(segment: Float32Array) -> Float32Array:
            calls.append(segment.shape[1])
            return segment

        counts = []
        for joining in (studio(SEGMENT), article(SEGMENT)):
            calls.clear()
            join(noise(48 * 20), joining, estimate)
            assert set(calls) == {SEGMENT}
            assert len(calls) == joining.runs(48 * 20)
            counts.append(len(calls))
        assert counts == [20, 60]

    def test_the_75_percent_way_is_the_plan_studio_where_segments_are_whole(self) -> None:
        mixture = noise(SEGMENT * 5)
        ramp = np.linspace(1, 3, SEGMENT, dtype=np.float32)
        plan = WindowPlan(segment=SEGMENT, hop=48, overlap=16, lookahead=0)
        assembled = OverlapAdd(plan, 2)
        whole = [plan.span(k) for k in range(5)]
        parts = [assembled.push(span, mixture[:, span.start : span.start + SEGMENT] * ramp) for span in whole]
        due = np.concatenate(parts, axis=1)
        found = join(mixture, studio(SEGMENT), lambda segment: segment * ramp)
        assert np.allclose(found[:, : due.shape[1]], due, atol=1e-5)

    def test_both_ways_are_measured_once(self) -> None:
        plan, hann = Joined(noise(960), 480, SEGMENT, lambda segment: segment).cases()
        first = plan.run()
        assert first["runs"] == 20
        assert first["per_second"] > 0
        assert hann.run()["apart"] > 100
        assert plan.run() == hann.run() == {}
