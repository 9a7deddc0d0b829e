"""What is asked of a few frames is what all frames would have given there, and costs a part of it."""

from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest

from stemd_export.parity import Array, probe_magnitude
from stemd_export.spleeter.graph import mask_graph
from stemd_export.spleeter.weights import ACCOMPANIMENT, VOCALS, unet_weights
from tests.export.reference import random_tensors

CONVOLUTIONS = ("Conv", "FusedConv", "ConvTranspose")


@cache
def graph() -> bytes:
    tensors = random_tensors(23)
    return mask_graph(unet_weights(tensors, VOCALS), unet_weights(tensors, ACCOMPANIMENT), small=False)


@cache
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph(), providers=["CPUExecutionProvider"])


@cache
def probe(frames: int) -> Array:
    return probe_magnitude(frames, seed=frames) / np.float32(100)


def masks(magnitude: Array, first: int, stop: int) -> Array:
    found: Array = session().run(None, {"magnitude": magnitude, "wanted": np.array([first, stop])})[0]
    return found


@cache
def all_masks(frames: int) -> Array:
    return masks(probe(frames), 0, frames)


def ranges(frames: int) -> list[tuple[int, int]]:
    """All lengths at both edges and at odd places inside, and some drawn at random."""
    lengths = (1, 2, 3, 8, 14, 31)
    starts = [(first, first + length) for length in lengths for first in (0, 1, 2, 3, 5, 17, 32)]
    ends = [(stop - length, stop) for length in lengths for stop in (frames, frames - 1, frames - 3, frames - 8)]
    drawn = np.sort(np.random.default_rng(frames).integers(0, frames, (20, 2)), axis=1)
    return [*starts, *ends, *((int(first), int(stop) + 1) for first, stop in drawn)]


@pytest.mark.parametrize("frames", [64, 128, 256])
def test_the_masks_of_a_few_frames_are_those_out_of_all(frames: int) -> None:
    whole = all_masks(frames)
    assert whole.std() > 0.05
    for first, stop in ranges(frames):
        found = masks(probe(frames), first, stop)
        assert found.shape == (1, 2, stop - first, 1024)
        np.testing.assert_allclose(found, whole[:, :, first:stop], rtol=0, atol=1e-6, err_msg=f"[{first}, {stop})")


@pytest.mark.parametrize("frames", [320, 384])
def test_256_frames_of_the_past_are_as_good_as_any_more(frames: int) -> None:
    """The deepest rows that the last frames need see no further: a longer segment costs more and changes no mask."""
    recent = probe(frames)[:, :, -256:]
    assert np.array_equal(masks(probe(frames), frames - 14, frames - 8), masks(recent, 256 - 14, 256 - 8))
    fewer = probe(frames)[:, :, -192:]
    assert np.abs(masks(fewer, 192 - 14, 192 - 8) - masks(recent, 256 - 14, 256 - 8)).max() > 1e-3


def test_what_lies_outside_of_their_reach_changes_no_mask() -> None:
    given = probe(384).copy()
    given[:, :, : 64 * 2 - 63] = 1e3
    due = masks(probe(384), 300, 306)
    assert np.array_equal(masks(given, 300, 306), due)
    given[:, :, 64 * 2 - 63] = 1e3
    assert not np.array_equal(masks(given, 300, 306), due)


def test_the_decoders_compute_no_more_rows_than_reach_the_wanted_frames() -> None:
    rows = decoder_rows(256, 242, 248)
    # Of 8 to 512 rows; each is the least that gives the next one's rows and the margin of its kernel.
    assert rows == [4, 4, 4, 6, 10, 14]
    assert decoder_rows(256, 0, 256) == [8, 16, 32, 64, 128, 256]


def decoder_rows(frames: int, first: int, stop: int) -> list[int]:
    """How many rows each level of a decoder makes."""
    model = onnx.load_from_string(graph())
    made = [n.output[0] for n in model.graph.node if n.op_type == "BatchNormalization"][:6]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in made)
    every = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = every.run(made, {"magnitude": probe(frames), "wanted": np.array([first, stop])})
    return [value.shape[2] for value in found]
