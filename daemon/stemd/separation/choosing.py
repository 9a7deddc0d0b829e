"""Which engine runs a model: the one named, or with `auto` the one that is faster here."""

import logging
import statistics
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from stemd.dsp.segmenter import Segment
from stemd.errors import ModelError, ModelLoadError
from stemd.separation.engines import AUTO, ENGINES, engine_named
from stemd.separation.engines.engine import Engine, EngineOptions
from stemd.separation.manifest import Manifest, verify
from stemd.separation.specialist import Specialist, specialist
from stemd.separation.trial import trial

log: Final = logging.getLogger("stemd")
_ROUNDS: Final = (3, 20)  # at least, at most
_SECONDS: Final = 1.0  # between those, as many as this takes
_chosen: Final[dict[Hashable, str]] = {}
_choosing: Final = threading.Lock()


def choose(folder: Path, manifest: Manifest, options: EngineOptions, *, spectral: bool) -> str:
    """The name of the engine for a model.

    With `auto`, the first call in a process times the first specialist at the length of the live plan's segments in
    each engine that can be used, and logs what it took; later calls know. What was loaded for that is let go of.

    Args:
        folder: where the model's files lie.
        manifest: of the model.
        options: the engine's name, and how each would run.
        spectral: whether its networks want spectrograms.

    Raises:
        ConfigError: no engine has that name.
        ModelLoadError: it cannot be used here, or `auto` found none that runs the model.
    """
    name = options.engine_of(manifest.name)
    if name != AUTO:
        if obstacle := engine_named(name).obstacle():
            raise ModelLoadError(obstacle)
        return name
    digests = tuple(entry.sha256 for entry in manifest.specialists)
    key = (digests, options.threads, options.spin, options.providers, options.device)
    with _choosing:
        if key not in _chosen:
            _chosen[key] = _fastest(folder, manifest, options, spectral=spectral)
        return _chosen[key]


def _fastest(folder: Path, manifest: Manifest, options: EngineOptions, *, spectral: bool) -> str:
    obstacles = {name: engine.obstacle() for name, engine in ENGINES.items()}
    usable = [engine for name, engine in ENGINES.items() if not obstacles[name]]
    if not usable:
        raise ModelLoadError("no engine can be used: " + "; ".join(filter(None, obstacles.values())))
    if len(usable) == 1:
        about = {"model": manifest.name, "engine": usable[0].name}
        log.info("%s: %s runs it, the only engine here", manifest.name, usable[0].name, extra=about)
        return usable[0].name
    verify(folder, manifest)
    sample = trial(manifest.live.window(), spectral=spectral)
    calls = _candidates(folder, manifest, replace(options, share=False), usable, sample)
    seconds = race(calls)
    first, *others = sorted(seconds, key=lambda name: seconds[name])
    ratios = ", ".join(f"{seconds[other] / seconds[first]:.2f} times as fast as {other}" for other in others)
    about = {"model": manifest.name, "engine": first}
    log.info("%s: %s runs it, %s", manifest.name, first, ratios or "the only engine that can", extra=about)
    return first


def _candidates(
    folder: Path, manifest: Manifest, options: EngineOptions, engines: list[Engine], sample: Segment
) -> dict[str, Callable[[], object]]:
    """A warm run in each engine that can run the model; the others are warned of."""
    entry, faults = manifest.specialists[0], []
    calls: dict[str, Callable[[], object]] = {}
    for engine in engines:
        try:
            network = engine.load(folder / entry.file, options)
            candidate: Specialist = specialist(manifest, entry, network)
            candidate.run(sample)
        except ModelError as exc:
            faults.append(f"{engine.name}: {exc}")
            continue
        calls[engine.name] = partial(candidate.run, sample)
    if not calls:
        raise ModelLoadError(f"no engine runs {manifest.name!r}: {'; '.join(faults)}")
    for fault in faults:
        log.warning("%s is not run by %s", manifest.name, fault, extra={"model": manifest.name})
    return calls


def race(calls: Mapping[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Time calls in turn, back and forth, so that what else the machine does falls on all of them.

    Returns:
        The median seconds of each.
    """
    taken: dict[str, list[float]] = {name: [] for name in calls}
    order, begin = list(calls), clock()
    if len(order) < 2:
        return dict.fromkeys(order, 0.0)
    for done in range(_ROUNDS[1]):
        if done >= _ROUNDS[0] and clock() - begin >= _SECONDS:
            break
        for name in order if done % 2 == 0 else reversed(order):
            start = clock()
            calls[name]()
            taken[name].append(clock() - start)
    return {name: statistics.median(times) for name, times in taken.items()}
