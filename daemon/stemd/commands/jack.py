"""`stemd jack`: stems as ports of JACK or PipeWire."""

import argparse
import dataclasses
import json
import sys
from typing import Final

from stemd.commands import running
from stemd.commands.live_terminal import Screen
from stemd.commands.plans import parse_plan
from stemd.errors import ConfigError
from stemd_client.jack import program, view
from stemd_client.jack.wiring import parse

_QUIET: Final = 10  # states between two lines, where there is no terminal


def run(options: argparse.Namespace) -> int:
    """Play until Ctrl-C or SIGTERM; 0 after a clean end.

    Raises:
        ConfigError: the arguments cannot be used.
        DeviceError: there is no JACK, or it has gone.
        StemdError: the daemon refuses the stream.
    """
    if not 0 <= options.margin <= 10_000:
        raise ConfigError(f"--margin {options.margin:g} is not 0 to 10000 ms")
    settings = program.Settings(
        name=options.name,
        stream=options.stream,
        server=options.server,
        address=options.address,
        plan=parse_plan(options.plan),
        model=options.model,
        margin=options.margin / 1_000,
        stems=tuple(stem.strip() for stem in (options.stems or "").split(",") if stem.strip()),
        wishes=parse(options.connect or ()),
    )
    running.be_quick()
    running.settle()
    show = JsonShow() if options.json else ScreenShow()
    try:
        program.run(settings, show)
    finally:
        show.end()
    return 0


class ScreenShow:
    """For people: what was said stays, and below it stands a line that changes."""

    def __init__(self) -> None:
        self._screen = Screen(sys.stdout)
        self._skipped = _QUIET

    def say(self, text: str) -> None:
        """See `program.Show`."""
        self._screen.say(text)

    def state(self, now: view.Snapshot) -> None:
        """See `program.Show`; a file gets a line every ten seconds."""
        self._skipped += 1
        if self._screen.terminal or self._skipped >= _QUIET:
            self._screen.status(view.line(now, self._screen.width))
            self._skipped = 0

    def end(self) -> None:
        """Leave the last line where it is."""
        self._screen.end()


class JsonShow:
    """For scripts: states to stdout, the rest to stderr."""

    def say(self, text: str) -> None:
        """See `program.Show`."""
        print(text, file=sys.stderr, flush=True)

    def state(self, now: view.Snapshot) -> None:
        """See `program.Show`."""
        print(json.dumps(dataclasses.asdict(now)), flush=True)

    def end(self) -> None:
        """There is nothing to leave."""
