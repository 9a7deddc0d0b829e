"""The pool in processes: whatever a network does to its process, the daemon and all other networks go on.

A worker's process (see `worker_process`) is a Python of its own, not a fork: the daemon has threads. Calls go over a
socket as small msgpack heads, one at a time; samples and spectrograms lie in memory that both share. A second socket
says which run should end. When the daemon is gone, however, both close and the process ends.
"""

import logging
import os
import signal
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from typing import Any, Final

import msgpack
import msgspec
import numpy as np

from stemd.dsp.segmenter import Segment
from stemd.errors import ConfigError, from_code
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.patience import Patience
from stemd.separation.pool import Lane, NetworkId
from stemd.separation.shared_arrays import SharedArrays
from stemd.separation.store import Model
from stemd.separation.worker import Answer, WorkerLostError
from stemd.separation.workers import WorkerPool

log: Final = logging.getLogger("stemd")
NUMBER: Final = struct.Struct("<Q")  # of the run that should end
_END_WITHIN: Final = 2.0  # seconds for a process that was told to end


class ProcessWorker:
    """See Worker. Its process is a child of the thread that starts it, and is killed when that thread ends.

    Args:
        options: how networks run.
        niced: whether it takes only what others leave.
    """

    aside = False

    def __init__(self, options: EngineOptions, *, niced: bool) -> None:
        self._options, self._niced = options, niced
        self._process: subprocess.Popen[bytes] | None = None
        self._calls: Connection | None = None
        self._orders: socket.socket | None = None
        self._arrays: SharedArrays | None = None
        self._runs = 0

    @property
    def pid(self) -> int | None:
        """Of its process; None before it was started."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """See Worker."""
        try:
            self._launch()
        except OSError as exc:
            raise WorkerLostError(f"a worker's process cannot be started: {exc.strerror}") from exc
        self._call("start", options=asdict(self._options), niced=self._niced, level=log.getEffectiveLevel())

    def _launch(self) -> None:
        with ExitStack() as opened:
            calls, their_calls = socket.socketpair()
            opened.enter_context(their_calls)
            self._calls = Connection(calls.detach())
            self._orders, their_orders = socket.socketpair()
            opened.enter_context(their_orders)
            self._arrays = SharedArrays()
            theirs = (their_calls.fileno(), their_orders.fileno(), self._arrays.descriptor)
            command = [sys.executable, "-P", "-m", "stemd.separation.worker_process", *map(str, theirs)]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*command, str(os.getpid())], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=theirs
            )

    def choose(self, model: Model) -> str:
        """See Worker."""
        return str(self._call("choose", **_known(model)))

    def load(self, model: Model, engine: str) -> None:
        """See Worker."""
        self._call("load", **_known(model), engine=engine)

    def unload(self, key: str) -> None:
        """See Worker."""
        self._call("unload", key=key)

    def run(self, network: NetworkId, segment: Segment) -> Answer:
        """See Worker."""
        assert self._arrays is not None  # noqa: S101 - it was started
        self._runs += 1
        span = segment.span
        arrays = [segment.mixture] if segment.spectrum is None else [segment.mixture, segment.spectrum]
        place, begun, ended = self._call(
            "run",
            number=self._runs,
            key=network.model,
            index=network.index,
            span=(span.index, span.start, int(span.trusted.start), int(span.trusted.stop), span.spill),
            places=self._arrays.put(arrays),
        )
        stems = np.array(self._arrays.views([place])[0], np.float32)  # a copy: the memory is the next run's
        return Answer(stems, begun, ended)

    def interrupt(self) -> None:
        """See Worker."""
        if orders := self._orders:
            with suppress(OSError):  # it is gone, or has had more of these than it can read
                orders.send(NUMBER.pack(self._runs), socket.MSG_DONTWAIT)

    def kill(self) -> bool:
        """See Worker."""
        if self._process:
            self._process.kill()
        return True

    def alive(self) -> bool:
        """See Worker."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """See Worker."""
        for resource in (self._calls, self._orders, self._arrays):
            if resource is not None:
                resource.close()
        self._calls = self._orders = self._arrays = None
        if self._process:
            try:
                self._process.wait(_END_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _call(self, what: str, **details: Any) -> Any:
        """Have the process do something; what it answers. What it logs meanwhile is logged here."""
        assert self._calls is not None  # noqa: S101 - it was started
        try:
            self._calls.send_bytes(msgpack.packb([what, details]))
            while True:
                kind, content = msgpack.unpackb(self._calls.recv_bytes())
                if kind == "log":
                    log.log(*content)
                elif kind == "fault":
                    raise from_code(*content)
                else:
                    return content
        except (OSError, EOFError) as exc:
            raise WorkerLostError(f"a worker's process {self._death()}") from exc

    def _death(self) -> str:
        """How it died. Its sockets are closed, so it has, or is about to."""
        if self._process is None:
            return "was never there"
        try:
            status = self._process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return "no longer answered"
        if status >= 0:
            return f"ended with status {status}"
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-status).name}"
        return f"was killed by signal {-status}"


def _known(model: Model) -> dict[str, Any]:
    return {"folder": str(model.folder), "manifest": msgspec.msgpack.encode(model.manifest)}


class ProcessPool(WorkerPool):
    """See Pool: a process for each lane, and one that stands by for the realtime lane.

    Args:
        options: how networks run. They do not spin, whatever it says.
        patience: how long runs are waited for.
        standby: whether there is one for the realtime lane, with everything loaded.

    Raises:
        ConfigError: this system has no processes of this kind.
    """

    def __init__(self, options: EngineOptions, patience: Patience | None = None, *, standby: bool = True) -> None:
        if not hasattr(os, "memfd_create"):
            raise ConfigError('engine.workers = "processes" needs Linux; take "threads" here')
        self.options = replace(options, spin=False)
        super().__init__(
            lambda lane: ProcessWorker(self.options, niced=lane is Lane.FREE),
            patience or Patience(),
            {Lane.REALTIME: 2 if standby else 1, Lane.FREE: 1},
            None,
        )
