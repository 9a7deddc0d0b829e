"""Plan `auto`, the plan that is named where another is refused, and what is remembered of it. No network is run."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.errors import Overloaded
from stemd.separation.store import Model, find
from stemd.service.admission import HEADROOM, Demand, holds
from stemd.service.tuning import hops, tuned
from tests.service.pretence import model_of

RATE = 44_100
SHIPPED = find("spleeter-vocals")
LIVE = SHIPPED.manifest.live.window()
MANY = model_of("waveform", "drums", "vocals")

seconds = st.floats(0.0005, 2.0)
crowds = st.lists(
    st.builds(
        lambda load, hop, slack: Demand(load * hop, hop, min(hop, load * hop * slack)),
        st.floats(0.001, 0.2),
        st.floats(0.02, 1.0),
        st.floats(2, 8),
    ),
    max_size=3,
).filter(holds)


@settings(deadline=None)
@given(seconds, crowds, st.integers(0, 3))
def test_the_hop_is_the_shortest_with_headroom_that_breaks_no_promise(
    compute: float, others: list[Demand], ahead: int
) -> None:
    try:
        plan, demand = tuned(LIVE, SHIPPED, compute, others, ahead)
    except Overloaded:
        limit = LIVE.segment
    else:
        limit = plan.hop
        assert replace(plan, hop=LIVE.hop) == LIVE, "nothing but the hop is chosen"
        assert demand == Demand(compute, plan.hop / RATE, demand.budget)
        assert demand.hop >= HEADROOM * compute
        assert (demand.load + sum(d.load for d in others)) * HEADROOM <= 1
        assert holds([*others, demand])
    for shorter in hops(LIVE, SHIPPED):
        if shorter.hop >= limit:
            break
        # None of these has the headroom, and breaks no promise, whatever its budget.
        hop = shorter.hop / RATE
        least = Demand(compute, hop, max(hop, compute))
        roomy = hop >= HEADROOM * compute and (compute / hop + sum(d.load for d in others)) * HEADROOM <= 1
        reserve = min(1, ahead) * max([compute, *(d.compute for d in others)])
        fits = compute + ahead * max([compute, *(d.compute for d in others)]) <= hop
        assert not (roomy and fits and holds([*others, least], reserve=reserve))


@pytest.mark.parametrize("model", [SHIPPED, MANY], ids=["mask", "waveform"])
def test_every_hop_that_is_tried_is_one_that_the_model_can_have(model: Model) -> None:
    plan = WindowPlan(65 * stft.HOP, 4 * stft.HOP, 3 * stft.HOP, 5 * stft.HOP)
    tried = [candidate.hop for candidate in hops(plan, model)]
    assert tried == sorted(set(tried))
    assert tried[0] >= plan.overlap
    assert tried[-1] <= plan.segment - plan.overlap - plan.lookahead
    assert not model.spectral or not any(hop % stft.HOP for hop in tried)
