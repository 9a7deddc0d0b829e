"""Times a call, and says how busy everybody else was meanwhile."""

import time
from collections.abc import Callable
from typing import Final

import psutil

PAUSE: Final = 0.05
"""Seconds before each call, in which the threads of the contender before go to sleep."""


def timed(call: Callable[[], object]) -> dict[str, float]:
    """What a call took.

    Returns:
        `seconds` on the clock; `cpu`: seconds of processor time, of all threads; `others`: what other processes used
        meanwhile, in % of a core.
    """
    time.sleep(PAUSE)
    others, own = _busy(), time.process_time()
    began = time.perf_counter()
    call()
    seconds = time.perf_counter() - began
    cpu = time.process_time() - own
    foreign = _busy() - others - cpu
    return {"seconds": seconds, "cpu": cpu, "others": max(0.0, 100 * foreign / seconds)}


def _busy() -> float:
    """Processor time of the whole machine, in seconds."""
    times = psutil.cpu_times()
    # Guests' time is counted in the user's already.
    idle = times.idle + sum(getattr(times, name, 0.0) for name in ("iowait", "guest", "guest_nice"))
    return float(sum(times) - idle)
