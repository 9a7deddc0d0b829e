"""What a service manager is told: systemd's sd_notify, a datagram of `VARIABLE=value` lines to the socket it names."""

import logging
import os
import socket
import time
from collections.abc import MutableMapping
from typing import Final, Self

log: Final = logging.getLogger("stemd")

_PATIENCE: Final = 1.0  # seconds for a datagram that has to arrive; others are dropped where the queue is full


class Notifier:
    """Speaks to the service manager, or to nobody.

    Args:
        address: of its datagram socket: a path, or `@name` in the abstract namespace; empty: nobody is told anything.
        watchdog: seconds after which it takes a silent daemon for hung; None: it does not watch.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self.address = address
        self.watchdog = watchdog if address else None
        self._complained = False

    @classmethod
    def inherited(cls, environment: MutableMapping[str, str] | None = None) -> Self:
        """The manager that started this process.

        Its variables are taken out of the environment: a child of this process must not speak for it.

        Args:
            environment: of the process; None: this one's.
        """
        environment = os.environ if environment is None else environment
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        watched = environment.pop("WATCHDOG_PID", "") or str(os.getpid())
        mine = watched == str(os.getpid()) and microseconds.isdecimal() and int(microseconds) > 0
        return cls(address, int(microseconds) / 1e6 if mine else None)

    def ready(self, status: str) -> None:
        """It serves: after the start, and again after a reload."""
        self._tell("READY=1", _status(status), patience=_PATIENCE)

    def reloading(self) -> None:
        """It reads its configuration again, until `ready`."""
        self._tell(
            "RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1_000}", "STATUS=reloading", patience=_PATIENCE
        )

    def stopping(self, seconds: float) -> None:
        """It stops, and wants to be given so long for it."""
        self._tell("STOPPING=1", "STATUS=stopping: sending what is inside", _extension(seconds), patience=_PATIENCE)

    def status(self, text: str) -> None:
        """What a person reads in `systemctl status`: one line."""
        self._tell(_status(text))

    def alive(self) -> None:
        """It works."""
        self._tell("WATCHDOG=1")

    def extend(self, seconds: float) -> None:
        """Starting or stopping goes on: be patient for so long from now."""
        self._tell(_extension(seconds))

    def _tell(self, *lines: str, patience: float = 0.0) -> None:
        if not self.address:
            return
        # The abstract namespace begins with a zero byte, which an environment variable cannot hold.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
                way.settimeout(patience)
                way.sendto("\n".join(lines).encode(), address)
        except BlockingIOError:
            return  # the manager is behind, and will hear the next
        except OSError as exc:
            self._complain(exc)

    def _complain(self, exc: OSError) -> None:
        if not self._complained:
            self._complained = True
            log.warning("the service manager at NOTIFY_SOCKET=%s cannot be told anything: %s", self.address, exc)


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"


def _extension(seconds: float) -> str:
    return f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}"
