"""The networks whose streams are counted: each with its model, its plans, and a daemon's configuration."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemd.dsp import stft
from stemd.protocol import Plan
from stemd.separation.store import Model, find
from stemd_bench.live import beside
from stemd_bench.overhead import copying
from stemd_bench.overhead.plan import NAME as COPY
from stemd_bench.results import Skipped

SHIPPED: Final = "spleeter-vocals"
ROOMY: Final = "roomy"
STEMS: Final = ("vocals", *(f"stem{n}" for n in range(2, 9)))
"""Of the copying model; each has a network of its own."""
_ROOMY_SECONDS: Final = 0.5
TITLES: Final = {
    SHIPPED: "Spleeter's mask network (shipped)",
    COPY: "A network that copies: the daemon's own limit",
    beside.MODEL: "HT-Demucs, one specialist, seeded weights",
}
_CONFIG: Final = """\
[server]
max_streams = {streams}

[models]
default = "{model}"
folders = ['{folder}']
"""


@dataclass(frozen=True, slots=True)
class Network:
    """A model with which a daemon is started.

    Attributes:
        name: of the model.
        config: of the daemon.
        plans: by the names that are used here.
        copies: it gives back what it gets.
    """

    name: str
    config: str
    plans: dict[str, Plan | str]
    copies: bool = False


def shipped(folder: Path, streams: int) -> Network:
    """The one that comes with stemd; at most so many streams."""
    return _network(SHIPPED, folder, streams)


def copy(folder: Path, streams: int) -> Network:
    """A model that copies, written into the folder; at most so many streams."""
    copying.write_model(folder, STEMS)
    return Network(COPY, copying.config(folder, streams), _plans(find(COPY, [folder])), copies=True)


def demucs(folder: Path, streams: int, *, narrow: bool) -> Network | Skipped:
    """HT-Demucs' architecture with seeded weights, written into a new folder where PyTorch is there."""
    if reason := beside.write_apart(folder, narrow=narrow):
        return Skipped(beside.MODEL, reason)
    return _network(beside.MODEL, folder, streams)


def left_out(network: Network, plans: Sequence[str]) -> list[Skipped]:
    """Plans that were asked for and that the network has not."""
    return [
        Skipped(f"{network.name}, {plan}", "the model has no such plan") for plan in plans if plan not in network.plans
    ]


def _network(name: str, folder: Path, streams: int) -> Network:
    config = _CONFIG.format(streams=streams, model=name, folder=folder)
    return Network(name, config, _plans(find(name, [folder])))


def _plans(model: Model) -> dict[str, Plan | str]:
    own: dict[str, Plan | str] = {name: name for name in model.manifest.plans}
    return {**own, "auto": "auto", ROOMY: roomy(model)}


def roomy(model: Model) -> Plan:
    """The live plan with a hop of half a second, or twice its own if that is longer, as far as the segment allows.

    A segment is run so seldom then that many streams share one machine; they are as much later.
    """
    live = model.manifest.live.window()
    grid = stft.HOP if model.spectral else 1
    wanted = max(round(_ROOMY_SECONDS * model.manifest.sample_rate), 2 * live.hop)
    hop = min(wanted, live.segment - live.overlap - live.lookahead) // grid * grid
    return Plan(live.segment, hop, live.overlap, live.lookahead)
