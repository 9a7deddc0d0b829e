"""What the facts mean: what is wrong, what could be better, and the next command to type. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from stemd.commands.diagnosis.facts import BUILDS, Facts


class Level(Enum):
    """How bad it is."""

    FAULT = "fault"  # the daemon cannot run, or not as configured
    NOTE = "note"  # it runs without


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing, and the command that mends it where one does."""

    level: Level
    text: str
    command: str | None = None


def judge(facts: Facts) -> list[Finding]:
    """Everything worth saying, faults first."""
    parts = (_configuration, _packages, _builds, _engines, _models, _system)
    found = [finding for part in parts for finding in part(facts)]
    return sorted(found, key=lambda finding: finding.level is Level.NOTE)


def next_command(facts: Facts, findings: list[Finding]) -> str:
    """The one command to type now."""
    for finding in findings:
        if finding.command:
            return finding.command
    if any(finding.level is Level.FAULT for finding in findings):
        return "stemd doctor"  # again, once what it said is done
    if facts.daemon is None:
        return "stemd serve"
    return "stemd demo" if facts.bench else "stemd status"


def _configuration(facts: Facts) -> Iterator[Finding]:
    if facts.wanted.fault:
        yield Finding(Level.FAULT, facts.wanted.fault, "stemd check-config --defaults")


def _packages(facts: Facts) -> Iterator[Finding]:
    absent = [package.name for package in facts.packages if not package.version and package.name != "onnxruntime"]
    if absent:
        yield Finding(
            Level.FAULT, f"the daemon lacks {', '.join(absent)} (extra `daemon`)", "pip install 'stemd[daemon]'"
        )


def _builds(facts: Facts) -> Iterator[Finding]:
    names = sorted((build.name for build in facts.builds if build.version), key=BUILDS.index)
    if not names:
        yield Finding(Level.FAULT, "onnxruntime is missing (extra `daemon`)", "pip install 'stemd[daemon]'")
    elif len(names) > 1:
        extra = "daemon-cuda" if "onnxruntime-gpu" in names else "daemon"
        yield Finding(
            Level.FAULT,
            f"{' and '.join(names)} are installed together; they overwrite each other's files, so keep one",
            f"pip uninstall -y {' '.join(names)} && pip install 'stemd[{extra}]'",
        )


def _engines(facts: Facts) -> Iterator[Finding]:
    if not any(build.version for build in facts.builds):
        return
    by_name = {engine.name: engine for engine in facts.engines}
    for name in facts.wanted.engines:
        engine = by_name.get(name)
        if engine and engine.obstacle:
            text, _, command = engine.obstacle.partition(": pip install ")
            yield Finding(
                Level.FAULT, f"engine {name} is configured: {text}", f"pip install {command}" if command else None
            )
    present = by_name["onnxruntime"].devices if "onnxruntime" in by_name else ()
    absent = [name for name in facts.wanted.providers if present and name not in present]
    if absent:
        has = ", ".join(present)
        yield Finding(Level.NOTE, f"{', '.join(absent)} is configured, but onnxruntime here has {has} alone")


def _models(facts: Facts) -> Iterator[Finding]:
    for model in facts.models:
        if model.fault and model.shipped:
            yield Finding(Level.FAULT, model.fault, "pip install --force-reinstall --no-deps stemd")
        elif model.fault:
            level = Level.FAULT if model.name in facts.wanted.models else Level.NOTE
            yield Finding(level, model.fault, f"stemd models pull {model.name}")
    known = {model.name for model in facts.models}
    for name in facts.wanted.models:
        if name not in known:
            yield Finding(Level.FAULT, f"the configured model {name!r} is not on disk", f"stemd models pull {name}")


def _system(facts: Facts) -> Iterator[Finding]:
    if facts.files and _installed(facts, "soundfile"):
        yield Finding(Level.FAULT, f"no sound file can be read: {facts.files}", _apt(facts, "libsndfile1"))
    if facts.sound.fault and _installed(facts, "sounddevice"):
        yield Finding(Level.NOTE, f"no sound card can be used: {facts.sound.fault}", _apt(facts, "libportaudio2"))


def _apt(facts: Facts, package: str) -> str | None:
    return f"sudo apt-get install {package}" if facts.apt else None


def _installed(facts: Facts, name: str) -> bool:
    return any(package.name == name and package.version for package in facts.packages)
