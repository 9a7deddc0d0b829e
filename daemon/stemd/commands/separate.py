"""`stemd separate`: whole files, in this process."""

import argparse
import logging
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec
import soundfile
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stemd.audio import Float32Array
from stemd.commands.plans import parse_plan
from stemd.config import Config, load_config
from stemd.dsp.mixing import residual
from stemd.dsp.plan import WindowPlan
from stemd.errors import ConfigError, StemdError, UnknownStemError, nearest
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.offline import separate
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model, find
from stemd.service.plans import resolve
from stemd.service.rendering import INSTRUMENTAL, VOCALS

_KEPT: Final = {"wav": ("PCM_16", "PCM_24", "PCM_32", "DOUBLE", "FLOAT"), "flac": ("PCM_16", "PCM_24")}


def run(options: argparse.Namespace) -> int:
    """Separate each file into `DIR/NAME/STEM.wav`; a file that fails does not stop the others."""
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="stemd: %(message)s", stream=sys.stderr)
    config = load_config(Path(options.config) if options.config else None)
    model = find(options.model, config.model_folders)
    named = parse_plan(options.plan)
    plan = resolve(named, config, model) if named else None
    wanted = _wanted(options.stem, model)
    jobs = [(Path(file), Path(options.out) / Path(file).stem) for file in options.files]
    _check_targets(jobs, wanted, options)
    specialists = model.open(_engine(config, options), {*wanted, *([VOCALS] if INSTRUMENTAL in wanted else [])})
    faults = 0
    for source, target in jobs:
        try:
            _separate_file(source, target, model, plan, specialists, wanted, options.format)
        except StemdError as exc:
            faults += 1
            Console(stderr=True, soft_wrap=True).print(f"stemd: {exc}", markup=False, highlight=False)
    return 1 if faults else 0


def _engine(config: Config, options: argparse.Namespace) -> EngineOptions:
    """How networks run: as configured, but for what the command line says."""
    table = config.engine.only(options.engine) if options.engine else config.engine
    if options.threads:
        table = msgspec.structs.replace(table, threads=options.threads)
    # Nothing else waits for the processor here.
    return replace(EngineOptions.configured(table), spin=True)


def _wanted(stems: list[str] | None, model: Model) -> list[str]:
    offered = [*model.manifest.stems, *([INSTRUMENTAL] if VOCALS in model.manifest.stems else [])]
    for stem in stems or []:
        if stem not in offered:
            raise UnknownStemError(f"model {model.manifest.name!r} gives no stem {stem!r}{nearest(stem, offered)}")
    return [stem for stem in offered if not stems or stem in stems]


def _check_targets(jobs: list[tuple[Path, Path]], wanted: list[str], options: argparse.Namespace) -> None:
    """Refuse before any work is done."""
    targets = [target / f"{stem}.{options.format}" for _, target in jobs for stem in wanted]
    if len(set(targets)) < len(targets):
        raise ConfigError(
            "two of the files have the same name, so their stems would have the same place; use two --out"
        )
    for target in targets:
        if target.exists() and not options.force:
            raise ConfigError(f"{target} is there already; move it, or overwrite it with --force")


def _separate_file(
    source: Path,
    target: Path,
    model: Model,
    plan: WindowPlan | None,
    specialists: list[Specialist],
    wanted: list[str],
    fmt: str,
) -> None:
    mixture, rate, subtype = read_audio(source)
    rate_in = model.manifest.sample_rate
    chosen = plan or longest_plan(model)
    with Progress(
        TextColumn(f"{source.name}", markup=False), BarColumn(), "{task.percentage:>3.0f}%", TimeRemainingColumn()
    ) as bars:
        bar = bars.add_task("", total=None)
        stems = separate(
            *(mixture, rate, specialists, chosen, rate_in),
            spectral=model.spectral,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )
    write_stems(mixture, stems, wanted, target, rate, fmt, subtype)


def read_audio(path: Path) -> tuple[Float32Array, int, str]:
    """A file as float32 (1 or 2 channels, frames), its rate in Hz and its sample format.

    Raises:
        ConfigError: it is not there, not audio, or has more than two channels.
    """
    try:
        with soundfile.SoundFile(path) as file:
            if file.channels > 2:
                raise ConfigError(f"{path}: has {file.channels} channels; stemd takes one or two")
            samples = file.read(dtype="float32", always_2d=True)
            return samples.T.copy(), file.samplerate, file.subtype
    except (OSError, soundfile.SoundFileError) as exc:
        reason = "no such file" if not path.exists() else f"cannot be read as WAV, FLAC, OGG or MP3 ({exc})"
        raise ConfigError(f"{path}: {reason}") from exc


def longest_plan(model: Model) -> WindowPlan:
    """For files, where nobody waits: long segments with context on both sides, and each frame from two of them.

    What a U-Net finds hangs on where its strides fall (Spleeter's come every 64 STFT frames). Neighbours 240 apart see
    each frame at two such phases, the next ones at two more, so no piece of music depends on its luck with one.
    Networks that take no such segment get their studio plan.
    """
    studio, segments = model.manifest.studio.window(), model.manifest.segments
    part = min(segments.maximum or 0, 768 * 1_024) // (16 * (segments.multiple or 1)) * (segments.multiple or 1)
    if part < studio.lookahead or not segments.accepts(16 * part):
        return studio
    return WindowPlan(16 * part, 5 * part, 5 * part, 3 * part)


def write_stems(
    mixture: Float32Array,
    stems: Mapping[str, Float32Array],
    wanted: list[str],
    target: Path,
    rate: int,
    fmt: str,
    subtype: str,
) -> None:
    """Write `target/STEM.fmt`, at the source's sample format where it is a plain one, else as float or 24 bit."""
    target.mkdir(parents=True, exist_ok=True)
    # What is compressed in the source (MP3 in WAV exists) is better kept whole.
    chosen = subtype if subtype in _KEPT[fmt] else _KEPT[fmt][-1]
    for stem in wanted:
        samples = stems[stem] if stem in stems else residual(mixture, [stems[VOCALS]])
        soundfile.write(target / f"{stem}.{fmt}", samples.T, rate, subtype=chosen)
        print(target / f"{stem}.{fmt}")
