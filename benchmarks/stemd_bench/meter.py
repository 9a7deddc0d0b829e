"""Processor time of the daemon, of this process, and of everybody else."""

import time

import psutil


class Meter:
    """Processor time since this was made, in cores.

    Args:
        daemon: the process.
    """

    def __init__(self, daemon: psutil.Process) -> None:
        self._daemon = daemon
        self._began = self._now()

    def read(self) -> tuple[float, float, float]:
        """Of the daemon, of this process, and of the rest of the machine."""
        wall, daemon, client, all_ = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return daemon / wall, client / wall, max(0.0, all_ - daemon - client) / wall

    def _now(self) -> tuple[float, float, float, float]:
        times, machine = self._daemon.cpu_times(), psutil.cpu_times()
        idle = machine.idle + getattr(machine, "iowait", 0.0)
        # Guests' time is counted in the user's already.
        guests = getattr(machine, "guest", 0.0) + getattr(machine, "guest_nice", 0.0)
        busy = sum(machine) - idle - guests
        return time.monotonic(), float(times.user + times.system), time.process_time(), float(busy)
