"""Laws of the ring between the event loop and the audio callback."""

import threading

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stemd_client.ring import Ring


def ramp(start: int, frames: int) -> np.ndarray:
    return np.arange(start + 1, start + frames + 1, dtype=np.float32)[:, np.newaxis]


@given(st.integers(1, 50), st.lists(st.tuples(st.booleans(), st.integers(0, 70)), max_size=60))
def test_what_is_read_is_what_fitted_in_order(capacity: int, steps: list[tuple[bool, int]]) -> None:
    ring = Ring(capacity, 1, 1)
    written, read = 0, []
    for writes, frames in steps:
        if writes:
            taken = ring.write(ramp(written, frames))
            assert taken == min(frames, capacity - ring.filled + taken)
            written += taken
        else:
            out = np.full((frames, 1), -1, np.float32)
            ring.read_into(out)
            heard = out[out > 0]
            assert (out >= 0).all()
            assert (out[: len(heard), 0] == heard).all()  # silence only behind
            read += heard.tolist()
        assert 0 <= ring.filled <= capacity
    assert read == list(range(1, len(read) + 1))
    assert len(read) + ring.filled == written


def test_it_begins_when_prefilled_and_again_after_an_underrun() -> None:
    ring = Ring(100, 20, 1)
    out = np.zeros((10, 1), np.float32)

    def silent() -> bool:
        out[:] = -1
        ring.read_into(out)
        return not out.any()

    ring.write(ramp(0, 19))
    assert silent()
    assert ring.underruns == 0
    ring.write(ramp(19, 6))
    assert [silent(), silent(), silent()] == [False, False, False]
    assert ring.underruns == 1  # 25 frames do not fill three blocks
    ring.write(ramp(25, 19))
    assert silent()
    assert ring.underruns == 1


def test_the_end_is_played_out_and_is_no_underrun() -> None:
    ring = Ring(100, 50, 1)
    out = np.zeros((10, 1), np.float32)
    ring.write(ramp(0, 15))
    ring.end()
    heard = []
    for _ in range(3):
        ring.read_into(out)
        heard += out[out > 0].tolist()
    assert heard == list(range(1, 16))
    assert ring.underruns == 0


def test_a_reader_in_another_thread_hears_every_frame_in_order() -> None:
    ring, total, heard = Ring(1_000, 1, 2), 200_000, []

    def read() -> None:
        out = np.zeros((137, 2), np.float32)
        count = 0
        while count < total:
            ring.read_into(out)
            block = out[out[:, 0] > 0]
            heard.append(block.copy())
            count += len(block)

    reader = threading.Thread(target=read)
    reader.start()
    position = 0
    while position < total:
        position += ring.write(np.repeat(ramp(position, min(501, total - position)), 2, axis=1))
    reader.join(20)
    np.testing.assert_array_equal(np.concatenate(heard), np.repeat(ramp(0, total), 2, axis=1))
