"""The pool against a real tritonserver: the same stems to the bit, and what becomes of segments when it is gone."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from stemd.audio import Float32Array
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.lanes import NEVER
from stemd.separation.pool import Lane, NetworkId, Pool
from stemd.separation.remote import wire
from stemd.separation.remote.link import Access
from stemd.separation.remote.pool import TritonPool
from stemd.separation.remote.repository import CONFIG, GRAPH, Serving
from stemd.separation.store import Model
from stemd.separation.threads import ThreadPool
from stemd.store.triton import export
from stemd_bench.cluster.server import Server, tritonserver
from stemd_bench.cluster.statistics import spent
from stemd_bench.results import Skipped
from tests.graphs import busy, store, unruly_model
from tests.graphs import segment as whatever
from tests.remote.graphs import mixing, pair
from tests.remote.test_repository import config
from tests.remote.test_serving import PLANS, stream
from tests.waiting import wait_until

_FOUND = tritonserver()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(isinstance(_FOUND, Skipped), reason=getattr(_FOUND, "reason", "")),
]
SERVING = Serving(backend="python", threads=1)
LANES = pytest.mark.parametrize("lane", list(Lane), ids=lambda lane: lane.value)
SHARED = pytest.mark.parametrize("shared", [True, False], ids=["shared memory", "gRPC"])
FAR = 60_000_000_000  # ns
SOON = 1_000_000_000  # ns
WITHIN = 60.0  # seconds
# Runs a graph as the onnxruntime backend does, on whole tensors by the graph's own names.
_BARE = """
import onnxruntime
import triton_python_backend_utils as triton
class TritonPythonModel:
    def initialize(self, args):
        folder = args["model_repository"] + "/" + args["model_version"]
        self.session = onnxruntime.InferenceSession(folder + "/model.onnx", providers=["CPUExecutionProvider"])
    def execute(self, requests):
        answers = []
        for request in requests:
            given = {each.name(): each.as_numpy() for each in request.inputs()}
            names = [each.name for each in self.session.get_outputs()]
            found = self.session.run(names, given)
            answers.append(triton.InferenceResponse([triton.Tensor(*pair) for pair in zip(names, found)]))
        return answers
"""


def exported(root: Path, *models: Model, serving: Serving = SERVING) -> Path:
    for model in models:
        export(root, model, serving, lambda _: None)
    return root


@pytest.fixture(scope="module")
def server(kinds: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a model of each kind."""
    with Server(exported(tmp_path_factory.mktemp("repository"), *kinds.values())) as server:
        yield server


@pytest.fixture(scope="module")
def here(kinds: dict[str, Model]) -> Iterator[ThreadPool]:
    pool = ThreadPool(EngineOptions(threads=1))
    for model in kinds.values():
        pool.load(model)
    yield pool
    pool.close()


def ran(
    pool: Pool, model: Model, given: Segment, lane: Lane = Lane.REALTIME, index: int = 0, ahead: int = FAR
) -> Float32Array:
    deadline = time.monotonic_ns() + (ahead if lane is Lane.REALTIME else 0)
    return pool.submit(NetworkId(model.manifest.key, index), given, lane, deadline).result(WITHIN).stems


def ours(server: Server) -> set[str]:
    """The shared memory of pools of this process that a server has open; none of it has a name any more."""
    tag = f"stemd-{os.getpid()}-"
    assert not list(Path("/dev/shm").glob(f"{tag}*"))  # noqa: S108
    with InferenceServerClient(server.address) as client:
        regions = client.get_system_shared_memory_status(as_json=True).get("regions", {})
    return {name for name in regions if name.startswith(tag)}


def test_shared_memory_that_was_given_up_is_let_go_of(tmp_path: Path, pools: list[TritonPool]) -> None:
    model = unruly_model(tmp_path)
    store(model)
    with Server(exported(tmp_path / "r", model)) as server:
        pools.append(TritonPool([server.address], 1, Access()))
        pools[0].load(model)
        ran(pools[0], model, whatever())
        [first] = ours(server)
        with pytest.raises(InferenceError):
            ran(pools[0], model, busy(1.5), ahead=SOON // 2)
        wait_until(lambda: pools[0].servers()[0].there, "it is asked again")

        def let_go() -> bool:
            ran(pools[0], model, whatever())
            return first not in ours(server)

        wait_until(let_go, "the server has let go of it")
        pools[0].close()
        assert not ours(server)


@LANES
@SHARED
@pytest.mark.parametrize("kind", PLANS)
def test_the_stems_are_those_of_the_local_pool_to_the_bit(
    kinds: dict[str, Model],
    server: Server,
    here: ThreadPool,
    pools: list[TritonPool],
    kind: str,
    shared: bool,
    lane: Lane,
) -> None:
    model = kinds[kind]
    pools.append(TritonPool([server.address], 1, Access(shared_memory=shared)))
    pools[0].load(model)
    for given in stream(model, PLANS[kind]):
        for index in range(len(model.manifest.specialists)):
            there = ran(pools[0], model, given, lane, index)
            assert np.array_equal(there, ran(here, model, given, lane, index))
    assert bool(ours(server)) is shared
    pools[0].close()
    assert not ours(server)


def test_many_segments_at_once_are_each_answered_with_their_own_stems(
    kinds: dict[str, Model], server: Server, here: ThreadPool, pools: list[TritonPool]
) -> None:
    model = kinds["mask"]
    pools.append(TritonPool([server.address], 2, Access()))
    pools[0].load(model)
    network = NetworkId(model.manifest.key, 0)
    given = stream(model, PLANS["mask"], hops=20)
    futures = [pools[0].submit(network, each, Lane.REALTIME, time.monotonic_ns() + FAR) for each in given]
    for each, future in zip(given, futures, strict=True):
        assert np.array_equal(future.result(WITHIN).stems, ran(here, model, each))


def test_the_course_tells_the_way_from_the_network(
    kinds: dict[str, Model], server: Server, pools: list[TritonPool]
) -> None:
    model = kinds["mask"]
    pools.append(TritonPool([server.address], 1, Access()))
    pools[0].load(model)
    (timing,) = pools[0].measure(model, PLANS["mask"], Lane.REALTIME, [0])
    network = NetworkId(model.manifest.key, 0)
    given = stream(model, PLANS["mask"])[0]
    course = pools[0].submit(network, given, Lane.REALTIME, NEVER).result(WITHIN).course
    assert course.begun < course.network_begun < course.network_ended < course.ended
    assert 0 < timing.median <= timing.p99 < WITHIN


def test_another_edition_is_refused(
    kinds: dict[str, Model], server: Server, pools: list[TritonPool], tmp_path: Path
) -> None:
    other = pair(tmp_path / "pair", gains=(0.5, 0.125))
    assert other.manifest.name == kinds["waveform"].manifest.name
    pools.append(TritonPool([server.address], 1, Access()))
    with pytest.raises(ModelLoadError, match=r"has no model 'pair-0' version \d+, or not ready"):
        pools[0].load(other)
    pools[0].load(kinds["waveform"])


def test_another_edition_under_the_same_version_is_refused(tmp_path: Path, pools: list[TritonPool]) -> None:
    model = pair(tmp_path / "pair", gains=(0.5,))
    root = exported(tmp_path / "r", model)
    file = root / "pair-0" / CONFIG
    file.write_text(file.read_text("utf-8").replace(wire.digest(model.manifest), "0" * 16), "utf-8")
    with Server(root) as server:
        pools.append(TritonPool([server.address], 1, Access()))
        with pytest.raises(ModelLoadError, match=r"was exported from another edition .*export it again with"):
            pools[0].load(model)


def test_a_model_that_is_not_there_is_refused(server: Server, pools: list[TritonPool], tmp_path: Path) -> None:
    pools.append(TritonPool([server.address], 1, Access()))
    with pytest.raises(ModelLoadError, match=r"no server has all of model 'mixing'.*has no model 'mixing-0'"):
        pools[0].load(mixing(tmp_path / "mixing"))


def test_a_request_that_is_none_is_refused_and_the_next_one_answered(kinds: dict[str, Model], server: Server) -> None:
    model = kinds["waveform"]
    name, version = wire.name(model.manifest, 0), wire.version(model.manifest)
    tensors = wire.inputs(stream(model, PLANS["waveform"])[0], whole=False)
    bad = {**tensors, wire.SPAN: np.array([0, 0, 0, 7, 7, -1])}
    with InferenceServerClient(server.address) as client:
        with pytest.raises(InferenceServerException, match="does not lie within"):
            client.infer(name, asked(bad), version)
        with pytest.raises(InferenceServerException, match="expected 2 inputs but got 1"):
            client.infer(name, asked(tensors)[:1], version)
        found = client.infer(name, asked(tensors), version).as_numpy(wire.STEMS)
    assert found is not None
    assert found.shape[:2] == (1, 2)


def test_what_nobody_waits_for_any_more_is_not_run(tmp_path: Path) -> None:
    """But for one that may be with the network's process already when it is given up."""
    model = unruly_model(tmp_path)
    store(model)
    name, version = wire.name(model.manifest, 0), wire.version(model.manifest)
    long, short = (asked(wire.inputs(given, whole=False)) for given in (busy(0.5), whatever()))

    def computed() -> float:
        return spent(server.address, name, version)["backend"]

    with Server(exported(tmp_path / "r", model)) as server, InferenceServerClient(server.address) as client:
        before = computed()
        client.infer(name, long, version)
        wait_until(lambda: computed() - before > 0.1, "it is counted")
        once, before = computed() - before, computed()
        runs = [client.async_infer(name, long, lambda result, error: None, version) for _ in range(7)]
        assert client.is_server_live(), "who is asked last has received what was sent before"
        for each in runs[1:]:
            each.cancel()
        client.infer(name, short, version)
        assert computed() - before < 4 * once


def asked(tensors: dict[str, wire.Tensor]) -> list[InferInput]:
    inputs = []
    for name, values in tensors.items():
        inputs.append(InferInput(name, list(values.shape), "FP32" if values.dtype == np.float32 else "INT64"))
        inputs[-1].set_data_from_numpy(values)
    return inputs


@SHARED
@pytest.mark.parametrize("batches", [True, False], ids=["takes several", "takes one"])
def test_a_bare_graph_gives_the_local_stems(
    tmp_path: Path, pools: list[TritonPool], batches: bool, shared: bool
) -> None:
    """All of a repository for the onnxruntime backend, but with a few lines of Python in that backend's place."""
    model = pair(tmp_path / "pair") if batches else mixing(tmp_path / "mixing")
    root = exported(tmp_path / "r", model, serving=Serving(threads=1))
    for folder in root.glob(f"{model.manifest.name}-*"):
        found = config(folder)
        assert (found.max_batch_size > 0) is batches
        found.backend, found.platform, found.default_model_filename = "python", "", ""
        (folder / CONFIG).write_text(str(found))
        (folder / wire.version(model.manifest) / "model.py").write_text(_BARE)
        assert (folder / wire.version(model.manifest) / GRAPH).exists()
    local = ThreadPool(EngineOptions(threads=1))
    local.load(model)
    try:
        with Server(root) as server:
            pools.append(TritonPool([server.address], 1, Access(shared_memory=shared)))
            pools[0].load(model)
            for given in stream(model, PLANS["waveform"]):
                assert np.array_equal(ran(pools[0], model, given), ran(local, model, given))
    finally:
        local.close()


def test_a_server_that_is_killed_and_comes_back_is_used_again(
    kinds: dict[str, Model], here: ThreadPool, pools: list[TritonPool], tmp_path: Path
) -> None:
    model, root = kinds["mask"], exported(tmp_path / "r", kinds["mask"])
    given = stream(model, PLANS["mask"])[1]
    due = ran(here, model, given)
    with Server(root) as server:
        pools.append(TritonPool([server.address], 1, Access()))
        pools[0].load(model)
        assert np.array_equal(ran(pools[0], model, given), due)
        server.kill()
        began = time.monotonic()
        with pytest.raises(InferenceError):
            ran(pools[0], model, given, ahead=SOON)
        assert time.monotonic() - began < 5.0
        assert pools[0].health()[Lane.REALTIME].lost == 1
    with Server(root, port=server.port):
        wait_until(lambda: pools[0].health()[Lane.REALTIME].restarts == 1, "it is back")
        assert np.array_equal(ran(pools[0], model, given), due)


@LANES
def test_what_no_server_runs_is_run_here_where_that_is_wanted(
    kinds: dict[str, Model], here: ThreadPool, pools: list[TritonPool], tmp_path: Path, lane: Lane
) -> None:
    model = kinds["mask"]
    given = stream(model, PLANS["mask"])[1]
    with Server(exported(tmp_path / "r", model)) as server:
        pools.append(TritonPool([server.address], 1, Access(), fallback=here))
        pools[0].load(model)
        server.kill()
        assert np.array_equal(ran(pools[0], model, given, lane), ran(here, model, given, lane))
    pools.append(TritonPool([server.address], 1, Access(), fallback=here))
    pools[1].load(model)  # although nobody is there
    assert np.array_equal(ran(pools[1], model, given, lane), ran(here, model, given, lane))


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_a_server_listens_at_its_one_address_and_leaves_nothing_behind(
    kinds: dict[str, Model], tmp_path: Path, killed: bool
) -> None:
    with Server(exported(tmp_path / "r", kinds["waveform"]), host="127.0.0.7") as server:
        with InferenceServerClient(server.address) as client:
            assert client.is_server_ready()
        with InferenceServerClient(f"127.0.0.1:{server.port}") as client, pytest.raises(InferenceServerException):
            client.is_server_ready(client_timeout=2.0)
        assert shared(server)
        children = Path("/proc").glob(f"{server.pid}/task/*/children")
        stubs = [int(each) for file in children for each in file.read_text().split()]
        assert len(stubs) == len(kinds["waveform"].manifest.specialists)
        if killed:
            server.kill()
    wait_until(lambda: not any(map(runs, [server.pid, *stubs])), "it is gone, with its processes")
    assert not shared(server)
    assert not server.log.exists()


def runs(pid: int) -> bool:
    """Whether there is such a process; one that only waits for its parent to hear of its end is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def shared(server: Server) -> list[Path]:
    """What a server has in shared memory."""
    return list(Path("/dev/shm").glob(f"{server.shared}*"))  # noqa: S108


@pytest.mark.parametrize("kind", PLANS)
def test_the_server_takes_the_configuration_as_it_is_written(
    kinds: dict[str, Model], server: Server, tmp_path: Path, kind: str
) -> None:
    model = kinds[kind]
    name = wire.name(model.manifest, 0)
    with InferenceServerClient(server.address) as client:
        took = client.get_model_config(name, wire.version(model.manifest), as_json=True)["config"]
    given = json_format.MessageToDict(config(exported(tmp_path, model) / name), preserving_proto_field_name=True)
    assert holds(took, given), took


def holds(whole: Any, part: Any) -> bool:
    """Whether all that one says is in the other, which may say more."""
    if isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)
