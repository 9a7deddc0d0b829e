"""The real-time class: for the thread that asks for it, and no other."""

import os
import sys
import threading

import pytest

from stemd.devices.priority import hurry

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="threads have a policy of their own on Linux")


def in_a_thread(priority: int) -> tuple[bool, int, int, int]:
    """Whether a thread was let, its policy and priority, and the policy of a thread that it started."""
    found: list[tuple[bool, int, int, int]] = []

    def ask() -> None:
        let = hurry(priority)
        child: list[int] = []
        started = threading.Thread(target=lambda: child.append(policy()))
        started.start()
        started.join()
        found.append((let, policy(), os.sched_getparam(0).sched_priority, child[0]))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return found[0]


def policy() -> int:
    return os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK


def test_a_thread_alone_hurries_and_nothing_that_it_starts() -> None:
    let, own, priority, child = in_a_thread(7)
    if not let:
        pytest.skip("this user may not use the real-time class")
    assert (own, priority) == (os.SCHED_FIFO, 7)
    assert child == os.SCHED_OTHER
    assert policy() == os.SCHED_OTHER


def test_nobody_hurries_who_does_not_want_to() -> None:
    assert in_a_thread(0) == (False, os.SCHED_OTHER, 0, os.SCHED_OTHER)


def test_what_is_refused_changes_nothing() -> None:
    # More than there is: refused to everybody, as any priority is to most.
    assert in_a_thread(os.sched_get_priority_max(os.SCHED_FIFO) + 1) == (False, os.SCHED_OTHER, 0, os.SCHED_OTHER)
