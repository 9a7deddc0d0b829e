"""The suite: how many streams, how fairly, at which cost."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from stemd_bench.overhead.figures import UNITS
from stemd_bench.overhead.task import Served
from stemd_bench.plots import Plot
from stemd_bench.results import Better, Conclusion, Measure, Parameter, Report, Skipped, Variant
from stemd_bench.streams import capacity, fairness, growth, networks, texts, verdicts
from stemd_bench.streams.capacity import ALONE, BUSY, FREE, TOGETHER
from stemd_bench.streams.networks import ROOMY, SHIPPED, Network
from stemd_bench.streams.options import Options
from stemd_bench.suite import Case, Suite

_TRIES: Final = {True: 2, False: 6}  # plays until it is known how many hold, in a quick run or not


class Streams(Suite):
    """See Suite.

    Args:
        options: as asked.
    """

    name = "streams"
    method: tuple[str, ...] = texts.METHOD
    units: Mapping[str, str] = {**UNITS, **capacity.UNITS, **fairness.UNITS, **growth.UNITS}
    better: Mapping[str, Better] = {
        "admitted": "higher",
        "held": "higher",
        "fairness": "higher",
        **dict.fromkeys(("added_p99", "cpu_per_stream", "daemon_cpu", "memory", "memory_per_stream"), "lower"),
    }
    headings: Sequence[Mapping[str, str]] = texts.HEADINGS

    def __init__(self, options: Options) -> None:
        self.options = options
        self.repeats = 1 if options.quick else 3
        self.skipped: list[Skipped] = []
        self._cases: list[Case] = []
        self._refusals: dict[str, str] = {}
        self._served: dict[str, list[Sequence[Served]]] = {}

    @property
    def cases(self) -> Sequence[Case]:
        """See Suite."""
        return self._cases

    @contextmanager
    def prepared(self, progress: Callable[[str], None]) -> Iterator[None]:
        """See Suite."""
        with tempfile.TemporaryDirectory(prefix="stemd-bench-") as name:
            self._cases = [*self._capacities(Path(name), progress), *self._companies(Path(name)), *self._growths()]
            yield

    def _capacities(self, folder: Path, progress: Callable[[str], None]) -> Iterator[Case]:
        progress("HT-Demucs with seeded weights")
        for network in self._networks(folder):
            plans = self.options.plans_of(network.name)
            self.skipped += networks.left_out(network, plans)
            for plan in plans:
                if plan in network.plans:
                    parameters = {"group": "capacity", "network": network.name, "plan": plan}
                    name = f"{network.name}, {plan}"
                    yield Case(name, parameters, partial(self._capacity, name, network, plan))

    def _networks(self, folder: Path) -> Iterator[Network]:
        streams = self.options.streams
        yield networks.shipped(folder / "shipped", streams)
        yield networks.copy(folder / "copy", streams)
        demucs = networks.demucs(folder / "demucs", streams, narrow=self.options.quick)
        if isinstance(demucs, Skipped):
            self.skipped.append(demucs)
        else:
            yield demucs

    def _companies(self, folder: Path) -> Iterator[Case]:
        if ROOMY not in self.options.plans_of(SHIPPED):
            return
        network = networks.shipped(folder / "shipped", self.options.streams + 1)  # one more for the free stream
        for company in (TOGETHER, FREE, BUSY):
            parameters = {"group": "company", "network": SHIPPED, "plan": ROOMY, "company": company}
            yield Case(company, parameters, partial(self._company, network, company))

    def _growths(self) -> Iterator[Case]:
        for setting in growth.settings(quick=self.options.quick, streams=self.options.streams):
            yield Case(setting.name, setting.parameters, partial(growth.measure, setting, self.options.seconds))

    def _capacity(self, name: str, network: Network, plan: str) -> Mapping[str, float]:
        with capacity.stage(network, plan, self.options.seconds) as on:
            found, played = capacity.capacity(on, self.options.streams, _TRIES[self.options.quick])
        if played.refusal:
            self._refusals[name] = f"{name}: after {len(played.streams)} streams, the daemon says: {played.refusal}."
        if (network.name, plan) == (SHIPPED, ROOMY):
            self._served.setdefault(ALONE, []).append(played.streams)
        return found

    def _company(self, network: Network, company: str) -> Mapping[str, float]:
        with capacity.stage(network, ROOMY, self.options.seconds) as on:
            found, served = capacity.in_company(on, self.options.streams, company)
        self._served.setdefault(company, []).append(served)
        return found

    def derive(self, variants: Sequence[Variant]) -> tuple[Variant, ...]:
        """See Suite: each of equal streams by itself, and by which orders costs grow."""
        return (*variants, *self._each_stream(), *growth.orders(variants))

    def _each_stream(self) -> Iterator[Variant]:
        for company, repeats in self._served.items():
            for index in range(max(map(len, repeats))):
                taken: dict[str, list[float]] = {}
                for served in repeats:
                    if index < len(served):
                        for quantity, value in fairness.of_stream(served[index]).items():
                            taken.setdefault(quantity, []).append(value)
                measures = {quantity: Measure.of(values, self.units[quantity]) for quantity, values in taken.items()}
                parameters: dict[str, Parameter] = {"group": "stream", "company": company, "stream": index + 1}
                yield Variant(f"{company}, stream {index + 1}", parameters, measures)

    def conclude(self, variants: Sequence[Variant]) -> tuple[Conclusion, ...]:
        """See Suite."""
        return verdicts.conclude(variants)

    def remarks(self, variants: Sequence[Variant]) -> tuple[str, ...]:
        """See Suite."""
        return (*texts.remarks(variants), *self._refusals.values())

    def plots(self, report: Report) -> Sequence[Plot]:
        """See Suite."""
        from stemd_bench.streams.plots import plots  # noqa: PLC0415 - draws with what takes half a second to load

        return plots(report)
