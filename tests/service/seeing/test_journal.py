"""Entries as systemd's journal reads them: through a real socket, taken apart as the protocol's description says."""

import logging
import mmap
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemd.service.seeing import journal
from stemd.service.seeing.journal import Journal, entry
from stemd.service.seeing.lines import journal_fields, settle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd's journal is Linux'")

names = st.from_regex(r"\A[A-Z][A-Z0-9_]{0,20}\Z")
Receiver = tuple[Path, socket.socket]


def parse(data: bytes) -> list[tuple[str, str]]:
    """Fields of an entry, by https://systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    fields = []
    while data:
        end = data.index(b"\n")
        name, equals, value = data[:end].partition(b"=")
        data = data[end + 1 :]
        if not equals:
            (length,) = struct.unpack_from("<Q", data)
            value, data = data[8 : 8 + length], data[8 + length :]
            assert data[:1] == b"\n"
            data = data[1:]
        fields.append((name.decode(), value.decode()))
    return fields


@given(st.lists(st.tuples(names, st.text(st.characters(exclude_categories=["Cs"]))), max_size=8))
def test_whatever_is_in_a_value_it_is_read_as_it_was(fields: list[tuple[str, str]]) -> None:
    assert parse(entry(fields)) == fields


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """The far end: a datagram socket, as journald has."""
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as far:
        far.bind(str(path))
        far.settimeout(5)
        yield path, far


def receive(far: socket.socket) -> bytes:
    """One entry, from the datagram or from the file that came with it, which must be sealed."""
    data, descriptors, _, _ = socket.recv_fds(far, 2**20, 1)
    if not descriptors:
        return data
    assert data == b""
    [file] = descriptors
    try:
        with pytest.raises(PermissionError):
            os.write(file, b"x")
        with mmap.mmap(file, 0, prot=mmap.PROT_READ) as view:
            return bytes(view)
    finally:
        os.close(file)


@pytest.mark.parametrize("length", [1, 60_000, 3_000_000])
def test_an_entry_of_any_length_arrives(receiver: Receiver, length: int) -> None:
    path, far = receiver
    fields = [("MESSAGE", "a\nb" + "x" * length), ("PRIORITY", "4")]
    there = Journal(str(path))
    there.send(fields)
    there.close()
    assert parse(receive(far)) == fields


def test_an_entry_says_what_happened_to_whom_and_where(receiver: Receiver) -> None:
    path, far = receiver
    record = logging.LogRecord("stemd", logging.ERROR, "/x/streams.py", 12, "stream %s: %s", ("a", "b"), None, "failed")
    record.stream, record.code, record.suppressed = "a", "inference", 3
    settle(record)
    there = Journal(str(path))
    there.send(journal_fields(record))
    there.close()
    assert dict(parse(receive(far))) == {
        "MESSAGE": "stream a: b (3 more like this were left out)",
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "stemd",
        "CODE_FILE": "/x/streams.py",
        "CODE_LINE": "12",
        "CODE_FUNC": "failed",
        "STEMD_EVENT": "stream %s: %s",
        "STEMD_STREAM": "a",
        "STEMD_CODE": "inference",
        "STEMD_SUPPRESSED": "3",
    }


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.DEBUG, "7"), (logging.INFO, "6"), (logging.WARNING, "4"), (logging.ERROR, "3"), (logging.CRITICAL, "2")],
)
def test_levels_are_those_of_syslog(level: int, priority: str) -> None:
    record = logging.LogRecord("stemd", level, "x", 1, "x", (), None)
    settle(record)
    assert dict(journal_fields(record))["PRIORITY"] == priority


def test_the_journal_is_spoken_to_where_it_reads_stderr(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setattr(journal, "SOCKET", str(receiver[0]))
    there = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino}")
    assert journal.reads_stderr()
    monkeypatch.setenv("JOURNAL_STREAM", f"{there.st_dev}:{there.st_ino + 1}")
    assert not journal.reads_stderr()
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not journal.reads_stderr()


def test_nobody_at_the_socket_is_an_error_and_leaves_no_descriptor(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    there = Journal(str(tmp_path / "none"))
    with pytest.raises(OSError, match="No such file"):
        there.probe()
    with pytest.raises(OSError, match="No such file"):
        there.send([("MESSAGE", "x")])
    there.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
