"""The example in JavaScript: PROTOCOL.md is enough to write a client by, and the bytes are the same."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from stemd.address import default_address
from stemd.protocol import Mixture, from_client, from_daemon
from stemd.protocol.codec import FROM_CLIENT
from stemd_client import Client
from tests.end_to_end.process import Daemon, folder, running
from tests.end_to_end.reference import WIRE_PLAN, recording
from tests.npm import installed
from tests.protocol.make_golden import GOLDEN
from tests.protocol.test_golden import NAMES, decoded
from tests.waiting import until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "clients" / "examples" / "node"
RATE = 44_100
SECONDS = 30

pytestmark = pytest.mark.needs("npm")


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's scripts and those beside this test, with their packages."""
    place = tmp_path_factory.mktemp("node")
    for file in (*EXAMPLE.glob("*.mjs"), *(Path(__file__).parent / "node").glob("*.mjs")):
        shutil.copy(file, place)
    (place / "node_modules").symlink_to(installed(EXAMPLE, "node") / "node_modules")
    return place


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running({"realtime": {"margin": 0.5}}) as daemon:
        yield daemon


def node(
    script: Path, *arguments: str, address: str | None = None, sent: bytes = b"", **variables: str
) -> "subprocess.CompletedProcess[bytes]":
    found = {name: value for name, value in os.environ.items() if name not in ("STEMD_ADDRESS", "XDG_RUNTIME_DIR")}
    env = {**found, **({"STEMD_ADDRESS": address} if address else {}), **variables}
    command = ["node", str(script), *arguments]
    return subprocess.run(command, input=sent, env=env, capture_output=True, timeout=SECONDS, check=False)


@asynccontextmanager
async def begun(script: Path, *arguments: str, address: str) -> AsyncIterator[Process]:
    env = {**os.environ, "STEMD_ADDRESS": address}
    process = await asyncio.create_subprocess_exec(
        "node", script, *arguments, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until_pending(client: Client) -> None:
    async def pending() -> bool:
        return bool((await client.status())["pending"])

    await until(pending, "somebody waits for a stream")


# The golden bytes.


def test_it_reads_and_writes_the_golden_bytes(scripts: Path) -> None:
    done = node(scripts / "golden.mjs", str(GOLDEN))
    assert done.returncode == 0, done.stderr.decode()
    written = dict(json.loads(line) for line in done.stdout.splitlines())
    assert sorted(written) == NAMES
    for name, parts in written.items():
        message, pcm = decoded(name)
        read = from_client if message.kind in FROM_CLIENT else from_daemon
        assert read([bytes.fromhex(part) for part in parts]) == (message, pcm), name


def test_positions_and_times_are_whole_however_large(scripts: Path) -> None:
    code = f"""
        import {{ pack, unpack }} from "{scripts}/wire.mjs";
        const parts = pack("mixture", {{ stream: "x", position: 2 ** 40 + 1, source_ns: 2n ** 61n + 1n }});
        const [, back] = unpack(parts.map((part) => Buffer.from(part)));
        console.log(Buffer.from(parts[1]).toString("hex"), back.position === 2 ** 40 + 1, back.source_ns);
    """
    file = scripts / "large.mjs"
    file.write_text(code)
    header, position, source_ns = node(file).stdout.decode().split()
    assert from_client([b"mixture", bytes.fromhex(header), b""]) == (Mixture("x", 2**40 + 1, 2**61 + 1), b"")
    assert (position, source_ns) == ("true", f"{2**61 + 1}n")


# Where it looks for the daemon.


@pytest.mark.parametrize(
    "variables",
    [{}, {"XDG_RUNTIME_DIR": "/run/user/7"}, {"STEMD_ADDRESS": "tcp://host:1"}, {"TMPDIR": "/var/tmp"}],  # noqa: S108
    ids=str,
)
def test_it_looks_where_other_clients_look(
    scripts: Path, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_RUNTIME_DIR", "STEMD_ADDRESS", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("tempfile.tempdir", None)
    file = scripts / "where.mjs"
    file.write_text(f'import {{ defaultAddress }} from "{scripts}/wire.mjs"; console.log(defaultAddress());')
    assert node(file, **variables).stdout.decode().strip() == default_address()


@pytest.mark.slow
def test_without_a_daemon_it_says_how_to_start_one(scripts: Path, tmp_path: Path) -> None:
    done = node(scripts / "remove-vocals.mjs", address=f"ipc://{tmp_path}/none")
    assert done.returncode == 1
    assert done.stdout == b""
    [line] = done.stderr.decode().splitlines()
    assert line == f"no daemon answers at ipc://{tmp_path}/none; start one with `stemd serve`"
    assert node(scripts / "listen.mjs", "live", "mix", address="nowhere").stderr.decode().splitlines() == [
        "address 'nowhere' is neither ipc:///a/folder nor tcp://host:port"
    ]


# Against a daemon.


async def python_hears(address: str, mixture: np.ndarray, stem: str) -> bytes:
    async with (
        Client(address) as client,
        client.subscribe("py", stem, format="s16le", delivery="lossless") as heard,
        client.open("py", rate=RATE, format="s16le", timing="free", block=1_000) as stream,
    ):
        feeding = asyncio.create_task(feed(stream, mixture))
        samples = [block.samples.T.tobytes() async for block in heard]
        await feeding
    return b"".join(samples)


async def feed(stream, mixture: np.ndarray) -> None:
    await stream.send(mixture)
    await stream.close()


STEMS = ["instrumental", *(pytest.param(stem, marks=pytest.mark.slow) for stem in ("mix", "vocals"))]


@pytest.mark.parametrize("stem", STEMS)
async def test_a_stream_through_it_gives_the_bytes_that_python_hears(scripts: Path, daemon: Daemon, stem: str) -> None:
    mixture = np.round(recording(120_001, RATE) * 32_767).astype("<i2")
    done = await asyncio.to_thread(
        node, scripts / "remove-vocals.mjs", stem, address=daemon.address, sent=mixture.T.tobytes()
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout) == mixture.nbytes
    assert done.stdout == await python_hears(daemon.address, mixture, stem)
    if stem == "mix":
        assert done.stdout == mixture.T.tobytes()


@pytest.mark.slow
async def test_it_finds_the_daemon_of_this_user_without_flags(scripts: Path) -> None:
    with folder() as runtime, running(address=f"ipc://{runtime}/stemd"):
        done = await asyncio.to_thread(
            node, scripts / "remove-vocals.mjs", "mix", sent=bytes(range(40)), XDG_RUNTIME_DIR=str(runtime)
        )
    assert (done.returncode, done.stdout) == (0, bytes(range(40))), done.stderr


@pytest.mark.slow
async def test_a_listener_hears_a_stream_in_real_time(scripts: Path, daemon: Daemon) -> None:
    size, rate = 480, 48_000
    mixture = np.round(recording(rate, rate, seed=2) * 32_767).astype("<i2")
    async with (
        asyncio.timeout(SECONDS),
        begun(scripts / "listen.mjs", "desk", "mix", address=daemon.address) as listener,
        Client(daemon.address) as client,
    ):
        await until_pending(client)
        async with client.open("desk", rate=rate, format="s16le", block=size, plan=WIRE_PLAN) as stream:
            began = time.monotonic()
            for k in range(rate // size):
                await asyncio.sleep(began + (k + 1) * size / rate - time.monotonic())
                await stream.send(mixture[:, k * size : (k + 1) * size])
            await stream.close()
        out, errors = await listener.communicate()
    assert out == mixture.T.tobytes()
    assert "48000 Hz, 2 channels, latency" in errors.decode()
    assert "48000 frames heard, 0 blocks dropped" in errors.decode()
    assert listener.returncode == 0


async def test_a_stream_that_is_refused_is_told_as_the_daemon_tells_it(scripts: Path) -> None:
    with running({"server": {"max_streams": 1}}) as full:
        async with Client(full.address) as client, client.open("first", rate=RATE, timing="free"):
            done = await asyncio.to_thread(node, scripts / "remove-vocals.mjs", address=full.address, sent=bytes(4_000))
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == "1 streams are open, the most that server.max_streams allows\n"


def test_what_the_daemon_refuses_arrives_as_an_error(scripts: Path, daemon: Daemon) -> None:
    done = node(scripts / "faults.mjs", address=daemon.address)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == {
        "plan": "plan",
        "field": "protocol",
        "twice": "stream-exists",
        "stem": "unknown-stem",
        "pending": "unknown-stem",
        "gain": 0.5,
        "refused": ["block"],
        "closed": [1600, False],
        "after": "stream-closed",
        "over": "connection-lost",
    }


@pytest.mark.slow
async def test_it_stays_while_it_waits_and_ends_when_the_daemon_is_gone(scripts: Path) -> None:
    with folder() as place:
        victim = Daemon(place)
        try:
            victim.wait_until_ready()
            async with (
                asyncio.timeout(2 * SECONDS),
                begun(scripts / "listen.mjs", "later", "mix", address=victim.address) as listener,
            ):
                async with Client(victim.address) as client:
                    await until_pending(client)
                    await asyncio.sleep(9)  # 6 s without a sign of life would end it, or 8 s without a pong
                    assert (await client.status())["pending"]
                    assert listener.returncode is None
                victim.kill()
                out, errors = await listener.communicate()
        finally:
            victim.kill()
    assert (listener.returncode, out) == (1, b"")
    assert "answers no more; start one with `stemd serve`" in errors.decode()
