"""A real HAProxy, told what to do by a file."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_until


@contextmanager
def haproxy(config: str, host: str, port: int, folder: Path, prefix: Sequence[str] = ()) -> Iterator[str]:
    """HAProxy with a configuration; `host:port`, where it listens by then.

    Args:
        config: its text.
        host: where it says that HAProxy listens.
        port: of the same.
        folder: for its files.
        prefix: the command that starts HAProxy's, and becomes it.
    """
    file, log = folder / "haproxy.cfg", folder / "haproxy.log"
    file.write_text(config, "utf-8")
    with log.open("w") as words:
        process = subprocess.Popen([*prefix, "haproxy", "-db", "-f", str(file)], stdout=words, stderr=words)
    try:
        wait_until(lambda: _listens(host, port) or process.poll() is not None, "HAProxy listens", 10.0)
        assert process.poll() is None, log.read_text("utf-8")
        yield f"{host}:{port}"
    finally:
        process.kill()
        process.wait()


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), 0.2):
            return True
    except OSError:
        return False
