"""Connections as asked: which ports a word means, and connecting them, also those that appear later."""

import errno
import re
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from stemd.errors import ConfigError

INPUT: Final = "in"
_NEAR: Final = 4  # names in a warning
_CHANNELS: Final = 2
_TIDINGS: Final = 1.0  # seconds by which JACK may tell of a port later than we found it


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be connected: `part` is `in` or a stem, `ports` the word for the other side."""

    part: str
    ports: str


def parse(texts: Iterable[str]) -> tuple[Wish, ...]:
    """Wishes as people type them, `in=system:capture` or `instrumental=system:playback`.

    Raises:
        ConfigError: there is no `=`, a side is empty, or the ports are a broken pattern.
    """
    wishes = []
    for text in texts:
        part, equals, ports = (each.strip() for each in text.partition("="))
        if not (part and equals and ports):
            raise ConfigError(f"--connect {text!r} is not WHAT=PORTS, as in=system:capture or vocals=ardour:vocals/")
        try:
            re.compile(ports)
        except re.error as exc:
            raise ConfigError(f"--connect {text!r}: {ports!r} is no name and no pattern: {exc}") from exc
        wishes.append(Wish(part, ports))
    return tuple(wishes)


def meant(word: str, names: Sequence[str]) -> list[str]:
    """The ports that a word means, two at most: full names with a comma between, else the first of these that fits.

    A port's whole name; a client's, which means all its ports; how a name begins; a pattern that fits all of one.

    Args:
        word: what was typed.
        names: of the ports that could be meant, in JACK's order.
    """
    listed = [each.strip() for each in word.split(",")]
    if all(each in names for each in listed):
        return listed[:_CHANNELS]
    for fits in (
        lambda name: name.partition(":")[0] == word,
        lambda name: name.startswith(word),
        lambda name: re.fullmatch(word, name) is not None,
    ):
        if found := [name for name in names if fits(name)]:
            return found[:_CHANNELS]
    return []


def pairs(own: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """Which port goes with which: the first with the first; a single one, which is mono, with both of ours."""
    return list(zip(own, [*others, *others] if len(others) == 1 else others, strict=False))


def unmet(wish: Wish, names: Sequence[str]) -> str:
    """The words for a wish that means no port, with those that it might."""
    close = get_close_matches(wish.ports, names, _NEAR, cutoff=0.5) or list(names[:_NEAR])
    side = "gives" if wish.part == INPUT else "takes"
    there = f"; there are {', '.join(close)}" if close else f"; no port {side} sound now"
    return f"no port is called {wish.ports!r} to connect {wish.part!r} with{there}; waiting for one"


class Wiring:
    """Keeps wishes.

    A pair is connected once, and again when a port of it went away and came back: who takes a connection apart by hand
    is left alone.

    Args:
        module: the module `jack`.
        client: of it, active.
        wishes: what is to be connected.
    """

    def __init__(self, module: Any, client: Any, wishes: Sequence[Wish]) -> None:
        self._module, self._client, self._wishes = module, client, tuple(wishes)
        self._made: dict[tuple[str, str], float] = {}  # when
        self._warned: set[Wish] = set()

    def renew(self, parts: Mapping[str, Sequence[Any]], appeared: "deque[str]") -> list[str]:
        """Connect what can be; what is to be said of it, each thing once.

        Args:
            parts: the own ports by `in` or stem.
            appeared: names of ports that were registered since the last time; emptied. One that went away and came
                back in between looks the same otherwise.
        """
        now = time.monotonic()
        while appeared:
            name = appeared.popleft()
            self._made = {pair: at for pair, at in self._made.items() if name not in pair or at > now - _TIDINGS}
        if not self._wishes:
            return []
        sides = {True: self._names(is_output=True), False: self._names(is_input=True)}
        said: list[str] = []
        for wish in self._wishes:
            if wish.part in parts:
                said += self._grant(wish, [port.name for port in parts[wish.part]], sides[wish.part == INPUT])
        return said

    def _names(self, **which: bool) -> list[str]:
        ports = self._client.get_ports(is_audio=True, **which)
        return [port.name for port in ports if not self._client.owns(port)]

    def _grant(self, wish: Wish, own: Sequence[str], names: Sequence[str]) -> list[str]:
        others = meant(wish.ports, names)
        if not others:
            fresh = wish not in self._warned
            self._warned.add(wish)
            return [unmet(wish, names)] if fresh else []
        said = []
        for mine, other in pairs(own, others):
            pair = (other, mine) if wish.part == INPUT else (mine, other)
            if pair not in self._made and self._connect(pair):
                said.append(f"connected {pair[0]} to {pair[1]}")
        return said

    def _connect(self, pair: tuple[str, str]) -> bool:
        """Whether a pair is newly connected."""
        try:
            self._client.connect(*pair)
        except self._module.JackErrorCode as exc:
            if exc.code == errno.EEXIST:  # it was there already
                self._made[pair] = time.monotonic()
            return False  # the other client is not ready yet, or has just gone: another look follows
        self._made[pair] = time.monotonic()
        return True
