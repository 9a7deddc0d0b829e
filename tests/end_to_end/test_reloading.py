"""A daemon that takes over another configuration and other models while streams run."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.cli import main
from stemd.config import load_config
from stemd.config.effects import changes
from stemd.errors import ConfigError, ModelLoadError, Overloaded
from stemd.protocol import Timing
from stemd_client import Client, StemBlock, Stream
from tests import editions
from tests.end_to_end.process import Daemon, running
from tests.end_to_end.reference import recording
from tests.end_to_end.streaming import collect, headers_are_in_order, joined, listening
from tests.waiting import until

RATE, BLOCK = 44_100, 441
LENGTH = 40 * editions.HOP
ROUNDING = 2**-23  # a crossfade of two equal numbers
STEMS = ("mix", "vocals", "instrumental")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    editions.put(tmp_path, 1.0)
    return tmp_path


@contextmanager
def serving(models: Path, **config: object) -> Iterator[Daemon]:
    """A daemon whose default model is `tone`."""
    with running({"models": {"default": "tone", "folders": [str(models)]}, "plan": "live", **config}) as daemon:
        yield daemon


class Listening:
    """A stream that is fed in pieces while all its stems are collected."""

    def __init__(self, client: Client, name: str, timing: Timing = "free") -> None:
        self._client, self.name, self._timing = client, name, timing
        self.heard: dict[str, list[StemBlock]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Stream]:
        """The stream; once left, `heard` is whole."""
        subscriptions = {stem: listening(self._client, self.name, (stem, "f32le")) for stem in STEMS}
        for subscription in subscriptions.values():
            await subscription.__aenter__()
        tasks = {stem: asyncio.create_task(collect(subscription)) for stem, subscription in subscriptions.items()}
        options = {"rate": RATE, "block": BLOCK, "timing": self._timing, "model": None}
        async with asyncio.timeout(60):
            async with self._client.open(self.name, **options) as stream:
                yield stream
            self.heard = {stem: await task for stem, task in tasks.items()}

    def check(self, mixture: Float32Array) -> Float32Array:
        """The laws that hold whatever was reloaded; the vocals."""
        for heard in self.heard.values():
            headers_are_in_order([block for block in heard if block.header.frames], mixture.shape[1])
            assert not [block.header for block in heard if {"gap", "degraded", "cut"} & set(block.header.flags)]
        mix, vocals, instrumental = (joined(self.heard[stem]) for stem in STEMS)
        assert np.array_equal(mix, mixture)
        bound = 2**-23 * np.maximum(np.abs(vocals), np.abs(mix))
        assert np.all(np.abs((vocals + instrumental) - mix) <= bound)
        return vocals


def swapped_at(vocals: Float32Array, mixture: Float32Array, before: float, after: float) -> int:
    """The segment from which on `after` holds; that the crossfade is the plan's is asserted."""
    ramp = (np.arange(1, editions.OVERLAP + 1) / (editions.OVERLAP + 1)).astype(np.float32)
    old, new = np.float32(before) * mixture, np.float32(after) * mixture
    changed = np.flatnonzero(np.any(np.abs(vocals - old) > ROUNDING, axis=0))
    assert len(changed), "nothing was swapped"
    index = int(changed[0]) // editions.HOP
    start, stop = index * editions.HOP, index * editions.HOP + editions.OVERLAP
    assert np.abs(vocals[:, :start] - old[:, :start]).max() <= ROUNDING
    blend = new[:, start:stop] * ramp + old[:, start:stop] * ramp[::-1]
    assert np.abs(vocals[:, start:stop] - blend).max() <= ROUNDING
    assert np.abs(vocals[:, stop:] - new[:, stop:]).max() <= ROUNDING
    return index


HALF = LENGTH // 2 // BLOCK * BLOCK


async def play(stream: Stream, samples: Float32Array) -> None:
    """Send at the pace of the recording, or as fast as it may go."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for at in range(0, samples.shape[1], BLOCK):
        if stream.opened.until is None:
            await asyncio.sleep(began + at / RATE - loop.time())
        await stream.send(samples[:, at : at + BLOCK])


@asynccontextmanager
async def halfway(playing: Listening, mixture: Float32Array) -> AsyncIterator[None]:
    """What is done in this block is done when half of a free stream has been sent, and before the other half is."""
    async with playing.open() as stream:
        await play(stream, mixture[:, :HALF])
        yield
        await play(stream, mixture[:, HALF:])


async def test_another_edition_is_crossfaded_in_at_the_next_segment_and_no_block_is_lost(models: Path) -> None:
    mixture = recording(LENGTH, RATE)
    with serving(models) as daemon:
        async with Client(daemon.address) as client:
            playing = Listening(client, "desk")
            async with halfway(playing, mixture):
                key = editions.put(models, 0.5)
                reloaded = await client.reload()
                assert reloaded.changed == {}
                assert reloaded.notes == (
                    f"model tone has another edition, {key}",
                    f"stream desk goes on with {key} from its next segment on",
                )
    # The first segment that was not whole at the time of the swap.
    assert swapped_at(playing.check(mixture), mixture, 1.0, 0.5) == (HALF - editions.OVERLAP) // editions.HOP


async def test_a_realtime_stream_plays_on_while_its_network_is_swapped(models: Path) -> None:
    mixture = recording(3 * RATE, RATE)
    # With room for many segments of others: how long one of these takes, which is next to nothing, is mostly chance.
    with serving(models, realtime={"margin": 0.5, "ahead": 32}) as daemon:
        async with Client(daemon.address) as client:
            playing = Listening(client, "desk", "realtime")
            async with playing.open() as stream:
                latency = stream.opened.latency
                player = asyncio.create_task(play(stream, mixture))
                await until(lambda: stream.position > RATE, "a second was played")
                key = editions.put(models, 0.5)
                assert f"stream desk goes on with {key} from its next segment on" in (await client.reload()).notes
                assert not player.done()
                await player
            assert {block.header.latency for block in playing.heard["vocals"]} == {latency}
    assert swapped_at(playing.check(mixture), mixture, 1.0, 0.5) >= (RATE - editions.OVERLAP) // editions.HOP


UNFIT: dict[str, dict[str, Any]] = {
    "its networks give other stems": {"stems": ("vocals", "rest")},
    "takes segments of 8192 frames": {"segment": 8_192},
}


@pytest.mark.parametrize("reason", UNFIT)
async def test_a_stream_stays_with_its_network_where_the_other_will_not_do(models: Path, reason: str) -> None:
    mixture = recording(LENGTH, RATE)
    with serving(models) as daemon:
        async with Client(daemon.address) as client:
            playing = Listening(client, "desk")
            async with halfway(playing, mixture):
                editions.put(models, 0.5, **UNFIT[reason])
                reloaded = await client.reload()
                assert "stream desk stays with tone@" in reloaded.notes[-1]
                assert reason in reloaded.notes[-1]
            async with client.open("next", rate=RATE, timing="free") as after:
                assert after.opened.plan.segment == UNFIT[reason].get("segment", editions.SEGMENT)
                assert ("rest" in after.opened.stems) == ("stems" in UNFIT[reason])
    assert np.abs(playing.check(mixture) - mixture).max() <= ROUNDING


async def damaged(daemon: Daemon, models: Path) -> type[Exception]:
    editions.put(models, 0.5)
    (models / "tone" / "gain-0.5.onnx").write_bytes(b"\0" * 100)
    return ModelLoadError


async def missing(daemon: Daemon, models: Path) -> type[Exception]:
    daemon.rewrite(models={"default": "other"})
    return ModelLoadError


async def not_toml(daemon: Daemon, models: Path) -> type[Exception]:
    (daemon.folder / "stemd.toml").write_text("[server\n", "utf-8")
    return ConfigError


async def unknown_key(daemon: Daemon, models: Path) -> type[Exception]:
    (daemon.folder / "stemd.toml").write_text("[server]\nmax_stream = 1\n", "utf-8")
    return ConfigError


async def impossible_plan(daemon: Daemon, models: Path) -> type[Exception]:
    table = {"segment": 8_192, "hop": 1_024, "overlap": 0, "lookahead": 0}
    daemon.rewrite(plans={"long": table}, plan="long")
    return ConfigError


async def keys_that_do_not_fit(daemon: Daemon, models: Path) -> type[Exception]:
    # One of them needs a restart, and without it the other does not fit.
    daemon.rewrite(security={"message_bytes": 65_536, "bytes_per_second": 65_536})
    return ConfigError


@pytest.mark.parametrize("spoil", [damaged, missing, not_toml, unknown_key, impossible_plan, keys_that_do_not_fit])
async def test_what_cannot_be_used_changes_nothing_and_is_named(models: Path, spoil) -> None:
    mixture = recording(LENGTH, RATE)
    with serving(models) as daemon:
        async with Client(daemon.address) as client:
            playing = Listening(client, "desk")
            async with halfway(playing, mixture):
                wanted = await spoil(daemon, models)
                with pytest.raises(wanted) as caught:
                    await client.reload()
                named = {damaged: "gain-0.5.onnx", missing: "'other'", unknown_key: "max_streams"}
                assert named.get(spoil, "") in str(caught.value)
                assert str(caught.value) in (await client.status())["trouble"]
            async with client.open("next", rate=RATE, timing="free") as after:
                assert after.opened.model == "tone"
    assert np.abs(playing.check(mixture) - mixture).max() <= ROUNDING


async def test_a_key_takes_effect_when_it_is_said_to(models: Path) -> None:
    editions.put(models, 0.25, name="quiet")
    with serving(models) as daemon:
        async with Client(daemon.address) as client, client.open("desk", rate=RATE, timing="free") as stream:
            before = load_config(daemon.folder / "stemd.toml")
            near = {"segment": editions.SEGMENT, "hop": editions.HOP, "overlap": 64, "lookahead": 0}
            daemon.rewrite(
                server={"max_streams": 2, "tap": "tcp://127.0.0.1:1"},
                models={"preload": ["quiet"]},
                plans={"near": near},
                plan="near",
            )
            changed = {
                "server.tap": "after a restart",
                "server.max_streams": "at once",
                "models.preload": "at once",
                "plan": "for streams opened from now on",
                "plans": "for streams opened from now on",
            }
            assert (await client.reload()).changed == changed
            assert (await client.status())["models"] == ["quiet", "tone"]
            assert stream.opened.plan.overlap == editions.OVERLAP
            async with client.open("next", rate=RATE, timing="free") as after:
                assert after.opened.plan.overlap == 64
                with pytest.raises(Overloaded, match=r"server\.max_streams"):
                    await client.open("third", rate=RATE, timing="free").__aenter__()
            # What needs a restart is said again until there is one.
            assert (await client.reload()).changed == {"server.tap": "after a restart"}
            assert set(changes(before, load_config(daemon.folder / "stemd.toml"))) == set(changed)


async def test_another_default_model_takes_over_under_streams_that_named_none(models: Path) -> None:
    mixture = recording(LENGTH, RATE)
    editions.put(models, 0.25, name="quiet")
    with serving(models) as daemon:
        async with Client(daemon.address) as client:
            playing = Listening(client, "desk")
            async with client.open("named", rate=RATE, timing="free", model="tone"), halfway(playing, mixture):
                daemon.rewrite(models={"default": "quiet"})
                assert (await client.reload()).changed == {"models.default": "at the next segment"}
                used = {s["stream"]: s["model"] for s in (await client.status())["streams"]}
                assert used == {"named": "tone", "desk": "quiet"}
            swapped_at(playing.check(mixture), mixture, 1.0, 0.25)


def test_the_command_says_what_changed(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(models) as daemon:
        assert main(["reload", "--address", daemon.address]) == 0
        assert capsys.readouterr().out == "nothing has changed\n"
        daemon.rewrite(server={"max_streams": 2, "stall_timeout": 3.0}, engine={"threads": 2})
        key = editions.put(models, 0.5)
        assert main(["reload", "--address", daemon.address]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "server.max_streams, server.stall_timeout: at once",
            "engine.threads: after a restart",
            f"model tone has another edition, {key}",
        ]
        (daemon.folder / "stemd.toml").write_text("[server]\nmax_stream = 1\n", "utf-8")
        assert main(["reload", "--address", daemon.address]) == 78
        assert "did you mean 'max_streams'?" in capsys.readouterr().err
