"""The models that are loaded, and what their networks cost here. What blocks happens beside the event loop."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from stemd.dsp.plan import WindowPlan
from stemd.separation.pool import Capacity, Lane, Pool, Timing
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
        self._retired: set[str] = set()  # keys of editions that are loaded, and given to no new stream
        self._unloading: asyncio.Task[None] | None = None
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
                self._retired.discard(model.manifest.key)
            return self.models[name]

    def current(self, model: Model) -> bool:
        """Whether a stream opened now would get this edition of the model."""
        name = model.manifest.name
        return name in self.models and self.models[name].manifest.key == model.manifest.key

    async def edition(self, name: str, folders: Sequence[Path]) -> Model:
        """The model as it lies on disk now, loaded into every worker; `adopt` it, or `retire` it.

        Raises:
            ModelLoadError: see `load`; those that were loaded stay.
        """
        async with self._busy:
            model = await asyncio.to_thread(find, name, folders)
            await asyncio.to_thread(self._pool.load, model)
            self._retired.discard(model.manifest.key)  # it is wanted again
            return model

    def adopt(self, models: Iterable[Model], folders: Sequence[Path]) -> None:
        """Give these models to whoever asks from now on; those that were loaded before are retired."""
        before = list(self.models.values())
        self.models, self._folders = {model.manifest.name: model for model in models}, folders
        self.retire(before)

    def retire(self, models: Iterable[Model]) -> None:
        """Unload those that are given to nobody any more, as soon as nothing uses them: see `look_after`."""
        self._retired |= {model.manifest.key for model in models}
        self._retired -= {model.manifest.key for model in self.models.values()}

    def look_after(self, uses: Callable[[str], bool]) -> None:
        """Unload what was retired and whose key is not in use."""
        idle = [key for key in self._retired if not uses(key)]
        if idle and (self._unloading is None or self._unloading.done()):
            self._unloading = asyncio.get_running_loop().create_task(self._unload(idle, uses))

    async def _unload(self, idle: Iterable[str], uses: Callable[[str], bool]) -> None:
        async with self._busy:
            for key in idle:
                if key in self._retired and not uses(key):  # since then it may have been adopted anew
                    self._retired.discard(key)
                    await asyncio.to_thread(self._pool.unload, key)
                    for known in [known for known in self._timings if known[0] == key]:
                        del self._timings[known]

    async def timings(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        """What a segment costs in a lane, one Timing for each of `specialists`; these networks are warm afterwards."""
        known = self._timings.setdefault((model.manifest.key, plan, lane), {})
        if not known.keys() >= set(specialists):
            async with self._busy:
                missing = [index for index in specialists if index not in known]
                found = await asyncio.to_thread(self._pool.measure, model, plan, lane, missing)
                known.update(zip(missing, found, strict=True))
        return [known[index] for index in specialists]

    def capacity(self, model: Model) -> Capacity:
        """Who runs the realtime segments of a model that is loaded."""
        return self._pool.capacity(model.manifest.key)

    def forget(self, model: Model, plan: WindowPlan) -> None:
        """Measure a plan anew when it is asked for again."""
        for lane in Lane:
            self._timings.pop((model.manifest.key, plan, lane), None)
