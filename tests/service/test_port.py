"""A socket on the event loop: however much has come in, others have their turn."""

import asyncio
import time

import pytest
import zmq

from stemd.service.port import Port
from tests.end_to_end.process import folder
from tests.waiting import until

COUNT = 64


@pytest.mark.parametrize("takes", [0.0, 0.003])
async def test_messages_that_take_their_time_do_not_keep_others_waiting(takes: float) -> None:
    """The first message takes so long that all others have come by then; each of those takes `takes` seconds."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    loop = asyncio.get_running_loop()
    turn = 0
    turns: list[int] = []

    def pass_turn() -> None:
        nonlocal turn
        turn += 1
        loop.call_soon(pass_turn)

    def receive(*_: object) -> None:
        time.sleep(takes if turns else 0.2)
        turns.append(turn)

    with folder() as place:
        port = Port(context, f"ipc://{place}/s")
        port.receiver = receive
        client = context.socket(zmq.DEALER)
        client.connect(f"ipc://{place}/s")
        for _ in range(COUNT):
            client.send(b"")
        pass_turn()
        await until(lambda: len(turns) == COUNT, "all have been looked at")
        port.close()
        context.destroy(0)
    most = max(turns.count(each) for each in turns)
    assert most == 1 if takes else most > 1
