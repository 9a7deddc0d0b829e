"""Laws of the delays that are asked of OBS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd_client.obs.delays import (
    RENDER_DELAY,
    RENDER_LIMIT_MS,
    VIDEO_DELAY,
    VIDEO_LIMIT_MS,
    Delay,
    Picture,
    advice,
    plan_delays,
    render_setting,
)

CAMERA, LOGO, CLIP = Picture("camera", True), Picture("logo", False), Picture("clip", True)
SCENES = {"on air": [CAMERA, LOGO], "break": [LOGO, CLIP, CAMERA]}


@pytest.mark.parametrize(("delay_ms", "setting"), [(10, 20), (40, 50), (250, 260), (490, 500), (500, 500)])
def test_up_to_500_ms_one_render_delay_a_scene_takes_everything(delay_ms: int, setting: int) -> None:
    plan = plan_delays(delay_ms, SCENES, 100)
    assert plan.filters == tuple(Delay(scene, RENDER_DELAY, setting) for scene in SCENES)
    assert plan.left == ()
    assert advice(plan) == []


@pytest.mark.parametrize("delay_ms", [501, 960, 20_000])
def test_beyond_500_ms_video_delay_takes_what_is_buffered_and_the_rest_is_named_once(delay_ms: int) -> None:
    plan = plan_delays(delay_ms, SCENES)
    assert plan.filters == (Delay("camera", VIDEO_DELAY, delay_ms), Delay("clip", VIDEO_DELAY, delay_ms))
    assert plan.left == ("logo",)
    text = "\n".join(advice(plan))
    assert f"{delay_ms} ms: 'logo'" in text
    assert "--plan fast" in text
    assert "stream delay" in text


def test_beyond_20_s_nothing_can_be_held_back() -> None:
    plan = plan_delays(20_001, SCENES)
    assert (plan.filters, plan.left) == ((), ("camera", "logo", "clip"))


def held(setting_ms: float, picture: float) -> float:
    """For how long OBS holds a picture back, in ms."""
    return max(0, int(setting_ms / picture + 1e-9) - 1) * picture


@given(st.floats(0.1, 500), st.sampled_from([24.0, 25.0, 30_000 / 1_001, 30.0, 50.0, 60_000 / 1_001, 60.0]))
def test_render_delay_is_off_by_half_a_picture_at_most(delay_ms: float, pictures_per_second: float) -> None:
    """OBS holds back one whole picture less than go into it (`test_render_delay_holds_the_picture_back`)."""
    picture = 1_000 / pictures_per_second
    kept = held(render_setting(delay_ms, pictures_per_second), picture)
    assert abs(kept - min(delay_ms, held(RENDER_LIMIT_MS, picture))) <= picture / 2 + 1e-6


def test_no_delay_is_no_filter() -> None:
    assert plan_delays(0, SCENES).filters == plan_delays(-3, SCENES).filters == plan_delays(4, SCENES).filters == ()


pictures = st.lists(st.builds(Picture, st.sampled_from("abcdef"), st.booleans()), unique_by=lambda each: each.name)


@given(st.integers(-100, 30_000), pictures)
def test_no_filter_is_beyond_its_limit_and_each_picture_is_held_back_exactly_once_or_named(
    delay_ms: int, shown: list[Picture]
) -> None:
    plan = plan_delays(delay_ms, {"scene": shown})
    limits = {RENDER_DELAY: RENDER_LIMIT_MS, VIDEO_DELAY: VIDEO_LIMIT_MS}
    assert all(0 <= each.delay_ms <= limits[each.kind] for each in plan.filters)
    for each in plan.filters:
        kept = held(each.delay_ms, 1_000 / 60) if each.kind == RENDER_DELAY else each.delay_ms
        assert abs(kept - delay_ms) <= 1_000 / 60 + 1e-6
    if delay_ms > RENDER_LIMIT_MS:
        touched = [*(each.source for each in plan.filters), *plan.left]
        assert sorted(touched) == sorted(each.name for each in shown)
