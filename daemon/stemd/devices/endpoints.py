"""A sound device as a user names it, and what two of them have to do with each other."""

from dataclasses import dataclass, replace
from typing import Final, Literal

Direction = Literal["input", "output"]

DEFAULT: Final = "default"
SYSTEM: Final = "system"  # what the default sink plays
VIRTUAL: Final = "virtual:"  # a sink or a microphone of PulseAudio that stemd makes itself
PULSE: Final = "pulse:"  # a sink or source of PulseAudio, by its own name


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A sound device.

    Attributes:
        name: what a user types for it.
        index: PortAudio's number. It holds until PortAudio looks for devices anew.
        inputs: channels that can be captured; 0: no input.
        outputs: channels that can be played; 0: no output.
        rate: its default, in frames per second.
        host_api: PortAudio's word for the system behind it, as "ALSA" or "Core Audio".
        description: a longer name, where there is one.
        pulse: the sink or source of PulseAudio behind it.
        monitor_of: the sink of PulseAudio whose sound this input gives.
    """

    name: str
    index: int
    inputs: int
    outputs: int
    rate: int
    host_api: str
    description: str = ""
    pulse: str | None = None
    monitor_of: str | None = None

    def channels(self, direction: Direction) -> int:
        """How many channels it has in a direction."""
        return self.inputs if direction == "input" else self.outputs

    def only(self, direction: Direction) -> "Endpoint":
        """The same in one direction."""
        return replace(self, outputs=0) if direction == "input" else replace(self, inputs=0)

    @property
    def full_name(self) -> str:
        """The name with the system behind it, which tells devices of the same name apart."""
        return f"{self.name}, {self.host_api}" + (f" ({self.description})" if self.description else "")

    @property
    def environment(self) -> dict[str, str]:
        """Variables that lead PulseAudio's ALSA device to its sink or source.

        None for the default device: the server moves it along when the user chooses another default.
        """
        if self.pulse is None or not (self.name == SYSTEM or self.name.startswith(PULSE)):
            return {}
        return {"PULSE_SOURCE" if self.inputs else "PULSE_SINK": self.pulse}


def feeds_itself(source: Endpoint, sink: Endpoint) -> bool:
    """Whether an input hears what the output plays: the monitor of the same sink of PulseAudio."""
    return source.monitor_of is not None and source.monitor_of == sink.pulse


def same_clock(source: Endpoint, sink: Endpoint) -> bool:
    """Whether an input and an output count their frames by the same clock, so that they can never drift apart.

    Said of the monitor of a sink and that sink, of two JACK devices, and of one device that is both. Of
    ALSA's devices only `hw:` ones are the device itself: behind any other name there may be two.
    """
    if source.pulse is not None or sink.pulse is not None:
        return feeds_itself(source, sink)
    if source.host_api == sink.host_api and "JACK" in source.host_api:
        return True
    return source.index == sink.index and (source.host_api != "ALSA" or "(hw:" in source.name)
