"""Headless Chromium, driven over its DevTools protocol."""

import asyncio
import base64
import itertools
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.browser.chromium import FLAGS
from tests.waiting import wait_until

SOUND = ("--autoplay-policy=no-user-gesture-required",)
PATIENCE = 30.0  # seconds for what has to happen on a machine that does other things too

Event = dict[str, Any]


class Browser:
    """One Chromium, and its connection."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.tabs: dict[str, Tab] = {}

    async def read(self) -> None:
        """Hand on what Chromium says, until it ends."""
        async for message in self._socket:
            said = message.json()
            if "id" not in said:
                if tab := self.tabs.get(said.get("sessionId", "")):
                    tab.happened(said["method"], said["params"])
            elif "error" in said:
                self._answers.pop(said["id"]).set_exception(AssertionError(said["error"]["message"]))
            else:
                self._answers.pop(said["id"]).set_result(said["result"])

    async def call(self, method: str, session: str | None = None, /, **parameters: Any) -> Any:
        """A command of the protocol, and its result."""
        number = next(self._numbers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json({**message, "sessionId": session} if session else message)
        async with asyncio.timeout(PATIENCE):
            return await self._answers[number]

    async def tab(self, width: int = 1_280, height: int = 900, **media: str) -> "Tab":
        """An empty tab; `media`: features of CSS, as prefers_color_scheme="dark"."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        tab = self.tabs[session] = Tab(self, session)
        for domain in ("Page", "Runtime", "Network", "Log"):
            await tab.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        await tab.call("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        await tab.call("Emulation.setEmulatedMedia", features=features)
        return tab


class Tab:
    """One page. `asked`: the URL of everything that it loaded; `complaints`: errors and refusals of its console."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self._served: dict[str, Callable[[bytes], bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.asked: list[str] = []
        self.complaints: list[str] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        """A command of the protocol, about this page."""
        return await self._browser.call(method, self._session, **parameters)

    def happened(self, method: str, event: Event) -> None:
        """An event came."""
        if method == "Network.requestWillBeSent":
            self.asked.append(event["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.asked.append(event["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(event["exceptionDetails"].get("exception", event)))
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            self.complaints.append(f"{event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Fetch.requestPaused":
            task = asyncio.create_task(self._serve(event))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def rewrite(self, path: str, how: Callable[[bytes], bytes]) -> None:
        """Let the page get what the server has at `path` only after `how` has changed it."""
        self._served[path] = how
        patterns = [{"urlPattern": f"*{path}", "requestStage": "Response"} for path in self._served]
        await self.call("Fetch.enable", patterns=patterns)

    async def _serve(self, event: Event) -> None:
        request = event["requestId"]
        [how] = [how for path, how in self._served.items() if event["request"]["url"].endswith(path)]
        body = await self.call("Fetch.getResponseBody", requestId=request)
        text = base64.b64decode(body["body"]) if body["base64Encoded"] else body["body"].encode()
        headers = [each for each in event["responseHeaders"] if each["name"].lower() != "content-length"]
        changed = base64.b64encode(how(text)).decode()
        await self.call(
            "Fetch.fulfillRequest", requestId=request, responseCode=200, responseHeaders=headers, body=changed
        )

    async def open(self, url: str) -> None:
        """Go there."""
        await self.call("Page.navigate", url=url)

    async def evaluate(self, code: str) -> Any:
        """The value of an expression in the page, awaited if it is a promise."""
        done = await self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    async def until(self, code: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true in the page; its value."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    with suppress(AssertionError):  # there may be no page yet
                        if value := await self.evaluate(code):
                            return value
                    await asyncio.sleep(0.05)
        except TimeoutError:
            shown = await self.evaluate("document.body.innerText")
            raise AssertionError(f"never true: {code}\n{shown}\n{self.complaints}") from None

    async def press(self, key: str, code: str = "") -> None:
        """Press a key; a single character types it."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        number = {"Tab": 9, "Enter": 13, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)
        words = {"key": key, "code": code or key, "windowsVirtualKeyCode": number}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **words, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **words)

    async def picture(self, file: Path, **options: Any) -> None:
        """Write a screenshot."""
        shot = await self.call("Page.captureScreenshot", format="png", **options)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))


@asynccontextmanager
async def browsing(profile: Path) -> AsyncIterator[Browser]:
    """A fresh Chromium that plays without being asked."""
    process = await asyncio.to_thread(_start, profile)
    try:
        address = await asyncio.to_thread(_address, profile / "DevToolsActivePort")
        async with ClientSession() as session:
            socket = await session.ws_connect(address, max_msg_size=0)
            browser = Browser(socket)
            reading = asyncio.create_task(browser.read())
            try:
                yield browser
            finally:
                await socket.close()
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _start(profile: Path) -> "subprocess.Popen[bytes]":
    command = ["chromium", *FLAGS, *SOUND, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
    with profile.with_suffix(".log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)


def _address(file: Path) -> str:
    """Of its DevTools, once Chromium has written it: a line with the port, and a line with the path."""

    def lines() -> list[str]:
        return file.read_text().split("\n") if file.exists() else []

    wait_until(lambda: len(lines()) > 1, f"Chromium wrote {file}", PATIENCE)
    port, path = lines()[:2]
    return f"ws://127.0.0.1:{port}{path}"
