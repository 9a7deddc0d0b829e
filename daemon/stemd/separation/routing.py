"""Several pools as one: each model runs where the configuration says."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.separation.pool import Capacity, Estimate, Health, Lane, NetworkId, Pool, Server, Timing
from stemd.separation.store import Model


class RoutingPool:
    """See Pool.

    Args:
        here: runs what `away` does not.
        away: a pool elsewhere, which may fall back on the one here.
        is_away: whether the model of this name runs elsewhere.
    """

    def __init__(self, here: Pool, away: Pool, is_away: Callable[[str], bool]) -> None:
        self._here, self._away, self._is_away = here, away, is_away
        self._keys: set[str] = set()  # of models that run elsewhere

    def load(self, model: Model) -> None:
        """See Pool."""
        if not self._is_away(model.manifest.name):
            self._here.load(model)
            return
        self._away.load(model)
        self._keys.add(model.manifest.key)

    def unload(self, key: str) -> None:
        """See Pool."""
        self._of(key).unload(key)
        self._keys.discard(key)

    def engines(self) -> Mapping[str, str]:
        """See Pool."""
        return {**self._here.engines(), **self._away.engines()}

    def capacity(self, key: str) -> Capacity:
        """See Pool."""
        return self._of(key).capacity(key)

    def measure(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """See Pool."""
        return self._of(model.manifest.key).measure(model, plan, lane, specialists)

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        """See Pool."""
        return self._of(network.model).submit(network, segment, lane, deadline_ns, rank)

    def health(self) -> Mapping[Lane, Health]:
        """See Pool: of both together."""
        here, away = self._here.health(), self._away.health()
        return {lane: _both(here[lane], away[lane]) for lane in Lane}

    def servers(self) -> Sequence[Server]:
        """See Pool."""
        return [*self._here.servers(), *self._away.servers()]

    def close(self) -> None:
        """See Pool."""
        self._away.close()
        self._here.close()

    def _of(self, key: str) -> Pool:
        return self._away if key in self._keys else self._here


def _both(one: Health, other: Health) -> Health:
    return Health(
        one.waiting + other.waiting,
        max(one.oldest, other.oldest),
        one.hung + other.hung,
        one.lost + other.lost,
        one.restarts + other.restarts,
        one.answers and other.answers,
    )
