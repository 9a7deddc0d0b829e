"""A server's specialist gives to the bit what the one here gives, and refuses what is no request."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.config import Engine
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment, Segmenter
from stemd.errors import ConfigError, InferenceError, ModelLoadError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import MANIFEST_NAME
from stemd.separation.remote import wire
from stemd.separation.remote.serving import Served, options
from stemd.separation.store import Model, find
from tests.graphs import FRAMES
from tests.networks import noise

ONE = EngineOptions(threads=1)
# Of each kind a plan whose trusted frames lie within the segment, and one whose first segments begin before the stream.
PLANS = {
    "mask": WindowPlan(65_536, 4_096, 1_024, 3_072),
    "hybrid": WindowPlan(35_280, 8_000, 1_000, 3_000),
    "waveform": WindowPlan(FRAMES, 100, 20, 30),
}
KIND = pytest.mark.parametrize("kind", PLANS)


def stream(model: Model, plan: WindowPlan, hops: int = 4) -> list[Segment]:
    """The segments of a short stream: from one that begins before it to one that ends after it."""
    segmenter, samples = Segmenter(plan, 2, spectral=model.spectral), noise(hops * plan.hop + 777)
    return segmenter.push(samples) + segmenter.flush()


def served(model: Model, index: int = 0) -> Served:
    return Served(model.folder, index, ONE)


def through(server: Served, model: Model, given: Segment, index: int = 0) -> Float32Array:
    """What comes of a segment by the wire."""
    answer = server.run(wire.inputs(given, whole=False))
    stems = answer[wire.STEMS]
    assert stems.dtype == np.float32
    return wire.stems(stems.astype(np.float32), model.manifest.specialists[index], given, whole=False)


@KIND
def test_the_server_gives_what_the_specialist_here_gives(kinds: dict[str, Model], kind: str) -> None:
    model = kinds[kind]
    for index, here in enumerate(model.open(ONE)):
        server = served(model, index)
        for given in stream(model, PLANS[kind]):
            assert np.array_equal(through(server, model, given, index), here.run(given))


@KIND
def test_what_went_before_changes_no_answer(kinds: dict[str, Model], kind: str) -> None:
    """A server keeps nothing of a stream: any of them may have the next segment."""
    model = kinds[kind]
    given = stream(model, PLANS[kind])
    server = served(model)
    forth = [through(server, model, each) for each in given]
    back = [through(server, model, each) for each in reversed(given)]
    assert all(np.array_equal(one, other) for one, other in zip(forth, reversed(back), strict=True))


def test_it_says_what_the_network_took(kinds: dict[str, Model]) -> None:
    model = kinds["mask"]
    took = served(model).run(wire.inputs(stream(model, PLANS["mask"])[0], whole=False))[wire.COMPUTE]
    assert (took.dtype, took.shape) == (np.int64, (1,))
    assert 0 < took[0] < 60e9


@KIND
def test_a_segment_of_another_length_is_refused(kinds: dict[str, Model], kind: str) -> None:
    model = kinds[kind]
    asked = wire.inputs(stream(model, PLANS[kind])[0], whole=False)
    longer = np.concatenate([asked[wire.MIXTURE], np.zeros((2, 13), np.float32)], axis=1)
    with pytest.raises(InferenceError, match=f"takes no segments of {PLANS[kind].segment + 13} frames"):
        served(model).run({**asked, wire.MIXTURE: longer})


@KIND
def test_trusted_frames_outside_the_segment_are_refused(kinds: dict[str, Model], kind: str) -> None:
    model = kinds[kind]
    asked = wire.inputs(stream(model, PLANS[kind])[0], whole=False)
    asked[wire.SPAN][4] = PLANS[kind].segment + 1
    with pytest.raises(InferenceError, match="does not lie within"):
        served(model).run(asked)


def test_samples_that_are_no_numbers_do_not_become_stems(kinds: dict[str, Model]) -> None:
    model = kinds["waveform"]
    given = stream(model, PLANS["waveform"])[2]
    given.mixture[:] = np.nan
    with pytest.raises(InferenceError, match="values that are no numbers"):
        through(served(model), model, given)


def test_a_graph_that_is_not_the_manifests_is_refused(tmp_path: Path) -> None:
    model = find("spleeter-vocals")
    entry = model.manifest.specialists[0]
    shutil.copy(model.folder / MANIFEST_NAME, tmp_path)
    with pytest.raises(ModelLoadError, match=r"vocals.onnx: missing, damaged or replaced: export it again"):
        Served(tmp_path, 0, ONE)
    content = bytearray((model.folder / entry.file).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / entry.file).write_bytes(content)
    with pytest.raises(ModelLoadError, match=r"vocals.onnx: missing, damaged or replaced: export it again"):
        Served(tmp_path, 0, ONE)


def test_only_the_graph_of_its_own_specialist_is_wanted(kinds: dict[str, Model], tmp_path: Path) -> None:
    model = kinds["waveform"]
    for name in (MANIFEST_NAME, model.manifest.specialists[1].file):
        shutil.copy(model.folder / name, tmp_path)
    Served(tmp_path, 1, ONE)
    with pytest.raises(ModelLoadError, match="has 2 specialists, and none 2"):
        Served(tmp_path, 2, ONE)


def test_the_instances_of_a_specialist_share_the_cores() -> None:
    told = {"engine": "openvino", "threads": "0", "instances": "1", "gpu": "false"}
    cores = Engine().thread_count()
    assert options(told).threads == cores
    assert options({**told, "instances": "2"}).threads == max(1, cores // 2)
    assert options({**told, "instances": "256"}).threads == 1
    assert options({**told, "instances": "2", "threads": "3"}).threads == 3
    assert (options(told).name, options(told).device, options(told).providers) == ("openvino", "CPU", ())


def test_a_gpu_is_named_in_the_words_of_each_engine() -> None:
    told = options({"engine": "onnxruntime", "threads": "1", "instances": "1", "gpu": "true"})
    assert (told.providers, told.device) == (("CUDAExecutionProvider",), "GPU")


def test_an_engine_that_is_not_known_is_refused(kinds: dict[str, Model]) -> None:
    with pytest.raises(ConfigError, match="no engine 'onnx'"):
        Served(kinds["mask"].folder, 0, EngineOptions(name="onnx"))
