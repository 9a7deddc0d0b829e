"""Where and when reports were taken, and what makes them hard to compare."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from stemd_bench.machine import Machine
from stemd_bench.pages.tables import Table, texts
from stemd_bench.results import Report

BUSY: Final = 0.05
"""The share of a machine that others may use before times are not to be trusted."""


def machines(reports: Sequence[Report]) -> Table:
    """One row for each machine, with the versions of what the figures depend on."""
    found: dict[tuple[str, ...], list[str]] = {}
    for report in reports:
        found.setdefault(_row(report.machine), []).append(report.suite)
    columns = ("", "processor", "cores", "memory", "system", "stemd", "Python", "engines and libraries")
    rows = tuple(texts(", ".join(dict.fromkeys(suites)), *row) for row, suites in found.items())
    return Table("What the figures were taken on.", columns, rows, numbers=False)


def runs(reports: Sequence[Report]) -> Table:
    """One row for each report: the command that gives it again, when, how often, and who else was there."""
    columns = ("", "command", "begun (UTC)", "repeats", "others used, of all cores")
    rows = tuple(
        texts(
            name,
            report.command or "not written down",
            report.machine.date.removesuffix("+00:00").replace("T", " "),
            f"{report.repeats}{', quick' if report.quick else ''}",
            f"{report.machine.others:.0%}",
        )
        for name, report in zip(labels(reports), reports, strict=True)
    )
    return Table("The commands that give the figures again.", columns, rows, numbers=False)


def labels(reports: Sequence[Report]) -> list[str]:
    """A name for each report: its suite's, and from a suite's second on with a number, as the chapters have it."""
    names: list[str] = []
    seen: Counter[str] = Counter()
    for report in reports:
        seen[report.suite] += 1
        names.append(report.suite if seen[report.suite] == 1 else f"{report.suite}, {seen[report.suite]}")
    return names


def in_words(machine: Machine) -> str:
    """The machine in a line."""
    return f"{machine.processor}, {machine.cores} cores, {machine.memory_gib:g} GiB; {machine.system}"


def engines(machine: Machine) -> str:
    """Stemd and what its figures depend on, in a line."""
    return ", ".join(f"{name} {version}" for name, version in machine.packages.items())


def warnings(reports: Sequence[Report]) -> tuple[str, ...]:
    """What must be said before any figure: other machines, other versions, short runs, busy machines."""
    return tuple(said for said in (_mixed(reports), _versions(reports), _quick(reports), _busy(reports)) if said)


def _mixed(reports: Sequence[Report]) -> str:
    places: dict[str, list[str]] = {}
    for report in reports:
        places.setdefault(in_words(report.machine), []).append(report.suite)
    if len(places) < 2:
        return ""
    told = "; ".join(f"{_names(suites)} on {place}" for place, suites in places.items())
    return f"These figures come from different machines and cannot be held against one another: {told}."


def _versions(reports: Sequence[Report]) -> str:
    said: dict[str, dict[str, list[str]]] = {}
    for report in reports:
        machine = report.machine
        for name, version in {"stemd": machine.stemd, "Python": machine.python, **machine.packages}.items():
            suites = said.setdefault(name, {}).setdefault(version, [])
            if report.suite not in suites:
                suites.append(report.suite)
    told = [
        f"{name} " + ", ".join(f"{version} ({_names(suites)})" for version, suites in versions.items())
        for name, versions in said.items()
        if len(versions) > 1
    ]
    return f"These figures come from different versions: {'; '.join(told)}." if told else ""


def _quick(reports: Sequence[Report]) -> str:
    quick = [report.suite for report in reports if report.quick]
    return f"Quick runs, which show that it works and no more: {_names(quick)}." if quick else ""


def _busy(reports: Sequence[Report]) -> str:
    busy = [f"{r.suite} ({r.machine.others:.0%})" for r in reports if r.machine.others > BUSY]
    if not busy:
        return ""
    return f"Other processes used the machine before these: trust ratios, not times: {_names(busy)}."


def _names(suites: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(suites))


def _row(machine: Machine) -> tuple[str, ...]:
    return (
        machine.processor,
        str(machine.cores),
        f"{machine.memory_gib:g} GiB",
        machine.system,
        machine.stemd,
        machine.python,
        engines(machine),
    )
