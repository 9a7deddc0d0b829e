"""The screen beside a real daemon: keys move its mixer, others see it, and it may go and come back."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from textual.pilot import Pilot

from stemd.cli import main
from stemd.errors import ConnectionLostError
from stemd_client import Client
from stemd_client.top.app import TopApp
from stemd_client.top.knobs import Turn
from stemd_client.top.watch import first_picture
from tests.end_to_end.process import Daemon, folder, running
from tests.waiting import until


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running() as daemon:
        yield daemon


@asynccontextmanager
async def performing(daemon: Daemon, *names: str) -> AsyncIterator[Client]:
    """A client that owns free streams; nothing is sent to them, for the mixer is there all the same."""
    async with Client(daemon.address) as client:
        streams = [client.open(name, rate=8_000, channels=1, timing="free") for name in names]
        for stream in streams:
            await stream.__aenter__()
        yield client
        for stream in streams:
            await stream.close()


@asynccontextmanager
async def screen(daemon: Daemon, stream: str | None = None) -> AsyncIterator[tuple[TopApp, Pilot]]:
    app = TopApp(await first_picture(daemon.address), 0.1, stream)
    async with app.run_test(size=(80, 24)) as pilot:
        yield app, pilot


def shown(app: TopApp) -> str:
    """The screen's text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def mixer(client: Client, stream: str) -> dict[str, Any]:
    return next(each for each in (await client.status())["streams"] if each["stream"] == stream)


def linear(decibels: float) -> float:
    return round(10 ** (decibels / 20), 9)


async def test_keys_move_the_daemons_mixer_and_no_step_is_lost(daemon: Daemon) -> None:
    async with performing(daemon, "desk") as other, screen(daemon) as (app, pilot):
        await pilot.press(*"-" * 20, *"+" * 5, ",", "down", "m", "s", "w", "w")

        async def turned() -> bool:
            now = await mixer(other, "desk")
            gains = {part: round(gain, 9) for part, gain in now["gains"].items()}
            return (gains, now["mute"], now["solo"], now["wet"]) == (
                *({"vocals": linear(-15.1), "rest": 1.0}, ["rest"], ["rest"], 0.8),
            )

        await until(turned, "the mixer moved")
        await until(lambda: "-15.1 dB  silent" in shown(app), "the screen shows it")
        assert "wet 80 %" in shown(app)


async def test_what_others_turn_is_seen(daemon: Daemon) -> None:
    async with performing(daemon, "desk") as other, screen(daemon) as (app, _):
        await other.set_gain("desk", vocals=10 ** (7.5 / 20))
        await other.set_mixer("desk", bypass=True)
        await until(lambda: "+7.5 dB" in shown(app) and "BYPASS: as it came" in shown(app), "it is seen")
        assert "+7.5 dB" in shown(app)


@pytest.mark.parametrize("key", ["p", "space"])
async def test_panic_is_bypass_however_often_it_is_pressed(daemon: Daemon, key: str) -> None:
    async with performing(daemon, "desk") as other, screen(daemon) as (app, pilot):
        for presses, wet in ((1, 0.9), (3, 0.8)):
            await pilot.press(*[key] * presses, "w")

            async def turned(due: float = wet) -> bool:
                return (await mixer(other, "desk"))["wet"] == due

            await until(turned, "the last key is obeyed")
            assert (await mixer(other, "desk"))["bypass"] is True
            await until(lambda: "BYPASS" in shown(app), "it is shown")
        await pilot.press("b")
        await until(lambda: "BYPASS" not in shown(app), "b ends it")
        assert (await mixer(other, "desk"))["bypass"] is False


async def test_the_chosen_stream_is_the_one_that_is_turned(daemon: Daemon) -> None:
    async with performing(daemon, "one", "two", "three") as other, screen(daemon, "two") as (app, pilot):
        await until(lambda: "> two" in shown(app), "the named one is chosen")
        await pilot.press("right", "b")
        await until(lambda: "> three" in shown(app) and "BYPASS" in shown(app), "the next one is turned")
        bypassed = [each["stream"] for each in (await other.status())["streams"] if each["bypass"]]
        assert bypassed == ["three"]


async def test_watching_asks_no_network_for_anything(daemon: Daemon) -> None:
    async with performing(daemon, "desk") as other, screen(daemon) as (app, _):
        before = app.watch_daemon.picture
        await until(lambda: app.watch_daemon.picture is not before, "a second look")
        now = await mixer(other, "desk")
        assert now["subscriptions"] == now["running"] == []
        assert "nobody listens" in shown(app)


async def test_a_fault_is_a_line_and_not_the_end(daemon: Daemon) -> None:
    async with screen(daemon) as (app, pilot):
        app.watch_daemon.order("nobody", lambda _: Turn(controls={"bypass": True}))
        await until(lambda: "nobody" in shown(app), "the fault is told")
        await pilot.press("b", "+", "j", "x", "pagedown")
        async with performing(daemon, "desk"):
            await until(lambda: "> desk" in shown(app), "it watches on")
    assert app.return_value is None


async def test_help_explains_and_any_key_goes_back_without_turning(daemon: Daemon) -> None:
    async with performing(daemon, "desk") as other, screen(daemon) as (app, pilot):
        await pilot.press("question_mark")
        assert "Watching costs no network" in shown(app)
        assert "Any key goes back." in shown(app)
        await pilot.press("b")
        assert "> desk" in shown(app)
        assert (await mixer(other, "desk"))["bypass"] is False


async def test_panic_is_obeyed_while_help_is_read(daemon: Daemon) -> None:
    async with performing(daemon, "desk") as other, screen(daemon) as (app, pilot):
        await pilot.press("question_mark", "p")
        await until(lambda: "BYPASS" in shown(app), "help is gone, and it is bypassed")
        assert (await mixer(other, "desk"))["bypass"] is True


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_it_is_left_by_keys(daemon: Daemon, key: str) -> None:
    async with screen(daemon) as (app, pilot):
        await pilot.press(key)
        await until(lambda: not app.is_running, "it ends")
    assert app.return_value is None


def test_without_textual_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setenv("TERM", "xterm")
    for file in (sys.stdin, sys.stdout):
        monkeypatch.setattr(file, "isatty", lambda: True, raising=False)
    assert main(["top"]) == 1
    assert capsys.readouterr().err == "stemd: this needs the package 'textual': pip install 'stemd[top]'\n"


@pytest.mark.slow
async def test_it_outlives_the_daemon() -> None:
    with folder() as place:
        first = second = Daemon(place)
        first.wait_until_ready()
        try:
            async with screen(first) as (app, pilot):
                with suppress(ConnectionLostError):
                    async with performing(first, "desk"):
                        await until(lambda: "> desk" in shown(app), "the stream is seen")
                        first.kill()
                await until(lambda: "`stemd serve`" in shown(app), "it is told")
                assert "> desk" in shown(app)
                assert app.query_one("#details").has_class("old")
                await pilot.press("b", "b")
                assert shown(app).count("nothing was turned") == 1
                second = Daemon(place, address=first.address)
                second.wait_until_ready()
                await until(lambda: "the daemon is back" in shown(app), "the daemon is seen again")
                assert not app.query_one("#details").has_class("old")
                assert "no streams" in shown(app)
                async with performing(second, "new"):
                    await until(lambda: "> new" in shown(app), "a new stream is seen")
                    await pilot.press("b")
                    await until(lambda: "BYPASS" in shown(app), "keys turn")
            second.stop()
        finally:
            first.kill()
            second.kill()
