"""What a stream's segments are in bytes, by plan: computed from the shapes of the requests, not measured."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from stemd.dsp.plan import WindowPlan
from stemd.separation.remote import wire
from stemd.separation.store import Model
from stemd.separation.trial import trial
from stemd_bench.results import Parameter
from stemd_bench.suite import Case, Figures

UNITS: Final = {"sent": "KiB", "answered": "KiB", "hop_ms": "ms", "sent_rate": "Mbit/s", "answered_rate": "Mbit/s"}
_KIB: Final = 1_024.0


def cases(plans: Sequence[tuple[Model, str, WindowPlan]]) -> Iterator[Case]:
    """One for each plan, of the model's first network."""
    for model, name, plan in plans:
        parameters: dict[str, Parameter] = {
            "group": "traffic",
            "network": model.manifest.name,
            "plan": name,
            "segment": plan.segment,
            "computed": 1,
        }
        yield Case(f"{model.manifest.name}, {name}, in bytes", parameters, partial(_rates, model, plan))


def _rates(model: Model, plan: WindowPlan) -> Figures:
    hop = plan.hop / model.manifest.sample_rate
    segment = trial(plan, spectral=model.spectral)
    size = {
        "sent": float(sum(tensor.nbytes for tensor in wire.inputs(segment, whole=False).values())),
        "answered": float(wire.most_bytes(model.manifest.specialists[0], segment, whole=False)),
    }
    rates = {f"{way}_rate": 8 * count / hop / 1e6 for way, count in size.items()}
    return {**{way: count / _KIB for way, count in size.items()}, **rates, "hop_ms": 1e3 * hop}
