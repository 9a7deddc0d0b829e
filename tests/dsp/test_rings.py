"""The rings against models that keep everything in a dictionary."""

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.dsp.rings import CaptureRing, TimelineRing

CAPACITY = 16


def frames(position: int, count: int) -> npt.NDArray[np.float32]:
    """(frames, channels) that tell their position; none of them is silence."""
    numbers = np.arange(position, position + count, dtype=np.float32) + 1
    return np.stack([numbers, -numbers], axis=1)


def expected(positions: Sequence[int], there: set[int]) -> npt.NDArray[np.float32]:
    return np.array([(p + 1, -p - 1) if p in there else (0, 0) for p in positions], np.float32).reshape(-1, 2)


steps = st.lists(st.tuples(st.booleans(), st.integers(0, CAPACITY)), max_size=60)


@given(steps)
def test_captured_frames_keep_their_positions(steps: list[tuple[bool, int]]) -> None:
    ring = CaptureRing(CAPACITY, 2)
    came = reader = lost = 0
    kept: set[int] = set()
    for write, count in steps:
        if write:
            fit = min(count, max(0, reader + CAPACITY - came))
            kept |= set(range(came, came + fit))
            ring.write(frames(came, count))
            came, lost = came + count, lost + count - fit
        else:
            position, samples = ring.read(count or None)
            end = position + samples.shape[1]
            assert np.array_equal(samples.T, frames(position, end - position))
            assert not kept & set(range(reader, position)), "frames were passed over"
            assert set(range(position, end)) <= kept
            assert end == came or samples.shape[1] > 0
            reader = end
        assert (ring.position, ring.lost, ring.filled) == (came, lost, came - reader)


def test_overflow_leaves_a_hole_where_the_newest_frames_were() -> None:
    ring = CaptureRing(CAPACITY, 2)
    ring.write(frames(0, 10))
    ring.write(frames(10, 10))  # four too many
    ring.write(frames(20, 3))
    assert ring.lost == 7
    position, samples = ring.read()
    assert (position, samples.shape) == (0, (2, 16))
    position, samples = ring.read()
    assert (position, samples.shape) == (23, (2, 0))
    ring.write(frames(23, 5))
    position, samples = ring.read()
    assert position == 23
    assert np.array_equal(samples.T, frames(23, 5))


def test_a_reader_that_slept_for_many_rings_gets_what_came_first_and_then_what_comes() -> None:
    ring = CaptureRing(CAPACITY, 2)
    for position in range(0, 50 * CAPACITY, 5):
        ring.write(frames(position, 5))
    assert ring.read()[1].shape[1] == CAPACITY
    assert ring.read()[0] == 50 * CAPACITY
    ring.write(frames(50 * CAPACITY, 5))
    position, samples = ring.read()
    assert np.array_equal(samples.T, frames(position, 5))


@given(
    st.integers(-20, 20),
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 12), st.integers(0, 2 * CAPACITY)),
            st.tuples(st.just("play"), st.just(0), st.integers(0, CAPACITY)),
        ),
        max_size=60,
    ),
)
def test_every_frame_plays_at_its_position_or_not_at_all(start: int, steps: list[tuple[str, int, int]]) -> None:
    ring = TimelineRing(CAPACITY, 2)
    ring.seek(start)
    cursor, written = start, max(0, start)
    there: set[int] = set()
    missing = underruns = late = 0
    for kind, jump, count in steps:
        if kind == "write":
            position = written + jump
            taken = ring.write(position, frames(position, count).T)
            over = min(count, max(0, cursor - position))
            assert taken == max(over, min(count, max(0, cursor + CAPACITY - position)))
            there |= set(range(position + over, position + taken))
            late += over
            written = position + taken
        else:
            out = np.full((count, 2), np.nan, np.float32)
            ring.read_into(out)
            positions = range(cursor, cursor + count)
            assert np.array_equal(out, expected(positions, there))
            lack = sum(p >= 0 and p not in there for p in positions)
            missing, underruns, cursor = missing + lack, underruns + bool(lack), cursor + count
        assert (ring.cursor, ring.missing, ring.underruns, ring.late) == (cursor, missing, underruns, late)


def test_before_it_has_a_cursor_it_plays_silence_and_counts_nothing() -> None:
    ring = TimelineRing(CAPACITY, 2)
    out = np.full((5, 2), np.nan, np.float32)
    ring.read_into(out)
    assert not out.any()
    assert ring.write(100, frames(100, 20).T) == CAPACITY  # from the first position on, what fits
    assert ring.write(116, frames(116, 4).T) == 0
    ring.read_into(out)
    assert not out.any()
    assert (ring.cursor, ring.underruns, ring.missing, ring.late) == (None, 0, 0, 0)
    ring.seek(103)
    ring.read_into(out)
    assert np.array_equal(out, frames(103, 5))
    assert ring.cursor == 108


def test_what_an_underrun_leaves_out_is_not_made_up_for() -> None:
    ring = TimelineRing(CAPACITY, 2)
    ring.seek(0)
    out = np.empty((4, 2), np.float32)
    ring.write(0, frames(0, 4).T)
    for _ in range(3):
        ring.read_into(out)
    assert (ring.underruns, ring.missing) == (2, 8)
    assert ring.write(4, frames(4, 12).T) == 12  # 4 to 11 are over
    assert ring.late == 8
    ring.read_into(out)
    assert np.array_equal(out, frames(12, 4))


def test_seeking_again_moves_the_timeline_both_ways() -> None:
    ring = TimelineRing(CAPACITY, 2)
    out = np.empty((2, 2), np.float32)
    ring.seek(0)
    ring.write(0, frames(0, 16).T)
    ring.read_into(out)
    for cursor in (9, 3):
        ring.seek(cursor)
        assert ring.cursor == cursor
        ring.read_into(out)
        assert np.array_equal(out, frames(cursor, 2))


def test_frames_from_an_earlier_lap_are_never_played() -> None:
    ring = TimelineRing(CAPACITY, 2)
    ring.seek(0)
    ring.write(0, frames(0, CAPACITY).T)
    out = np.full((CAPACITY, 2), np.nan, np.float32)
    ring.read_into(out)
    ring.read_into(out)  # the same slots, one lap on
    assert not out.any()


@pytest.mark.parametrize("kind", ["capture", "timeline"])
def test_a_writer_and_a_reader_in_two_threads(kind: str) -> None:
    total, capacity = 200_000, 1_000
    capture, timeline = CaptureRing(capacity, 2), TimelineRing(capacity, 2)
    faults: list[str] = []

    def write() -> None:
        position, sizes = 0, np.random.default_rng(1)
        while position < total:
            count = min(int(sizes.integers(1, 300)), total - position)
            if kind == "capture":
                capture.write(frames(position, count))
                position += count
            else:
                position += timeline.write(position, frames(position, count).T)

    writer = threading.Thread(target=write)
    timeline.seek(0)
    writer.start()
    position, out = 0, np.empty((137, 2), np.float32)
    while position < total:
        if kind == "capture":
            position, samples = capture.read()
            if not np.array_equal(samples.T, frames(position, samples.shape[1])):
                faults.append(f"at {position}")
            position += samples.shape[1]
        else:
            timeline.read_into(out)
            played = frames(position, len(out))
            if not np.array_equal(out, np.where(out == 0, 0, played)):
                faults.append(f"at {position}")
            position += len(out)
    writer.join(10)
    assert not faults
