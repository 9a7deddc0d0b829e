"""Laws of the line that frames wait in: it gives what was appended, views stay, and nothing moves that need not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.audio import Float32Array
from stemd.dsp.fifo import Fifo

WINDOW = 600
Counts = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 700)), min_size=20, max_size=40)


def numbered(start: int, count: int) -> Float32Array:
    """Frames whose samples are their positions plus one; the second channel's are negative."""
    line = np.arange(start + 1, start + 1 + count, dtype=np.float32)
    return np.stack([line, -line])


@given(steps=Counts, silence=st.integers(0, 700), window=st.sampled_from([0, 1, WINDOW]), ready=st.booleans())
def test_what_was_appended_is_given_and_views_stay_as_they_are(
    steps: list[tuple[int, int]], silence: int, window: int, ready: bool
) -> None:
    fifo = Fifo(np.float32, 2, silence=silence, window=window)
    if ready:
        fifo.take_memory()
    views: list[tuple[int, int, Float32Array]] = []
    for count, kept in steps:
        fifo.append(numbered(fifo.end, count))
        start = max(fifo.start, fifo.end - kept)
        views.append((start, fifo.end, fifo.view(start, fifo.end)))
        fifo.forget_before(start)
        if len(views) > 3:
            views.pop(0)
        for begin, end, view in views:
            expected = numbered(begin, end - begin)
            expected[:, : max(0, -begin)] = 0
            assert np.array_equal(view, expected)


def test_what_was_never_appended_is_silent() -> None:
    fifo = Fifo(np.float32, 2, start=10, silence=4)
    fifo.append(numbered(10, 3))
    assert fifo.window(2, 16)[0].tolist() == [0] * 8 + [11, 12, 13] + [0] * 3
    assert np.shares_memory(fifo.window(6, 13), fifo.view(10, 13))
    fifo.forget_before(8)
    with pytest.raises(IndexError):
        fifo.window(6, 13)


@pytest.mark.parametrize("block", [1, 64, 300])
def test_nothing_moves_and_no_memory_is_new_while_no_more_than_the_window_is_held(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo = Fifo(np.float32, 2, silence=4 * WINDOW - block, window=4 * WINDOW)
    fifo.take_memory()
    stores = set()
    monkeypatch.setattr(np, "empty_like", None)
    monkeypatch.setattr(np, "zeros", None)
    for _ in range(40 * WINDOW // block):
        fifo.append(numbered(fifo.end, block))
        view = fifo.view(fifo.start, fifo.end)
        stores.add(view.base.ctypes.data if view.base is not None else 0)
        del view
        fifo.forget_before(fifo.end + block - 4 * WINDOW)
    assert len(stores) == 2
