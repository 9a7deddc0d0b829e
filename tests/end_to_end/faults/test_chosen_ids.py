"""Connections with ids of their own choice: those that libzmq would give next, and at which it would abort."""

import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pytest
import zmq

from stemd.keys import OwnKey, read_own
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.security.hostile import knocking
from tests.end_to_end.security.premises import guarded

pytestmark = pytest.mark.slow

# What a ROUTER would begin to count with if nobody seeded the C library's rand(): for the first sockets of a process,
# by glibc, with either value of the topmost bit.
UNSEEDED = [0x6B8B4567, 0x327B23C6, 0x643C9869, 0x66334873, 0x74B0DC51, 0x19495CFF, 0x2AE8944A, 0x625558EC]
AHEAD = 20  # connections after the first


@contextmanager
def open_to_this_user() -> Iterator[tuple[Daemon, OwnKey | None]]:
    with running() as daemon:
        yield daemon, None


@contextmanager
def asking_for_keys() -> Iterator[tuple[Daemon, OwnKey | None]]:
    with guarded() as (daemon, premises):
        yield daemon, read_own(premises.file("admin"))


@pytest.mark.parametrize("serving", [open_to_this_user, asking_for_keys])
def test_ids_that_others_could_expect_end_no_daemon(
    serving: Callable[[], AbstractContextManager[tuple[Daemon, OwnKey | None]]],
) -> None:
    with serving() as (daemon, key), ExitStack() as claims:
        for first in (number ^ top for number in UNSEEDED for top in (0, 1 << 31)):
            routing_id = b"\0" + struct.pack(">I", (first + AHEAD) % 2**32)
            claim = claims.enter_context(knocking(daemon.address, key, routing_id))
            for link in claim.links:
                link.until(zmq.Event.HANDSHAKE_SUCCEEDED)
        for _ in range(2 * AHEAD):
            with knocking(daemon.address, key) as passing:
                passing.meet()
                passing.bye()
        assert daemon.process.poll() is None
