"""What is measured when a graph is compared with the stock network."""

import numpy as np
import pytest

from stemd.store.song import bars
from stemd_export.htdemucs.parity import Bound, Row, difference

MIXTURE = bars(4_410, 44_100)


def test_what_is_wrong_is_told_by_its_size() -> None:
    error = np.zeros_like(MIXTURE)
    error[0, 7] = 1e-3
    of_peak, snr = difference(MIXTURE, MIXTURE + error, MIXTURE)
    assert of_peak == pytest.approx(1e-3 / np.abs(MIXTURE).max(), rel=1e-3)
    assert snr == pytest.approx(10 * np.log10(np.square(MIXTURE).sum() / 1e-6), abs=0.1)


def test_equal_is_more_than_float32_can_tell() -> None:
    assert difference(MIXTURE, MIXTURE, MIXTURE) == (0, 200)


def test_a_stem_that_is_hardly_there_is_measured_against_the_mixture() -> None:
    stem = 1e-4 * MIXTURE[::-1]
    assert difference(stem, stem + np.float32(1e-6), MIXTURE)[1] > 100


def test_a_loud_stem_is_measured_against_itself() -> None:
    assert difference(10 * MIXTURE, 10.1 * MIXTURE, MIXTURE)[0] == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("snr", "of_peak", "holds"),
    [
        (110, 1e-5, True),
        (109.9, 1e-5, False),
        (110, 1.1e-5, False),
        (float("nan"), 0, False),
        (120, float("nan"), False),
    ],
)
def test_a_bound_holds_or_does_not(snr: float, of_peak: float, holds: bool) -> None:
    row = Row("vocals", "vocals.onnx", of_peak, snr, 1, 1, 1, 1, 1)
    assert Bound(snr_db=110, of_peak=1e-5).holds(row) is holds
