"""A connection to a daemon: the greeting, requests and their replies, pings, and what happens when it is lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

from stemd.address import Address
from stemd.errors import ConnectionLostError, Overloaded, ProtocolError, StemdError, from_code
from stemd.keys import OwnKey
from stemd.protocol import (
    MAJOR,
    MINOR,
    MISSES_UNTIL_GONE,
    Attach,
    Attached,
    Bye,
    Close,
    Fault,
    FromClient,
    FromDaemon,
    Hello,
    Moved,
    Opened,
    Ping,
    Pong,
    Reply,
    Request,
    Subscribed,
    Unsubscribe,
    Welcome,
)
from stemd_client.clock import RoundTrip
from stemd_client.inbox import Inbox
from stemd_client.silence import silence
from stemd_client.sockets import QUEUE, Sockets

R = TypeVar("R", bound=Reply)

CONNECT_TIMEOUT: Final = 3.0  # seconds to wait for a daemon
_CAPABILITIES = (Moved.kind.decode(),)


class Connection:
    """Owns the sockets and three tasks; `open` makes them and greets the daemon, `close` ends them all.

    What the daemon sends unasked goes to the inbox. The first fault of the connection as a whole is kept in `error`
    and raised from everything that waits, now and later.
    """

    def __init__(self, address: Address, name: str, inbox: Inbox, ping_interval: float, key: OwnKey | None = None):
        self._address = address
        self._key = key
        self._name = name
        self._inbox = inbox
        self._ping_interval = ping_interval
        self._sockets: Sockets | None = None
        self._tasks: list[asyncio.Task[None]] = []
        # These hold only what somebody awaits at this moment.
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._echoes: dict[int, asyncio.Future[RoundTrip]] = {}
        self._attached: asyncio.Future[None] | None = None
        self._number = 0
        self._stamp = 0
        self._misses = 0
        self.error: StemdError | None = None
        self.welcome: Welcome | None = None

    async def open(self, timeout: float) -> None:  # noqa: ASYNC109 - seconds to wait for a daemon, said to the user
        """Connect and greet.

        Raises:
            ConnectionLostError: no daemon answers within `timeout` seconds, or none that lets this client in.
            ProtocolError: the daemon speaks another major version.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._greet()
        except TimeoutError:
            text = silence(self._address, self._key, self._sockets.failure if self._sockets else None)
            await self.close()
            raise ConnectionLostError(text) from None
        except BaseException:
            await self.close()
            raise

    async def _greet(self) -> None:
        self._sockets = Sockets(self._address, self._key)
        self._start(self._sockets.watch_handshakes)
        self._start(partial(self._sockets.receive_requests, self._take))
        self._start(partial(self._sockets.receive_stems, self._take))
        welcome = await self.request(Hello(self.number(), MAJOR, MINOR, self._name, _CAPABILITIES), Welcome)
        if welcome.major != MAJOR:
            raise ProtocolError(
                f"the daemon speaks protocol {welcome.major}, this client {MAJOR}; match their versions"
            )
        self.welcome = welcome
        self._attached = asyncio.get_running_loop().create_future()
        self.post(Attach(welcome.session))
        await self._attached
        self._start(self._keep_alive)

    def _start(self, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(self._guard(work)))

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except StemdError as exc:
            self.fail(exc)
        except Exception as exc:  # whatever it is, those who wait must learn of it
            self.fail(ConnectionLostError(f"the connection failed: {exc!r}"))

    async def close(self) -> None:
        """Say goodbye and end everything; safe to repeat."""
        if self.welcome is not None:
            self.post(Bye())
        lost = self.error is not None
        self.fail(ConnectionLostError("this client is closed"))
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            if self._sockets is not None:
                sockets, self._sockets = self._sockets, None
                await sockets.close(linger=not lost)

    def fail(self, error: StemdError) -> None:
        """Take the connection for lost: `error` goes to everyone who waits, and to every later call."""
        if self.error is not None:
            return
        self.error = error
        for future in (*self._pending.values(), *self._echoes.values(), self._attached):
            if future is not None and not future.done():
                future.set_exception(again(error))
        self._inbox.lost()

    def check(self) -> None:
        """Raise the connection's fault, if it has one."""
        if self.error is not None:
            raise again(self.error)
        if self._sockets is None:
            raise RuntimeError("the client is not connected yet: async with Client() as client")

    def number(self) -> int:
        """A number for the next request."""
        self._number += 1
        return self._number

    def post(self, message: FromClient, pcm: bytes = b"") -> bool:
        """Queue a message without waiting; False where 500 wait already, or the connection is lost."""
        return self.error is None and self._sockets is not None and self._sockets.post(message, pcm)

    def _must_post(self, message: FromClient) -> None:
        if not self.post(message):
            raise Overloaded(f"the daemon does not read: {QUEUE} messages wait")

    async def request(self, message: Request, expected: type[R]) -> R:
        """Send a request and wait for its reply.

        Raises:
            StemdError: the class that the daemon's fault names.
            ConnectionLostError: the daemon is gone.
            Overloaded: 500 messages wait already because the daemon does not read.
        """
        self.check()
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[message.request] = reply
        try:
            self._must_post(message)
            answer = await reply
        except asyncio.CancelledError:
            if reply.done() and not reply.cancelled() and reply.exception() is None:
                self._unclaimed(reply.result())
            raise
        finally:
            del self._pending[message.request]
        if not isinstance(answer, expected):
            raise ProtocolError(f"{answer.kind.decode()} came as the reply to {message.kind.decode()}")
        return answer

    async def ping(self) -> RoundTrip:
        """Ask for the daemon's clock."""
        self.check()
        echo: asyncio.Future[RoundTrip] = asyncio.get_running_loop().create_future()
        stamp = self._next_stamp()
        self._echoes[stamp] = echo
        try:
            self._must_post(Ping(stamp))
            return await echo
        finally:
            del self._echoes[stamp]

    def _next_stamp(self) -> int:
        self._stamp = max(self._stamp + 1, time.monotonic_ns())  # told apart even where the clock is coarse
        return self._stamp

    async def _keep_alive(self) -> None:
        # Misses are pings without an answer, not time: a program that blocks its own loop loses nobody.
        while self._misses < MISSES_UNTIL_GONE:
            self._misses += 1
            self.post(Ping(self._next_stamp()))
            await asyncio.sleep(self._ping_interval)
        raise ConnectionLostError(f"the daemon at {self._address.requests} no longer answers")

    def _take(self, message: FromDaemon, pcm: memoryview, received_ns: int) -> None:
        if isinstance(message, Pong):
            self._misses = 0
            echo = self._echoes.get(message.sent_ns)
            if echo is not None and not echo.done():
                echo.set_result(RoundTrip(message.sent_ns, message.received_ns, message.answered_ns, received_ns))
        elif isinstance(message, Attached):
            if self._attached is not None and not self._attached.done():
                self._attached.set_result(None)
        elif (number := getattr(message, "request", None)) is None:
            self._inbox.take(message, pcm, received_ns)
        else:
            self._answer(number, message)

    def _answer(self, number: int, message: Any) -> None:
        reply = self._pending.get(number)
        if reply is None or reply.done():
            self._unclaimed(message)
        elif isinstance(message, Fault):
            reply.set_exception(from_code(message.code, message.text))
        else:
            reply.set_result(message)

    def _unclaimed(self, message: Reply | Fault) -> None:
        # Whoever asked was cancelled meanwhile; what the daemon made for it would stay for ever.
        if isinstance(message, Opened):
            self.post(Close(self.number(), message.stream))
        elif isinstance(message, Subscribed):
            self.post(Unsubscribe(self.number(), message.subscription))


def again(error: StemdError) -> StemdError:
    """The same fault as a new exception: one instance raised in many places would gather all their tracebacks."""
    return from_code(error.code, str(error))
