"""Everything that can go wrong, as one tree. Each class has a stable `code` that goes over the wire."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class StemdError(Exception):
    """Any fault that stemd names. `str(error)` is one line: the thing, and what to do about it."""

    code: ClassVar[str] = "internal"


class ConfigError(StemdError):
    """The configuration or a command line cannot be used (exit status 78)."""

    code = "config"


class PlanError(ConfigError):
    """A window plan that is impossible, or that this model or stream cannot use."""

    code = "plan"


class DeviceError(StemdError):
    """A sound device cannot be opened or was lost."""

    code = "device"


class ModelError(StemdError):
    """A network cannot be used."""

    code = "model"


class ModelLoadError(ModelError):
    """A model's files are missing, damaged or not understood."""

    code = "model-load"


class InferenceError(ModelError):
    """A network failed while it ran on a segment."""

    code = "inference"


class ProtocolError(StemdError):
    """A message that breaks PROTOCOL.md: malformed, of the wrong type, out of range, or out of order."""

    code = "protocol"


class BlockError(ProtocolError):
    """A block of samples was refused (NaN, infinity, wrong size); its frames become a gap."""

    code = "block"


class RateError(ProtocolError):
    """More came from a client than its key may send; what was over was dropped."""

    code = "rate"


class ConnectionLostError(ProtocolError):
    """The other side no longer answers."""

    code = "connection-lost"


class DeniedError(StemdError):
    """A client asked for what its key has not the right to."""

    code = "denied"


class StreamError(StemdError):
    """A stream cannot be opened, found or kept."""

    code = "stream"


class StreamExistsError(StreamError):
    """A stream of this name is open already."""

    code = "stream-exists"


class UnknownStreamError(StreamError):
    """No stream of this name is open, or it is not this client's."""

    code = "unknown-stream"


class UnknownStemError(StreamError):
    """The stream's model gives no such stem."""

    code = "unknown-stem"


class StreamClosed(StreamError):  # noqa: N818 - an ending, not always a fault
    """The stream has ended."""

    code = "stream-closed"


class Overloaded(StreamError):  # noqa: N818 - a state
    """The machine cannot keep another promise of this size."""

    code = "overloaded"


class SubscriberStalled(StreamError):  # noqa: N818 - a state
    """A lossless subscriber gave no credit for too long and was dropped."""

    code = "subscriber-stalled"


def _tree(cls: type[StemdError]) -> Iterable[type[StemdError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _tree(child)


BY_CODE: dict[str, type[StemdError]] = {cls.code: cls for cls in _tree(StemdError)}


def from_code(code: str, text: str) -> StemdError:
    """The error that a daemon sent, as the class that it raised there; unknown codes become StemdError."""
    return BY_CODE.get(code, StemdError)(text)


def nearest(word: str, known: Iterable[str]) -> str:
    """Words for an error message: ` (did you mean 'x'?)`, or a list of what is known."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known: {', '.join(names)})" if names else ""
