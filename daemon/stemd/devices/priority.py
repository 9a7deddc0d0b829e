"""The priority of the thread that a sound device calls."""

import os
from contextlib import suppress


def hurry(priority: int) -> bool:
    """Put the calling thread into the real-time class, before every thread that is not in it.

    What this thread starts is not in it: a network that ran there would leave nothing for anybody else.

    Args:
        priority: within the class, from 1; 0: the thread stays as it is.

    Returns:
        Whether the system let it. It does by a limit (LimitRTPRIO of systemd, rtprio of PAM) above 0.
    """
    if priority and hasattr(os, "sched_setscheduler"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
            return True
    return False
