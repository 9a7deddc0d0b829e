"""The page in a real Chromium, at the hands of somebody who has only keys, and of several people at once."""

import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stemd_client import Client, ConnectionLostError
from tests.browser.devtools import Browser, Tab, browsing
from tests.clients.web.performing import ROOMY, playing, serving
from tests.clients.web.recording import record, wait_for_seconds
from tests.end_to_end.process import Daemon, folder, free_port
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]
FADER = "document.querySelector('[aria-label=\"gain of vocals\"]')"


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browsing(tmp_path / "chromium") as browser:
        yield browser


@pytest.fixture
async def client(daemon: Daemon) -> AsyncIterator[Client]:
    """Beside a stream that plays."""
    async with playing(daemon.address), Client(daemon.address) as client:
        yield client


async def opened(chromium: Browser, url: str, **options: Any) -> Tab:
    """The page, once it shows the stream with its levels."""
    tab = await chromium.tab(**options)
    await tab.open(url)
    await tab.until("document.querySelector('.meter[aria-label=\"level of vocals\"]')?.ariaValueNow > -60")
    return tab


async def stands(client: Client, **controls: Any) -> None:
    """Wait until the mixer of the stream stands so."""

    async def so() -> bool:
        [stream] = (await client.status())["streams"]
        return all(stream[name] == value for name, value in controls.items())

    await until(so, f"the mixer stands at {controls}")


async def test_keys_turn_the_mixer(chromium: Browser, url: str, client: Client) -> None:
    tab = await opened(chromium, url)
    await tab.evaluate(f"{FADER}.focus()")
    for _ in range(12):
        await tab.press("ArrowLeft")
    await stands(client, gains={"vocals": pytest.approx(10 ** (-6 / 20)), "rest": 1.0})
    await tab.until(f"{FADER}.ariaValueText === '\\u22126.0 dB'")
    await tab.press("0")
    await stands(client, gains={"vocals": 1.0, "rest": 1.0})
    for key, controls in (("m", {"mute": ["vocals"]}), ("s", {"solo": ["vocals"]}), ("b", {"bypass": True})):
        await tab.press(key)
        await stands(client, **controls)
    await tab.press("p")
    await tab.press("m")
    await stands(client, mute=[], bypass=True)
    await tab.evaluate("document.querySelector('.wet').focus()")
    await tab.press("ArrowLeft")
    await stands(client, wet=0.99)
    assert not tab.complaints


async def test_all_that_can_be_done_is_reached_by_tab_with_a_visible_focus(
    chromium: Browser, url: str, client: Client
) -> None:
    tab = await opened(chromium, url)
    wanted = await tab.evaluate(
        "document.querySelectorAll('button:enabled:not([hidden]), input, select, a[href]').length"
    )
    hidden = await tab.evaluate("document.querySelectorAll('[hidden] :is(button, input, select, a[href])').length")
    reached = set()
    for _ in range(wanted + 2):
        await tab.press("Tab")
        name = "document.activeElement.ariaLabel ?? document.activeElement.textContent"
        outline = "parseFloat(getComputedStyle(document.activeElement).outlineWidth)"
        focus, width, place = await tab.evaluate(
            f"[{name}, {outline}, [...document.querySelectorAll('*')].indexOf(document.activeElement)]"
        )
        if focus and await tab.evaluate("document.activeElement !== document.body"):
            reached.add(place)
            assert width >= 2, focus
    assert len(reached) == wanted - hidden


async def test_every_control_has_a_name(chromium: Browser, url: str, client: Client) -> None:
    tab = await opened(chromium, url)
    tree = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
    roles = {"button", "slider", "combobox", "link", "meter", "progressindicator", "image"}
    named = [(node["role"]["value"], node["name"]["value"]) for node in tree if node["role"]["value"] in roles]
    assert {"button", "slider", "combobox", "meter"} <= {role for role, _ in named}
    assert all(name for role, name in named if role != "image"), named


async def test_a_fader_shows_what_others_do_but_is_not_pulled_from_the_hand(
    chromium: Browser, url: str, client: Client
) -> None:
    tab = await opened(chromium, url)
    await client.set_gain("desk", vocals=0.5)
    await tab.until(f"{FADER}.valueAsNumber === -6")
    box = await tab.evaluate(
        f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({FADER}.getBoundingClientRect())"
    )
    mouse = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
    await tab.call("Input.dispatchMouseEvent", type="mousePressed", **mouse)
    held = await tab.evaluate(f"{FADER}.valueAsNumber")
    assert held != -6
    await stands(client, gains={"vocals": pytest.approx(10 ** (held / 20)), "rest": 1.0})
    pressed = await tab.evaluate("performance.now()")
    # Longer than a fader that was let go would wait.
    for rest, decibels in ((0.5, -6), (0.1, -20)):
        await client.set_gain("desk", vocals=0.1, rest=rest)
        await tab.until(f"performance.now() > {pressed} + 1000")
        await tab.until(f"document.querySelector('[aria-label=\"gain of rest\"]').valueAsNumber === {decibels}")
        assert await tab.evaluate(f"{FADER}.valueAsNumber") == held
    await tab.call("Input.dispatchMouseEvent", type="mouseReleased", **mouse)
    await tab.until(f"{FADER}.valueAsNumber === -20")


async def test_listen_plays_and_says_how_late(chromium: Browser, url: str, client: Client) -> None:
    tab = await chromium.tab()
    await record(tab)
    await tab.open(url)
    await tab.until(
        "document.querySelector('.play')?.click() || document.querySelector('.play')?.ariaPressed === 'true'"
    )
    await wait_for_seconds(tab, 1)
    await tab.until("/[0-9.]+ s after the source: [0-9.]+ stemd, 0.[0-9]+ buffer/.test(document.body.innerText)")
    await tab.evaluate("window.context.suspend()")
    await tab.until("document.querySelector('.heard').textContent.includes('holds the sound back; press the button')")
    await tab.evaluate("document.querySelector('.play').click()")
    await tab.until("window.context.state === 'running'")
    await tab.until("document.body.innerText.includes('after the source')")
    await tab.evaluate("document.querySelector('.play').click()")
    await tab.until("window.context.state === 'closed'")
    assert not tab.complaints


async def test_where_a_browser_has_no_worklet_it_plays_all_the_same(
    chromium: Browser, url: str, client: Client
) -> None:
    tab = await chromium.tab()
    # As on a phone in the same network, where the page is no secure context.
    without = "Object.defineProperty(BaseAudioContext.prototype, 'audioWorklet', {value: undefined})"
    await tab.call("Page.addScriptToEvaluateOnNewDocument", source=without)
    await tab.open(f"{url}?buffer=400")
    await tab.until(
        "document.querySelector('.play')?.click() || document.querySelector('.play')?.ariaPressed === 'true'"
    )
    await tab.until("document.body.innerText.includes('after the source')")
    assert not any("worklet.js" in asked for asked in tab.asked)


async def test_no_other_host_is_asked(chromium: Browser, url: str, client: Client) -> None:
    tab = await opened(chromium, url)
    await tab.evaluate("for (const button of document.querySelectorAll('nav button, .play')) button.click()")
    await tab.until("document.body.innerText.includes('after the source')")
    assert any("/hear" in asked for asked in tab.asked)
    assert all(asked.startswith((url, url.replace("http", "ws"))) for asked in tab.asked), tab.asked


@pytest.mark.parametrize("path", ["", "listen?stream=desk"])
async def test_a_request_to_another_host_would_be_stopped(
    chromium: Browser, url: str, client: Client, path: str
) -> None:
    tab = await chromium.tab()
    await tab.open(f"{url}{path}")
    await tab.until("document.readyState === 'complete'")
    stopped = "new Promise((done) => addEventListener('securitypolicyviolation', ({blockedURI}) => done(blockedURI)))"
    asking = "fetch('http://example.org/').catch(() => 0)"
    assert await tab.evaluate(f"(() => {{ const it = {stopped}; {asking}; return it; }})()") == "http://example.org/"


@pytest.mark.parametrize("width", [320, 360, 768, 1_280])
async def test_nothing_sticks_out_of_the_page(chromium: Browser, url: str, client: Client, width: int) -> None:
    tab = await opened(chromium, url, width=width, height=740)
    await tab.evaluate("for (const button of document.querySelectorAll('nav button')) button.click()")
    assert await tab.evaluate("document.documentElement.scrollWidth") <= width
    small = (
        "[...document.querySelectorAll('button, select')].filter((each) => each.offsetParent && each.offsetHeight < 24)"
    )
    assert await tab.evaluate(f"{small}.length") == 0


async def test_the_token_is_forgotten_by_the_address_and_the_page_works(chromium: Browser, client: Client) -> None:
    with serving("--port", "0", "--address", client.address, "--token", "made") as url:
        assert "?token=" in url
        tab = await opened(chromium, url)
        assert await tab.evaluate("location.search") == ""
        await tab.evaluate("document.querySelector('.play').click()")
        await tab.until("document.body.innerText.includes('after the source')")
        await tab.call("Page.reload")
        await tab.until(f"{FADER} && true")
        assert not tab.complaints


async def test_a_page_whose_token_is_no_more_says_so_and_goes_on_with_a_new_one(
    chromium: Browser, client: Client
) -> None:
    port = str(free_port())
    arguments = ("--port", port, "--address", client.address, "--token")
    with serving(*arguments, "made") as url:
        tab = await opened(chromium, url)
        await tab.evaluate("document.querySelector('.play').click()")
        await tab.until("document.body.innerText.includes('after the source')")
    with serving(*arguments, "made") as url:
        await tab.until("document.querySelector('#gone').innerText.includes('A token is missing or wrong; open the')")
        await tab.until("document.querySelector('.heard').textContent.startsWith('a token is missing or wrong')")
        await opened(chromium, url)
        await tab.until("!document.querySelector('#gone').checkVisibility()")
        await tab.until("document.body.innerText.includes('after the source')")


async def test_page_and_sound_survive_a_killed_daemon_and_a_new_server(chromium: Browser) -> None:
    port = str(free_port())
    with folder() as place:
        daemons = [Daemon(place, ROOMY)]
        try:
            daemons[0].wait_until_ready()
            with serving("--port", port, "--address", daemons[0].address) as url:
                tab = await survived(chromium, url, daemons, place)
            await tab.until("document.querySelector('#gone').innerText.includes('Start it again')")
            with serving("--port", port, "--address", daemons[1].address):
                await tab.until("!document.querySelector('#gone').checkVisibility()")
                assert await tab.evaluate("window.still") == "the same page"
            daemons[1].stop()
        finally:
            for daemon in daemons:
                daemon.kill()


async def survived(chromium: Browser, url: str, daemons: list[Daemon], place: Path) -> Tab:
    with suppress(ConnectionLostError):  # of the source
        async with playing(daemons[0].address, client=Client(daemons[0].address, ping_interval=0.2)):
            tab = await opened(chromium, url)
            await tab.evaluate("window.still = 'the same page'; document.querySelector('.play').click()")
            await tab.until("document.body.innerText.includes('after the source')")
            daemons[0].signal(signal.SIGKILL)
            daemons[0].wait()
            await tab.until("document.querySelector('#gone').innerText.includes('stemd serve')")
    daemons.append(Daemon(place, ROOMY))
    daemons[1].wait_until_ready()
    async with playing(daemons[1].address):
        await tab.until("!document.querySelector('#gone').checkVisibility()")
        await tab.until("document.body.innerText.includes('after the source')")
        assert await tab.evaluate("window.still") == "the same page"
    return tab
