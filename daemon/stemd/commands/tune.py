"""`stemd tune`: what each window plan costs on this machine, in latency, load and quality. No daemon is needed."""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Column, Table

from stemd.commands.songs import Song, read_song, score
from stemd.commands.terminal import Terminal
from stemd.config import Config, load_config
from stemd.dsp.plan import WindowPlan
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pools import new_pool
from stemd.separation.store import Model, find
from stemd.service.library import Library
from stemd.service.plans import AUTO
from stemd.service.tuning import memory, memory_file
from stemd.service.weighing import RATES, Weighed, automatic, candidates, merged, weigh

ACCEPTED_LOSS: Final = 0.5  # dB below studio that the advice puts up with
_STUDIO: Final = "studio"


@dataclass(frozen=True, slots=True)
class Tuning:
    """All that was found out.

    Attributes:
        model: its name.
        block: frames of a stream's blocks.
        rows: one for each plan.
        auto: the plan that `auto` takes by the timings of now; None: none would hold.
        remembered: the one that it took before, and takes again as long as that holds.
        scores: SDR in dB, the mean over all songs, by plan; empty without songs.
    """

    model: str
    block: int
    rows: list[Weighed]
    auto: WindowPlan | None
    remembered: WindowPlan | None
    scores: Mapping[WindowPlan, float] = field(default_factory=dict)

    def loss(self, row: Weighed) -> float | None:
        """How far below the plan `studio`, in dB."""
        studio = next((r for r in self.rows if _STUDIO in r.names), None)
        if studio is None or row.plan not in self.scores or studio.plan not in self.scores:
            return None
        return self.scores[studio.plan] - self.scores[row.plan]


def run(options: argparse.Namespace) -> int:
    """Time the plans, score them where there are songs, and say which to take; 1 where none would hold."""
    config = load_config(Path(options.config) if options.config else None)
    model = find(options.model or config.models.default, config.model_folders)
    songs = [read_song(Path(folder), model.manifest.stems) for folder in options.song or []]
    with Terminal(yes=True) as terminal:
        found = asyncio.run(_weighed(model, config, terminal))
        found = replace(found, scores=_scores(songs, model, config, found.rows, terminal))
    if options.json:
        print(json.dumps(as_tree(found), indent=2))
    else:
        _print(found, model)
    return 0 if any(row.latencies for row in found.rows) else 1


async def _weighed(model: Model, config: Config, terminal: Terminal) -> Tuning:
    """Load the model into a pool as the daemon's, and time every plan there."""
    pool = new_pool(config.engine)
    try:
        library = Library(pool, config.model_folders, memory(config.engine))
        model = await library.load(model.manifest.name)
        auto, remembered = await automatic(model, config, library)
        taken = [(AUTO, remembered or auto)] if remembered or auto else []
        plans = merged([*candidates(model, config), *[(name, plan) for name, plan in taken if plan]])
        rows = []
        for done, (plan, names) in enumerate(plans.items()):
            terminal.progress("timing", done, len(plans), "plans")
            rows.append(await weigh(names, plan, model, config, library, config.capture.block))
        return Tuning(model.manifest.name, config.capture.block, rows, auto, remembered)
    finally:
        await asyncio.to_thread(pool.close)


def _scores(
    songs: Sequence[Song], model: Model, config: Config, rows: Sequence[Weighed], terminal: Terminal
) -> dict[WindowPlan, float]:
    if not songs:
        return {}
    # Nothing else waits for the processor now.
    specialists = model.open(replace(EngineOptions.configured(config.engine), spin=True))
    scores: dict[WindowPlan, float] = {}
    for row in rows:
        if row.compute is None:
            continue
        found = []
        for song in songs:
            progress = partial(_scored, terminal, f"{song.name}, {row.names[0]}")
            found.append(score(song, model, specialists, row.plan, progress))
        scores[row.plan] = sum(found) / len(found)
    return scores


def _scored(terminal: Terminal, label: str, done: int, total: int) -> None:
    terminal.progress(label, done, total, "segments")


def as_tree(found: Tuning) -> dict[str, Any]:
    """For scripts: times in seconds, lengths in the model's frames, losses in dB."""
    return {
        "model": found.model,
        "block": found.block,
        "auto": _lengths(found.auto),
        "remembered": _lengths(found.remembered),
        "plans": [
            {
                "names": list(row.names),
                **(_lengths(row.plan) or {}),
                "compute": row.compute,
                "load": row.load,
                "latency": {str(rate): seconds for rate, seconds in row.latencies.items()},
                "holds": bool(row.latencies),
                "refusal": row.refusal or None,
                "sdr": found.scores.get(row.plan),
                "loss": found.loss(row),
            }
            for row in found.rows
        ],
        "advice": advice(found),
    }


def _lengths(plan: WindowPlan | None) -> dict[str, int] | None:
    if plan is None:
        return None
    return {name: getattr(plan, name) for name in ("segment", "hop", "overlap", "lookahead")}


def _print(found: Tuning, model: Model) -> None:
    rate = model.manifest.sample_rate
    heads = ["plan", "hop", "lookahead", "compute", "load", *(f"{r / 1000:g} kHz" for r in RATES)]
    scored = bool(found.scores)
    heads += ["loss"] if scored else []
    columns = [Column(head, justify="left" if head == "plan" else "right", no_wrap=True) for head in heads]
    table = Table(*columns, Column("holds"), box=None, pad_edge=False)
    for row in found.rows:
        cells = [_ms(row.plan.hop / rate), _ms(row.plan.lookahead / rate), _ms(row.compute)]
        cells += [f"{row.load:.0%}" if row.load is not None else "", *(_ms(row.latencies.get(r)) for r in RATES)]
        loss = found.loss(row)
        cells += [f"{loss:+.2f} dB" if loss is not None else ""] if scored else []
        table.add_row(", ".join(row.names), *cells, _verdict(row, found))
    console = Console(soft_wrap=True)
    console.width = max(console.width, console.measure(table, options=console.options.update(width=1_000)).maximum)
    console.print(table, highlight=False)
    words = f"Times in ms, for one stream with blocks of {found.block} frames; latency as it would be declared"
    print(f"{words}{', loss against studio' if scored else ''}.")
    print(advice(found))


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.1f}"


def _verdict(row: Weighed, found: Tuning) -> str:
    if not row.latencies:
        return f"no: {row.refusal}"
    marks = ["auto by these timings"] if row.plan == found.auto else []
    marks += ["auto remembers it"] if row.plan == found.remembered else []
    return f"yes ({', '.join(marks)})" if marks else "yes"


def advice(found: Tuning) -> str:
    """One sentence."""
    holding = [row for row in found.rows if row.latencies]
    if not holding:
        return "No plan holds here: take timing 'free', fewer stems, more threads or a smaller model."
    if scored := {row.plan: loss for row in holding if (loss := found.loss(row)) is not None}:
        return _by_ear(holding, scored)
    auto = next((row for row in holding if AUTO in row.names), None)
    if auto is None:
        best = min(holding, key=_latency)
        return f"Plan auto finds no hop that holds here; take {_how(best)}: {_ms(_latency(best))} ms."
    if found.auto and found.auto != auto.plan:
        rate = auto.rate
        return (
            f"Plan auto goes on with the hop of {_ms(auto.plan.hop / rate)} ms that it chose before; for the "
            f"{_ms(found.auto.hop / rate)} ms that now hold, delete {memory_file()}."
        )
    words = "name songs with --song to see what each plan loses"
    return f"Plan auto is declared at {_ms(_latency(auto))} ms here; {words}."


def _by_ear(holding: Sequence[Weighed], losses: Mapping[WindowPlan, float]) -> str:
    """Which plan to take where their losses are known."""
    short = [row for row in holding if row.plan in losses and _STUDIO not in row.names]
    if not short:
        return "Only plan studio holds here."
    good = [row for row in short if losses[row.plan] <= ACCEPTED_LOSS]
    best = min(good, key=_latency) if good else min(short, key=lambda row: losses[row.plan])
    figures = f"{_ms(_latency(best))} ms, {losses[best.plan]:.2f} dB below studio"
    if good:
        return f"Take {_how(best)}: {figures}, the shortest latency within {ACCEPTED_LOSS:g} dB that holds here."
    return f"Nothing short is within {ACCEPTED_LOSS:g} dB of studio on these songs; {_how(best)} is nearest: {figures}."


def _latency(row: Weighed) -> float:
    return row.latencies[min(row.latencies)]


def _how(row: Weighed) -> str:
    """What to write where a plan is asked for."""
    plan = row.plan
    named = next((name for name in row.names if " " not in name), None)
    return f"plan {named}" if named else f"plan {plan.segment},{plan.hop},{plan.overlap},{plan.lookahead}"
