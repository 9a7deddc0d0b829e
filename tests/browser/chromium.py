"""A page in a real browser: served from this process, run by headless Chromium, answered by one POST."""

import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-breakpad"),
    # Nothing but this machine has an address.
    *("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--enable-logging=stderr"),
)
# The page may load from its own server alone, and compile WebAssembly.
POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".wasm": "application/wasm"}


@dataclass(frozen=True)
class Answer:
    """What the page posted: to which path, with which headers; which paths it had asked for until then.

    `memory` is the peak of the largest of Chromium's processes, the page's, in bytes.
    """

    path: str
    headers: Mapping[str, str]
    body: bytes
    asked: list[str]
    memory: int = 0


def visit(files: Mapping[str, bytes], page: str, profile: Path, seconds: float) -> Answer:
    """Open `page`, one of `files`, in a fresh Chromium, and wait for its first POST.

    Raises:
        AssertionError: no POST within `seconds`, or Chromium ended; with what the page's console says.
    """
    answers: queue.Queue[Answer | None] = queue.Queue()
    log = profile.with_suffix(".log")
    with _serving(files, answers) as address, _chromium(f"{address}/{page}", profile, log, answers) as pid:
        try:
            answer = answers.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no answer from {page} in {seconds} s\n{_told(log)}") from None
        assert answer, f"Chromium ended before {page} answered\n{_told(log)}"
        return replace(answer, memory=max(_peak(child.pid) for child in psutil.Process(pid).children(recursive=True)))


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    peaks = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")] if status.exists() else []
    return 1_024 * int(peaks[0].split()[1]) if peaks else 0


def _told(log: Path) -> str:
    """What the page wrote to its console, or else the end of Chromium's own log."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join([line for line in lines if ":CONSOLE:" in line] or lines[-20:])


@contextmanager
def _serving(files: Mapping[str, bytes], answers: "queue.Queue[Answer | None]") -> Iterator[str]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            name = self.path.removeprefix("/")
            self._reply(200 if name in files else 404, files.get(name, b""), TYPES.get(Path(name).suffix))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._reply(204, b"", None)
            answers.put(Answer(self.path, dict(self.headers), body, list(asked)))

        def _reply(self, status: int, body: bytes, kind: str | None) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/octet-stream")
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def _chromium(url: str, profile: Path, log: Path, answers: "queue.Queue[Answer | None]") -> Iterator[int]:
    command = ["chromium", *FLAGS, f"--user-data-dir={profile}", url]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)

    def watch() -> None:
        process.wait()
        answers.put(None)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        watcher.join()
