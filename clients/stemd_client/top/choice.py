"""Which stream and which part of its mixer the keys are about; both are kept by name, for streams come and go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

State = Mapping[str, Any]  # of the daemon, or of one of its streams, as PROTOCOL.md tells it


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen last, whether or not it is there now; None: nothing yet."""

    stream: str | None = None
    part: str | None = None


def chosen_stream(state: State, choice: Choice) -> State | None:
    """The chosen stream's state; where it is not there, the first one's; None where there is none."""
    streams = state.get("streams", ())
    return next((s for s in streams if s["stream"] == choice.stream), streams[0] if streams else None)


def chosen_part(stream: State, choice: Choice) -> str | None:
    """The chosen part of a stream's mixer; where it has no such part, its first."""
    parts = list(stream.get("gains", ()))
    return choice.part if choice.part in parts else next(iter(parts), None)


def other_stream(state: State, choice: Choice, step: int) -> Choice:
    """The stream `step` rows further down, and around."""
    names = [stream["stream"] for stream in state.get("streams", ())]
    here = chosen_stream(state, choice)
    return Choice(_next(names, here["stream"], step), choice.part) if here else choice


def other_part(state: State, choice: Choice, step: int) -> Choice:
    """The part `step` rows further down, and around."""
    stream = chosen_stream(state, choice)
    part = chosen_part(stream, choice) if stream else None
    if stream is None or part is None:
        return choice
    return Choice(stream["stream"], _next(list(stream["gains"]), part, step))


def _next(names: Sequence[str], here: str, step: int) -> str:
    return names[(names.index(here) + step) % len(names)]
