"""HAProxy as the one address of several servers: it shares out requests, and notices who is gone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cluster.network import Machine
from tests.haproxy import haproxy

PORT: Final = 8_001
# Requests are shared out one by one, for a connection holds all of a daemon's. `timeout server` is long: when an answer
# is late is for the daemon to say, which knows the deadline. Who is marked down loses its connections at once, so that
# nobody waits there; which takes a tenth of a second where it refuses, and half of one where it says nothing.
_CONFIG: Final = """\
global
    maxconn 256

defaults
    mode http
    timeout connect 200ms
    timeout check 100ms
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
    retries 3
    option redispatch 1
    http-reuse always

frontend triton
    bind {address}:{port} proto h2
    default_backend servers

backend servers
    balance roundrobin
    default-server proto h2 check inter 100ms fall 2 rise 2 on-marked-down shutdown-sessions
{servers}
"""


@contextmanager
def balancing(machine: Machine, servers: Sequence[str], folder: Path) -> Iterator[str]:
    """HAProxy on a machine, before servers (`host:port`); its address."""
    lines = "\n".join(f"    server s{number} {server}" for number, server in enumerate(servers, 1))
    config = _CONFIG.format(address=machine.address, port=PORT, servers=lines)
    with haproxy(config, machine.address, PORT, folder, machine.prefix) as address:
        yield address
