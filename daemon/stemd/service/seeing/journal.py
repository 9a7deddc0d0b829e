"""systemd's journal by its native protocol, which is kept stable: https://systemd.io/JOURNAL_NATIVE_PROTOCOL."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterable
from typing import Final

SOCKET: Final = "/run/systemd/journal/socket"
_TOO_LONG: Final = (errno.EMSGSIZE, errno.ENOBUFS)  # for a datagram


def entry(fields: Iterable[tuple[str, str]]) -> bytes:
    """The bytes of an entry: `NAME=value`, or the length apart where a value has more than one line."""
    parts = []
    for name, value in fields:
        raw = value.encode("utf-8", "backslashreplace")
        if b"\n" in raw:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n")
        else:
            parts.append(name.encode() + b"=" + raw + b"\n")
    return b"".join(parts)


class Journal:
    """Where entries go. It may wait, while the journal is busy.

    Args:
        path: of its socket.
    """

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, fields: Iterable[tuple[str, str]]) -> None:
        """Send an entry.

        Raises:
            OSError: the journal does not take it.
        """
        data = entry(fields)
        try:
            self._socket.sendto(data, self._path)
        except OSError as exc:
            if exc.errno not in _TOO_LONG:
                raise
            self._send_file(data)

    def probe(self) -> None:
        """See whether somebody listens.

        Raises:
            OSError: nobody does.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.connect(self._path)

    def close(self) -> None:
        """Send no more."""
        self._socket.close()

    def _send_file(self, data: bytes) -> None:
        """Send what is too long for a datagram as a sealed file in memory."""
        file = os.memfd_create("stemd-journal", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            with os.fdopen(os.dup(file), "wb") as stream:
                stream.write(data)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))
            self._socket.sendmsg([b""], [rights], 0, self._path)
        finally:
            os.close(file)


def reads_stderr() -> bool:
    """Whether the journal is at the other end of stderr, by $JOURNAL_STREAM, and can be spoken to instead."""
    try:
        there = os.fstat(2)
        return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}" and os.access(SOCKET, os.W_OK)
    except OSError:
        return False
