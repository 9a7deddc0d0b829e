"""`stemd doctor`: what is here, what is missing, and the next command to type."""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from stemd.commands.diagnosis.collecting import collect
from stemd.commands.diagnosis.facts import Facts
from stemd.commands.diagnosis.findings import Finding, Level, judge, next_command

_STYLES: Final = {"fault": "bold red", "note": "yellow", "next": "bold green"}


def run(options: argparse.Namespace) -> int:
    """Say how things stand; 0 when the daemon can run as configured, else 1."""
    facts = collect(options.config, options.address)
    findings = judge(facts)
    command = next_command(facts, findings)
    if options.json:
        print(json.dumps(as_tree(facts, findings, command), indent=2))
    else:
        _print(
            [
                *lines(facts),
                *((f.level.value, f"{f.text}{f': {f.command}' if f.command else ''}") for f in findings),
                ("next", command),
            ]
        )
    return 1 if any(finding.level is Level.FAULT for finding in findings) else 0


def as_tree(facts: Facts, findings: list[Finding], command: str) -> dict[str, object]:
    """For scripts."""
    told = [{"level": f.level.value, "text": f.text, "command": f.command} for f in findings]
    return {**asdict(facts), "findings": told, "next": command}


def lines(facts: Facts) -> Iterator[tuple[str, str]]:
    """The facts as (heading, text)."""
    yield "stemd", f"{facts.stemd}, Python {facts.python}, {facts.system}"
    yield "packages", ", ".join(f"{p.name} {p.version}" for p in facts.packages if p.version) or "none of the daemon's"
    for build in facts.builds:
        yield "build", f"{build.name} {build.version}"
    for engine in facts.engines:
        yield engine.name, engine.obstacle or ", ".join(engine.devices)
    if facts.sound.fault:
        yield "sound", facts.sound.fault
    else:
        yield "sound", f"in: {facts.sound.input or 'none'}; out: {facts.sound.output or 'none'}"
    ready = [client.name for client in facts.clients if not client.obstacle]
    yield "clients", f"ready: {', '.join(ready)}" if ready else "ready: those of the base install"
    for client in facts.clients:
        if client.obstacle:
            yield "client", f"{client.name} {client.obstacle}"
    for model in facts.models:
        yield "model", model.fault or f"{model.name} ({', '.join(model.stems)})"
    yield "daemon", f"stemd {facts.daemon} at {facts.address}" if facts.daemon else f"none at {facts.address}"


def _print(rows: list[tuple[str, str]]) -> None:
    width = max(len(heading) for heading, _ in rows) + 2
    console = None
    if sys.stdout.isatty():
        try:
            from rich.console import Console  # noqa: PLC0415 - not in the base install

            console = Console(soft_wrap=True, highlight=False, markup=False)
        except ModuleNotFoundError:
            pass
    for heading, text in rows:
        line = f"{heading:<{width}}{text}"
        if console:
            console.print(line, style=_STYLES.get(heading))
        else:
            print(line)
