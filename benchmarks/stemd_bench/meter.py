"""Processor time of the daemon, of this process, and of everybody else."""

import ctypes
import os
import time
from collections.abc import Callable

import psutil


class Meter:
    """Processor time since this was made, in cores.

    Args:
        daemon: the process.
    """

    def __init__(self, daemon: psutil.Process) -> None:
        self._daemon_now = _clock(daemon)
        self._began = self._now()

    def read(self) -> tuple[float, float, float]:
        """Of the daemon, of this process, and of the rest of the machine."""
        wall, daemon, client, all_ = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return daemon / wall, client / wall, max(0.0, all_ - daemon - client) / wall

    def _now(self) -> tuple[float, float, float, float]:
        machine = psutil.cpu_times()
        idle = machine.idle + getattr(machine, "iowait", 0.0)
        # Guests' time is counted in the user's already.
        guests = getattr(machine, "guest", 0.0) + getattr(machine, "guest_nice", 0.0)
        busy = sum(machine) - idle - guests
        return time.monotonic(), self._daemon_now(), time.process_time(), float(busy)


def _clock(process: psutil.Process) -> Callable[[], float]:
    """Reads the seconds of processor time that a process has used so far.

    What the system lists of processes is counted in ticks of 10 ms; the process' own clock (POSIX
    `clock_getcpuclockid`) goes by nanoseconds, where there is one.
    """
    number = ctypes.c_int()
    find = getattr(ctypes.CDLL(None), "clock_getcpuclockid", None) if os.name == "posix" else None
    if find is not None and find(ctypes.c_int(process.pid), ctypes.byref(number)) == 0:
        return lambda: time.clock_gettime(number.value)
    return lambda: float(sum(process.cpu_times()[:2]))
