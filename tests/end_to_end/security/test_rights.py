"""Each right, and each message that needs it: who has it not is told so, and nothing else happens."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from stemd.errors import DeniedError
from stemd.keys import OwnKey
from stemd.protocol import Fault, Ping, Pong, SetGain, to_frames
from stemd.protocol.codec import FROM_CLIENT
from stemd.service.security.keyring import RIGHTS, Right
from stemd.service.security.rights import NEEDED
from tests.end_to_end.raw import BLOCK, Raw
from tests.end_to_end.reference import recording
from tests.end_to_end.security.hostile import account
from tests.protocol.make_golden import EXAMPLES
from tests.protocol.test_protocol_md import rows, section

LAST = 77  # of the ping behind a message: once it is answered, so is that
# One message of each kind that a client can say.
MESSAGES: dict[bytes, tuple[Any, bytes]] = {
    kind: next(example for example in EXAMPLES.values() if example[0].kind == kind) for kind in FROM_CLIENT
}


def said(client: Raw, kind: bytes) -> list[Fault]:
    """Say a message of a kind; the faults that came of it."""
    message, pcm = MESSAGES[kind]
    client.say(to_frames(message, pcm))
    client.post(Ping(LAST))
    client.passed.clear()
    client.until(lambda each: isinstance(each, Pong) and each.sent_ns == LAST)
    return [each for each in client.passed if isinstance(each, Fault)]


def test_every_message_says_which_right_it_needs() -> None:
    assert set(NEEDED) == set(FROM_CLIENT.values())
    assert set(NEEDED.values()) == {*RIGHTS, None}


def test_the_protocols_page_has_the_same_table() -> None:
    told = {
        message.strip("` "): right.strip("`")
        for right, messages in rows(section("## Keys").partition("**rights**")[2])
        for message in messages.split(",")
    }
    assert told == {kind.kind.decode(): right for kind, right in NEEDED.items() if right}


@pytest.mark.parametrize("missing", RIGHTS)
def test_messages_without_their_right_are_denied_and_all_others_are_not(
    missing: Right, key: Callable[..., OwnKey], enter: Callable[[OwnKey], Raw], admin: Raw
) -> None:
    own = key(*(right for right in RIGHTS if right != missing))
    client = enter(own)
    denials = 0
    for kind in FROM_CLIENT.keys() - {b"bye"}:
        faults = [fault for fault in said(client, kind) if fault.code == DeniedError.code]
        if NEEDED[FROM_CLIENT[kind]] != missing:
            assert not faults
            continue
        [fault] = faults
        denials += 1
        for word in (f"right to {missing}", f"`{kind.decode()}`", f"stemd keys allow {own.name} --rights", missing):
            assert word in fault.text
        assert fault.request == getattr(MESSAGES[kind][0], "request", None)
    found = account(admin, own)
    assert found
    assert found["denied"] == denials > 0
    assert missing != "send" or admin.stream("desk") is None


def test_with_one_right_alone_its_messages_work(
    key: Callable[..., OwnKey], enter: Callable[[OwnKey], Raw], name: str
) -> None:
    listener, sender, mixer = (enter(key(right)) for right in RIGHTS)
    sender.opened(name)
    number, told = listener.listen(name, "mix"), listener.listen(name, "vocals", way=True)
    assert mixer.ask(SetGain, stream=name, gains={"vocals": 0.5}).gains["vocals"] == 0.5
    mixture = recording(20 * BLOCK, 44_100)
    sender.pour(name, mixture)
    heard, vocals = listener.take_until_end(number, told)
    assert np.array_equal(heard.samples, mixture)
    assert all(header.way for header in vocals.headers)
