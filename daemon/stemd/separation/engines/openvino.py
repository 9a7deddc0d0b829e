"""Graphs in OpenVINO, which is faster than onnxruntime on many processors (extra `openvino`).

Its threads are oneTBB's: one set for the process, and each keeps the niceness of the thread that first needed it.
So whatever must not be niced should be loaded first.
"""

import logging
import mmap
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from stemd.audio import Float32Array
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines.engine import EngineOptions, Value
from stemd.separation.engines.placement import listed

log: Final = logging.getLogger("stemd")
_NO_WORK: Final = frozenset({"Constant", "Parameter", "Result"})


class OpenVino:
    """See Engine."""

    name = "openvino"

    def obstacle(self) -> str | None:
        """See Engine."""
        try:
            _openvino()
        except ImportError as exc:
            return f"OpenVINO cannot be used ({exc}): pip install 'stemd[openvino]'"
        if not _may_run_what_it_writes():
            return (
                "OpenVINO compiles networks to machine code, which this process may not run: "
                'take MemoryDenyWriteExecute out of the systemd unit, or set engine.name = "onnxruntime"'
            )
        return None

    def devices(self) -> tuple[str, ...]:
        """See Engine."""
        return tuple(_core().available_devices)

    def load(self, path: Path, options: EngineOptions) -> "OpenVinoNetwork":
        """See Engine."""
        try:
            graph = _core().read_model(path)
            return OpenVinoNetwork(path, graph, _core().compile_model(graph, options.device, _properties(options)))
        except RuntimeError as exc:
            raise ModelLoadError(
                f"cannot load {path} in OpenVINO for engine.device = {options.device!r} "
                f"(here are: {', '.join(self.devices())}): {_short(exc)}"
            ) from exc


class OpenVinoNetwork:
    """See Network."""

    engine = OpenVino.name

    def __init__(self, path: Path, graph: Any, compiled: Any) -> None:
        self.inputs = tuple(port.any_name for port in compiled.inputs)
        self.outputs = tuple(port.any_name for port in compiled.outputs)
        self._shapes = [port.partial_shape for port in compiled.inputs]
        self._request = compiled.create_infer_request()
        devices = "+".join(compiled.get_property("EXECUTION_DEVICES"))
        nodes = sum(node.get_type_name() not in _NO_WORK for node in graph.get_ops())
        self.placement: Mapping[str, int] = {devices: nodes}
        log.info("%s in OpenVINO: nodes %s", path.name, listed(self.placement), extra={"engine": self.engine})

    def run(self, *values: Value) -> list[Float32Array]:
        """See Network."""
        try:
            for name, shape, value in zip(self.inputs, self._shapes, values, strict=True):
                # Some graphs it would run on anything.
                if not shape.compatible(type(shape)(list(value.shape))):
                    raise InferenceError(f"the network failed: {name!r} is {shape}, not {list(value.shape)}")
            given = dict(enumerate(values))
            return [np.asarray(out, np.float32) for out in self._request.infer(given).to_tuple()]
        except (RuntimeError, TypeError, ValueError) as exc:
            raise InferenceError(f"the network failed: {_short(exc)}") from exc

    def terminate(self) -> None:
        """See Network."""
        self._request.cancel()


def _properties(options: EngineOptions) -> dict[str, Any]:
    properties = _openvino().properties
    return {
        # Some processors would otherwise compute in bfloat16.
        properties.hint.inference_precision(): _openvino().Type.f32,
        properties.hint.performance_mode(): properties.hint.PerformanceMode.LATENCY,
        properties.num_streams(): 1,
        # Two networks' threads would otherwise be bound to the same cores.
        **(
            {properties.inference_num_threads(): options.threads, properties.hint.enable_cpu_pinning(): False}
            if options.device == "CPU"
            else {}
        ),
    }


@cache
def _openvino() -> Any:
    # On import, OpenVINO would send an event to its makers and leave a file in the home folder. It has a way to do
    # without the package that does so, and takes it where that cannot be imported.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: not to be had
    import openvino  # noqa: PLC0415 - an extra

    return openvino


@cache
def _core() -> Any:
    return _openvino().Core()


def _may_run_what_it_writes() -> bool:
    if os.name != "posix":
        return True
    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError:
        return False
    return True


def _short(exc: Exception) -> str:
    """What OpenVINO says, without the places in its own sources."""
    lines = [line.strip() for line in str(exc).splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("Exception from", "Check '"))) or str(exc)
