"""The seam between specialists and whatever runs a graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from stemd.audio import Float32Array

if TYPE_CHECKING:
    from stemd.config import Engine as Table

Value: TypeAlias = Float32Array | npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Which engine runs a model, and how. What an engine does not know it leaves alone."""

    name: str = "onnxruntime"  # or another engine, or auto: the fastest here
    models: Mapping[str, str] = field(default_factory=dict)  # engines of single models, before `name`
    threads: int = 1  # of one run
    spin: bool = False  # idle threads wait actively between the operators of a run: faster, and hungrier
    providers: tuple[str, ...] = ()  # of onnxruntime, in order of preference; the CPU's always comes last
    device: str = "CPU"  # of OpenVINO
    share: bool = True  # memory with the other networks of this process, which pays unless this one is soon dropped

    @classmethod
    def configured(cls, table: "Table") -> Self:
        """What the configuration says."""
        return cls(
            name=table.name,
            models=table.models,
            threads=table.thread_count(),
            providers=table.providers,
            device=table.device,
        )

    def engine_of(self, model: str) -> str:
        """The engine of a model, by name."""
        return self.models.get(model, self.name)


class Network(Protocol):
    """A loaded graph. It belongs to one thread at a time; another may only call `terminate`."""

    engine: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    placement: Mapping[str, int]  # how many of the graph's nodes each provider or device took

    def run(self, *values: Value) -> list[Float32Array]:
        """Run the graph.

        Args:
            values: one for each of `inputs`, in that order and of the graph's shapes and types.

        Returns:
            One array for each of `outputs`; they stay as they are when the network runs again.

        Raises:
            InferenceError: it failed.
        """
        ...

    def terminate(self) -> None:
        """Ask the run that goes on to fail. It does so between two of its operators: one that hangs does not obey."""
        ...


class Engine(Protocol):
    """What loads graphs."""

    name: str

    def obstacle(self) -> str | None:
        """Why it cannot be used here, and what to do about it; None: it can."""
        ...

    def devices(self) -> tuple[str, ...]:
        """The providers or devices that it can be told to use here."""
        ...

    def load(self, path: Path, options: EngineOptions) -> Network:
        """Load a graph.

        Args:
            path: an ONNX file.
            options: see EngineOptions.

        Raises:
            ConfigError: the options name what this engine does not know.
            ModelLoadError: the graph cannot be read, or nothing here can run it.
        """
        ...
