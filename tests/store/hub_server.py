"""A model hub on this machine: enough of its API for huggingface_hub, and all the ways in which it can let one down."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote, urlsplit

COMMIT = "c0ffee" * 6 + "beef"


@dataclass
class Hub:
    """A server with one repository at one commit. What may be changed while it runs stands here."""

    repository: str = "someone/some-graphs"
    files: dict[str, bytes] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)  # instead of `files`, by name
    declared: dict[str, str] = field(default_factory=dict)  # sha256 in the listing, instead of the true one
    sizes: dict[str, int] = field(default_factory=dict)  # likewise
    small: set[str] = field(default_factory=set)  # kept in Git itself, so without a sha256
    stop_at: dict[str, int] = field(default_factory=dict)  # byte after which the line is cut
    cuts: int = 1_000  # how many times
    at_most: int | None = None  # bytes of a large file at a time
    claim: int = 0  # added to the Content-Length of large files
    gated: bool = False
    ignore_range: bool = False
    pause: threading.Event | None = None  # at `stop_at` wait for this instead of cutting
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range

    def __enter__(self) -> Self:
        """Listen on a free port."""
        hub = self

        class Handler(_Handler):
            def __init__(self, *arguments: Any) -> None:
                self.hub = hub
                super().__init__(*arguments)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def fetched(self, name: str) -> list[str]:
        """The ranges in which a file was asked for; "" for the whole."""
        return [span for method, path, span in self.requests if method == "GET" and path.endswith(f"/{name}")]


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        # As a proxy is asked for it, the path is a whole URL.
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, self.path, self.headers.get("Range", "")))
        if match := re.fullmatch(r"/api/models/(\w+/[\w-]+)/revision/(.+)", path):
            self.list(*match.groups())
        elif match := re.fullmatch(r"/(\w+/[\w-]+)/resolve/(\w+)/(.+)", path):
            self.give(*match.groups())
        else:
            self.refuse(404, "RepoNotFound")

    def allowed(self, repository: str, revision: str) -> bool:
        if repository != self.hub.repository:
            self.refuse(404, "RepoNotFound")
        elif self.hub.gated and self.headers.get("Authorization") != "Bearer hf_secret":
            self.refuse(401, "GatedRepo")
        elif revision not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
        else:
            return True
        return False

    def list(self, repository: str, revision: str) -> None:
        if not self.allowed(repository, revision):
            return
        siblings = []
        for name, content in self.hub.files.items():
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324 - Git's
            size = self.hub.sizes.get(name, len(content))
            entry: dict[str, Any] = {"rfilename": name, "size": size, "blobId": blob}
            if name not in self.hub.small:
                sha256 = self.hub.declared.get(name) or hashlib.sha256(content).hexdigest()
                entry["lfs"] = {"sha256": sha256, "size": size, "pointerSize": 134}
            siblings.append(entry)
        body = json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, repository: str, revision: str, name: str) -> None:
        if not self.allowed(repository, revision):
            return
        if name not in self.hub.files:
            self.refuse(404, "EntryNotFound")
            return
        content = self.hub.served.get(name, self.hub.files[name])
        span = None if self.hub.ignore_range else re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(span[1]) if span else 0
        self.send_response(206 if span else 200)
        claim = self.hub.claim if len(content) - first > abs(self.hub.claim) else 0
        self.send_header("Content-Length", str(len(content) - first + claim))
        if span:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = first + self.hub.at_most if self.hub.at_most else self.hub.stop_at.get(name)
        if stop is None or self.hub.cuts == 0:
            self.wfile.write(content[first:])
            return
        self.wfile.write(content[first : max(first, stop)])
        self.wfile.flush()
        if self.hub.pause:
            self.hub.pause.wait(20)
            self.wfile.write(content[max(first, stop) :])
        self.hub.cuts -= 1

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
