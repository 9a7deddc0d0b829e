"""A cluster: two servers and a daemon, each on a machine of its own, and in one variant HAProxy between them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stemd.separation.remote.repository import Serving
from stemd.separation.store import Model
from stemd.store.triton import export
from tests.cluster.balancer import balancing
from tests.cluster.network import Network
from tests.cluster.site import Site
from tests.end_to_end.process import Daemon, folder, running
from tests.graphs import copying_model, store

# Seconds, in which a segment may be tried twice while servers start beside it; a real network takes longer.
MARGIN: Final = 0.5
REAL_MARGIN: Final = 1.0
HOP: Final = 8_820  # frames of the copying networks: 0.2 s
AWAY: Final = "away"
HERE: Final = "here"


@dataclass(frozen=True, slots=True)
class Scene:
    """What plays.

    Attributes:
        daemon: whose networks run on the sites.
        sites: the servers.
        balanced: whether the daemon knows the balancer's address alone.
    """

    daemon: Daemon
    sites: tuple[Site, ...]
    balanced: bool


@contextmanager
def scene(*, balanced: bool, model: Model | None = None) -> Iterator[Scene]:
    """A cluster that is ready.

    Args:
        balanced: whether HAProxy stands before the servers.
        model: whose networks they run; None: one that copies, and the daemon itself runs another such one.
    """
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        models = place / "models"
        away = model or _copying(models, AWAY)
        if model is None:
            _copying(models, HERE)
        exported = place / "repository"
        export(exported, away, Serving(backend="python", threads=1), lambda _: None)
        network = stack.enter_context(Network())
        sites = tuple(_site(stack, network, name, exported, away, place) for name in ("one", "two"))
        addresses = [site.address for site in sites]
        parallel = len(sites) if balanced else 1
        if balanced:
            addresses = [stack.enter_context(balancing(network.machine("balancer"), addresses, place))]
        margin = REAL_MARGIN if model else MARGIN
        config = _config(models, away.manifest.name, margin, {"endpoints": addresses, "parallel": parallel})
        daemon = stack.enter_context(running(config, home=place, wrapper=network.machine("daemon").prefix))
        yield Scene(daemon, sites, balanced)


def _site(stack: ExitStack, network: Network, name: str, exported: Path, model: Model, place: Path) -> Site:
    site = Site(network, network.machine(name), exported, model, place)
    stack.callback(site.close)
    site.start()
    return site


def _copying(models: Path, name: str) -> Model:
    home = models / name
    home.mkdir(parents=True)
    made = copying_model(home, name=name, frames=HOP)
    store(made)
    return made


def _config(models: Path, model: str, margin: float, triton: dict[str, Any]) -> dict[str, Any]:
    return {
        "realtime": {"margin": margin},
        "models": {"folders": [str(models)]},
        "engine": {"threads": 1, "models": {model: "triton"}, "triton": triton},
    }
