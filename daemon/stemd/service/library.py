"""The models that are loaded, and what their networks cost here. What blocks happens beside the event loop."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from stemd.dsp.plan import WindowPlan
from stemd.separation.pool import Lane, Pool, Timing
from stemd.separation.store import Model, find
from stemd.service.tuning import Memory


class Library:
    """Models by name, each loaded once and measured once for each plan and lane.

    Args:
        pool: whose workers hold the networks.
        folders: searched before the user's and the shipped models.
        hops: which hops plan `auto` chose before.
    """

    def __init__(self, pool: Pool, folders: Sequence[Path], hops: Memory) -> None:
        self._pool, self._folders = pool, folders
        self.hops = hops
        self.models: dict[str, Model] = {}
        self._timings: dict[tuple[str, WindowPlan, Lane], dict[int, Timing]] = {}
        self._busy = asyncio.Lock()

    async def load(self, name: str) -> Model:
        """The model, loaded into every worker.

        Raises:
            ModelLoadError: it is not there, damaged, or of a kind that cannot be run.
        """
        if name in self.models:  # who asks for what is there does not wait for what is not
            return self.models[name]
        async with self._busy:
            if name not in self.models:
                model = await asyncio.to_thread(find, name, self._folders)
                await asyncio.to_thread(self._pool.load, model)
                self.models[name] = model
            return self.models[name]

    async def timings(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """What a segment costs in a lane, one Timing for each of `specialists`; these networks are warm afterwards."""
        known = self._timings.setdefault((model.manifest.name, plan, lane), {})
        if not known.keys() >= set(specialists):
            async with self._busy:
                missing = [index for index in specialists if index not in known]
                found = await asyncio.to_thread(self._pool.measure, model, plan, lane, missing)
                known.update(zip(missing, found, strict=True))
        return [known[index] for index in specialists]

    def forget(self, model: Model, plan: WindowPlan) -> None:
        """Measure a plan anew when it is asked for again."""
        for lane in Lane:
            self._timings.pop((model.manifest.name, plan, lane), None)
