"""PortAudio itself: found when it is first needed, called by one thread at a time, and begun anew when it may be."""

import atexit
import importlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from stemd.devices.patience import Hung, patiently
from stemd.errors import DeviceError

T = TypeVar("T")

_PATIENCE: Final = 5.0  # seconds for a call of PortAudio; opening a device takes 0.01 to 1
_CLOSING: Final = 2.0  # seconds for a stream to close
_turn = threading.Lock()  # PortAudio's functions may not be called by two threads at once
_open: set[object] = set()  # the streams of this process, and its openings under way


def sounddevice() -> Any:
    """The module sounddevice, which initialises PortAudio when it is first imported.

    Raises:
        DeviceError: it is not installed, or PortAudio is not, or that cannot start.
    """
    try:
        return importlib.import_module("sounddevice")
    except ImportError as exc:
        raise DeviceError("sound devices need the package 'sounddevice': pip install 'stemd[daemon]'") from exc
    except OSError as exc:
        raise DeviceError("sound devices need PortAudio: apt-get install libportaudio2") from exc
    except Exception as exc:  # PortAudioError, of the module that could not be imported
        raise DeviceError(f"PortAudio cannot start: {words(exc)}; is the ALSA configuration sound?") from exc


def words(exc: BaseException) -> str:
    """What PortAudio says, and the system behind it, in one line without its numbers."""
    said, _, host = (*exc.args, "", "", "")[:3]
    of_host = host[2] if isinstance(host, tuple) and host[2:] and host[2] else ""
    return " ".join(f"{said or type(exc).__name__} {of_host}".split())


def ask(question: Callable[[Any], T]) -> T:
    """Call something of PortAudio in its turn; `question` is given the module sounddevice.

    Raises:
        DeviceError: PortAudio is not there, or it does not answer.
    """

    def put() -> T:
        module = sounddevice()
        try:
            return question(module)
        except module.PortAudioError as exc:
            raise DeviceError(f"PortAudio gives no answer: {words(exc)}") from exc

    with _in_turn("answer"):
        return patiently(put, _PATIENCE)


def open_stream(make: Callable[[Any], Any], environment: Mapping[str, str]) -> Any:
    """Open and start a stream; `make` is given the module sounddevice.

    Args:
        make: gives the stream, open but not started.
        environment: variables that hold while it opens. libpulse reads PULSE_SINK and PULSE_SOURCE when a connection
            is made, and there is no other way to say them through ALSA. The lock keeps two openings apart.

    Raises:
        DeviceError: PortAudio is not there, or it does not answer.
        sounddevice.PortAudioError: it cannot be opened.
    """
    opening = object()  # counts as open from the start: one that hangs must not be ended either

    def start() -> Any:
        try:
            stream = make(sounddevice())
            _start_or_close(stream)
        except BaseException:
            _open.discard(opening)
            raise
        return stream

    def too_late(stream: Any) -> None:
        stream.close(ignore_errors=True)
        _open.discard(opening)

    with _in_turn("open a device"), _environment(environment):
        _open.add(opening)
        stream = patiently(start, _PATIENCE, too_late)
        _open.add(stream)
        _open.discard(opening)
        return stream


def _start_or_close(stream: Any) -> None:
    try:
        stream.start()
    except BaseException:
        stream.close(ignore_errors=True)
        raise


def close_stream(stream: Any) -> bool:
    """Close a stream; whether it did. One that hangs is left behind and counts as open until the process ends.

    `abort` and not `stop`: a dead server would never take what `stop` waits for.
    """

    def close() -> None:
        stream.abort(ignore_errors=True)
        stream.close(ignore_errors=True)

    try:
        with _in_turn("close a device"):
            patiently(close, _CLOSING)
            _open.discard(stream)
    except DeviceError:
        # PortAudio's end would wait for it as well.
        atexit.unregister(sounddevice()._exit_handler)
        return False
    return True


def open_streams() -> int:
    """How many streams of this process are open, abandoned ones included."""
    return len(_open)


def refresh() -> bool:
    """Have PortAudio look for devices anew, which it does only at its start; False where a stream is open.

    To begin anew is to end first, and that kills every stream of this process.

    Raises:
        DeviceError: PortAudio does not answer, or cannot start.
    """

    def restart(module: Any) -> None:
        if module._initialized:
            module._terminate()
        try:
            module._initialize()
        except module.PortAudioError as exc:
            raise DeviceError(f"PortAudio cannot start: {words(exc)}") from exc

    with _in_turn("start anew"):
        if _open:
            return False
        patiently(lambda: restart(sounddevice()), _PATIENCE)
        return True


@contextmanager
def _in_turn(what: str) -> Iterator[None]:
    """Wait for whoever is calling PortAudio. Who hangs there has no turn any more: the lock is ours, not his."""
    if not _turn.acquire(timeout=2 * _PATIENCE):
        raise DeviceError(f"PortAudio was not free to {what} within {2 * _PATIENCE:g} s")
    try:
        yield
    except Hung as exc:
        raise DeviceError(f"PortAudio did not {what} in time; does the sound server hang?") from exc
    finally:
        _turn.release()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
