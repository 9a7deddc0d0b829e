"""Laws of who is let in: by Host, Origin and token."""

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient

from stemd.errors import ConfigError
from stemd_client.web.app import make_app
from stemd_client.web.security import Gate
from stemd_client.web.settings import Settings, settings

TOKEN = "a-token-of-the-tests"  # noqa: S105
TOKENLESS = "a token is missing or wrong; open the whole address that `stemd web` printed"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - that is what is tested
NOWHERE = "ipc:///nowhere"
LOCAL = Settings(NOWHERE, "127.0.0.1", 0, None, browser=False)
OPEN = Settings(NOWHERE, EVERYWHERE, 0, TOKEN, browser=False)
PAGE = Path(__file__).parents[3] / "clients/stemd_client/web/page"


def bound(headers: Mapping[str, str]) -> bool:
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    return (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")


async def asked(client: TestClient, path: str, **headers: str) -> int:
    return (await client.get(path, headers=headers)).status


@pytest.mark.parametrize("host", ["127.0.0.1:7380", "localhost:80", "LOCALHOST", "[::1]:7380", "127.9.9.9"])
def test_on_loopback_the_names_of_loopback_are_served(host: str) -> None:
    assert Gate("127.0.0.1", None).serves(host)


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:7380",
        "127.0.0.1.evil.example",
        "192.168.0.9:7380",
        "a@127.0.0.1",
        "::1:x",
    ],
)
def test_on_loopback_no_other_name_is_served(host: str | None) -> None:
    assert not Gate("127.0.0.1", None).serves(host)


def test_beyond_loopback_numbers_and_own_names_are_served_and_no_strangers() -> None:
    gate = Gate("studio.lan", TOKEN)
    assert all(gate.serves(host) for host in ("192.168.0.9:7380", "[fe80::1]:7380", "studio.lan:7380", "localhost"))
    assert not gate.serves("evil.example:7380")


async def test_a_page_whose_name_was_rebound_gets_nothing(aiohttp_client) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    for path in ("/", "/listen?stream=desk", "/state", "/hear?stream=desk", "/page/main.js", "/qr.svg"):
        assert await asked(client, path, Host="evil.example") == 403


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1", "file://"])
@pytest.mark.parametrize("path", ["/state", "/hear?stream=desk&stem=mix"])
async def test_no_page_of_another_server_opens_a_websocket(aiohttp_client, path: str, origin: str | None) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    with pytest.raises(WSServerHandshakeError) as refused:
        await client.ws_connect(path, headers={"Origin": origin} if origin else {})
    assert refused.value.status == 403


async def test_a_page_of_this_server_opens_one(aiohttp_client) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    async with client.ws_connect("/state", headers={"Origin": str(client.make_url("")).rstrip("/")}) as socket:
        assert (await socket.receive_json())["kind"] == "hello"
        assert bound(socket._response.headers)


@pytest.mark.parametrize("path", ["/state", "/hear?stream=desk&stem=mix"])
async def test_why_there_is_no_websocket_can_be_asked_for(aiohttp_client, path: str) -> None:
    client = await aiohttp_client(make_app(OPEN))
    answer = await client.get(path)
    assert (answer.status, await answer.text()) == (401, f"stemd web: {TOKENLESS}\n")
    assert await asked(client, f"{path}{'&' if '?' in path else '?'}token={TOKEN}") == 426


@pytest.mark.parametrize("path", ["/listen", "/hear"])
async def test_a_format_that_there_is_not_is_refused_where_it_is_asked_for_first(aiohttp_client, path: str) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    answer = await client.get(f"{path}?stream=desk&format=wav")
    assert (answer.status, await answer.text()) == (400, "stemd web: format='wav' is neither f32 nor s16\n")


async def test_an_origin_that_is_no_address_is_refused(aiohttp_client) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    assert await asked(client, "/", Origin="http://[") == 403


async def test_a_token_that_is_no_text_is_refused(aiohttp_client) -> None:
    client = await aiohttp_client(make_app(OPEN))
    cookie = f"stemd-web-{client.port}=a-token-of-nobody-".encode() + b"\xff"
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: " + cookie + b"\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_nothing_is_posted_from_elsewhere(aiohttp_client) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    assert (await client.post("/", data=b"x")).status == 403


async def test_beyond_loopback_nothing_is_had_without_the_token(aiohttp_client) -> None:
    client = await aiohttp_client(make_app(OPEN))
    for path in ("/", "/listen?stream=desk", "/state", "/hear?stream=desk", "/page/main.js", "/qr.svg", "/nothing"):
        assert await asked(client, path) == 401
        assert await asked(client, f"{path}{'&' if '?' in path else '?'}token=a-token-of-nobody") == 401


async def test_the_token_is_said_once_and_then_a_cookie_has_it(aiohttp_client) -> None:
    client = await aiohttp_client(make_app(OPEN))
    first = await client.get(f"/?token={TOKEN}")
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    name, value = cookie.partition(";")[0].split("=")
    client.session.cookie_jar.clear()
    assert value == TOKEN
    assert await asked(client, "/page/main.js", Cookie=f"{name}={value}") == 200
    assert await asked(client, "/page/main.js", Cookie=f"{name}=another") == 401


@pytest.mark.parametrize("path", ["/", "/listen?stream=desk", "/page/main.js", "/nothing", "/listen?stream=a/b"])
async def test_every_answer_binds_the_browser(aiohttp_client, path: str) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    assert bound((await client.get(path)).headers)


async def test_so_does_the_answer_to_a_fault_of_the_server(aiohttp_client, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    monkeypatch.setattr("stemd_client.web.app._PAGE", None)
    answer = await client.get("/")
    assert answer.status == 500
    assert bound(answer.headers)


@pytest.mark.parametrize("name", ["", "a/b", "a%20b", "x" * 65, "%3Cscript%3E"])
async def test_a_name_that_cannot_be_is_told_in_words(aiohttp_client, name: str) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    answer = await client.get(f"/listen?stream={name}")
    assert (answer.status, answer.content_type) == (400, "text/plain")
    assert "is not a name" in await answer.text()


@pytest.mark.parametrize("path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page/..%2fapp.py", "/page/"])
async def test_only_the_pages_own_files_are_served(aiohttp_client, path: str) -> None:
    client = await aiohttp_client(make_app(LOCAL))
    assert (await client.get(path)).status in (403, 404)


async def test_the_code_for_phones_is_there_beyond_loopback_alone(aiohttp_client) -> None:
    local, wide = await aiohttp_client(make_app(LOCAL)), await aiohttp_client(make_app(OPEN))
    assert await asked(local, "/qr.svg") == 404
    answer = await wide.get(f"/qr.svg?token={TOKEN}")
    assert answer.content_type == "image/svg+xml"
    assert (await answer.text()).startswith("<?xml")


def test_beyond_loopback_there_is_always_a_token() -> None:
    def made(host: str, token: str | None) -> str | None:
        return settings(address=None, host=host, port=1, token=token, browser=False).token

    assert made("127.0.0.1", None) is None
    assert made("127.0.0.1", "made") not in (None, "made", made("127.0.0.1", "made"))
    assert len(made(EVERYWHERE, None) or "") >= 20
    assert made(EVERYWHERE, TOKEN) == TOKEN


@pytest.mark.parametrize(("token", "port"), [("short", 1), ("with spaces in it", 1), (TOKEN, 65_536), (TOKEN, -1)])
def test_tokens_and_ports_that_cannot_be_are_refused(token: str, port: int) -> None:
    with pytest.raises(ConfigError):
        settings(address=None, host=EVERYWHERE, port=port, token=token, browser=False)


def test_the_page_names_no_other_host() -> None:
    for file in PAGE.iterdir():
        named = set(re.findall(r"(?:https?:)?//[\w.]+\.\w+", file.read_text())) - {"http://www.w3.org"}
        assert not named, f"{file.name}: {named}"


def test_the_page_has_no_script_in_its_html() -> None:
    for file in PAGE.glob("*.html"):
        text = file.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", text), file.name
