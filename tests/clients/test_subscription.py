"""Laws of a subscription: credit, order, endings. A fake daemon shows what a real one cannot be made to do."""

import asyncio
from dataclasses import replace

import pytest

from stemd.errors import (
    ProtocolError,
    SubscriberStalled,
)
from stemd.protocol import (
    MAJOR,
    Credit,
    Fault,
    Hello,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Welcome,
)
from stemd_client import Client, StemBlock
from tests.clients.fake import stem
from tests.protocol.make_golden import WAY

PCM = bytes(4 * 8)  # four stereo frames of silence in float32


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


async def test_a_daemon_that_cannot_tell_the_way_is_not_asked_for_it(fake) -> None:
    daemon, address = fake
    async with Client(address) as client:
        with pytest.raises(ProtocolError, match=r"^fake cannot tell the way of its blocks: update it"):
            async for _ in client.subscribe("desk", "a", way=True):
                pass
        async with client.subscribe("desk", "a"):
            assert [(message.stem, message.way) for message in daemon.of(Subscribe)] == [("a", False)]


async def test_a_block_has_the_way_that_the_daemon_told(fake) -> None:
    daemon, address = fake
    daemon.scripts[Hello] = lambda m: [Welcome(m.request, MAJOR, 3, "fake", "s1", ("way",))]
    async with Client(address) as client, client.subscribe("desk", "a", way=True) as heard:
        await daemon.send(replace(stem(0), way=WAY), PCM)
        await daemon.send(stem(1), PCM)
        ways = [(await asyncio.wait_for(heard.take(), 5)).header.way for _ in range(2)]
        assert ways == [WAY, None]
        assert [message.way for message in daemon.of(Subscribe)] == [True]
