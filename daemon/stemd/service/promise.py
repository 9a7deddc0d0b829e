"""What was agreed when a stream was opened."""

import secrets
from dataclasses import dataclass, field

from stemd.dsp.plan import WindowPlan
from stemd.dsp.resample import resampled_length
from stemd.protocol import Open
from stemd.separation.store import Model


@dataclass(frozen=True, slots=True)
class Promise:
    """The request as granted: model, plan, the network stems on offer, and the latency in the stream's frames."""

    request: Open
    model: Model
    plan: WindowPlan
    stems: tuple[str, ...]
    latency: int
    incarnation: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def realtime(self) -> bool:
        """Whether blocks leave at a time, rather than as soon as they can."""
        return self.request.timing == "realtime"

    @property
    def hop_seconds(self) -> float:
        """A hop in seconds."""
        return self.plan.hop / self.model.manifest.sample_rate

    def in_stream(self, position: int) -> int:
        """A position or length in the model's frames, in the stream's."""
        return resampled_length(position, self.model.manifest.sample_rate, self.request.rate)
