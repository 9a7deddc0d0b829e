"""What a pool's worker is: it holds networks and runs them, in a thread of this process or in a process of its own."""

from dataclasses import dataclass
from typing import Protocol

from stemd.audio import Float32Array
from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError
from stemd.separation.pool import NetworkId
from stemd.separation.store import Model


class WorkerLostError(InferenceError):
    """The worker's process died: of what it did, or of what was done to it."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a run gave: the specialist's `stems`, and when its network began and ended, in ns of CLOCK_MONOTONIC."""

    stems: Float32Array
    network_begun: int
    network_ended: int


class Worker(Protocol):
    """Belongs to one thread, which calls everything but `interrupt`, `kill` and `alive`; these never wait.

    Attributes:
        aside: whether another thread may load a model while this one runs a segment.
    """

    aside: bool

    def start(self) -> None:
        """Get ready, in the thread that it will belong to.

        Raises:
            WorkerLostError: it died at once.
        """
        ...

    def choose(self, model: Model) -> str:
        """The engine that runs a model here; see `Model.engine`."""
        ...

    def load(self, model: Model, engine: str) -> None:
        """Open the model's networks in an engine.

        Raises:
            ModelLoadError: they cannot be.
            WorkerLostError: it died of it.
        """
        ...

    def unload(self, key: str) -> None:
        """Let go of the networks of the model with a manifest's `key`, if it has them."""
        ...

    def run(self, network: NetworkId, segment: Segment) -> Answer:
        """What the network makes of a segment; see `Specialist.run`.

        Raises:
            InferenceError: the network failed, or is not there.
            WorkerLostError: the worker died.
        """
        ...

    def interrupt(self) -> None:
        """Ask the run that goes on now to end with an error. It may not obey."""
        ...

    def kill(self) -> bool:
        """End the worker by force; False where that is impossible."""
        ...

    def alive(self) -> bool:
        """Whether it can still be used."""
        ...

    def close(self) -> None:
        """Let go of everything; nothing runs any more."""
        ...
