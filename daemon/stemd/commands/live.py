"""`stemd live`: a sound device in, a sound device out, and somebody at the keys."""

import argparse
import asyncio
import logging
import sys
from contextlib import ExitStack
from typing import Final

from stemd.address import default_address
from stemd.commands import live_terminal, live_view, running
from stemd.commands.live_config import configured
from stemd.commands.live_keys import press, removed_by_v
from stemd.commands.live_terminal import Screen, ScreenHandler
from stemd.config import Config
from stemd.errors import StemdError
from stemd.service.live.live import Live
from stemd.service.server import Server
from stemd_client.running import stop_signals

_EVERY: Final = {True: 0.2, False: 10.0}  # seconds between two lines: on a terminal, or elsewhere


def run(options: argparse.Namespace) -> int:
    """Perform until `q`, SIGINT or SIGTERM; 0 after a clean end.

    Raises:
        ConfigError: the arguments or the configuration cannot be used, or another stemd listens at the address.
        DeviceError: a device cannot be had.
        StemdError: the plan cannot be kept.
    """
    screen = Screen(sys.stdout)
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, handlers=[ScreenHandler(screen, sys.stderr)], force=True)
    config = configured(options)
    keys = not options.no_keys and live_terminal.has_keys()
    try:
        running.run(_perform(config, screen, keys=keys))
    finally:
        screen.end()
    return 0


async def _perform(config: Config, screen: Screen, *, keys: bool) -> None:
    stop = stop_signals()
    screen.say("stemd loads and times the network, and opens the devices")
    async with Server(config) as server:
        assert server.live  # noqa: S101 - there is a [capture]
        desk = Desk(config, server.live, screen, stop)
        desk.introduce(keys=keys)
        running.settle()
        with ExitStack() as stack:
            if keys:
                stack.enter_context(live_terminal.keys(desk.pressed))
            await desk.watch()
        screen.end()
        screen.say("stemd stops: what is inside is played, then the devices are closed")


class Desk:
    """Between the live stream and who performs.

    Args:
        config: what the daemon runs with.
        live: its devices and their stream.
        screen: where to write.
        stop: to be set when it is over.
    """

    def __init__(self, config: Config, live: Live, screen: Screen, stop: asyncio.Event) -> None:
        self._config, self._live, self._screen, self._stop = config, live, screen, stop
        self._removed = removed_by_v(config.mixer.mute)
        self._before: live_view.Snapshot | None = None
        self._panic = False
        self._look = asyncio.Event()

    def introduce(self, *, keys: bool) -> None:
        """Say what was opened."""
        live, stream = self._live, self._live.stream
        assert live.sink  # noqa: S101 - there is a [playback]
        plan = self._config.capture.plan
        address = self._config.server.address or default_address()
        lines = live_view.opening(stream.promise, live.state(), live.sink.parts, plan, address)
        lines += live_view.controls(stream.outlet.mixer.state(), self._removed, keys=keys)
        for text in lines:
            self._screen.say(text)

    def pressed(self, key: str) -> None:
        """A key was."""
        stream = self._live.stream
        done = press(key, stream.outlet.mixer.state(), self._removed)
        if done is None:
            return
        if done.quit:
            self._stop.set()
        if done.change:
            try:
                stream.set_mixer(**done.change)
            except StemdError as exc:
                self._screen.say(str(exc))
        if "bypass" in done.change:
            self._panic = done.panic
        self._look.set()

    async def watch(self) -> None:
        """Show what goes on until it is over."""
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not self._stop.is_set():
                self._show()
                looking = asyncio.create_task(self._look.wait())
                every = _EVERY[self._screen.terminal]
                await asyncio.wait({stopping, looking}, timeout=every, return_when=asyncio.FIRST_COMPLETED)
                looking.cancel()
                self._look.clear()
        finally:
            stopping.cancel()

    def _show(self) -> None:
        live, stream = self._live, self._live.stream
        peaks = (live.source.peak, live.sink.peak if live.sink else 0.0)
        now = live_view.snapshot(peaks, live.state(), stream.state(), panic=self._panic)
        fresh = live_view.changed(self._before, now)
        self._before = now
        self._screen.status(live_view.line(now, fresh, self._screen.width))
