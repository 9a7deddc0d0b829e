"""Looks at the daemon twice a second while it works: load, memory, and what it counts."""

import threading
from typing import Any, Final

import psutil

from stemd.errors import StemdError
from stemd_bench.overhead.wire import Wire

_EVERY: Final = 0.5  # seconds


class Watcher(threading.Thread):
    """Has a connection of its own, so that nobody who is in a hurry waits for the answers.

    Attributes:
        loads: of the stream.
        memory: resident, in MiB.
        stream: what the daemon says of the stream, the last time that it said anything.
        devices: likewise of its sound devices; `devices_at_first` is what it said first.
    """

    def __init__(self, address: str, pid: int, stream: str) -> None:
        super().__init__(name="watcher", daemon=True)
        self.loads: list[float] = []
        self.memory: list[float] = []
        self.stream: dict[str, Any] = {}
        self.devices: dict[str, Any] = {}
        self.devices_at_first: dict[str, Any] = {}
        self._address, self._daemon, self._name = address, psutil.Process(pid), stream
        self._leave = threading.Event()

    def run(self) -> None:
        """See the class."""
        try:
            with Wire(self._address) as wire:
                while not self._leave.wait(_EVERY):
                    self._look(wire)
        except (StemdError, psutil.NoSuchProcess):
            return  # the daemon has gone; whoever plays to it will say so

    def stop(self) -> None:
        """Look no more."""
        self._leave.set()
        self.join(10)

    def _look(self, wire: Wire) -> None:
        state = wire.state()
        self.memory.append(self._daemon.memory_info().rss / 2**20)
        self.devices = state.get("devices") or {}
        self.devices_at_first = self.devices_at_first or self.devices
        for stream in state["streams"]:
            if stream["stream"] == self._name:
                self.stream = stream
                self.loads.append(float(stream["load"]))
