"""What a Triton server reads of one specialist: the configuration, the warm-up, and for the Python backend `model.py`.

| in the repository | what it is |
| --- | --- |
| NAME-INDEX/config.pbtxt | Triton's ModelConfig |
| NAME-INDEX/manifest.toml | of the model; it tells our folders from others |
| NAME-INDEX/warmup/... | the tensors of a request for each length of segment that the model's plans have |
| NAME-INDEX/VERSION/model.onnx | the graph, for the onnxruntime backend |
| NAME-INDEX/VERSION/model.py, manifest.toml, the graph | for the Python backend |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from stemd.errors import ConfigError
from stemd.separation.manifest import CHANNELS, Manifest, PlanRow
from stemd.separation.remote import wire
from stemd.separation.trial import trial

Backend = Literal["onnxruntime", "python"]
CONFIG: Final = "config.pbtxt"
GRAPH: Final = "model.onnx"
WARM_UP: Final = "warmup"
MODEL_PY: Final = '''"""Runs one specialist. All of it is in stemd, which the Python of this server must have."""

from stemd.separation.remote.triton_model import TritonPythonModel

__all__ = ["TritonPythonModel"]
'''
BATCH: Final = 8
"""Segments that one run takes at most, where a graph can take more than one."""
_OF_A_HOP: Final = 0.01
_TYPES: Final = {"float32": "TYPE_FP32", "int64": "TYPE_INT64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How a server is to run the specialists of a model.

    Attributes:
        backend: of Triton; None: `onnxruntime` for models from samples to samples, `python` for others.
        engine: of the Python backend.
        threads: of one run; 0: one a core, shared among the instances.
        instances: of each specialist, which run at the same time.
        gpu: run them on the server's GPU.
    """

    backend: Backend | None = None
    engine: str = "onnxruntime"
    threads: int = 0
    instances: int = 1
    gpu: bool = False

    def backend_of(self, manifest: Manifest) -> Backend:
        """Triton's backend for a model.

        Raises:
            ConfigError: the one that is wanted cannot run it.
        """
        plain = self.engine == "onnxruntime"
        if self.backend is None:
            return "onnxruntime" if manifest.kind == "waveform" and plain else "python"
        if self.backend == "onnxruntime" and manifest.kind != "waveform":
            raise ConfigError(
                f"model {manifest.name!r} is of kind {manifest.kind!r}: its transforms are in stemd and not in the "
                "graph, so that a server needs --backend python (or, of HT-Demucs, an export with --portable)"
            )
        if self.backend == "onnxruntime" and not plain:
            raise ConfigError(f"--engine {self.engine} goes with --backend python; Triton's own is onnxruntime")
        return self.backend


@dataclass(frozen=True, slots=True)
class WholeGraph:
    """What Triton's onnxruntime backend has to know of a graph from samples to samples.

    Attributes:
        mixture: the name of its input (1, 2, frames), as the graph has it.
        stems: the name of its output (1, rows, 2, frames).
        frames: how many; None: any number.
        rows: of its output.
        batches: whether it takes more than one segment at once.
    """

    mixture: str
    stems: str
    frames: int | None
    rows: int
    batches: bool


def plans(manifest: Manifest) -> dict[int, PlanRow]:
    """A plan for each length of segment that the model's plans have, in frames."""
    return {row.segment: row for row in manifest.plans.values()}


def queue_delay(manifest: Manifest) -> int:
    """Microseconds for which a segment may wait for others to be run with it: a hundredth of the shortest hop.

    So what batching may cost is small beside what any plan of the model costs anyhow.
    """
    shortest = min(row.hop for row in manifest.plans.values())
    return max(1, round(1e6 * _OF_A_HOP * shortest / manifest.sample_rate))


def requests(manifest: Manifest, *, whole: bool) -> dict[str, Mapping[str, wire.Tensor]]:
    """The tensors of a request for each length of segment, by a name for it: what a server is warmed with."""
    spectral = manifest.kind == "mask"
    return {
        f"{length}-frames": wire.inputs(trial(row.window(), spectral=spectral), whole=whole)
        for length, row in plans(manifest).items()
    }


def python_config(manifest: Manifest, index: int, serving: Serving) -> dict[str, Any]:
    """ModelConfig for the Python backend, as JSON."""
    stems = len(manifest.specialists[index].stems)
    return {
        **_common(manifest, index),
        "backend": "python",
        "max_batch_size": 0,
        "input": [_tensor(wire.MIXTURE, "TYPE_FP32", [CHANNELS, -1]), _tensor(wire.SPAN, "TYPE_INT64", [6])],
        "output": [_tensor(wire.STEMS, "TYPE_FP32", [stems, CHANNELS, -1]), _tensor(wire.COMPUTE, "TYPE_INT64", [1])],
        "instance_group": [_instances(serving, {"gpus": [0]})],
        "parameters": _parameters(
            {
                wire.DIGEST: wire.digest(manifest),
                "index": str(index),
                "engine": serving.engine,
                "threads": str(serving.threads),
                "instances": str(serving.instances),
                "gpu": str(serving.gpu).lower(),
            }
        ),
        "model_warmup": _warm_ups(requests(manifest, whole=False)),
    }


def whole_config(manifest: Manifest, index: int, serving: Serving, graph: WholeGraph) -> dict[str, Any]:
    """ModelConfig for the onnxruntime backend, as JSON. Where its graph takes one segment only, nothing is batched."""
    frames = graph.frames or -1
    lead = [] if graph.batches else [1]
    threads = {"intra_op_thread_count": str(serving.threads)} if serving.threads else {}
    batching = {"dynamic_batching": {"max_queue_delay_microseconds": queue_delay(manifest)}} if graph.batches else {}
    return {
        **_common(manifest, index),
        **batching,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "default_model_filename": GRAPH,
        "max_batch_size": BATCH if graph.batches else 0,
        "input": [_tensor(graph.mixture, "TYPE_FP32", [*lead, CHANNELS, frames])],
        "output": [_tensor(graph.stems, "TYPE_FP32", [*lead, graph.rows, CHANNELS, frames])],
        "instance_group": [_instances(serving, {})],
        "parameters": _parameters({wire.DIGEST: wire.digest(manifest), **threads}),
        "model_warmup": [
            _warm_up(name, {graph.mixture: (wire.MIXTURE, tensors[wire.MIXTURE])}, batched=graph.batches)
            for name, tensors in requests(manifest, whole=True).items()
        ],
    }


def warm_up_files(manifest: Manifest, *, whole: bool) -> Iterator[tuple[str, bytes]]:
    """The files that a configuration's warm-up names, and what is in them."""
    for name, tensors in requests(manifest, whole=whole).items():
        for tensor, values in tensors.items():
            yield _file(name, tensor), values.tobytes()


def _common(manifest: Manifest, index: int) -> dict[str, Any]:
    return {
        "name": wire.name(manifest, index),
        "version_policy": {"specific": {"versions": [wire.version(manifest)]}},
    }


def _instances(serving: Serving, gpus: Mapping[str, Any]) -> dict[str, Any]:
    count = {"count": serving.instances}
    return {**count, "kind": "KIND_GPU", **gpus} if serving.gpu else {**count, "kind": "KIND_CPU"}


def _warm_ups(asked: Mapping[str, Mapping[str, wire.Tensor]]) -> list[dict[str, Any]]:
    return [
        _warm_up(name, {key: (key, values) for key, values in tensors.items()}, batched=False)
        for name, tensors in asked.items()
    ]


def _warm_up(name: str, tensors: Mapping[str, tuple[str, wire.Tensor]], *, batched: bool) -> dict[str, Any]:
    """One request; `tensors` are by their names at the server, each with ours."""
    return {
        "name": name,
        "batch_size": 1,
        "count": 1,
        "inputs": {
            key: {
                "data_type": _TYPES[values.dtype.name],
                "dims": list(values.shape[1:] if batched else values.shape),
                "input_data_file": _file(name, ours),
            }
            for key, (ours, values) in tensors.items()
        },
    }


def _file(request: str, tensor: str) -> str:
    return f"{request}-{tensor}"


def _tensor(name: str, kind: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "data_type": kind, "dims": shape}


def _parameters(values: Mapping[str, str]) -> dict[str, Any]:
    return {key: {"string_value": value} for key, value in values.items()}
