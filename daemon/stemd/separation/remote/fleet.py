"""The servers that run networks for this daemon: what each has, whether it is there, and its connection.

All of it runs on one event loop. A server that does not answer, or not well, rests, and is looked at again after
pauses that grow; before it gets segments again, it has run one of each network that was measured.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from stemd.dsp.segmenter import Segment
from stemd.errors import StemdError
from stemd.separation.engines import SERVERS
from stemd.separation.lanes import Job
from stemd.separation.pool import Course, Estimate, NetworkId
from stemd.separation.remote import wire
from stemd.separation.remote.endpoints import Endpoint
from stemd.separation.remote.faults import EndpointLostError
from stemd.separation.remote.link import Access, Link
from stemd.separation.store import Model

log: Final = logging.getLogger("stemd")
_LIVES_WITHIN: Final = 1.0  # seconds
_WELL_AFTER: Final = 60.0  # seconds without a failure


class Fleet:
    """See the module.

    Args:
        addresses: of the endpoints, `host:port`.
        parallel: segments of one network that each of them runs at a time.
        access: how they are reached.
        patience: seconds for a run that nobody waits for.
        freed: called when an endpoint has room, or is back.
    """

    def __init__(
        self, addresses: Sequence[str], parallel: int, access: Access, patience: float, freed: Callable[[], None]
    ) -> None:
        self.endpoints = [Endpoint(address, parallel) for address in dict.fromkeys(addresses)]
        self.freed = freed
        self.samples: dict[NetworkId, Segment] = {}
        """A segment of each network that was measured."""
        self._access, self._patience = access, patience
        self._models: dict[str, Model] = {}
        self._links: dict[Endpoint, Link] = {}
        self._offers: dict[tuple[Endpoint, NetworkId], wire.Offer] = {}
        self._looking = {endpoint: asyncio.Lock() for endpoint in self.endpoints}
        self._returning: set[Endpoint] = set()
        self._doubted: set[Endpoint] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def able(self, *networks: NetworkId) -> list[Endpoint]:
        """Those that have all of these networks, and do not rest."""
        return [each for each in self.endpoints if not each.resting and each.networks.issuperset(networks)]

    def trouble(self, network: NetworkId) -> str:
        """Why nobody runs a network, in words."""
        told = [f"{each.address}: {each.trouble or 'it does not have the model'}" for each in self.endpoints]
        return f"no server for {network.model}: {'; '.join(told)}"

    async def learn(self, model: Model) -> list[str]:
        """Ask every endpoint for a model; why those have it not that have not."""
        self._models[model.manifest.key] = model
        found = await asyncio.gather(*(self._look_at(endpoint) for endpoint in self.endpoints))
        return list(dict.fromkeys(filter(None, found)))

    def forget(self, key: str) -> None:
        """Ask for the model with a manifest's `key` no more."""
        self._models.pop(key, None)
        for endpoint in self.endpoints:
            endpoint.networks = {network for network in endpoint.networks if network.model != key}
        self.samples = {network: sample for network, sample in self.samples.items() if network.model != key}
        self._offers = {known: offer for known, offer in self._offers.items() if known[1].model != key}

    async def run(self, job: Job, endpoint: Endpoint, within: float) -> Estimate:
        """See Ask."""
        model, offer = self._models.get(job.network.model), self._offers.get((endpoint, job.network))
        link = self._links.get(endpoint)
        if model is None or offer is None or link is None:
            raise EndpointLostError(f"{endpoint.address} does not have {job.network.model} (any more)")
        entry, segment = model.manifest.specialists[job.network.index], job.segment
        begun = time.monotonic_ns()
        tensors = wire.inputs(segment, whole=offer.whole)
        reply = await link.run(offer, tensors, wire.most_bytes(entry, segment, whole=offer.whole), within)
        stems = wire.stems(reply.stems, entry, segment, whole=offer.whole)
        return Estimate(stems, _course(begun, time.monotonic_ns(), reply.compute_ns))

    def fell(self, endpoint: Endpoint, why: str) -> None:
        """See Events: it is looked at again after a pause, and again, until it is back."""
        if not endpoint.resting or why != endpoint.trouble:
            log.warning("endpoint %s rests: %s", endpoint.address, why, extra={"engine": SERVERS})
        endpoint.fell(why, time.monotonic())
        if endpoint not in self._returning:
            self._returning.add(endpoint)
            self._spawn(self._come_back(endpoint))

    def doubted(self, endpoint: Endpoint) -> None:
        """See Events: one that only has too much to do still says that it lives."""
        if not endpoint.resting and endpoint not in self._doubted:
            self._doubted.add(endpoint)
            self._spawn(self._ask_whether_it_lives(endpoint))

    async def close(self) -> None:
        """Ask nobody any more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(link.close() for link in self._links.values()), return_exceptions=True)

    async def _come_back(self, endpoint: Endpoint) -> None:
        await asyncio.sleep(endpoint.pause(time.monotonic()))
        self._returning.discard(endpoint)
        await self._look_at(endpoint)
        self.freed()  # or what waited has waited long enough

    async def _ask_whether_it_lives(self, endpoint: Endpoint) -> None:
        link = self._links.get(endpoint)
        lives = link is not None and await link.lives(_LIVES_WITHIN)
        self._doubted.discard(endpoint)
        if not lives and not endpoint.resting:
            self.fell(endpoint, f"{endpoint.address} does not answer (any more)")

    async def _look_at(self, endpoint: Endpoint) -> str:
        """See what an endpoint has, and warm it; what is wrong with it, in words. One look at a time."""
        async with self._looking[endpoint]:
            return await self._look(endpoint)

    async def _look(self, endpoint: Endpoint) -> str:
        try:
            if endpoint.resting:
                await self._connect(endpoint)
            models = list(self._models.values())  # others may be learnt, or forgotten, while this one asks
            faults = "; ".join(filter(None, [await self._offered(endpoint, each) for each in models]))
        except StemdError as exc:
            self.fell(endpoint, str(exc))
            return str(exc)
        if faults and not endpoint.networks:
            self.fell(endpoint, faults)
        elif endpoint.resting:
            endpoint.came_back()
            log.info("endpoint %s is there", endpoint.address, extra={"engine": SERVERS})
            asyncio.get_running_loop().call_later(_WELL_AFTER, self._perhaps_well, endpoint, endpoint.failures)
            self.freed()
        return faults

    async def _connect(self, endpoint: Endpoint) -> None:
        if old := self._links.pop(endpoint, None):
            await old.close()
        # Always anew: one that was cut off is tried again by the system itself only after longer and longer pauses.
        self._links[endpoint] = await Link.connected(endpoint.address, self._access)

    async def _offered(self, endpoint: Endpoint, model: Model) -> str:
        """Learn whether an endpoint has a model; why not, in words."""
        manifest, link = model.manifest, self._links[endpoint]
        networks = [NetworkId(manifest.key, index) for index in range(len(manifest.specialists))]
        try:
            for index, network in enumerate(networks):
                described = await link.describe(wire.name(manifest, index), wire.version(manifest))
                self._offers[endpoint, network] = wire.offer(manifest, index, *described)
                if sample := self.samples.get(network):
                    await self.run(Job(network, sample), endpoint, self._patience)
        except EndpointLostError:
            raise
        except StemdError as exc:
            endpoint.networks -= set(networks)
            return str(exc)
        endpoint.networks |= set(networks)
        return ""

    def _perhaps_well(self, endpoint: Endpoint, failures: int) -> None:
        if endpoint.failures == failures and not endpoint.resting:
            endpoint.is_well()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _course(begun: int, ended: int, compute: int | None) -> Course:
    """The network's time in the middle of the round trip, for the clocks of two machines cannot be compared."""
    taken = max(0, min(compute if compute is not None else ended - begun, ended - begun))
    way = (ended - begun - taken) // 2
    return Course(begun, begun + way, begun + way + taken, ended)
