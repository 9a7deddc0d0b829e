"""The way of a stem block: from capture to leaving, by the segment that it waited for."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from typing import Any

import msgpack
import pytest

from stemd.dsp.plan import WindowPlan
from stemd.protocol import Stem, Way, to_frames
from tests.networks import FunctionSpecialist, copy, noise
from tests.protocol.make_golden import EXAMPLES
from tests.service.pretence import Desk, FakePool, Heard, LatePool, model_of, now_ns, open_desk, pretend

PLAN = WindowPlan(16_384, 4_096, 1_024, 2_048)
RATE, BLOCK = 44_100, 441
LENGTH = 20 * PLAN.hop
USUAL, SLOW = 0.02, 0.3  # seconds
ROOMY = 0.5  # seconds for computing


def specialists(*stems: str) -> list[FunctionSpecialist]:
    return [FunctionSpecialist(copy, names=(stem,)) for stem in stems]


def in_order(*seconds: float) -> Callable[..., float]:
    """Gives these, one after the other, then what is usual."""
    left = list(seconds)
    return lambda *_: left.pop(0) if left else USUAL


def played(
    pool: FakePool | LatePool,
    stems: Sequence[str] = ("vocals",),
    listened: Sequence[str] = ("vocals",),
    **options: Any,
) -> tuple[Desk, dict[str, Heard]]:
    """A stream from its begin to its end, and what was heard of it."""

    async def play() -> tuple[Desk, dict[str, Heard]]:
        settings = {"block": BLOCK, "compute": ROOMY, "way": True, **options}
        desk = open_desk(pool, model_of("waveform", *stems), PLAN, stems, listened, **settings)
        await desk.play(noise(LENGTH))
        return desk, await desk.close()

    return pretend(play())


def way(header: Stem) -> Way:
    """It must have one."""
    assert header.way is not None, f"the block at {header.position} has no way"
    return header.way


def waited_for(header: Stem) -> int:
    """The index of the segment; the stream's rate is the network's."""
    return (header.position + header.frames - 1) // PLAN.hop


def test_the_points_of_a_way_ascend_from_capture_to_leaving() -> None:
    _, heard = played(FakePool(specialists("vocals"), in_order(*5 * [USUAL], SLOW)))
    vocals = heard["vocals"]
    assert len(vocals.headers) == -(-LENGTH // BLOCK)
    for header, seconds in zip(vocals.headers, vocals.times, strict=True):
        points = [header.capture_ns, *astuple(way(header))]
        assert points == sorted(points)
        assert points[-1] == round(seconds * 1e9)


def test_a_way_begins_with_the_input_block_that_completed_the_segment() -> None:
    desk, heard = played(FakePool(specialists("vocals"), in_order()))
    for header in heard["vocals"].headers:
        needed = min(LENGTH, waited_for(header) * PLAN.hop + PLAN.latency)
        sent = (needed - 1) // BLOCK * BLOCK / RATE  # the end of the stream was said with the last block
        assert abs(way(header).arrived / 1e9 - desk.began - sent) < 1e-6
        assert way(header).submitted == way(header).arrived


def test_a_slow_segment_shows_in_the_blocks_that_waited_for_it_and_in_no_others() -> None:
    _, heard = played(FakePool(specialists("vocals"), in_order(*5 * [USUAL], SLOW)))
    taken = {
        (waited_for(h), round((way(h).network_ended - way(h).network_begun) / 1e9, 3)) for h in heard["vocals"].headers
    }
    assert taken == {(index, SLOW if index == 5 else USUAL) for index in range(LENGTH // PLAN.hop)}
    queue = {waited_for(h): way(h).begun - way(h).submitted for h in heard["vocals"].headers}
    assert [index for index, waited in queue.items() if waited] == [6, 7, 8], "those behind it waited for the worker"
    assert queue[6] > queue[7] > queue[8]


def test_where_estimates_overtake_each_other_the_points_still_ascend_from_capture_on() -> None:
    late = [0.25 if index % 4 == 1 else 0.01 for index in range(LENGTH // PLAN.hop)]
    _, heard = played(LatePool(specialists("vocals"), in_order(*late)))
    assert not heard["vocals"].flagged("degraded")
    for header in heard["vocals"].headers:
        points = [header.capture_ns, *astuple(way(header))]
        assert points == sorted(points)
        assert way(header).ready == way(header).ended, "nothing but the joining of estimates lies between the two"


def test_only_blocks_with_an_estimate_have_a_way() -> None:
    stems = ("vocals", "instrumental", "mix")
    _, heard = played(FakePool(specialists("vocals"), in_order(*3 * [USUAL], 9.0)), listened=stems)
    degraded = heard["vocals"].flagged("degraded")
    assert degraded
    for stem in ("vocals", "instrumental"):
        assert [header.position for header in heard[stem].headers if header.way is None] == degraded
    assert all(header.way is None for header in heard["mix"].headers)


def test_what_overtook_a_segment_that_was_given_up_has_its_own_way() -> None:
    _, heard = played(LatePool(specialists("vocals"), in_order(USUAL, USUAL, 9.0)), compute=0.2)
    assert {waited_for(h) for h in heard["vocals"].headers if h.way is None} >= {2}
    for header in heard["vocals"].headers:
        assert (header.way is None) == ("degraded" in header.flags)
        if header.way and waited_for(header) == 3:
            assert header.way.ready >= header.way.ended


def test_what_is_made_of_several_stems_has_the_way_of_the_one_that_was_ready_last() -> None:
    stems = ("vocals", "drums", "bass")
    pool = FakePool(specialists(*stems), in_order(*LENGTH // PLAN.hop * [USUAL, SLOW / 10, USUAL / 2]))
    _, heard = played(pool, stems, (*stems, "out", "instrumental"))
    last = set()
    for number, header in enumerate(heard["out"].headers):
        ways = {stem: way(heard[stem].headers[number]) for stem in stems}
        latest = max(stems, key=lambda stem: ways[stem].ready)
        last.add(latest)
        assert replace(way(header), left=0) == replace(ways[latest], left=0)
        instrumental = way(heard["instrumental"].headers[number])
        assert replace(instrumental, left=0) == replace(ways["vocals"], left=0)
    assert last - {"vocals"}


def test_who_does_not_ask_is_sent_what_was_sent_before_there_were_ways() -> None:
    _, heard = played(FakePool(specialists("vocals"), in_order()), way=False)
    before = set(msgpack.unpackb(to_frames(EXAMPLES["stem"][0])[1]))
    assert "way" not in before
    for header in heard["vocals"].headers:
        assert set(msgpack.unpackb(to_frames(header)[1])) == before


def test_ways_are_forgotten_once_their_blocks_are_given() -> None:
    stems = ("vocals", "drums")
    desk, _ = played(FakePool(specialists(*stems), in_order()), stems, stems)
    inside = -(-desk.stream.promise.latency // PLAN.hop) + 1  # segments of which a block may still be inside
    assert 0 < len(desk.stream._jobs._ways) <= len(stems) * inside


def test_of_a_stem_that_nobody_listens_to_any_more_no_ways_are_kept() -> None:
    async def play() -> int:
        model, stems = model_of("waveform", "vocals"), ("vocals",)
        pool = FakePool(specialists("vocals"), in_order())
        desk = open_desk(pool, model, PLAN, stems, stems, block=BLOCK, compute=ROOMY, way=True)
        mixture = noise(LENGTH)
        await desk.play(mixture[:, : LENGTH // 4])
        assert len(desk.stream._jobs._ways)
        for subscription in list(desk.stream.outlet.subscriptions):
            desk.stream.unsubscribe(subscription)
        await desk.play(mixture, LENGTH // 4)
        assert not desk.stream.state()["running"]
        return len(desk.stream._jobs._ways)

    assert pretend(play()) == 0


@pytest.mark.parametrize("later", [5_000_000, -5_000_000])
def test_frames_of_a_device_are_read_before_they_are_submitted_though_they_count_as_later(later: int) -> None:
    async def play() -> dict[str, Heard]:
        model = model_of("waveform", "vocals")
        pool = FakePool(specialists("vocals"), in_order())
        desk = open_desk(pool, model, PLAN, ("vocals",), ("vocals",), block=BLOCK, compute=ROOMY, way=True)
        mixture = noise(LENGTH)
        for at in range(0, LENGTH, BLOCK):
            await desk.until(at)
            desk.stream.capture(at, mixture[:, at : at + BLOCK], now_ns() + later)
        return await desk.close()

    for header in pretend(play())["vocals"].headers:
        points = astuple(way(header))
        assert list(points) == sorted(points)
        if waited_for(header) * PLAN.hop + PLAN.latency < LENGTH:  # else it waited for the stream's end
            assert way(header).submitted - way(header).arrived == max(0, -later)
