"""The suite: requests by each way, streams against servers, and bytes by plan."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from stemd.config import Engine
from stemd.dsp.plan import WindowPlan
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.patience import Patience
from stemd.separation.pool import Lane, Pool
from stemd.separation.remote.link import Access
from stemd.separation.remote.pool import TritonPool
from stemd.separation.store import find
from stemd.separation.threads import ThreadPool
from stemd_bench.cluster import asking, holding, pinned, texts, traffic, verdicts
from stemd_bench.cluster.asking import Subject
from stemd_bench.cluster.names import GRPC, HERE, SHARED
from stemd_bench.cluster.options import Options
from stemd_bench.cluster.server import Server
from stemd_bench.live import beside
from stemd_bench.machine import cores
from stemd_bench.plots import Plot
from stemd_bench.results import Better, Conclusion, Parameter, Report, Skipped, Variant
from stemd_bench.streams import networks
from stemd_bench.streams.networks import ROOMY, SHIPPED
from stemd_bench.suite import Case, Figures, Suite

_TRIES: Final = {True: 2, False: 6}  # plays until it is known how many hold, in a quick run or not
_PATIENCE: Final = 120.0  # seconds for a run; of HT-Demucs on one core it takes some


class Cluster(Suite):
    """See Suite.

    Args:
        options: as asked.
    """

    name = "cluster"
    method: tuple[str, ...] = texts.METHOD
    units: Mapping[str, str] = {**asking.UNITS, **holding.UNITS, **traffic.UNITS}
    better: Mapping[str, Better] = {
        "admitted": "higher",
        "held": "higher",
        **dict.fromkeys(
            ("trip_p50", "trip_p99", "added_p50", "added_p99", "own_cpu", "server_cpu", "wire", "cpu_per_stream"),
            "lower",
        ),
    }
    headings: Sequence[Mapping[str, str]] = texts.HEADINGS

    def __init__(self, options: Options) -> None:
        self.options = options
        self.repeats = 1 if options.quick else 4
        self.skipped: list[Skipped] = []
        self._cases: list[Case] = []

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        return self._cases

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stemd-bench-")))
            progress("HT-Demucs with seeded weights")
            subjects = self._subjects(folder / "models")
            progress(f"{max(self.options.servers)} servers")
            if lacking := pinned.lacking():
                self.skipped.append(lacking)
            else:
                models = [each.model for each in subjects]
                servers = stack.enter_context(pinned.servers(models, folder / "served", max(self.options.servers)))
                progress("each network, by each way")
                self._cases += self._requests(subjects, servers, stack)
                self._cases += self._capacities(servers, folder)
            self._cases += traffic.cases([(each.model, each.name, each.plan) for each in self._planned(subjects)])
            yield

    def _subjects(self, folder: Path) -> list[Subject]:
        """The shipped network by its live plan and a roomy one, and HT-Demucs by its studio plan."""
        shipped = find(SHIPPED)
        roomy = networks.roomy(shipped)
        found = [
            Subject(shipped, "live", shipped.manifest.live.window()),
            Subject(shipped, ROOMY, WindowPlan(roomy.segment, roomy.hop, roomy.overlap, roomy.lookahead)),
        ]
        if reason := beside.write_apart(folder, narrow=self.options.quick):
            self.skipped.append(Skipped(beside.MODEL, reason))
            return found
        demucs = find(beside.MODEL, [folder])
        return [*found, Subject(demucs, "studio", demucs.manifest.studio.window())]

    def _planned(self, subjects: Sequence[Subject]) -> Iterator[Subject]:
        """Every plan of each model, those that are asked for among them."""
        for model in {each.model.folder: each.model for each in subjects}.values():
            asked = {each.name: each.plan for each in subjects if each.model is model}
            rows = {name: row.window() for name, row in model.manifest.plans.items()}
            for name, plan in {**rows, **asked}.items():
                yield Subject(model, name, plan)

    def _requests(self, subjects: Sequence[Subject], servers: Sequence[Server], stack: ExitStack) -> Iterator[Case]:
        for way, pool in _pools(servers, stack).items():
            for each in subjects:
                pool.load(each.model)
                pool.measure(each.model, each.plan, Lane.REALTIME, [0])  # as the daemon does, which makes it warm
                manifest = each.model.manifest
                parameters: dict[str, Parameter] = {
                    "group": "request",
                    "network": manifest.name,
                    "plan": each.name,
                    "way": way,
                    "segment": each.plan.segment,
                    "hop": each.plan.hop,
                    "rate": manifest.sample_rate,
                }
                server = None if way == HERE else servers[0]
                run = partial(asking.measure, each, pool, server, self.options.seconds)
                yield Case(f"{manifest.name}, {each.name}, {way}", parameters, run)

    def _capacities(self, servers: Sequence[Server], folder: Path) -> Iterator[Case]:
        network = networks.shipped(folder / "models", self.options.streams)
        for plan in self.options.plans:
            if plan not in network.plans:
                self.skipped += networks.left_out(network, [plan])
                continue
            for count in (0, *self.options.servers):
                parameters: dict[str, Parameter] = {
                    "group": "capacity",
                    "network": SHIPPED,
                    "plan": plan,
                    "servers": count,
                }
                name = f"{plan}, {count} server{'s' * (count != 1)}" if count else f"{plan}, {HERE}, one thread"
                yield Case(
                    name,
                    parameters,
                    partial(self._held, network, plan, [server.address for server in servers[:count]]),
                )

    def _held(self, network: networks.Network, plan: str, addresses: Sequence[str]) -> Figures:
        tries = _TRIES[self.options.quick]
        there = holding.on_servers(network, addresses)
        return holding.measure(there, plan, self.options.seconds, self.options.streams, tries)

    def derive(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """See Suite: each beside the same without servers, or with one."""
        return tuple(verdicts.beside_here(variants))

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:
        """See Suite."""
        return texts.remarks(variants)

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        return verdicts.conclude(variants, cores())

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        from stemd_bench.cluster.plots import plots  # noqa: PLC0415 - draws with what takes half a second to load

        return plots(report)


def _pools(servers: Sequence[Server], stack: ExitStack) -> dict[str, Pool]:
    """What runs a segment, by each way; closed with the stack."""
    address, patience = [servers[0].address], Patience(_PATIENCE, _PATIENCE)
    pools: dict[str, Pool] = {
        HERE: ThreadPool(EngineOptions.configured(Engine(threads=1)), patience),
        GRPC: TritonPool(address, 1, Access(shared_memory=False), patience),
        SHARED: TritonPool(address, 1, Access(), patience),
    }
    for pool in pools.values():
        stack.enter_context(closing(pool))
    return pools
