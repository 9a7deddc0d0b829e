"""Where ZeroMQ begins to count connections."""

import subprocess
import sys

FIRST_ID = """
import zmq
from stemd.service.ids import begin_anywhere

begin_anywhere()
with zmq.Context() as context, context.socket(zmq.ROUTER) as door, context.socket(zmq.DEALER) as guest:
    guest.connect(f"tcp://127.0.0.1:{door.bind_to_random_port('tcp://127.0.0.1')}")
    guest.send(b"")
    print(door.recv_multipart()[0].hex())
"""


def test_the_first_id_of_a_connection_is_another_in_every_process() -> None:
    found = {subprocess.run([sys.executable, "-c", FIRST_ID], capture_output=True, check=True).stdout for _ in range(3)}
    assert len(found) == 3
