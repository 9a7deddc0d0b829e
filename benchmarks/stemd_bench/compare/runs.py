"""What else is different about two runs: where, how and of what they were, which the figures do not show."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from stemd_bench.compare.changes import quantities
from stemd_bench.machine import Machine
from stemd_bench.results import Report, Variant

OTHERS: Final = 0.05
"""Share of the machine that others may use while something is timed."""
_HARDWARE: Final = ("processor", "cores")
_LETTERS: Final = ("A", "B")
_THEIRS: Final = "what seems a change may be theirs"
_MEANWHILE: Final = "others"  # in many suites: processor time of everybody else during a case, in % of a core


def cautions(a: Report, b: Report) -> Iterator[str]:
    """Why not to trust the changes: what was different besides what was to be compared."""
    here, there = a.machine, b.machine
    if a == b:
        yield "Both files are of one and the same run: nothing can have changed."
    if any(getattr(here, part) != getattr(there, part) for part in _HARDWARE):
        yield f"Two machines: {_hardware(here)} and {_hardware(there)}. Trust ratios within a run, not these changes."
    for letter, report in zip(_LETTERS, (a, b), strict=True):
        if (share := _others(report)) > OTHERS:
            yield f"Other processes used up to {share:.0%} of the machine before or during {letter}: {_THEIRS}."
    if a.quick != b.quick:
        yield f"{_LETTERS[not a.quick]} is a quick run and {_LETTERS[a.quick]} is not: they do not measure the same."
    if a.method != b.method:
        yield "They describe their method in different words: see whether they measure the same."
    theirs = {variant.name: variant for variant in b.variants}
    for variant in a.variants:
        if other := theirs.get(variant.name):
            yield from _otherwise_made(variant, other)
    if not any(m.better for report in (a, b) for variant in report.variants for m in variant.measures.values()):
        yield "Nothing can be judged: neither file says which way is progress, as those of older versions do not."


def notes(a: Report, b: Report) -> Iterator[str]:
    """What is worth knowing besides: versions, what only one of them has, and which aims came out differently."""
    if a.command != b.command and a.command and b.command:
        yield f"Commands: A is of `{a.command}`, B of `{b.command}`."
    if a.repeats != b.repeats:
        yield f"Repeats: {a.repeats} in A, {b.repeats} in B."
    changed = [f"{name} {old} -> {new}" for name, (old, new) in _versions(a.machine, b.machine).items() if old != new]
    if changed:
        yield f"Changed: {', '.join(changed)}."
    yield from _only_in("A", a, b)
    yield from _only_in("B", b, a)
    before = {conclusion.aim: conclusion for conclusion in a.conclusions}
    for after in b.conclusions:
        if (conclusion := before.get(after.aim)) and conclusion.met != after.met:
            found = f"{_met(conclusion.met)} in A ({conclusion.found}), {_met(after.met)} in B ({after.found})"
            yield f"Aim: {after.aim}: {found}."


def _others(report: Report) -> float:
    """The most that other processes used of all cores (0 to 1), as far as the run saw."""
    found = [variant.measures[_MEANWHILE].high for variant in report.variants if _MEANWHILE in variant.measures]
    return max(report.machine.others, *(high / 100 / report.machine.cores for high in found), 0.0)


def _hardware(machine: Machine) -> str:
    return f"{machine.processor} with {machine.cores} cores and {machine.memory_gib:g} GiB"


def _otherwise_made(a: Variant, b: Variant) -> Iterator[str]:
    told = [
        f"{name} {a.parameters.get(name, 'not given')} and {b.parameters.get(name, 'not given')}"
        for name in sorted({*a.parameters, *b.parameters})
        if a.parameters.get(name) != b.parameters.get(name)
    ]
    if told:
        yield f"{a.name}: not the same thing in both: {', '.join(told)}."
    before, after = quantities(a), quantities(b)
    for name in before:
        if name in after and before[name].unit != after[name].unit:
            yield f"{a.name}, {name}: left out, {before[name].unit!r} in A and {after[name].unit!r} in B."


def _versions(a: Machine, b: Machine) -> Mapping[str, tuple[str, str]]:
    """Of everything that has a version, and memory, in A and in B."""
    told = [_told(machine) for machine in (a, b)]
    return {name: (told[0].get(name, "none"), told[1].get(name, "none")) for name in {**told[0], **told[1]}}


def _told(machine: Machine) -> dict[str, str]:
    memory = f"{machine.memory_gib:g} GiB"
    return {
        "stemd": machine.stemd,
        "Python": machine.python,
        "system": machine.system,
        "memory": memory,
    } | machine.packages


def _only_in(letter: str, report: Report, other: Report) -> Iterator[str]:
    """Variants, and quantities of those that both have, which the other lacks; and why, where it says so."""
    theirs = {variant.name: quantities(variant) for variant in other.variants}
    reasons = {skipped.name: f" ({skipped.reason})" for skipped in other.skipped}
    found = []
    for variant in report.variants:
        missing = [name for name in quantities(variant) if name not in theirs.get(variant.name, {})]
        if missing:
            what = f": {', '.join(_shortly(missing))}" if theirs.get(variant.name) else ""
            found.append(f"{variant.name}{what}{reasons.get(variant.name, '')}")
    if found:
        yield f"Only in {letter}: {'; '.join(found)}."


def _shortly(names: Sequence[str]) -> list[str]:
    """Of a distribution its name, once."""
    return list(dict.fromkeys(name.partition(":")[0] for name in names))


def _met(met: bool | None) -> str:
    return {True: "met", False: "NOT MET", None: "not tried"}[met]
