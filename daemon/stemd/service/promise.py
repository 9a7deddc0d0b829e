"""What was agreed when a stream was opened."""

import secrets
from dataclasses import dataclass, field

from stemd.dsp.plan import WindowPlan
from stemd.dsp.resample import resampled_length
from stemd.protocol import Open
from stemd.separation.assembly import Assembly
from stemd.separation.store import Model


@dataclass(frozen=True, slots=True)
class Promise:
    """The request as granted.

    Attributes:
        request: what was asked for.
        model: whose networks run.
        plan: the window plan, in the model's frames.
        stems: of the network, those on offer.
        latency: in the stream's frames.
        fills: whether a realtime stream goes on, in silence, while its source says nothing; else it waits.
        incarnation: the stream's, for it may be opened again under the same name.
    """

    request: Open
    model: Model
    plan: WindowPlan
    stems: tuple[str, ...]
    latency: int
    fills: bool = False
    incarnation: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def realtime(self) -> bool:
        """Whether blocks leave at a time, rather than as soon as they can."""
        return self.request.timing == "realtime"

    @property
    def hop_seconds(self) -> float:
        """A hop in seconds."""
        return self.plan.hop / self.model.manifest.sample_rate

    def assembly(self) -> Assembly:
        """A new one for such a stream, with its memory at hand, which takes some ten milliseconds."""
        manifest, request = self.model.manifest, self.request
        assembly = Assembly(
            self.plan, manifest.sample_rate, request.rate, request.channels, spectral=self.model.spectral
        )
        assembly.take_memory()
        return assembly

    def in_stream(self, position: int) -> int:
        """A position or length in the model's frames, in the stream's."""
        return resampled_length(position, self.model.manifest.sample_rate, self.request.rate)
