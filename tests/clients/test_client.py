"""Laws of the client that only a fake daemon can show. Those of a stream's content are tested with the real one."""

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from stemd.errors import (
    BlockError,
    ConfigError,
    ConnectionLostError,
    Overloaded,
    PlanError,
    ProtocolError,
    StreamClosed,
    StreamExistsError,
    SubscriberStalled,
)
from stemd.protocol import (
    MAJOR,
    Bye,
    Close,
    Closed,
    Credit,
    Fault,
    Grant,
    Hello,
    Mixture,
    Open,
    Stem,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Welcome,
)
from stemd_client import Client, StemBlock, sync
from tests.clients.fake import FakeDaemon, fake_daemon, stem

PCM = bytes(4 * 8)  # four stereo frames of silence in float32
INTERVAL = 0.05


@pytest.fixture
async def fake() -> AsyncIterator[tuple[FakeDaemon, str]]:
    async with fake_daemon() as (daemon, address):
        yield daemon, address
        left = [task for task in asyncio.all_tasks() if "stemd_client" in repr(task)]
        assert not left, "the client left tasks behind"


def silence(frames: int, channels: int = 2) -> np.ndarray:
    return np.zeros((channels, frames), np.float32)


# A daemon that falls silent.


async def test_everything_that_waits_hears_of_a_silent_daemon_within_three_intervals(fake) -> None:
    daemon, address = fake
    daemon.until = 0
    daemon.scripts.pop(Close)
    async with Client(address, ping_interval=INTERVAL) as client:
        stream = await client.open("desk", timing="free").__aenter__()
        heard = await client.subscribe("desk", "a").__aenter__()
        waits = [client.status(), stream.send(silence(8)), heard.take(), stream.close(), client.ping()]
        daemon.scripts.clear()
        started = time.monotonic()
        results = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(result) for result in results] == [ConnectionLostError] * 5
        assert time.monotonic() - started < 4.5 * INTERVAL  # up to one passes before the first that is missed
        assert len(set(map(id, results))) == 5
        for call in (client.status, client.ping, lambda: stream.send(silence(8)), heard.take):
            with pytest.raises(ConnectionLostError, match="no longer answers"):
                await call()


async def test_a_program_that_blocks_its_own_loop_loses_nobody(fake) -> None:
    _, address = fake
    async with Client(address, ping_interval=INTERVAL) as client:
        time.sleep(6 * INTERVAL)  # noqa: ASYNC251 - the point
        await asyncio.sleep(6 * INTERVAL)
        assert await client.status() == {"fake": True}


async def test_no_daemon_is_one_line_that_says_what_to_do(tmp_path) -> None:
    started = time.monotonic()
    with pytest.raises(ConnectionLostError, match=r"no daemon answers at ipc://.*; start one with `stemd serve`"):
        async with Client(f"ipc://{tmp_path}", connect_timeout=0.1):
            pass
    assert time.monotonic() - started < 1
    with pytest.raises(ConfigError):
        Client("somewhere")


async def test_leaving_a_client_whose_daemon_is_gone_does_not_wait(fake) -> None:
    daemon, address = fake
    async with Client(address, ping_interval=INTERVAL) as client:
        stream = await client.open("desk").__aenter__()
        daemon.scripts.clear()
        await asyncio.sleep(5 * INTERVAL)
        with pytest.raises(ConnectionLostError):
            await stream.__aexit__(None, None, None)
        started = time.monotonic()
    assert time.monotonic() - started < 0.1


# A daemon from another time.


@pytest.mark.parametrize(
    "answer",
    [
        lambda m: [Fault("protocol", "protocol 2 is wanted", m.request, None, None)],
        lambda m: [Welcome(m.request, MAJOR + 1, 0, "fake", "s1", ())],
    ],
    ids=["which refuses", "which greets"],
)
async def test_a_daemon_of_another_major_version_is_refused(fake, answer) -> None:
    daemon, address = fake
    daemon.scripts[Hello] = answer
    with pytest.raises(ProtocolError, match="protocol 2"):
        async with Client(address):
            pass


async def test_a_message_that_breaks_the_protocol_ends_the_connection(fake) -> None:
    daemon, address = fake
    async with Client(address) as client:
        await daemon.requests.send_multipart([daemon.peers[daemon.requests], b"state", b"\xc1", b""])
        with pytest.raises(ProtocolError, match="state: header is not msgpack"):
            await client.subscribe("desk", "a").__aenter__()


# Credit, order and size.


async def test_a_block_may_come_before_the_reply_that_names_its_subscription(fake) -> None:
    daemon, address = fake

    async def late_reply(message: Subscribe) -> None:
        await daemon.send(stem(0), PCM)
        await asyncio.sleep(0.05)
        await daemon.send(Subscribed(message.request, 7, 0))
        await daemon.send(stem(1, "end"))

    tasks = []
    daemon.scripts[Subscribe] = lambda m: tasks.append(asyncio.ensure_future(late_reply(m))) or []
    async with Client(address) as client, client.subscribe("desk", "a") as heard:
        assert [block.header.sequence async for block in heard] == [0]
        assert heard.end.flags == ("end",)
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("credit", [1, 2, 5, 16])
async def test_credit_never_lets_more_blocks_wait_than_were_asked_for(fake, credit: int) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a", credit=credit) as heard:
        sent = taken = 0
        allowed = credit
        while taken < 50:
            while sent < allowed:
                await daemon.send(stem(sent), PCM)
                sent += 1
            block = await asyncio.wait_for(heard.take(), 1)
            assert block.header.sequence == taken
            taken += 1
            await client.status()  # replies come in order, so credit given before this has come too
            allowed = max([credit, *(message.until for message in daemon.of(Credit))])
            assert taken <= allowed <= taken + credit
            assert allowed > taken + credit // 2 or credit == 1


@pytest.mark.parametrize(
    ("sequences", "fault"), [([0, 1, 2, 3, 4], "without credit"), ([0, 2], "came where 1 was due")]
)
async def test_a_daemon_that_breaks_credit_or_order_is_named(fake, sequences: list[int], fault: str) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a", credit=4) as heard:
        for sequence in sequences:
            await daemon.send(stem(sequence), PCM)
        await daemon.until_came(Unsubscribe)
        with pytest.raises(ProtocolError, match=fault):
            async for _ in heard:
                pass
        assert await client.status()  # the connection goes on


async def test_samples_that_do_not_fit_their_header_are_a_protocol_error(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a") as heard:
        await daemon.send(stem(0), PCM[:-1])
        with pytest.raises(ProtocolError, match="31 bytes of f32le came for 4 frames"):
            await heard.take()


async def test_what_came_is_heard_before_the_fault(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a") as heard:
        await daemon.send(stem(0), PCM)
        await heard._news.wait()  # over another socket the fault could be faster
        await daemon.send(Fault("subscriber-stalled", "no credit for 30 s", None, None, 7))
        await client.status()
        assert isinstance(await heard.take(), StemBlock)
        with pytest.raises(SubscriberStalled, match="no credit for 30 s"):
            await heard.take()


async def test_a_loop_that_is_left_unsubscribes(fake) -> None:
    daemon, address = fake
    daemon.scripts[Subscribe] = lambda m: [Subscribed(m.request, 7, 0), stem(0, frames=0)]
    async with Client(address) as client:
        async for block in client.subscribe("desk", "a"):
            assert block.samples.shape == (2, 0)
            break
        await daemon.until_came(Unsubscribe)


# Streams.


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


async def test_a_fault_about_nothing_in_particular_ends_the_connection(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a") as heard:
        await daemon.send(Fault("protocol", "say hello first", None, None, None))
        with pytest.raises(ProtocolError, match="say hello first"):
            await heard.take()


async def test_bye_leaves_before_the_sockets_close(fake) -> None:
    daemon, address = fake
    for _ in range(5):
        async with Client(address):
            pass
    await daemon.until_came(Bye, 5)


async def test_ping_gives_the_four_timestamps(fake) -> None:
    _, address = fake
    async with Client(address) as client:
        clocks = [await client.ping() for _ in range(20)]
    for clock in clocks:
        assert clock.sent_ns <= clock.received_ns <= clock.answered_ns <= clock.arrived_ns
        assert abs(clock.offset_ns) <= clock.round_trip_ns / 2 + 1  # one host, one clock
    assert len({clock.sent_ns for clock in clocks}) == 20


# The other ways to use it.


async def test_received_is_the_time_of_the_receive_call(fake) -> None:
    daemon, address = fake
    async with Client(address) as client, client.subscribe("desk", "a") as heard:
        before = time.monotonic_ns()
        await daemon.send(stem(0), PCM)
        await asyncio.sleep(0.1)
        block = await heard.take()
        assert before < block.received_ns < before + 50_000_000


def test_it_works_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def session() -> None:
        async with fake_daemon() as (daemon, address), Client(address) as client:
            async with client.open("desk") as stream, client.subscribe("desk", "a") as heard:
                await stream.send(silence(2000))
                await daemon.until_came(Mixture, 3)
                await daemon.send(stem(0), PCM)
                await daemon.send(stem(1, "end"))
                assert [block.samples.shape async for block in heard] == [(2, 4)]
            await client.ping()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(session())


async def test_the_synchronous_client_has_the_same_words(fake) -> None:
    daemon, address = fake
    daemon.scripts[Subscribe] = lambda m: [Subscribed(m.request, 7, 0), *(stem(i, frames=0) for i in range(3))]

    def session() -> list[int]:
        with sync.Client(address) as client:
            assert client.status() == {"fake": True}
            assert client.ping().round_trip_ns > 0
            with client.open("desk", block=4) as stream:
                assert stream.opened.latency == 1000
                stream.send(silence(10))
                stream.gap(5)
                assert stream.position == 15
                with pytest.raises(BlockError):
                    stream.send(np.full((2, 1), np.nan, np.float32))
            heard = []
            for block in client.subscribe("desk", "a"):
                heard.append(block.header.sequence)
                if len(heard) == 2:
                    break
            with client.subscribe("desk", "a") as again:
                assert again.position == 0
                left_open = iter(again)
                next(left_open)
        with pytest.raises(RuntimeError, match="not connected"):
            client.status()
        return heard

    assert await asyncio.to_thread(session) == [0, 1]
    assert len(await daemon.until_came(Unsubscribe, 2)) == 2
    assert isinstance(stem(0), Stem)
