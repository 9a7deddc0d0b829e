"""Servers behind TLS that want to know who asks: a real HAProxy before a real tritonserver lets in whom it should."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trustme

from stemd.errors import ConfigError, InferenceError, ModelLoadError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.pool import Lane
from stemd.separation.remote.link import Access
from stemd.separation.remote.pool import TritonPool
from stemd.separation.remote.repository import Serving
from stemd.separation.store import Model
from stemd.separation.threads import ThreadPool
from stemd.store.triton import export
from stemd_bench.cluster.server import Server, tritonserver
from stemd_bench.results import Skipped
from tests.end_to_end.process import free_port
from tests.haproxy import haproxy
from tests.remote.graphs import pair
from tests.remote.test_serving import PLANS, stream
from tests.remote.test_with_triton import ran
from tests.waiting import wait_until

_FOUND = tritonserver()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("haproxy"),
    pytest.mark.skipif(isinstance(_FOUND, Skipped), reason=getattr(_FOUND, "reason", "")),
]
HOST = "127.0.0.1"
TOKEN = "a-token"  # noqa: S105
_CONFIG = """\
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h

frontend guarded
    bind {host}:{port} ssl crt {certificate} ca-file {ca} verify required alpn h2
    http-request deny deny_status 401 unless {{ req.hdr(authorization) -m str "Bearer {token}" }}
    default_backend servers

backend servers
    server one {server} proto h2
"""


class Guard:
    """A gate before a server, with certificates for both sides; it can be put up again, with another token."""

    def __init__(self, server: Server, folder: Path) -> None:
        self._server, self._folder, self._port = server, folder, free_port()
        self._ends = ExitStack()
        ca = trustme.CA()
        ours, theirs = ca.issue_cert("daemon.example"), ca.issue_cert(HOST)
        self._certificate = self._file("theirs.pem", theirs.private_key_and_cert_chain_pem.bytes())
        self._token = self._file("token", b"")
        self.access = Access(
            tls=True,
            ca=self._file("ca.pem", ca.cert_pem.bytes()),
            certificate=self._file("ours.pem", b"".join(blob.bytes() for blob in ours.cert_chain_pems)),
            key=self._file("ours.key", ours.private_key_pem.bytes()),
            token_file=self._token,
        )
        self.address = ""

    def up(self, token: str = TOKEN) -> None:
        """Let in who has this token."""
        paths = {"certificate": self._certificate, "ca": self.access.ca}
        config = _CONFIG.format(host=HOST, port=self._port, server=self._server.address, token=token, **paths)
        self.address = self._ends.enter_context(haproxy(config, HOST, self._port, self._folder))

    def down(self) -> None:
        """Nobody listens any more."""
        self._ends.close()

    def tell(self, token: str) -> None:
        """Write a token where the daemon looks for it."""
        self._file("token", f"{token}\n".encode())

    def stranger(self) -> Access:
        """With a certificate for which somebody else vouches."""
        unknown = trustme.CA().issue_cert("daemon.example")
        certificate = self._file("unknown.pem", b"".join(blob.bytes() for blob in unknown.cert_chain_pems))
        return replace(
            self.access, certificate=certificate, key=self._file("unknown.key", unknown.private_key_pem.bytes())
        )

    def _file(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return pair(tmp_path_factory.mktemp("model") / "pair")


@pytest.fixture(scope="module")
def server(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("repository")
    export(root, model, Serving(backend="python", threads=1), lambda _: None)
    with Server(root) as server:
        yield server


@pytest.fixture
def guard(server: Server, tmp_path: Path) -> Iterator[Guard]:
    guard = Guard(server, tmp_path)
    guard.tell(TOKEN)
    guard.up()
    yield guard
    guard.down()


def test_who_has_a_certificate_and_the_token_gets_stems(guard: Guard, model: Model, pools: list[TritonPool]) -> None:
    local = ThreadPool(EngineOptions(threads=1))
    local.load(model)
    pools.append(TritonPool([guard.address], 1, guard.access))
    pools[0].load(model)
    try:
        for given in stream(model, PLANS["waveform"]):
            assert np.array_equal(ran(pools[0], model, given), ran(local, model, given))
    finally:
        local.close()


def test_a_token_that_is_not_the_right_one_lets_nobody_in(guard: Guard, model: Model, pools: list[TritonPool]) -> None:
    guard.tell("another")
    refused(guard.address, guard.access, model, pools, "see engine.triton.token_file")


def test_who_has_no_token_is_not_let_in(guard: Guard, model: Model, pools: list[TritonPool]) -> None:
    refused(guard.address, replace(guard.access, token_file=""), model, pools, "see engine.triton.token_file")


def test_who_has_no_certificate_is_not_let_in(guard: Guard, model: Model, pools: list[TritonPool]) -> None:
    refused(guard.address, replace(guard.access, certificate="", key=""), model, pools)


def test_a_certificate_of_somebody_else_lets_nobody_in(guard: Guard, model: Model, pools: list[TritonPool]) -> None:
    refused(guard.address, guard.stranger(), model, pools)


def test_a_server_for_which_nobody_vouches_is_not_told_the_token(
    guard: Guard, model: Model, pools: list[TritonPool]
) -> None:
    refused(guard.address, replace(guard.access, ca=""), model, pools)


def test_a_server_that_is_not_the_one_it_says_is_not_told_the_token(
    guard: Guard, model: Model, pools: list[TritonPool]
) -> None:
    port = guard.address.rpartition(":")[2]
    refused(f"localhost:{port}", guard.access, model, pools)


def test_without_tls_nobody_is_let_in(guard: Guard, model: Model, pools: list[TritonPool]) -> None:
    refused(guard.address, Access(token_file=guard.access.token_file), model, pools)


@pytest.mark.parametrize("name", ["ca", "certificate", "key", "token_file"])
def test_a_file_that_is_not_there_is_named(
    guard: Guard, model: Model, pools: list[TritonPool], name: str, tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing")
    pools.append(TritonPool([guard.address], 1, replace(guard.access, **{name: missing})))
    with pytest.raises((ConfigError, ModelLoadError), match=missing):
        pools[0].load(model)


def test_a_new_token_is_read_where_the_old_one_lets_nobody_in(
    guard: Guard, model: Model, pools: list[TritonPool]
) -> None:
    given = stream(model, PLANS["waveform"])[1]
    pools.append(TritonPool([guard.address], 1, guard.access))
    pools[0].load(model)
    due = ran(pools[0], model, given)
    guard.down()
    guard.up("a-new-token")
    with pytest.raises(InferenceError):
        ran(pools[0], model, given, ahead=1_000_000_000)
    guard.tell("a-new-token")
    wait_until(lambda: pools[0].health()[Lane.REALTIME].restarts == 1, "it is let in again")
    assert np.array_equal(ran(pools[0], model, given), due)


def refused(address: str, access: Access, model: Model, pools: list[TritonPool], why: str = "") -> None:
    """Nobody is let in, and the reason says whom this is about."""
    pools.append(TritonPool([address], 1, access))
    with pytest.raises(ModelLoadError, match=rf"no server has all of model 'pair': {address}.*{why}"):
        pools[0].load(model)
