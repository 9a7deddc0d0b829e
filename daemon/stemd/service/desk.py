"""The front desk: what clients say on either socket, and what is done about it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from stemd import __version__
from stemd import protocol as wire
from stemd.errors import ConfigError, ProtocolError, StemdError
from stemd.service.courier import Courier
from stemd.service.listeners import Listeners
from stemd.service.reloading import Outcome
from stemd.service.security.gate import Gate
from stemd.service.security.quota import Quota
from stemd.service.security.rights import denied
from stemd.service.sessions import GONE_AFTER_NS, Session, Sessions
from stemd.service.streams import Streams

log: Final = logging.getLogger("stemd")
CAPABILITIES: Final = ("realtime", "free", "gain", "mixer", "moved", "reload", "way")


class Desk:
    """Takes every message, and answers for all that goes wrong with it: no client's words end the daemon.

    Args:
        sessions: who is connected.
        streams: every stream.
        listeners: every subscription.
        courier: takes the answers.
        state: what `status` is answered.
        reread: has the configuration read again.
        gate: says who may do what.
    """

    def __init__(
        self,
        sessions: Sessions,
        streams: Streams,
        listeners: Listeners,
        courier: Courier,
        state: Callable[[], dict[str, Any]],
        reread: Callable[[], Awaitable[Outcome]],
        gate: Gate,
    ) -> None:
        self._sessions, self._streams, self._listeners = sessions, streams, listeners
        self._courier, self._state, self._reread = courier, state, reread
        self._gate, self._quota = gate, Quota(sessions, streams, listeners)
        self._reloading: asyncio.Task[None] | None = None
        self._handlers: dict[type, Callable[[Session, Any, memoryview], None]] = {
            wire.Mixture: lambda session, m, pcm: self._streams.owned(session, m.stream).take(m, pcm),
            wire.Credit: self._credit,
            wire.Ping: self._ping,
            wire.Open: self._open,
            wire.Close: lambda session, m, _: self._streams.close(session, m),
            wire.Subscribe: self._subscribe,
            wire.Unsubscribe: self._unsubscribe,
            wire.SetGain: self._set_gain,
            wire.SetMixer: self._set_mixer,
            wire.Status: lambda session, m, _: self._courier.reply(session, wire.State(m.request, self._state())),
            wire.Reload: self._reload,
            wire.Bye: lambda session, _, __: self._leave(session, at_once=True),
        }

    def on_request(self, peer: bytes, frames: Sequence[bytes | memoryview], key: str | None) -> None:
        """Take a message from the socket for requests, and the key that it came with if one was asked for."""
        number, stream = None, None
        try:
            if session := self._sessions.known(peer, key):
                session.heard_ns = time.monotonic_ns()
            message, pcm = wire.from_client(frames)
            number, stream = getattr(message, "request", None), getattr(message, "stream", None)
            self._gate.check(key, type(message))
            self._dispatch(peer, message, pcm, key)
        except StemdError as error:
            number = number if number is not None else wire.request_of(frames)
            self._courier.refuse(peer, error, request=number, stream=stream)
        except Exception:
            # One client's message must never end the daemon for the others.
            log.exception("a request failed inside the daemon", extra={"stream": stream})
            failure = StemdError("the daemon failed at this request; see its log")
            self._courier.refuse(peer, failure, request=number, stream=stream)

    def _dispatch(self, peer: bytes, message: wire.FromClient, pcm: memoryview, key: str | None) -> None:
        if isinstance(message, wire.Hello):
            self._hello(peer, message, key)
        elif handler := self._handlers.get(type(message)):
            handler(self._sessions.of(peer, key), message, pcm)
        else:
            raise ProtocolError(f"{message.kind.decode()} belongs on the socket for stems")

    def on_stems(self, peer: bytes, frames: Sequence[bytes | memoryview], key: str | None) -> None:
        """Take a message from the socket for stems, and the key that it came with if one was asked for."""
        try:
            message, _ = wire.from_client(frames)
            if not isinstance(message, wire.Attach):
                raise ProtocolError("this socket takes `attach` alone; send requests to the other")
            self._gate.check(key, type(message))
            session = self._sessions.named(message.session)
            # Who has heard another's token, but not its key, is told what is told to all who guess.
            if session is None or session.key != key:
                raise ProtocolError("no such session; say hello on the socket for requests, then attach")
        except StemdError as error:
            self._courier.refuse_stems(peer, error)
            return
        self._courier.attach(session, peer)

    def _hello(self, peer: bytes, hello: wire.Hello, key: str | None) -> None:
        if hello.major != wire.MAJOR:
            raise ProtocolError(
                f"protocol {hello.major}.{hello.minor} is not spoken here, {wire.MAJOR}.{wire.MINOR} is; "
                f"install a client that goes with stemd {__version__}"
            )
        session = self._sessions.known(peer, key) or self._greet(peer, hello, key)
        daemon = f"stemd {__version__}"
        welcome = wire.Welcome(hello.request, wire.MAJOR, wire.MINOR, daemon, session.token, CAPABILITIES)
        self._courier.reply(session, welcome)

    def _greet(self, peer: bytes, hello: wire.Hello, key: str | None) -> Session:
        self._quota.check_session(key, self._streams.limits, self._gate.limits)
        if another := self._sessions.at(peer):
            self._leave(another, at_once=False)
        log.info("client %r has come%s", hello.client, f" with key {self._gate.name(key)}" if key else "")
        return self._sessions.add(peer, hello.client, time.monotonic_ns(), hello.capabilities, key)

    def _open(self, session: Session, request: wire.Open, _: memoryview) -> None:
        self._quota.check_stream(session, self._gate.limits)
        self._streams.begin(session, request)

    def _ping(self, session: Session, ping: wire.Ping, _: memoryview) -> None:
        received = time.monotonic_ns()
        self._courier.reply(session, wire.Pong(ping.sent_ns, received, time.monotonic_ns()))

    def _subscribe(self, session: Session, request: wire.Subscribe, _: memoryview) -> None:
        self._quota.check_subscription(session, self._gate.limits)
        subscription = self._listeners.add(session, request, self._streams.open.get(request.stream))
        self._courier.reply(session, wire.Subscribed(request.request, subscription.number, subscription.position))

    def _unsubscribe(self, session: Session, request: wire.Unsubscribe, _: memoryview) -> None:
        if subscription := self._listeners.of(session, request.subscription):
            self._listeners.forget(subscription, self._streams.open.get(subscription.stream))
        self._courier.reply(session, wire.Unsubscribed(request.request, request.subscription))

    def _credit(self, session: Session, message: wire.Credit, _: memoryview) -> None:
        if subscription := self._listeners.of(session, message.subscription):
            self._listeners.credit(subscription, message.until, self._streams.open.get(subscription.stream))

    def _set_gain(self, session: Session, request: wire.SetGain, _: memoryview) -> None:
        stream = self._streams.named(request.stream)
        position = stream.set_mixer(gains=request.gains)
        mixer = stream.outlet.mixer
        answer = wire.GainSet(request.request, request.stream, mixer.state()["gains"], position, mixer.ramp)
        self._courier.reply(session, answer)

    def _set_mixer(self, session: Session, request: wire.SetMixer, _: memoryview) -> None:
        stream = self._streams.named(request.stream)
        position = stream.set_mixer(mute=request.mute, solo=request.solo, wet=request.wet, bypass=request.bypass)
        mixer = stream.outlet.mixer
        answer = wire.MixerSet(request.request, request.stream, **mixer.state(), position=position, ramp=mixer.ramp)
        self._courier.reply(session, answer)

    def look_after(self) -> None:
        """Let those go who have not been heard for too long."""
        now = time.monotonic_ns()
        for session in self._sessions:
            if now - session.heard_ns > GONE_AFTER_NS:
                log.info("client %r has gone", session.client, extra={"client": session.client})
                self._leave(session, at_once=False)

    def enforce(self) -> None:
        """End what those have who are not let in any more, without a word; and what others may not have any more."""
        for session in self._sessions:
            if session.key is None:
                continue
            entry = self._gate.entry(session.key)
            if entry is None:
                log.warning("client %r is not let in any more", session.client)
                self._leave(session, at_once=True)
            elif "listen" not in entry.rights:
                for subscription in self._listeners.owned_by(session):
                    self._listeners.forget(subscription, self._streams.open.get(subscription.stream))
                    self._listeners.drop(subscription, denied(entry, "listen", "a subscription"))
        self._streams.keep({guest.entry.public for guest in self._gate if "send" in guest.entry.rights})

    def _reload(self, session: Session, request: wire.Reload, _: memoryview) -> None:
        if self._reloading and not self._reloading.done():
            raise ConfigError("a reload is going on already; try again when it is over")
        self._reloading = asyncio.get_running_loop().create_task(self._finish_reload(session, request))

    async def _finish_reload(self, session: Session, request: wire.Reload) -> None:
        try:
            outcome = await self._reread()
        except StemdError as error:
            self._courier.fail(session, error, request=request.request)
        except Exception:
            log.exception("a reload failed inside the daemon")
            failure = StemdError("the daemon failed at this reload; see its log")
            self._courier.fail(session, failure, request=request.request)
        else:
            changed = {key: effect.value for key, effect in outcome.changed.items()}
            self._courier.reply(session, wire.Reloaded(request.request, changed, outcome.notes))

    def _leave(self, session: Session, *, at_once: bool) -> None:
        self._sessions.remove(session)
        for subscription in self._listeners.owned_by(session):
            self._listeners.forget(subscription, self._streams.open.get(subscription.stream))
        self._streams.leave(session, at_once=at_once)
