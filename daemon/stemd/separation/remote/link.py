"""A connection to one endpoint: KServe's second protocol over gRPC, with shared memory where both are one machine."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from stemd.address import is_loopback
from stemd.audio import Float32Array
from stemd.errors import ConfigError, InferenceError, ModelLoadError, StemdError
from stemd.separation.remote.faults import EndpointLateError, EndpointLostError
from stemd.separation.remote.regions import Regions
from stemd.separation.remote.shared import Region
from stemd.separation.remote.wire import COMPUTE, MIXTURE, Offer, Tensor

_LIMIT: Final = 2**27  # bytes of a message; one is a few megabytes, and what is longer is not even read
_CONNECT: Final = 5.0  # seconds
_CLOSE: Final = 1.0
_STRANGER: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED")
_LOST: Final = ("UNAVAILABLE", "CANCELLED", *_STRANGER)


@dataclass(frozen=True, slots=True)
class Access:
    """How servers are reached.

    Attributes:
        tls: whether connections are encrypted; then the files, PEM, where they are wanted.
        ca: of those who vouch for the servers; empty: the system's.
        certificate: this daemon's own; `key`: its private key.
        token_file: a file with a token that is sent as `authorization: Bearer`, read anew for each connection.
        shared_memory: whether it is used with servers of this machine.
    """

    tls: bool = False
    ca: str = ""
    certificate: str = ""
    key: str = ""
    token_file: str = ""
    shared_memory: bool = True

    def headers(self) -> dict[str, str]:
        """What each request carries.

        Raises:
            ConfigError: the token cannot be read.
        """
        if not self.token_file:
            return {}
        try:
            token = Path(self.token_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"engine.triton.token_file: cannot read {self.token_file!r} ({exc})") from exc
        return {"authorization": f"Bearer {token}"}


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What a server gave: `stems`, and the nanoseconds that its network took, where it says so."""

    stems: Float32Array | None
    compute_ns: int | None


class Link:
    """A connection, from `connected` to `close`. It belongs to one event loop."""

    def __init__(self, address: str, client: Any, headers: Mapping[str, str], *, shares: bool) -> None:
        self.address = address
        self._client, self._headers = client, dict(headers)
        self._regions = Regions(self._ask) if shares else None

    @classmethod
    async def connected(cls, address: str, access: Access) -> "Link":
        """A connection to a server that says that it is ready.

        Raises:
            EndpointLostError: nobody answers, or nobody who is ready.
            ConfigError: a file that the configuration names cannot be read, or a package is missing.
        """
        aio, _ = _packages()
        headers = await asyncio.to_thread(access.headers)
        try:
            client = aio.InferenceServerClient(
                address,
                ssl=access.tls,
                root_certificates=access.ca or None,
                private_key=access.key or None,
                certificate_chain=access.certificate or None,
                channel_args=[("grpc.max_send_message_length", _LIMIT), ("grpc.max_receive_message_length", _LIMIT)],
            )
        except OSError as exc:
            raise ConfigError(f"engine.triton: cannot read {exc.filename!r} ({exc.strerror})") from exc
        link = cls(address, client, headers, shares=access.shared_memory and is_here(address))
        try:
            if not await link._ask("is_server_ready", _CONNECT):
                raise EndpointLostError(f"{address}: the server is not ready")
            if link._regions and not await link._regions.may_be_used():
                link._regions = None
        except BaseException:
            await link.close()
            raise
        return link

    async def lives(self, within: float) -> bool:
        """Whether the server says so within these seconds."""
        try:
            return bool(await self._ask("is_server_live", within))
        except InferenceError:
            return False

    async def close(self) -> None:
        """End it; what is on its way is given up."""
        with suppress(Exception):  # it may be dead, and is not waited for
            async with asyncio.timeout(_CLOSE):
                if self._regions:
                    await self._regions.close()
        with suppress(Exception):
            async with asyncio.timeout(_CLOSE):
                await self._client.close()

    async def describe(self, name: str, version: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The metadata and the configuration of a model, as JSON.

        Raises:
            ModelLoadError: the server does not have it, or not ready.
            EndpointLostError: it does not answer.
        """
        try:
            ready = await self._ask("is_model_ready", _CONNECT, name, version)
            if not ready:
                raise ModelLoadError(f"{self.address} has no model {name!r} version {version}, or not ready")
            metadata = await self._ask("get_model_metadata", _CONNECT, name, version, as_json=True)
            config = await self._ask("get_model_config", _CONNECT, name, version, as_json=True)
        except EndpointLostError:
            raise
        except InferenceError as exc:
            raise ModelLoadError(f"{self.address}: model {name!r} version {version}: {exc}") from exc
        return metadata, config.get("config", config)

    async def run(self, offer: Offer, tensors: Mapping[str, Tensor], stems: int, within: float) -> Reply:
        """Ask for one inference.

        Args:
            offer: the server's model.
            tensors: its inputs.
            stems: bytes that its stems have at most.
            within: seconds for all of it.

        Raises:
            EndpointLostError: no answer, or not in time.
            InferenceError: the server refused, or the network failed.
        """
        async with self._region(sum(values.nbytes for values in tensors.values()) + stems) as region:
            asked, wanted = self._tensors(offer, tensors, region)
            result = await self._ask("infer", within, offer.name, asked, offer.version, wanted, client_timeout=within)
            try:
                return _read(result, offer, region)
            except Exception as exc:  # what numpy makes of tensors that are not what they say
                raise InferenceError(f"{self.address} gave what cannot be read ({exc})") from exc

    async def _ask(self, method: str, within: float, *arguments: Any, **more: Any) -> Any:
        """Call a method of the client; its faults as ours."""
        _, fault = _packages()
        try:
            async with asyncio.timeout(within):
                return await getattr(self._client, method)(*arguments, headers=self._headers, **more)
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled this: gRPC does it where the connection is closed meanwhile.
            raise EndpointLostError(f"{self.address}: the connection was closed") from exc
        except TimeoutError as exc:
            raise EndpointLateError(f"{self.address} did not answer within {within:.2f} s") from exc
        except fault as exc:
            status = (exc.status() or "").removeprefix("StatusCode.")
            text = f"{self.address}: {exc.message() or status}"
            if status in _STRANGER:
                text += " - it does not let this daemon in: see engine.triton.token_file and engine.triton.certificate"
            if status in _LOST:
                raise EndpointLostError(text) from exc
            if status == "DEADLINE_EXCEEDED":
                raise EndpointLateError(text) from exc
            raise InferenceError(text) from exc
        except StemdError:
            raise
        except Exception as exc:  # what gRPC and protobuf raise besides, as where the channel is closed meanwhile
            raise EndpointLostError(f"{self.address}: {type(exc).__name__}: {exc}") from exc

    def _region(self, size: int) -> AbstractAsyncContextManager[Region | None]:
        return self._regions.lent(size) if self._regions else nullcontext()

    def _tensors(self, offer: Offer, tensors: Mapping[str, Tensor], region: "Region | None") -> tuple[Any, Any]:
        from tritonclient.grpc import InferInput, InferRequestedOutput  # noqa: PLC0415 - an extra

        asked, offset = [], 0
        for name, values in tensors.items():
            own = offer.mixture if name == MIXTURE else name
            tensor = InferInput(own, list(values.shape), "FP32" if values.dtype == np.float32 else "INT64")
            if region is None:
                tensor.set_data_from_numpy(values)
            else:
                offset = region.put(values, offset)
                tensor.set_shared_memory(region.name, values.nbytes, offset - values.nbytes)
            asked.append(tensor)
        wanted = [InferRequestedOutput(offer.stems), *([] if offer.whole else [InferRequestedOutput(COMPUTE)])]
        if region is not None:
            wanted[0].set_shared_memory(region.name, region.size - offset, offset)
            region.output = offset
        return asked, wanted


def _read(result: Any, offer: Offer, region: Region | None) -> Reply:
    took = None if offer.whole else result.as_numpy(COMPUTE)
    compute = int(took.ravel()[0]) if took is not None and took.size == 1 else None
    if region is not None:
        return Reply(region.taken(result.get_output(offer.stems)), compute)
    found = result.as_numpy(offer.stems)
    return Reply(None if found is None else np.asarray(found), compute)


def is_here(address: str) -> bool:
    """Whether an address is of this machine."""
    if address.startswith("unix:"):
        return True
    return is_loopback(address.rpartition(":")[0].strip("[]"))


def _packages() -> tuple[Any, type[Any]]:
    """The client's module, and what it raises.

    Raises:
        ConfigError: the extra is not installed.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # its notes on connections would stand amid our own lines
    try:
        from tritonclient.grpc import aio  # noqa: PLC0415
        from tritonclient.utils import InferenceServerException  # noqa: PLC0415
    except ImportError as exc:
        raise ConfigError(f"engine 'triton' cannot be used ({exc}): pip install 'stemd[triton]'") from exc
    return aio, InferenceServerException
