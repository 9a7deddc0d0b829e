"""Machines that are network namespaces of this one, at one switch; and what may befall the lines between them.

A line is made slow by its rate and not by a delay: a kernel has a token bucket more often than `netem`.
"""

import itertools
import os
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

_DEVICE: Final = "eth0"
_BRIDGE: Final = "switch"
_numbers: Final = itertools.count(1)
_SLOW: Final = ("rate", "1mbit", "burst", "16kb", "limit", "64mb")
# Wide, and still with a queue: what waited on the slow line is sent, not dropped.
_WIDE: Final = ("rate", "20gbit", "burst", "8mb", "limit", "64mb")


@dataclass(frozen=True, slots=True)
class Machine:
    """A namespace with one line, to the switch.

    Attributes:
        name: in words.
        namespace: as `ip netns` knows it.
        address: in the network of the switch.
    """

    name: str
    namespace: str
    address: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What goes before a command that is to run there; it becomes that command, so its process is the same."""
        return "ip", "netns", "exec", self.namespace


class Network:
    """A switch, and what is plugged in: machines, and whoever makes this, to look at them.

    Wants root. The addresses are of the range that RFC 2544 keeps for tests.
    """

    def __init__(self) -> None:
        self._tag = f"stemd-{os.getpid()}"
        self._switch = f"{self._tag}-{_BRIDGE}"
        self._subnet = f"198.18.{os.getpid() % 256}"
        self._last = 0
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._add_namespace(self._switch)
            _ip("-n", self._switch, "link", "add", _BRIDGE, "type", "bridge")
            _ip("-n", self._switch, "link", "set", _BRIDGE, "up")
            # The other end goes with the switch, though not before its namespace is: the next one's has another name.
            self._plug_in("desk", None, f"st{os.getpid()}-{next(_numbers)}")
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.close()

    def machine(self, name: str) -> Machine:
        """Plug in another one."""
        namespace = f"{self._tag}-{name}"
        self._add_namespace(namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        return Machine(name, namespace, self._plug_in(name, namespace, _DEVICE))

    def cut_off(self, machine: Machine) -> None:
        """Nothing comes through any more, and nobody is told: the line is up, and leads nowhere."""
        _ip("-n", self._switch, "link", "set", _port(machine.name), "nomaster")

    def join(self, machine: Machine) -> None:
        """Plug it in again."""
        _ip("-n", self._switch, "link", "set", _port(machine.name), "master", _BRIDGE)

    def slow_down(self, machine: Machine) -> None:
        """What goes to the machine waits for its turn on a line of a megabit a second."""
        self._shape(machine, _SLOW)

    def widen(self, machine: Machine) -> None:
        """Let it flow again."""
        self._shape(machine, _WIDE)

    def _shape(self, machine: Machine, shape: tuple[str, ...]) -> None:
        _run("tc", "-n", self._switch, "qdisc", "replace", "dev", _port(machine.name), "root", "tbf", *shape)

    def _add_namespace(self, namespace: str) -> None:
        _ip("netns", "add", namespace)
        self._ends.callback(_delete, namespace)

    def _plug_in(self, name: str, namespace: str | None, device: str) -> str:
        """Lay a line from the switch to a device; its address."""
        self._last += 1
        address = f"{self._subnet}.{self._last}"
        there = ("-n", namespace) if namespace else ()
        place = ("netns", namespace) if namespace else ()
        peer = ("peer", "name", _port(name), "netns", self._switch)
        _ip("link", "add", "name", device, *place, "type", "veth", *peer)
        _ip(*there, "address", "add", f"{address}/24", "dev", device)
        _ip(*there, "link", "set", device, "up")
        _ip("-n", self._switch, "link", "set", _port(name), "master", _BRIDGE, "up")
        return address


def obstacle() -> str:
    """Why there can be no such network on this machine, in words; empty where there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces want root, on Linux"
    try:
        with Network() as network:
            machine = network.machine("probe")
            network.slow_down(machine)
            network.cut_off(machine)
    except (OSError, NetworkError) as exc:
        return f"this machine lets nobody make a network of namespaces ({exc})"
    return ""


class NetworkError(Exception):
    """A command that makes the network was refused."""


def _port(name: str) -> str:
    return f"to-{name}"


def _delete(namespace: str) -> None:
    with suppress(NetworkError):  # what was never made, or is gone already
        _ip("netns", "delete", namespace)


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NetworkError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
