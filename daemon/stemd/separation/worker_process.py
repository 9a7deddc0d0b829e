"""A worker's process: takes calls from the daemon that started it (see `processes`) until that is gone.

`python -m stemd.separation.worker_process CALLS ORDERS MEMORY PARENT`: three descriptors, and the daemon's pid.
"""

import ctypes
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import msgpack
import msgspec

from stemd.dsp.plan import Span
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError, StemdError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.manifest import Manifest
from stemd.separation.pool import NetworkId
from stemd.separation.processes import NUMBER
from stemd.separation.shared_arrays import Place, SharedArrays
from stemd.separation.store import Model
from stemd.separation.threads import NICENESS, Networks

_PR_SET_PDEATHSIG: Final = 1
_OOM_SCORE: Final = 300  # of 1000, added: when memory runs out, the kernel takes a worker before the daemon


class WorkerProcess:
    """Does what it is called for, one thing after the other.

    Args:
        calls: where they come from, and answers go.
        arrays: where samples lie.
    """

    def __init__(self, calls: Connection, arrays: SharedArrays) -> None:
        self._calls, self._arrays = calls, arrays
        self._networks = Networks(EngineOptions())
        self._lock = threading.Lock()
        self._run = 0  # the number of the run that goes on
        self._does: dict[str, Callable[..., Any]] = {
            "start": self._start,
            "choose": lambda **known: self._networks.choose(_model(**known)),
            "load": lambda engine, **known: self._networks.load(_model(**known), engine),
            "unload": self._networks.unload,
            "run": self._separate,
        }

    def work(self) -> None:
        """Serve until the daemon is gone."""
        with suppress(EOFError, OSError):
            while True:
                what, details = msgpack.unpackb(self._calls.recv_bytes(), strict_map_key=False)
                self.say(*self._answer(what, details))

    def say(self, kind: str, content: Any) -> None:
        """Send something to the daemon."""
        self._calls.send_bytes(msgpack.packb([kind, content]))

    def interrupt(self, number: int) -> None:
        """Ask a run to end, if it still goes on."""
        with self._lock:
            if self._run == number:
                self._networks.interrupt()

    def _answer(self, what: str, details: dict[str, Any]) -> tuple[str, Any]:
        try:
            return "done", self._does[what](**details)
        except StemdError as exc:
            return "fault", [exc.code, str(exc)]
        except Exception as exc:
            return "fault", [InferenceError.code, f"the network failed: {type(exc).__name__}: {exc}"]

    def _start(self, options: dict[str, Any], *, niced: bool, level: int) -> None:
        if niced:
            with suppress(OSError):
                os.nice(NICENESS)
        options["providers"] = tuple(options["providers"])
        self._networks.options = EngineOptions(**options)
        logging.basicConfig(level=level, handlers=[_Relay(self)])

    def _separate(
        self, number: int, key: str, index: int, span: tuple[int, int, int, int, int | None], places: list[Place]
    ) -> tuple[Place, int, int]:
        arrays = self._arrays.views(places)
        mixture, spectrum = arrays[0], arrays[1] if len(arrays) > 1 else None
        position, start, low, high, spill = span
        segment = Segment(Span(position, start, slice(low, high), spill), mixture, spectrum)
        with self._lock:
            self._run = number
        try:
            answer = self._networks.run(NetworkId(key, index), segment)
        finally:
            with self._lock:
                self._run = 0
        # The monotonic clock is the system's, so the daemon can compare these with its own.
        return self._arrays.put([answer.stems], places)[0], answer.network_begun, answer.network_ended


class _Relay(logging.Handler):
    """Lets the daemon log what is logged here, while it waits for an answer."""

    def __init__(self, worker: WorkerProcess) -> None:
        super().__init__()
        self._worker = worker

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        with suppress(OSError):
            self._worker.say("log", [record.levelno, "%s", record.getMessage()])


def _model(folder: str, manifest: bytes) -> Model:
    return Model(Path(folder), msgspec.msgpack.decode(manifest, type=Manifest))


def _obey(orders: socket.socket, worker: WorkerProcess) -> None:
    """Pass on which runs should end; end everything once the daemon is gone, whatever runs."""
    with suppress(OSError):
        while len(order := orders.recv(NUMBER.size, socket.MSG_WAITALL)) == NUMBER.size:
            worker.interrupt(*NUMBER.unpack(order))
    os._exit(0)


def _belong_to(parent: int) -> None:
    """Live no longer than the daemon, and let it alone decide when to end."""
    # Ctrl-C reaches every process of a terminal, and a service manager tells all to stop: the daemon still drains then.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)  # it was gone before it could be asked for that
    with suppress(OSError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(1_000, int(score.read_text()) + _OOM_SCORE)))


def main(arguments: list[str]) -> None:
    """Run it."""
    calls, orders, memory, parent = map(int, arguments)
    _belong_to(parent)
    faulthandler.enable()
    worker = WorkerProcess(Connection(calls), SharedArrays(memory))
    threading.Thread(target=_obey, args=(socket.socket(fileno=orders), worker), daemon=True).start()
    worker.work()
    os._exit(0)  # nothing here is worth the time that taking it apart would take


if __name__ == "__main__":
    main(sys.argv[1:])
