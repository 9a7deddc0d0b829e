"""Laws of a stream that a client feeds. A fake daemon shows what a real one cannot be made to do."""

import asyncio
import time

import numpy as np
import pytest

from stemd.errors import (
    BlockError,
    Overloaded,
    PlanError,
    ProtocolError,
    StreamClosed,
    StreamExistsError,
)
from stemd.protocol import (
    MAJOR,
    Close,
    Closed,
    Fault,
    Grant,
    Hello,
    MixerSet,
    Mixture,
    Open,
    SetMixer,
    Subscribe,
    Unsubscribe,
    Welcome,
)
from stemd_client import Client, sync
from tests.clients.fake import FakeDaemon


def silence(frames: int, channels: int = 2) -> np.ndarray:
    return np.zeros((channels, frames), np.float32)


async def test_long_arrays_go_in_blocks_and_wait_for_grant(fake) -> None:
    daemon, address = fake
    daemon.until = 250
    async with Client(address) as client:
        async with client.open("desk", timing="free", block=100) as stream:
            samples = np.arange(2 * 730, dtype=np.float32).reshape(2, 730)
            sending = asyncio.create_task(stream.send(samples, source_ns=0))
            await daemon.until_came(Mixture, 2)
            await client.status()
            assert (len(daemon.of(Mixture)), stream.position) == (2, 200)
            await daemon.send(Grant("desk", 300))
            await daemon.until_came(Mixture, 3)
            assert not sending.done()
            await daemon.send(Grant("desk", 1000))
            await sending
            blocks = daemon.came
        sent = [(m, np.frombuffer(pcm, "<f4").reshape(-1, 2).T) for m, pcm in blocks if isinstance(m, Mixture)]
        assert [m.position for m, _ in sent] == [0, 100, 200, 300, 400, 500, 600, 700]
        assert [m.source_ns for m, _ in sent] == [round(m.position * 1e9 / 48_000) for m, _ in sent]
        np.testing.assert_array_equal(np.concatenate([pcm for _, pcm in sent], axis=1), samples)


async def test_two_senders_of_one_stream_do_not_mix_their_arrays(fake) -> None:
    daemon, address = fake
    daemon.until = 0
    async with Client(address) as client, client.open("desk", timing="free", block=10) as stream:
        ones, twos = (np.full((2, 30), value, np.float32) for value in (1, 2))
        both = asyncio.gather(stream.send(ones), stream.send(twos))
        for until in range(10, 70, 10):
            await asyncio.sleep(0.005)
            await daemon.send(Grant("desk", until))
        await both
        await client.status()
        sent = [np.frombuffer(pcm, "<f4")[0] for m, pcm in daemon.came if isinstance(m, Mixture)]
        assert sent == [1, 1, 1, 2, 2, 2]


async def test_a_gap_is_told_at_once_and_within_the_grant(fake) -> None:
    daemon, address = fake
    daemon.until = 50
    async with Client(address) as client, client.open("desk", timing="free") as stream:
        skipping = asyncio.create_task(stream.gap(120))
        await daemon.until_came(Mixture)
        await daemon.send(Grant("desk", 200))
        await skipping
        await stream.send(silence(10))
        await client.status()
        assert [(m.position, len(pcm)) for m, pcm in daemon.came if isinstance(m, Mixture)] == [
            (50, 0),
            (120, 0),
            (120, 80),
        ]


async def test_a_realtime_stream_never_waits_for_a_daemon_that_does_not_read(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.open("desk", block=8_000) as stream:
        daemon.reads.clear()
        refused = []
        while len(refused) < 20:  # until nothing more trickles into the kernel's buffers
            started, position, dropped = time.monotonic(), stream.position, stream.dropped
            await stream.send(silence(8_000))
            assert time.monotonic() - started < 0.5
            if stream.dropped > dropped:
                refused.append(position)
                await asyncio.sleep(0.005)
        for call in (client.ping, client.status):
            with pytest.raises(Overloaded, match="500 messages wait"):
                await call()
        sent = set(range(0, stream.position, 8_000)) - set(refused)
        assert stream.dropped == 8_000 * len(refused)
        daemon.reads.set()
        await daemon.until_came(Mixture, len(sent))
        await stream.send(silence(1))
        await stream.close()
        # What was dropped is a gap, and can be seen as one.
        assert [message.position for message in daemon.of(Mixture)] == [*sorted(sent), stream.position - 1]


@pytest.mark.parametrize(
    ("block", "error", "text"),
    [
        (np.zeros((2, 4)), TypeError, "samples are float64; send float32 or int16"),
        (np.zeros((4, 2), np.float32), ValueError, r"shape \(4, 2\) does not fit: the stream takes \(2, frames\)"),
        (np.zeros(4, np.float32), ValueError, r"shape \(4,\)"),
        (np.full((2, 4), np.nan, np.float32), BlockError, "NaN or infinity"),
        (np.full((2, 4), np.inf, np.float32), BlockError, "NaN or infinity"),
    ],
)
async def test_a_block_that_does_not_fit_is_refused_before_it_is_sent(fake, block, error, text) -> None:
    daemon, address = fake
    async with Client(address) as client, client.open("desk") as stream:
        with pytest.raises(error, match=text):
            await stream.send(block)
        assert stream.position == 0
        await client.status()
        assert not daemon.of(Mixture)


@pytest.mark.parametrize("fmt", ["f32le", "s16le"])
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
async def test_int16_and_float_samples_travel_in_either_format(fake, fmt, dtype) -> None:
    daemon, address = fake
    integers = np.array([-32_768, -1, 0, 1, 32_767], np.int16)
    samples = integers if dtype == np.int16 else integers.astype(np.float32) / 32_768
    async with Client(address) as client, client.open("desk", channels=1, format=fmt) as stream:
        await stream.send(samples)
        [(_, pcm)] = [pair for pair in [*daemon.came, *await after(daemon, Mixture)] if isinstance(pair[0], Mixture)][
            :1
        ]
        sent = np.frombuffer(pcm, "<i2") if fmt == "s16le" else np.frombuffer(pcm, "<f4") * 32_768
        np.testing.assert_array_equal(sent, integers)


async def after(daemon: FakeDaemon, kind: type) -> list:
    await daemon.until_came(kind)
    return daemon.came


async def test_a_refused_block_is_counted_and_an_ended_stream_raised(fake) -> None:
    daemon, address = fake
    async with Client(address) as client:
        stream = await client.open("desk").__aenter__()
        await daemon.send(Fault("block", "block at 0: odd byte count", None, "desk", None))
        await client.status()
        await daemon.send(Fault("inference", "the network failed once", None, "desk", None))
        await client.status()
        assert (stream.refused, list(stream.faults)) == (1, ["block at 0: odd byte count", "the network failed once"])
        await stream.send(silence(8))
        await daemon.send(Closed(None, "desk", 960, True))
        await client.status()
        with pytest.raises(StreamClosed, match="ended by the daemon at frame 960"):
            await stream.send(silence(8))
        with pytest.raises(StreamClosed, match="cut off by the daemon at frame 960"):
            await stream.__aexit__(None, None, None)
        assert not daemon.of(Close)


async def test_leaving_says_when_the_daemon_cut_the_stream_off(fake) -> None:
    daemon, address = fake
    daemon.scripts[Close] = lambda m: [Closed(m.request, m.stream, 5, True)]
    async with Client(address) as client:
        with pytest.raises(StreamClosed, match="cut off by the daemon at frame 5"):
            async with client.open("desk"):
                pass


async def test_leaving_by_an_exception_closes_without_waiting_long(fake) -> None:
    daemon, address = fake
    daemon.scripts.pop(Close)
    async with Client(address) as client:
        started = time.monotonic()
        with pytest.raises(ZeroDivisionError):
            async with client.open("desk"):
                raise ZeroDivisionError
        assert 0.4 < time.monotonic() - started < 1
    assert daemon.of(Close)


async def test_one_client_does_not_open_a_stream_twice(fake) -> None:
    _, address = fake
    async with Client(address) as client, client.open("desk"):
        with pytest.raises(StreamExistsError, match="'desk'"):
            async with client.open("desk"):
                pass


MIXER = {"gains": {"a": 1.0, "rest": 1.0}, "mute": (), "solo": ("a",), "wet": 0.5, "bypass": False}


def with_a_mixer(daemon: FakeDaemon) -> None:
    daemon.scripts[Hello] = lambda m: [Welcome(m.request, MAJOR, 1, "fake", "s1", ("mixer",))]
    daemon.scripts[SetMixer] = lambda m: [MixerSet(m.request, m.stream, **MIXER, position=960, ramp=480)]


async def test_what_the_mixer_is_not_told_stays_as_it_is(fake) -> None:
    daemon, address = fake
    with_a_mixer(daemon)
    async with Client(address) as client, client.open("desk") as stream:
        answer = await stream.set_mixer(solo=["a"], wet=1)
        assert (answer.solo, answer.wet, answer.position, answer.ramp) == (("a",), 0.5, 960, 480)
        await client.set_mixer("other", mute={"rest"}, bypass=True)
        await stream.set_mixer(mute=(), wet=0.25)
        told = [(m.stream, m.mute, m.solo, m.wet, m.bypass) for m in daemon.of(SetMixer)]
        assert told == [
            ("desk", None, ("a",), 1.0, None),
            ("other", ("rest",), None, None, True),
            ("desk", (), None, 0.25, None),
        ]
        with pytest.raises(TypeError, match="'rest' is a name"):
            await stream.set_mixer(mute="rest")


async def test_without_await_the_mixer_is_told_the_same(fake) -> None:
    daemon, address = fake
    with_a_mixer(daemon)

    def tell() -> list[int]:
        with sync.Client(address) as client, client.open("desk") as stream:
            return [stream.set_mixer(wet=0.5).position, client.set_mixer("desk", solo=["a"], bypass=False).position]

    assert await asyncio.to_thread(tell) == [960, 960]
    assert [(m.mute, m.solo, m.wet, m.bypass) for m in daemon.of(SetMixer)] == [
        (None, None, 0.5, None),
        (None, ("a",), None, False),
    ]


async def test_a_daemon_without_a_mixer_is_not_asked_for_one(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.open("desk") as stream:
        for asking in (stream.set_mixer(bypass=True), client.set_mixer("desk", wet=0.5)):
            with pytest.raises(ProtocolError, match=r"the daemon \(fake\) has no mixer: .*; update it"):
                await asking
        await client.status()
        assert not daemon.of(SetMixer)
    with pytest.raises(RuntimeError, match="not connected yet"):
        await Client(address).set_mixer("desk", bypass=True)


async def test_faults_come_as_the_classes_of_the_tree(fake) -> None:
    daemon, address = fake
    daemon.scripts[Open] = lambda m: [Fault("plan", "no plan 'x'", m.request, None, None)]
    async with Client(address) as client:
        with pytest.raises(PlanError, match="no plan 'x'"):
            async with client.open("desk", plan="x"):
                pass
        daemon.scripts[Open] = lambda m: [Fault("from-the-future", "strange", m.request, None, None)]
        with pytest.raises(Exception, match="strange") as caught:
            async with client.open("desk"):
                pass
        assert caught.value.code == "internal"


async def test_what_a_cancelled_request_made_is_undone(fake) -> None:
    daemon, address = fake
    opened, subscribed = daemon.scripts.pop(Open), daemon.scripts.pop(Subscribe)
    async with Client(address) as client:
        for entering in (client.open("desk"), client.subscribe("desk", "a")):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), entering:
                    pass
        await daemon.send(*opened(daemon.of(Open)[0]))
        await daemon.send(*subscribed(daemon.of(Subscribe)[0]))
        assert (await daemon.until_came(Close))[0].stream == "desk"
        assert (await daemon.until_came(Unsubscribe))[0].subscription == 7
