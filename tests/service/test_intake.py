"""What a source may send, and when: laws that need a clock of their own."""

from typing import Any

import numpy as np
import pytest

from stemd.audio import encode_pcm
from stemd.errors import BlockError
from stemd.protocol import Mixture, Open
from stemd.service.intake import MAX_GAP_SECONDS, Intake

RATE = 48_000
BLOCK = 480
SECOND = 1_000_000_000
OPEN = Open(1, "desk", RATE, 2, "f32le", BLOCK, "realtime", None, None, None)


class Source:
    """Sends blocks of noise at times and positions that a test chooses."""

    def __init__(self, granted: int | None = None) -> None:
        self.now = 5 * SECOND
        self.intake = Intake(OPEN, lambda: self.now)
        self.intake.granted = granted

    def send(self, position: int, frames: int = BLOCK) -> tuple[int, Any] | None:
        pcm = encode_pcm(np.full((2, frames), 0.5, np.float32), "f32le")
        return self.intake.check(Mixture("desk", position, None), memoryview(pcm))

    def paced(self, start: int, count: int, speed: float = 1.0) -> int:
        """Send `count` blocks one behind the other, `speed` times as fast as they last; the position after them."""
        for k in range(count):
            self.now += round(BLOCK / RATE / speed * SECOND)
            self.send(start + k * BLOCK)
        return start + count * BLOCK

    def burst(self, start: int) -> int:
        """Send blocks at once until one is refused; how many frames were taken."""
        for position in range(start, start + 3_600 * RATE, BLOCK):
            try:
                self.send(position)
            except BlockError as fault:
                assert "ahead of real time" in str(fault)  # noqa: PT017 - which of many is refused is the question
                return position - start
        raise AssertionError("an hour at once was taken")


def test_a_source_at_its_own_pace_is_never_refused() -> None:
    source = Source()
    source.paced(0, 30_000, speed=1.001)  # five minutes; no crystal is that wrong
    assert source.intake.refused == 0


def test_two_seconds_at_once_are_taken_and_no_more() -> None:
    source = Source()
    assert 2 * RATE - BLOCK <= source.burst(0) <= 2 * RATE + BLOCK
    assert source.intake.refused == 1


def test_a_source_that_was_refused_for_its_haste_is_taken_again_in_time() -> None:
    source = Source()
    taken = source.burst(0)
    source.now += SECOND
    source.paced(taken, 50)
    assert source.intake.refused == 1


@pytest.mark.parametrize("pause", [1, 60, 3_600])
def test_a_source_that_paused_may_not_make_up_for_it_at_once(pause: int) -> None:
    """Else an hour of silence would be a licence to fill the memory with an hour of sound."""
    source = Source()
    position = source.paced(0, 100)
    source.now += pause * SECOND
    assert source.burst(position) <= 2 * RATE + BLOCK


@pytest.mark.parametrize("lost", [1, 3, MAX_GAP_SECONDS])
def test_a_source_that_lost_some_time_goes_on_where_its_clock_is(lost: int) -> None:
    source = Source()
    position = source.paced(0, 100)
    source.now += lost * SECOND
    checked = source.send(position + lost * RATE)
    assert checked is not None
    assert checked[0] == lost * RATE
    source.paced(position + lost * RATE + BLOCK, 1_000)
    assert (source.intake.refused, source.intake.gaps) == (0, 1)


def test_a_source_whose_first_block_comes_later_than_its_stream_was_opened() -> None:
    source = Source()
    source.now += 5 * SECOND
    checked = source.send(5 * RATE)
    assert checked is not None
    source.paced(5 * RATE + BLOCK, 1_000)
    assert source.intake.refused == 0


def test_a_block_without_samples_moves_the_position_alone() -> None:
    source = Source(granted=100 * BLOCK)
    source.send(0)
    checked = source.send(10 * BLOCK, frames=0)
    assert checked is not None
    assert checked[0] == 9 * BLOCK
    assert checked[1].shape == (2, 0)
    assert (source.intake.expected, source.intake.gaps, source.intake.refused) == (10 * BLOCK, 1, 0)
    nothing = source.send(10 * BLOCK, frames=0)
    assert nothing is not None
    assert (nothing[0], source.intake.gaps) == (0, 1)


def test_what_is_refused_moves_nothing() -> None:
    source = Source(granted=100 * BLOCK)
    source.send(0)
    for position, frames in ((100 * BLOCK - 1, BLOCK), (BLOCK, BLOCK + 1), (11 * RATE, BLOCK)):
        with pytest.raises(BlockError):
            source.send(position, frames)
        assert source.intake.expected == BLOCK
    assert source.intake.refused == 3


def test_a_late_block_is_counted_and_moves_nothing() -> None:
    source = Source(granted=100 * BLOCK)
    source.send(10 * BLOCK)
    for position in (0, 9 * BLOCK, 10 * BLOCK, 11 * BLOCK - 1):
        assert source.send(position) is None
    assert (source.intake.expected, source.intake.late, source.intake.refused) == (11 * BLOCK, 4, 0)
