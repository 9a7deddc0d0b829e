"""A fake server: it speaks KServe's protocol, copies segments, and misbehaves as a real one cannot be made to.

Only what a daemon asks for is there. Its threads are gRPC's, so that the client's event loop is the only one.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np
import numpy.typing as npt
from tritonclient.grpc import service_pb2 as kserve
from tritonclient.utils import np_to_triton_dtype, triton_to_np_dtype

from stemd.separation.remote import wire
from stemd.separation.store import Model

_SERVICE: Final = "inference.GRPCInferenceService"
_THREADS: Final = 32  # requests at a time; those that are never answered hold theirs until the client gives up
_REGION: Final = "shared_memory_region"
SHARED: Final = Path("/dev/shm")  # noqa: S108 - where Linux has it


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for an inference.

    Attributes:
        stems: of a good answer, (stems, 2, trusted frames).
        context: gRPC's.
        request: as it came.
    """

    stems: Any
    context: grpc.ServicerContext
    request: Any


Answer = Callable[[Asked], Any]  # a message, or the bytes of what is none


class Fake:
    """See the module.

    Args:
        model: that it seems to have; of any stem it gives the mixture.
        answer: how it answers; may be changed at any time.

    Attributes:
        ready: whether it says so.
        looks: how often it was asked whether it is.
        begun: inferences that it was asked for; `done`: those that it had an answer to, or whose client had gone.
        regions: of shared memory that it has open; None: it knows none of that.
        held: names of regions that it says it still uses when it is told to let go of them.
        version: that it says is its own.
    """

    def __init__(self, model: Model, answer: "Answer | None" = None, *, shares: bool = False) -> None:
        self.answer = answer or well
        self.ready = True
        self.looks = self.begun = self.done = 0
        self.regions: dict[str, npt.NDArray[np.uint8]] | None = {} if shares else None
        self.held: set[str] = set()
        self.version = "2.51.0"
        self._model = model
        self._server: grpc.Server | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, at the port of the last time if there was one."""
        self._server = grpc.server(ThreadPoolExecutor(_THREADS), options=[("grpc.max_receive_message_length", -1)])
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, self._handlers()),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        self._server.start()

    def vanish(self) -> None:
        """Be gone; what is asked is not answered any more."""
        assert self._server is not None
        self._server.stop(grace=None).wait()

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        return {
            "ServerLive": _handler(lambda *_: kserve.ServerLiveResponse(live=True), kserve.ServerLiveRequest),
            "ServerReady": _handler(self._is_ready, kserve.ServerReadyRequest),
            "ServerMetadata": _handler(
                lambda *_: kserve.ServerMetadataResponse(version=self.version), kserve.ServerMetadataRequest
            ),
            "ModelReady": _handler(lambda *_: kserve.ModelReadyResponse(ready=True), kserve.ModelReadyRequest),
            "ModelMetadata": _handler(self._metadata, kserve.ModelMetadataRequest),
            "ModelConfig": _handler(self._config, kserve.ModelConfigRequest),
            "ModelInfer": _handler(self._infer, kserve.ModelInferRequest),
            "SystemSharedMemoryRegister": _handler(self._register, kserve.SystemSharedMemoryRegisterRequest),
            "SystemSharedMemoryUnregister": _handler(self._unregister, kserve.SystemSharedMemoryUnregisterRequest),
        }

    def _is_ready(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.looks += 1
        return kserve.ServerReadyResponse(ready=self.ready)

    def _metadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        named = {"inputs": (wire.MIXTURE, wire.SPAN), "outputs": (wire.STEMS, wire.COMPUTE)}
        tensors = {key: [{"name": name} for name in names] for key, names in named.items()}
        return kserve.ModelMetadataResponse(name=request.name, **tensors)

    def _config(self, request: Any, context: grpc.ServicerContext) -> Any:
        answer = kserve.ModelConfigResponse()
        answer.config.parameters[wire.DIGEST].string_value = wire.digest(self._model.manifest)
        return answer

    def _register(self, request: Any, context: grpc.ServicerContext) -> Any:
        if self.regions is None:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no shared memory here")
        else:
            self.regions[request.name] = np.memmap(SHARED / request.key.removeprefix("/"), np.uint8, "r+")
        return kserve.SystemSharedMemoryRegisterResponse()

    def _unregister(self, request: Any, context: grpc.ServicerContext) -> Any:
        assert self.regions is not None
        if request.name in self.held:
            context.abort(grpc.StatusCode.INTERNAL, "it is currently in use")
        self.regions.pop(request.name, None)
        return kserve.SystemSharedMemoryUnregisterResponse()

    def _infer(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.begun += 1
        segment = wire.segment(self._inputs(request), spectral=False)
        entry = self._model.manifest.specialists[0]
        stems = np.stack([segment.mixture[:, segment.span.trusted]] * len(entry.stems))
        try:
            answer = self.answer(Asked(stems, context, request))
            return self._shared(request, stems, answer) if self.regions else answer
        finally:
            self.done += 1

    def _inputs(self, request: Any) -> Mapping[str, wire.Tensor]:
        raw = iter(request.raw_input_contents)
        return {
            tensor.name: np.frombuffer(self._read(tensor, raw), triton_to_np_dtype(tensor.datatype)).reshape(
                tuple(tensor.shape)
            )
            for tensor in request.inputs
        }

    def _read(self, tensor: Any, raw: Iterator[bytes]) -> bytes:
        told = tensor.parameters
        if _REGION not in told:
            return next(raw)
        assert self.regions is not None
        start, size = told["shared_memory_offset"].int64_param, told["shared_memory_byte_size"].int64_param
        return self.regions[told[_REGION].string_param][start : start + size].tobytes()

    def _shared(self, request: Any, stems: Any, answer: Any) -> Any:
        """The answer with its stems in shared memory, where they are wanted there."""
        assert self.regions is not None
        told = request.outputs[0].parameters
        if _REGION not in told or not answer.outputs:
            return answer
        start = told["shared_memory_offset"].int64_param
        self.regions[told[_REGION].string_param][start : start + stems.nbytes] = stems.reshape(-1).view(np.uint8)
        answer.raw_output_contents[0] = b""
        return answer


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    """A fake that listens."""
    fake.start()
    try:
        yield fake
    finally:
        fake.vanish()


def reply(tensors: Mapping[str, Any]) -> Any:
    """An answer that holds tensors."""
    answer = kserve.ModelInferResponse()
    for name, values in tensors.items():
        answer.outputs.add(name=name, datatype=np_to_triton_dtype(values.dtype), shape=values.shape)
        answer.raw_output_contents.append(values.tobytes())
    return answer


# --- answers -----------------------------------------------------------------------------------------------------


def well(asked: Asked) -> Any:
    """As it should be."""
    return reply({wire.STEMS: asked.stems, wire.COMPUTE: np.array([1_000], np.int64)})


def slowly(seconds: float) -> Answer:
    """As it should be, but not at once."""

    def answer(asked: Asked) -> Any:
        time.sleep(seconds)
        return well(asked)

    return answer


def never(asked: Asked) -> Any:
    """No answer, until nobody waits for one."""
    gone = threading.Event()
    if asked.context.add_callback(gone.set):
        gone.wait()
    return well(asked)


def misshapen(asked: Asked) -> Any:
    """A frame is missing."""
    return well(Asked(asked.stems[:, :, 1:], asked.context, asked.request))


def doubled(asked: Asked) -> Any:
    """Another type."""
    return well(Asked(asked.stems.astype(np.float64), asked.context, asked.request))


def no_numbers(asked: Asked) -> Any:
    """One value is none."""
    spoilt = asked.stems.copy()
    spoilt[0, 1, 7] = np.nan
    return well(Asked(spoilt, asked.context, asked.request))


def empty(asked: Asked) -> Any:
    """An answer without tensors."""
    return kserve.ModelInferResponse()


def lying(asked: Asked) -> Any:
    """The right shape, and half of the samples."""
    answer = well(asked)
    answer.raw_output_contents[0] = answer.raw_output_contents[0][: asked.stems.nbytes // 2]
    return answer


def garbage(asked: Asked) -> Any:
    """Bytes that are no message."""
    return b"\xff" * 1_000


def huge(asked: Asked) -> Any:
    """A quarter of a gigabyte of stems."""
    return well(Asked(np.zeros((1, 2, 2**25), np.float32), asked.context, asked.request))


def failing(code: grpc.StatusCode) -> Answer:
    """An error instead."""

    def answer(asked: Asked) -> Any:
        asked.context.abort(code, "it does not want to")

    return answer


class Flapping:
    """Refuses every other request."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, asked: Asked) -> Any:
        self._count += 1
        return well(asked) if self._count % 2 else failing(grpc.StatusCode.UNAVAILABLE)(asked)


def _handler(answer: Callable[[Any, grpc.ServicerContext], Any], request: Any) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(answer, request.FromString, _bytes)


def _bytes(message: Any) -> bytes:
    return message if isinstance(message, bytes) else message.SerializeToString()
