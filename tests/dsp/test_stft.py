import numpy as np
import pytest
import torch

from stemd.dsp import stft
from tests.networks import blocks, noise


def test_round_trip_is_the_identity_within_1e_5() -> None:
    x = noise(40 * stft.HOP)
    spectrum = stft.analyse(np.pad(x, ((0, 0), (stft.HALF, stft.HALF))))
    back = stft.synthesise(spectrum, 0, 0, x.shape[1])
    assert np.abs(back - x).max() < 1e-5


def test_a_run_of_frames_gives_the_samples_up_to_its_last_centre() -> None:
    x = noise(40 * stft.HOP)
    spectrum = stft.analyse(np.pad(x, ((0, 0), (stft.HALF, stft.HALF))))
    part = stft.synthesise(spectrum[:, 5:20], 5, 6 * stft.HOP + 17, 19 * stft.HOP)
    assert np.abs(part - x[:, 6 * stft.HOP + 17 : 19 * stft.HOP]).max() < 1e-5


def test_analysis_agrees_with_torch() -> None:
    x = noise(20 * stft.HOP)
    ours = stft.analyse(np.pad(x, ((0, 0), (stft.HALF, stft.HALF))))
    theirs = torch.stft(
        torch.from_numpy(x),
        stft.WINDOW,
        stft.HOP,
        window=torch.hann_window(stft.WINDOW),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    scale = theirs.abs().max().item()
    assert np.abs(ours - theirs.numpy().transpose(0, 2, 1)).max() / scale < 5e-6


@pytest.mark.parametrize("size", [1, 64, 441, 1_024, 4_410, "random"])
def test_the_ring_computes_each_frame_as_the_whole_would(size: int | str) -> None:
    x = noise(12_345 if size == 1 else 60_000)
    ring = stft.SpectrumRing(2)
    for part in blocks(x.shape[1], size):
        ring.push(x[:, part])
    whole = stft.analyse(np.pad(x, ((0, 0), (stft.HOP + stft.HALF, 0))))[:, :, : stft.KEPT]
    assert ring.end == (x.shape[1] - stft.HALF) // stft.HOP + 1
    assert np.array_equal(ring.frames(-3, ring.end)[:, 2:], whole[:, : ring.end + 1])
    assert not ring.frames(-3, -1).any()
