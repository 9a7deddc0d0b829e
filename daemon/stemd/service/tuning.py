"""Which hop a machine can keep up with: the plan `auto`, and the plan that is named where another is refused."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import platformdirs

from stemd.config import Engine
from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.errors import Overloaded
from stemd.processor import processor
from stemd.separation.pool import Capacity
from stemd.separation.store import Model
from stemd.service.admission import HEADROOM, Demand, budget

log: Final = logging.getLogger("stemd")
_HERE: Final = Capacity()
_STEP_SECONDS: Final = 0.025  # between two hops that are tried, where the network has no grid


def hops(plan: WindowPlan, model: Model) -> Iterator[WindowPlan]:
    """The plan with every hop that it can have, shortest first; segment, overlap and lookahead stay."""
    step = stft.HOP if model.spectral else max(1, round(_STEP_SECONDS * model.manifest.sample_rate))
    first = -(-max(plan.overlap, 1) // step) * step
    for hop in range(first, plan.segment - plan.overlap - plan.lookahead + 1, step):
        yield replace(plan, hop=hop)


def tuned(
    plan: WindowPlan,
    model: Model,
    compute: float,
    others: Sequence[Demand],
    ahead: int,
    at: Capacity = _HERE,
    pace: float = 1.0,
) -> tuple[WindowPlan, Demand]:
    """The plan with the shortest hop that breaks no promise, and what it asks of the worker.

    Args:
        plan: whose hop does not matter.
        model: whose networks run.
        compute: their p99 for one segment, in seconds.
        others: what has been promised at the same place.
        ahead: see `admission.budget`.
        at: who runs them.
        pace: see `admission.budget`.

    Raises:
        Overloaded: no hop will do.
    """
    for candidate in hops(plan, model):
        hop = candidate.hop / model.manifest.sample_rate
        if hop < HEADROOM * compute:
            continue
        with suppress(Overloaded):
            least = budget(compute, hop, others, ahead, at.parallel, pace)
            return candidate, Demand(compute, hop, least, at.place, at.parallel)
    raise Overloaded(
        f"a segment of {plan.segment} frames takes {compute:.2f} s here, and no hop is long enough for that beside "
        f"{len(others)} other streams: use shorter segments, fewer stems or timing 'free'"
    )


class Memory:
    """Remembers from one start to the next which hop was chosen, so that the latency of `auto` stays what it was.

    Args:
        file: JSON; it need not be there, and what is in it need not make sense.
        setting: what else the choice hangs on: engine and threads. The processor is added here.
    """

    def __init__(self, file: Path, setting: str) -> None:
        self._file = file
        self._setting = f"{setting}, {processor()}"

    def hop(self, model: Model, plan: WindowPlan, stems: Sequence[str]) -> int | None:
        """The hop that was chosen before."""
        hop = self._read().get(self._key(model, plan, stems))
        return hop if type(hop) is int and hop > 0 else None

    def keep(self, model: Model, plan: WindowPlan, stems: Sequence[str]) -> None:
        """Remember a choice. A disk that is full or read-only is no reason to refuse a stream."""
        try:
            known = self._read()
            if known.get(self._key(model, plan, stems)) == plan.hop:
                return
            known[self._key(model, plan, stems)] = plan.hop
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part")
            part.write_text(json.dumps(known, indent=1))
            part.replace(self._file)
        except OSError as exc:
            log.info("the hop of plan auto is not remembered: %s", exc, extra={"model": model.manifest.name})

    def _read(self) -> dict[str, object]:
        try:
            known = json.loads(self._file.read_text())
        except (OSError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def _key(self, model: Model, plan: WindowPlan, stems: Sequence[str]) -> str:
        digest = hashlib.sha256("".join(entry.sha256 for entry in model.manifest.specialists).encode()).hexdigest()
        lengths = f"{plan.segment},{plan.overlap},{plan.lookahead}"
        return f"{model.manifest.name} {digest[:12]}, {lengths}, {'+'.join(stems)}, {self._setting}"


def memory(engine: Engine) -> Memory:
    """What is remembered for a configured engine."""
    servers = "".join(f", {address}" for address in engine.triton.endpoints)
    return Memory(memory_file(), f"{engine.name}, {engine.thread_count()} threads{servers}")


def memory_file() -> Path:
    """Where choices are remembered."""
    return Path(platformdirs.user_cache_dir("stemd")) / "hops.json"
