"""Sockets that the service manager opened, and keeps open while the daemon restarts: systemd's sd_listen_fds."""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from stemd.config import Config
from stemd.errors import ConfigError

_FIRST: Final = 3  # descriptors from here on are the manager's


def inherited_sockets(environment: MutableMapping[str, str] | None = None) -> dict[str, int]:
    """What the service manager gave to this process.

    The descriptors are closed in children, and the variables are taken out of the environment.

    Args:
        environment: of the process; None: this one's.

    Returns:
        Descriptors by ZeroMQ endpoint, as `ipc:///run/stemd/requests.sock` or `tcp://127.0.0.1:7355`.

    Raises:
        ConfigError: something else than a socket was given.
    """
    environment = os.environ if environment is None else environment
    mine = environment.pop("LISTEN_PID", "") == str(os.getpid())
    count = environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)  # where a socket listens says which it is
    if not mine or not count.isdecimal():
        return {}
    given = {}
    for descriptor in range(_FIRST, _FIRST + int(count)):
        try:
            os.set_inheritable(descriptor, False)
            given[_endpoint(descriptor)] = descriptor
        except OSError as exc:
            raise ConfigError(
                f"descriptor {descriptor} of the service manager is no socket ({exc.strerror}): mend stemd.socket"
            ) from exc
    return given


def sockets_for(config: Config) -> dict[str, int]:
    """The inherited sockets, each of which the daemon must serve: whoever connects to another would wait for ever.

    Raises:
        ConfigError: one of them is not where the daemon is to listen; or see `inherited_sockets`.
    """
    given = inherited_sockets()
    wanted = (config.address.requests, config.address.stems, config.server.tap)
    for endpoint in given:
        if endpoint not in wanted:
            raise ConfigError(
                f"stemd.socket listens on {endpoint}, but server.address says {wanted[0]}: make them the same, or "
                "let the daemon listen by itself: systemctl disable --now stemd.socket"
            )
    return given


def _endpoint(descriptor: int) -> str:
    listener = socket.socket(fileno=descriptor)
    try:
        name = listener.getsockname()
    finally:
        listener.detach()
    if listener.family == socket.AF_UNIX:
        return f"ipc://{name}"
    host, port = name[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
