"""The JACK library: the module `jack`, and the calls for latencies that it lacks."""

import ctypes
import importlib
from collections.abc import Callable
from typing import Any, Final

from stemd.errors import DeviceError

CAPTURE: Final = 0  # jack_latency_callback_mode_t
PLAYBACK: Final = 1

Range = tuple[int, int]
"""The least and the most latency of a port, in frames."""


def load() -> Any:
    """The module `jack`.

    Raises:
        ModuleNotFoundError: the package JACK-Client is not installed.
        DeviceError: JACK's own library is not.
    """
    try:
        module = importlib.import_module("jack")
    except OSError as exc:
        text = "there is no JACK library here: apt-get install jackd2, or pipewire-jack where PipeWire plays"
        raise DeviceError(text) from exc
    # The library writes to stderr on its own account; what matters comes back as an exception.
    module.set_error_function(_quiet)
    module.set_info_function(_quiet)
    return module


def open_client(module: Any, name: str, server: str | None) -> Any:
    """A client of a running JACK server, not yet active; JACK may add a number to `name`.

    Raises:
        DeviceError: there is no such server, or it does not take the client.
    """
    which = f"JACK server {server!r}" if server else "JACK server"
    try:
        return module.Client(name, no_start_server=True, servername=server)
    except module.JackOpenError as exc:
        if exc.status.server_failed:
            text = (
                f"no {which} runs: start one (jackd, or qjackctl), name another with --server, "
                "or on PipeWire say `pw-jack stemd jack`"
            )
            raise DeviceError(text) from exc
        raise DeviceError(f"the {which} does not take a client {name!r}: {exc.status}") from exc


class Latencies:
    """JACK's latency callback and latency ranges, of which the module `jack` knows nothing.

    Made before the client is active, and kept as long as it is.

    Args:
        client: a client of the module `jack`.
        changed: called in a thread of JACK's with CAPTURE or PLAYBACK when latencies are to be told anew.
    """

    def __init__(self, client: Any, changed: Callable[[int], None]) -> None:
        self._module = importlib.import_module("jack")
        self._library = ctypes.CDLL(self._module._libname)  # the one that it found, and has open already
        self._client = client
        self._callback = _CALLBACK(lambda mode, _: changed(mode))  # kept: ctypes does not
        self._library.jack_set_latency_callback(self._address(client), self._callback, None)

    def get(self, port: Any, mode: int) -> Range:
        """What lies before a port (CAPTURE) or behind it (PLAYBACK)."""
        found = _Range()
        self._library.jack_port_get_latency_range(self._address(port), ctypes.c_int(mode), ctypes.byref(found))
        return found.least, found.most

    def set(self, port: Any, mode: int, latency: Range) -> None:
        """Say it of an own port; only inside the callback."""
        told = _Range(*latency)
        self._library.jack_port_set_latency_range(self._address(port), ctypes.c_int(mode), ctypes.byref(told))

    def recompute(self) -> None:
        """Have JACK ask everybody anew, since the latency of this client has changed."""
        self._library.jack_recompute_total_latencies(self._address(self._client))

    def _address(self, wrapped: Any) -> ctypes.c_void_p:
        # The module shows the library's own pointer nowhere else.
        return ctypes.c_void_p(int(self._module._ffi.cast("uintptr_t", wrapped._ptr)))


class _Range(ctypes.Structure):
    _fields_ = (("least", ctypes.c_uint32), ("most", ctypes.c_uint32))


_CALLBACK: Final = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)


def _quiet(_text: str) -> None:
    pass
