"""Messages that are none: each is answered by an error that says why, and harms nobody."""

import msgpack
import pytest

from stemd.errors import ProtocolError
from stemd.protocol import MAX_HEADER, MAX_ITEMS, Fault, from_daemon
from tests.end_to_end.process import Daemon
from tests.end_to_end.raw import Raw, connected
from tests.end_to_end.talk import PATIENCE_MS

STATUS = msgpack.packb({"request": 5})
MORE_THAN_LIBZMQ_TAKES = 17 * 2**20


def header(**values: object) -> bytes:
    packed: bytes = msgpack.packb({"request": 5, **values})
    return packed


FRAMES: dict[str, tuple[list[bytes], str]] = {
    "one empty frame": ([b""], "3 frames (kind, header, pcm), not 1"),
    "one frame": ([b"status"], "not 1"),
    "two frames": ([b"status", STATUS], "not 2"),
    "four frames": ([b"status", STATUS, b"", b""], "not 4"),
    "a hundred frames": ([b"status"] * 100, "not 100"),
    "three empty frames": ([b"", b"", b""], "unknown kind ''"),
    "an unknown kind": ([b"statsu", STATUS, b""], "unknown kind 'statsu' (did you mean 'status'?)"),
    "a kind in capitals": ([b"STATUS", STATUS, b""], "unknown kind 'STATUS'"),
    "a kind that daemons send": ([b"opened", STATUS, b""], "unknown kind 'opened'"),
    "a kind without end": ([b"status" * 100_000, STATUS, b""], "unknown kind"),
    "a kind of any bytes": ([bytes(range(255, -1, -1)), STATUS, b""], "unknown kind"),
    "samples where none belong": ([b"status", STATUS, bytes(8)], "status: carries no pcm, got 8 bytes"),
}

HEADERS: dict[str, tuple[bytes, str]] = {
    "an empty header": (b"", "not msgpack"),
    "a byte that msgpack never uses": (b"\xc1", "not msgpack"),
    "a header cut short": (STATUS[:-1], "not msgpack"),
    "a header and a byte more": (STATUS + b"\0", "not msgpack"),
    "text in place of a header": (b'{"request": 5}', "not msgpack"),
    "bytes that are not text": (b"\x81\xa7request\xa2\xff\xfe", "not msgpack"),
    "a list": (msgpack.packb(["request", 5]), "not a map"),
    "a number": (msgpack.packb(5), "not a map"),
    "nothing": (msgpack.packb(None), "not a map"),
    "keys that are numbers": (msgpack.packb({5: "request"}), "status: header is not"),
    "keys that are bytes": (msgpack.packb({b"request": 5}), "status: header is not"),
    "keys that are lists": (b"\x81\x91\x01\x05", "status: header is not"),
    "an extension type": (header(more=msgpack.ExtType(4, b"abc")), "not msgpack"),
    "a list that promises four thousand million items": (b"\x81\xa7request\xdd\xff\xff\xff\xff", "not msgpack"),
    "a map that promises as many": (b"\xdf\xff\xff\xff\xff", "not msgpack"),
    "lists in lists without end": (b"\x81\xa7request" + b"\x91" * 10_000, "not msgpack"),
    "a list over the limit": (header(more=[0] * (MAX_ITEMS + 1)), "not msgpack"),
    "a map over the limit": (header(more={str(n): n for n in range(MAX_ITEMS + 1)}), "not msgpack"),
    "a header over the limit": (header(more="x" * MAX_HEADER), f"over the limit of {MAX_HEADER}"),
    "a header of ten megabytes": (bytes(10 * 2**20), f"over the limit of {MAX_HEADER}"),
}

ALL = {**FRAMES, **{what: ([b"status", value, b""], text) for what, (value, text) in HEADERS.items()}}


def refusal(raw: Raw, text: str) -> Fault:
    fault = raw.fault(ProtocolError.code)
    assert text in fault.text
    assert "\n" not in fault.text
    return fault


@pytest.mark.parametrize(("frames", "text"), ALL.values(), ids=ALL)
def test_a_broken_message_is_answered_by_an_error_and_the_connection_goes_on(
    raw: Raw, frames: list[bytes], text: str
) -> None:
    raw.say(frames)
    refusal(raw, text)
    assert raw.state()
    assert not raw.passed, "one message, one answer"


def test_a_broken_message_of_a_stranger_is_answered_likewise(daemon: Daemon) -> None:
    with connected(daemon.address, greet=False) as stranger:
        for frames, text in ALL.values():
            stranger.say(frames)
            refusal(stranger, text)
        stranger.meet()
        assert stranger.state()


def test_the_socket_for_stems_answers_likewise(raw: Raw) -> None:
    for frames, text in ALL.values():
        raw.stems.send_multipart(frames)
        assert raw.stems.poll(PATIENCE_MS)
        fault, _ = from_daemon(raw.stems.recv_multipart())
        assert isinstance(fault, Fault)
        assert fault.code == ProtocolError.code
        assert text in fault.text
    raw.meet()


def test_an_error_names_the_request_wherever_its_number_can_be_read(raw: Raw) -> None:
    for frames in ([b"statsu", STATUS, b""], [b"status", STATUS, b"pcm"], [b"status", header(more=1), b""]):
        raw.say(frames)
        assert raw.fault(ProtocolError.code).request == 5


def test_a_request_number_out_of_bounds_is_not_given_back(raw: Raw) -> None:
    for number in (-1, 2**62 + 1, 2**64 - 1, 1.5, True, "5", None, [5]):
        raw.say([b"status", msgpack.packb({"request": number}), b""])
        assert refusal(raw, "status.request").request is None


def test_who_sends_a_frame_over_libzmqs_limit_is_hung_up_on_and_nobody_else(
    raw: Raw, name: str, daemon: Daemon
) -> None:
    raw.opened(name)
    before = raw.session
    raw.say([b"mixture", header(), bytes(MORE_THAN_LIBZMQ_TAKES)])
    # libzmq connects anew by itself; to the daemon that is a stranger.
    with connected(daemon.address) as other:
        assert other.stream(name) is not None
    assert raw.meet().session != before
    assert raw.open(name).code == "stream-exists"


def test_a_flood_of_broken_messages_leaves_room_for_others(raw: Raw, daemon: Daemon) -> None:
    for _ in range(500):
        raw.say([b"nonsense"])
    with connected(daemon.address) as other:
        assert other.state()
    for _ in range(500):
        raw.fault(ProtocolError.code)
