"""Security, begun before the sockets and ended after them: the daemon's key, the list of keys, and who watches it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import zmq

from stemd.config import Config, Security
from stemd.config.exposure import asks_for_keys, check_exposure, daemon_pair
from stemd.errors import ConfigError
from stemd.service.port import Receiver
from stemd.service.security.allowing import allowed_file, read_allowed
from stemd.service.security.curve import Curve
from stemd.service.security.gate import Gate, Refuse
from stemd.service.security.keyring import Keyring

log: Final = logging.getLogger("stemd")
_LOOK: Final = 0.25  # seconds between two looks at the list
Stamp = tuple[int, ...]


class Guard:
    """Asks for keys where others could reach the daemon, or where the configuration wants it; elsewhere lets all in.

    Args:
        config: of the daemon.

    Attributes:
        gate: see Gate.
        curve: for the sockets; None: nobody is asked for a key.
        changed: called once others are let in than before, or with other rights.

    Raises:
        ConfigError: others could reach the daemon and it has no key; its key or the list is damaged, or others can
            read them.
    """

    def __init__(self, config: Config) -> None:
        self.gate = Gate(config.security)
        self.curve: Curve | None = None
        self.changed: Callable[[], None] = lambda: None
        self._folder = config.security.folder
        self._looking = asyncio.Lock()
        self._stamp: Stamp | None = None  # of the list that holds; None: it is to be read, whatever it is
        self._trouble = ""  # with the list as it is now
        self._watcher: asyncio.Task[None] | None = None
        check_exposure(config)
        if asks_for_keys(config):
            self.curve = Curve(daemon_pair(config), self.gate, config.security.message_bytes)
            self._stamp = _stamp(allowed_file(self._folder))
            self._let_in(read_allowed(self._folder))

    def begin(self, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        """Answer whoever knocks at the sockets of a context, and watch the list."""
        if self.curve:
            self.curve.begin(context)
            self._watcher = asyncio.get_running_loop().create_task(self._watch())

    def before(self, receive: Receiver, refuse: Refuse) -> Receiver:
        """What takes a socket's messages: the gate, and behind it `receive`; where it lets all in, that alone."""
        return self.gate.guarding(receive, refuse) if self.curve else receive

    def end(self) -> None:
        """Let nobody in any more. Safe to repeat."""
        if self._watcher:
            self._watcher.cancel()
        if self.curve:
            self.curve.end()

    def configure(self, limits: Security) -> None:
        """Hold other limits from now on."""
        self.gate.configure(limits)

    async def look(self) -> None:
        """Read the list if it has changed. One that cannot be used changes nothing, and the log says why, once.

        It is read again at each look until it can be used.
        """
        if self.curve is None:
            return
        async with self._looking:  # else the older of two readings could end last
            try:
                await self._look()
                self._trouble = ""
            except ConfigError as exc:
                self._failed(exc, "the keys that were allowed before still are, for the list cannot be read: %s")
            except Exception as exc:
                # Whatever it was: if nobody looked any more, no key could be revoked.
                self._failed(exc, "the list of keys could not be taken over, which is tried again: %s")

    def state(self) -> dict[str, Any] | None:
        """For `status`; None where nobody is asked for a key."""
        return self.gate.state() if self.curve else None

    def _failed(self, exc: Exception, said: str) -> None:
        self._stamp = None
        if repr(exc) != self._trouble:
            self._trouble = repr(exc)
            log.error(said, exc, exc_info=not isinstance(exc, ConfigError))

    async def _look(self) -> None:
        stamp = await asyncio.to_thread(_stamp, allowed_file(self._folder))
        if stamp is not None and stamp == self._stamp:
            return
        ring = await asyncio.to_thread(read_allowed, self._folder)
        self._let_in(ring)
        log.warning("the list of keys has changed: %s", ", ".join(entry.name for entry in ring) or "nobody is let in")
        self.changed()
        self._stamp = stamp

    def _let_in(self, ring: Keyring) -> None:
        if not len(ring):
            log.warning("nobody is let in yet: stemd keys allow NAME 'PUBLIC KEY'")
        self.gate.let_in(ring)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK)
            await self.look()


def _stamp(path: Path) -> Stamp | None:
    """What differs once a file was written or replaced; empty where there is none, None where that cannot be told."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return ()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_ino, about.st_size
