"""The server's side: one specialist, from the tensors of a request to those of its answer."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from stemd.config import Engine
from stemd.dsp import stft
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines import engine_named
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import load_manifest
from stemd.separation.outside import check_inside
from stemd.separation.remote import wire
from stemd.separation.specialist import specialist


class Served:
    """A specialist of a model, for a server's one thread.

    Args:
        folder: with the model's manifest, and the graph of this specialist.
        index: which.
        options: the engine, and how it runs.

    Raises:
        ModelLoadError: the manifest or the graph is missing, damaged or not understood.
        ConfigError: the options name no engine.
    """

    def __init__(self, folder: Path, index: int, options: EngineOptions) -> None:
        manifest = load_manifest(folder)
        if not 0 <= index < len(manifest.specialists):
            raise ModelLoadError(f"{folder}: the model has {len(manifest.specialists)} specialists, and none {index}")
        entry = manifest.specialists[index]
        graph = folder / entry.file
        if not graph.is_file() or hashlib.sha256(graph.read_bytes()).hexdigest() != entry.sha256:
            raise ModelLoadError(f"{graph}: missing, damaged or replaced: export it again")
        check_inside(graph)
        self._spectral, self._segments = manifest.kind == "mask", manifest.segments
        self._specialist = specialist(manifest, entry, engine_named(options.name).load(graph, options))

    def run(self, tensors: Mapping[str, wire.Tensor]) -> dict[str, wire.Tensor]:
        """An answer, as `wire` has it.

        Raises:
            InferenceError: the request is none, or the network failed.
        """
        begun = time.monotonic_ns()
        frames = tensors[wire.MIXTURE].shape[-1] - (stft.HALF if self._spectral else 0)
        if not self._segments.accepts(frames):  # before memory is taken for it
            raise InferenceError(f"the model takes no segments of {frames} frames")
        stems = self._specialist.run(wire.segment(tensors, spectral=self._spectral))
        took = time.monotonic_ns() - begun
        return {wire.STEMS: np.ascontiguousarray(stems), wire.COMPUTE: np.array([took], np.int64)}


def options(parameters: Mapping[str, str]) -> EngineOptions:
    """How a specialist is run, by the parameters of the server's configuration (see `repository`).

    Where they leave the threads open, the instances of a specialist share the cores.
    """
    instances, threads = int(parameters["instances"]), int(parameters["threads"])
    gpu = parameters["gpu"] == "true"
    return EngineOptions(
        name=parameters["engine"],
        threads=threads or max(1, Engine().thread_count() // instances),
        providers=("CUDAExecutionProvider",) if gpu else (),
        device="GPU" if gpu else "CPU",
    )
