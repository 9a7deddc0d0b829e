"""Graphs in onnxruntime: the engine that every daemon has."""

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from stemd.audio import Float32Array
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.engines.engine import EngineOptions, Value
from stemd.separation.engines.placement import CPU, count, fallen, listed, take

log: Final = logging.getLogger("stemd")
# Must stand in the environment before the first import; onnxruntime writes telemetry files otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_CUDA: Final = "CUDAExecutionProvider"
_EXTRAS: Final = {_CUDA: "daemon-cuda", "TensorrtExecutionProvider": "daemon-cuda"}
_FATAL: Final = 4
_registering: Final = threading.Lock()


class OnnxRuntime:
    """See Engine."""

    name = "onnxruntime"

    def obstacle(self) -> str | None:
        """See Engine."""
        try:
            import onnxruntime  # noqa: F401, PLC0415 - takes 0.2 s, and only those who separate pay for it
        except ImportError as exc:
            return f"onnxruntime cannot be used ({exc}): pip install 'stemd[daemon]'"
        return None

    def devices(self) -> tuple[str, ...]:
        """See Engine."""
        import onnxruntime as ort  # noqa: PLC0415

        return tuple(ort.get_available_providers())

    def load(self, path: Path, options: EngineOptions) -> "OnnxRuntimeNetwork":
        """See Engine. What could not be had as asked is logged as a warning, where the nodes went as information."""
        import onnxruntime as ort  # noqa: PLC0415

        taken = take(options.providers, ort.get_available_providers(), ort.get_all_providers())
        for provider in taken.absent:
            _warn_once(_absence(provider, ort.get_available_providers(), taken.providers))
        session = _session(ort, path, options, taken.providers)
        for provider in taken.providers:
            if provider not in session.get_providers():
                _warn_once(
                    f"{provider} did not start, {', '.join(session.get_providers())} was taken instead; onnxruntime's "
                    "own messages above say why (for CUDA: mostly the driver, or the CUDA and cuDNN libraries)"
                )
        settings = ort.RunOptions()
        settings.log_severity_level = _FATAL  # what fails is raised; said twice, it would stand in colours in the log
        return OnnxRuntimeNetwork(path, session, settings)


class OnnxRuntimeNetwork:
    """See Network."""

    engine = OnnxRuntime.name

    def __init__(self, path: Path, session: Any, settings: Any) -> None:
        self.inputs = tuple(value.name for value in session.get_inputs())
        self.outputs = tuple(value.name for value in session.get_outputs())
        self._session, self._settings = session, settings
        nodes = [(g.ep_name, n.op_type) for g in session.get_provider_graph_assignment_info() for n in g.get_nodes()]
        self.placement: Mapping[str, int] = count(nodes)
        log.info("%s in onnxruntime: nodes %s", path.name, listed(self.placement), extra={"engine": self.engine})
        if heavy := fallen(nodes, session.get_providers()):
            _warn_once(
                f"{path}: heavy nodes run on the CPU although {session.get_providers()[0]} was asked for: "
                f"{', '.join(f'{number} {operator}' for operator, number in sorted(heavy.items()))}; "
                "it may be no faster than without: compare with engine.providers = []"
            )

    def run(self, *values: Value) -> list[Float32Array]:
        """See Network."""
        try:
            self._settings.terminate = False
            given = dict(zip(self.inputs, values, strict=True))
            return [np.asarray(out, np.float32) for out in self._session.run(list(self.outputs), given, self._settings)]
        except Exception as exc:  # onnxruntime raises its own classes straight from Exception
            raise InferenceError(f"the network failed: {exc}") from exc

    def terminate(self) -> None:
        """See Network."""
        self._settings.terminate = True


def _session(ort: Any, path: Path, options: EngineOptions, providers: Sequence[str]) -> Any:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    # Planned in advance, the working memory is one piece per run and half as large again, and runs are no faster.
    settings.enable_mem_pattern = False
    settings.log_severity_level = 3
    settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if options.spin else "0")
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if options.share:
        _share_memory(ort)
        settings.add_session_config_entry("session.use_env_allocators", "1")
    if _CUDA in providers:
        ort.preload_dlls()  # finds the libraries that came as Python packages
    try:
        # Without this, onnxruntime prints what failed and goes on with providers of its own choice.
        return ort.InferenceSession(str(path), settings, providers=list(providers), enable_fallback=0)
    except Exception as exc:
        if list(providers) == [CPU]:
            raise ModelLoadError(f"cannot load {path}: {exc}") from exc
        _warn_once(f"{path}: {providers[0]} failed ({exc}), {CPU} was taken instead")
        return _session(ort, path, options, [CPU])


def _share_memory(ort: Any) -> None:
    """Give the process one arena: networks that run in turn then need the working memory of one."""
    with _registering:
        _register_arena(ort)


@cache
def _register_arena(ort: Any) -> None:
    place = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    # No limit; grow by what is asked for and not by powers of two, which took 40 % more; the rest as it is by default.
    ort.create_and_register_allocator(place, ort.OrtArenaCfg(0, 1, -1, -1))


def _absence(provider: str, present: Sequence[str], taken: Sequence[str]) -> str:
    extra = _EXTRAS.get(provider)
    remedy = (
        f"pip uninstall -y onnxruntime, then pip install 'stemd[{extra}]'"
        if extra
        else "install a build of onnxruntime that has it"
    )
    return (
        f"this onnxruntime has no {provider} (it has {', '.join(present)}); "
        f"{', '.join(taken)} was taken instead; to have it: {remedy}"
    )


@cache
def _warn_once(text: str) -> None:
    # Every worker loads every network, and would say the same.
    log.warning("%s", text, extra={"engine": OnnxRuntime.name})
