"""What runs graphs: both engines agree, say where nodes went, and say what they could not do as asked."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.errors import ConfigError, InferenceError, ModelLoadError
from stemd.separation.engines import ENGINES, engine_named
from stemd.separation.engines import onnxruntime as ort_engine
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.engines.placement import CPU, HEAVY, count, fallen, listed, take
from stemd.separation.store import find
from tests.end_to_end.reference import recording

BOTH = pytest.mark.parametrize("engine", sorted(ENGINES))


@pytest.fixture(autouse=True)
def _said_anew() -> None:
    ort_engine._warn_once.cache_clear()


def two_in_two_out(folder: Path) -> Path:
    """`difference` = left - right and `double` = 2 left, of inputs (1, n) that are declared in that order."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Sub", ["left", "right"], ["difference"]), helper.make_node("Add", ["left"] * 2, ["double"])],
        "two",
        [value(name, TensorProto.FLOAT, [1, "n"]) for name in ("left", "right")],
        [value(name, TensorProto.FLOAT, [1, "n"]) for name in ("difference", "double")],
    )
    path = folder / "two.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def magnitudes(frames: int, seed: int = 0) -> Float32Array:
    """Of something sung: (1, 2, frames, 1024)."""
    spectrum = stft.analyse(recording((frames - 1) * stft.HOP + stft.WINDOW, 44_100, seed=seed))
    return np.abs(spectrum[np.newaxis, :, :, :1_024])


def every(given: Float32Array) -> npt.NDArray[np.int64]:
    """The second input of the shipped network: all frames are wanted."""
    return np.array([0, given.shape[2]])


def shipped() -> Path:
    model = find("spleeter-vocals")
    return model.folder / model.manifest.specialists[0].file


@BOTH
def test_values_go_in_and_come_out_in_the_graphs_own_order(engine: str, tmp_path: Path) -> None:
    network = engine_named(engine).load(two_in_two_out(tmp_path), EngineOptions())
    assert (network.engine, network.inputs, network.outputs) == (engine, ("left", "right"), ("difference", "double"))
    left, right = np.float32([[3, 5]]), np.float32([[1, 1]])
    difference, double = network.run(left, right)
    assert difference.tolist() == [[2, 4]]
    assert double.tolist() == [[6, 10]]
    assert sum(network.placement.values()) == 2


@BOTH
def test_what_came_out_stays_when_the_network_runs_again(engine: str, tmp_path: Path) -> None:
    network = engine_named(engine).load(two_in_two_out(tmp_path), EngineOptions())
    ones, zeros = np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32)
    first = network.run(ones, zeros)[0]
    network.run(7 * ones, zeros)
    assert first.tolist() == ones.tolist()


@BOTH
def test_faults_are_named(engine: str, tmp_path: Path) -> None:
    network = engine_named(engine).load(two_in_two_out(tmp_path), EngineOptions())
    with pytest.raises(InferenceError, match="network failed"):
        network.run(np.ones((1, 4), np.float32))
    with pytest.raises(InferenceError, match="network failed"):
        network.run(*[np.ones((1, 2, 4), np.float32)] * 2)
    (tmp_path / "none.onnx").write_bytes(b"no graph")
    for name in ("none.onnx", "absent.onnx"):
        with pytest.raises(ModelLoadError, match=name):
            engine_named(engine).load(tmp_path / name, EngineOptions())


@pytest.mark.parametrize("frames", [64, 128])
def test_the_engines_agree_on_the_shipped_network(frames: int) -> None:
    given = magnitudes(frames)
    reference, other = (
        engine.load(shipped(), EngineOptions(threads=2)).run(given, every(given))[0].astype(np.float64)
        for engine in ENGINES.values()
    )
    assert reference.shape == given.shape
    assert np.ptp(reference) > 0.9, "a mask that does something"
    assert np.abs(reference - other).max() < 1e-3
    assert 10 * np.log10(((reference - other) ** 2).sum() / (reference**2).sum()) < -70


@BOTH
def test_each_worker_gets_its_own_right_answer(engine: str) -> None:
    """Networks of one process run at the same time, as the pool's do, and share what engines share."""
    networks = [engine_named(engine).load(shipped(), EngineOptions(threads=2)) for _ in range(3)]
    given = [magnitudes(64, seed) for seed in range(3)]
    due = [networks[0].run(values, every(values))[0] for values in given]

    def work(index: int) -> list[Float32Array]:
        return [networks[index].run(given[index], every(given[index]))[0] for _ in range(6)]

    with ThreadPoolExecutor(3) as workers:
        for index, outputs in enumerate(workers.map(work, range(3))):
            assert all(np.allclose(output, due[index], atol=1e-5) for output in outputs)


def test_shared_memory_changes_no_bit_and_is_smaller() -> None:
    given = magnitudes(64)
    apart, shared = (
        engine_named("onnxruntime").load(shipped(), EngineOptions(share=share)).run(given, every(given))[0]
        for share in (False, True)
    )
    assert np.array_equal(apart, shared)
    assert resident(share=True) < 0.85 * resident(share=False)


def resident(*, share: bool) -> int:
    """Bytes that a process with four networks, run in turn, holds."""
    code = f"""
from pathlib import Path
import numpy as np
from stemd.separation.engines import engine_named
from stemd.separation.engines.engine import EngineOptions
networks = [engine_named("onnxruntime").load(Path({str(shipped())!r}), EngineOptions(share={share})) for _ in range(4)]
for network in networks:
    network.run(np.ones((1, 2, 512, 1024), np.float32), np.array([0, 512]))
print(int(Path("/proc/self/statm").read_text().split()[1]))
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("memory is read from /proc")
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def test_loading_says_how_many_nodes_each_provider_took(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "stemd"):
        network = engine_named("onnxruntime").load(shipped(), EngineOptions())
    assert network.placement[CPU] > 50
    assert f"vocals.onnx in onnxruntime: nodes {network.placement[CPU]} on {CPU}" in caplog.text


def test_a_provider_that_this_build_lacks_is_named_with_what_was_taken_instead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = EngineOptions(providers=("CUDAExecutionProvider",))
    for _ in range(2):
        network = engine_named("onnxruntime").load(shipped(), options)
    assert list(network.placement) == [CPU]
    [record] = [record for record in caplog.records if "CUDA" in record.message]
    assert f"{CPU} was taken instead" in record.message
    assert "pip install 'stemd[daemon-cuda]'" in record.message


def test_a_provider_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'CUDAExecutionProvider'"):
        engine_named("onnxruntime").load(shipped(), EngineOptions(providers=("CUDAExecutionProvidr",)))


def test_a_device_that_openvino_lacks_is_named_with_those_that_it_has() -> None:
    with pytest.raises(ModelLoadError, match=r"engine.device = 'TPU' \(here are: .*CPU"):
        engine_named("openvino").load(shipped(), EngineOptions(device="TPU"))


def test_openvino_is_not_let_report_to_its_makers(tmp_path: Path) -> None:
    """A stand-in for its telemetry package would leave a mark on import."""
    (tmp_path / "openvino_telemetry.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()")
    code = "from stemd.separation.engines import engine_named; print(engine_named('openvino').obstacle())"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
    assert not (tmp_path / "mark").exists()
    assert not (tmp_path / "intel").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="of systemd")
def test_where_code_may_not_be_written_openvino_says_so_and_onnxruntime_runs() -> None:
    code = f"""
import ctypes
import numpy as np
from pathlib import Path
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, what systemd's MemoryDenyWriteExecute sets
    raise SystemExit(77)
from stemd.separation.engines import engine_named
from stemd.separation.engines.engine import EngineOptions
print(engine_named("openvino").obstacle())
engine_named("onnxruntime").load(Path({str(shipped())!r}), EngineOptions()).run(
    np.ones((1, 2, 64, 1024), np.float32), np.array([0, 64])
)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE")
    assert done.returncode == 0, done.stderr
    assert "MemoryDenyWriteExecute" in done.stdout


# There is no GPU where these tests run: what a session with one would report is written down here by hand.
GPU = "CUDAExecutionProvider"
NODES_WITH_A_GPU = [(GPU, "Conv"), (GPU, "Relu"), (CPU, "Attention"), (CPU, "Attention"), (CPU, "Shape")]


def test_heavy_nodes_on_the_cpu_are_found_when_another_provider_takes_part() -> None:
    assert fallen(NODES_WITH_A_GPU, [GPU, CPU]) == {"Attention": 2}
    assert fallen(NODES_WITH_A_GPU, [CPU]) == {}, "nothing fell back where nothing else was there"
    assert fallen([(GPU, name) for name in HEAVY] + [(CPU, "Shape")], [GPU, CPU]) == {}
    assert fallen([(CPU, name) for name in HEAVY], [GPU, CPU]) == dict.fromkeys(HEAVY, 1), "it took none at all"


def test_nodes_are_counted_by_provider() -> None:
    assert count(NODES_WITH_A_GPU) == {GPU: 2, CPU: 3}
    assert listed(count(NODES_WITH_A_GPU)) == f"3 on {CPU}, 2 on {GPU}"


@pytest.mark.parametrize(
    ("wanted", "present", "providers", "absent"),
    [
        ([], [CPU], [CPU], []),
        ([CPU], [CPU], [CPU], []),
        ([GPU], [GPU, CPU], [GPU, CPU], []),
        (["Rt", GPU], [CPU, GPU], [GPU, CPU], ["Rt"]),
        ([CPU, GPU], [GPU, CPU, "Rt"], [GPU, CPU], []),
        (["Rt", GPU], [GPU, "Rt", CPU], ["Rt", GPU, CPU], []),
    ],
)
def test_providers_are_taken_in_the_order_of_preference_and_the_cpus_last(
    wanted: list[str], present: list[str], providers: list[str], absent: list[str]
) -> None:
    taken = take(wanted, present, [GPU, CPU, "Rt"])
    assert (list(taken.providers), list(taken.absent)) == (providers, absent)


def test_a_heavy_node_on_the_cpu_is_warned_of_at_load(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    class FakeSession:
        """A session with a GPU, which is not here."""

        def get_inputs(self) -> list[object]:
            return []

        get_outputs = get_inputs

        def get_providers(self) -> list[str]:
            return [GPU, CPU]

        def get_provider_graph_assignment_info(self) -> list[object]:
            return [FakeGraph(provider, operator) for provider, operator in NODES_WITH_A_GPU]

    class FakeGraph:
        def __init__(self, provider: str, operator: str) -> None:
            self.ep_name, self.op_type = provider, operator

        def get_nodes(self) -> "list[FakeGraph]":
            return [self]

    ort_engine.OnnxRuntimeNetwork(tmp_path / "big.onnx", FakeSession(), None)
    [record] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert f"heavy nodes run on the CPU although {GPU} was asked for: 2 Attention" in record.message
