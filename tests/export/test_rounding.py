"""Kernels in 8 bits: as near as their steps allow, and what that does to music."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

import stemd
from stemd.dsp import stft
from stemd_export.parity import Array, run
from stemd_export.spleeter import facts
from stemd_export.spleeter.fetch import cached_wheel, checkpoint
from stemd_export.spleeter.graph import all_frames, mask_graph
from stemd_export.spleeter.rounding import PAIRS_BELOW, STEPS, to_bytes
from stemd_export.spleeter.weights import ACCOMPANIMENT, VOCALS, unet_weights

GRAPH = Path(stemd.__file__).parent / "models" / facts.NAME / facts.GRAPH_FILE
AUDIO = Path(__file__).parents[2] / ".." / "shared" / "audio"


def kernel(*shape: int, seed: int = 0) -> Array:
    """Heavy tails, as trained kernels have them."""
    return np.random.default_rng(seed).laplace(size=shape).astype(np.float32)


def widened(steps: np.ndarray, scale: Array) -> Array:
    full = steps.astype(np.float32)
    wide: Array = full * np.abs(full) * scale
    return wide


@pytest.mark.parametrize("outputs", [0, 1])
def test_no_other_step_is_nearer(outputs: int) -> None:
    exact = kernel(20, 30, 5, 5)
    steps, scale = to_bytes(exact, outputs)
    error = np.abs(widened(steps, scale) - exact)
    for other in (-1, 1):
        neighbour = np.clip(steps.astype(np.int16) + other, -STEPS, STEPS)
        assert (error <= np.abs(widened(neighbour, scale) - exact) * (1 + 1e-3) + 1e-6 * scale).all()


def test_the_largest_of_those_that_share_a_scale_is_exact() -> None:
    exact = kernel(20, 30, 5, 5)
    steps, scale = to_bytes(exact, 0)
    largest = np.abs(exact) == np.abs(exact).max(axis=(2, 3), keepdims=True)
    np.testing.assert_allclose(widened(steps, scale)[largest], exact[largest], rtol=1e-6)
    assert np.abs(steps.astype(int)).max() == STEPS


@pytest.mark.parametrize(("outputs", "shape"), [(0, (128, 1, 1, 1)), (1, (1, 96, 1, 1))])
def test_large_kernels_share_a_scale_for_each_output_channel(outputs: int, shape: tuple[int, ...]) -> None:
    exact = kernel(128, 96, 5, 5)
    assert exact.size >= PAIRS_BELOW
    assert to_bytes(exact, outputs)[1].shape == shape


def test_channels_of_zeros_stay_zeros() -> None:
    exact = kernel(4, 4, 5, 5)
    exact[2] = 0
    steps, scale = to_bytes(exact, 0)
    assert (widened(steps, scale)[2] == 0).all()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not AUDIO.is_dir(), reason="the test audio (../shared/audio) is not here")
@pytest.mark.parametrize(("song", "decibels"), [("lithium", 37.5), ("potassium", 46.5), ("synthsong", 50.5)])
def test_on_music_the_error_is_far_below_the_estimate(song: str, decibels: float) -> None:
    tensors = checkpoint(cached_wheel())
    exact = mask_graph(unet_weights(tensors, VOCALS), unet_weights(tensors, ACCOMPANIMENT), small=False)
    mixture = soundfile.read(AUDIO / song / "mixture.flac", dtype="float32")[0].T
    count = mixture.shape[1] // stft.HOP // 64 * 64
    padded = np.pad(mixture, ((0, 0), (stft.HALF, stft.HALF)))
    spectrum = stft.analyse(padded[:, : (count - 1) * stft.HOP + stft.WINDOW])
    low = spectrum[:, :, :1024]
    magnitude = np.abs(low)[None]
    estimate, found = (
        _masked(spectrum, run(graph, magnitude, all_frames(magnitude))[0]) for graph in (exact, GRAPH.read_bytes())
    )
    error = 10 * np.log10((estimate**2).sum(dtype=np.float64) / ((found - estimate) ** 2).sum(dtype=np.float64))
    print(f"{song}: {error:.1f} dB below the estimate")
    assert error >= decibels


def _masked(spectrum: np.ndarray, mask: Array) -> Array:
    whole = np.zeros_like(spectrum)
    whole[:, :, :1024] = spectrum[:, :, :1024] * mask
    return stft.synthesise(whole, 0, 0, (spectrum.shape[1] - 1) * stft.HOP)
