"""A line to a server that can break in the middle of an answer."""

import socket
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Final, Self

_PIECE: Final = 256  # bytes


class Line:
    """Carries bytes there and back, each connection in threads of its own.

    Args:
        port: of the server, on this machine.

    Attributes:
        breaks_after: bytes of answers after which a connection is closed; None: it holds.
    """

    def __init__(self, port: int) -> None:
        self.breaks_after: int | None = None
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _close(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                Thread(target=self._carry, args=(client, server), daemon=True).start()
                Thread(target=self._carry, args=(server, client), kwargs={"back": True}, daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, *, back: bool = False) -> None:
        carried = 0
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if back and self.breaks_after is not None:
                    carried += len(piece)
                    if carried > self.breaks_after:
                        break
                sink.sendall(piece)
        _close(source)
        _close(sink)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
