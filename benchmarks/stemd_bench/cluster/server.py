"""A Triton server of one's own: a real `tritonserver` process with its Python backend, from PyPI's `nvidia-pytriton`.

Only the files of that package are used, and not its own way to bind functions: what is served is a model repository,
as on any other Triton.
"""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import stemd
from stemd.errors import StemdError
from stemd_bench.results import Skipped

ENVIRONMENT: Final = ".venv-triton"
READY_WITHIN: Final = 120.0  # seconds; each instance of each specialist is a process that loads its graph
STOP_WITHIN: Final = 20.0
_PORT: Final = 8_001
_STUB: Final = "triton_python_backend_stub"
# Written once all models are there: a model that cannot be loaded ends the server. Asking would need a way to it.
_READY: Final = b"Started GRPCInferenceService at "
_SHARED: Final = Path("/dev/shm")  # noqa: S108 - where the Python backend keeps what it hands to its processes
_LIBRARY: Final = "import sysconfig as s; print(s.get_config_var('LIBDIR') + '/' + s.get_config_var('INSTSONAME'))"


def tritonserver() -> Path | Skipped:
    """The server's program, in the environment $STEMD_TRITON or `.venv-triton` beside the checkout; why there is none.

    The environment holds what stemd's daemon needs, and `nvidia-pytriton`; `make cluster` makes it.
    """
    place = Path(os.environ.get("STEMD_TRITON") or Path(__file__).parents[3] / ENVIRONMENT).absolute()
    found = sorted(place.glob("lib/python3*/site-packages/pytriton/tritonserver/bin/tritonserver"))
    if not found:
        return Skipped("tritonserver", f"there is no tritonserver in {place}: `make {ENVIRONMENT}` fetches one")
    program = found[0]
    if not _stub(program).exists():
        return Skipped("tritonserver", f"{program} has no Python backend for {_python(program).name}")
    if not _library(program).exists():
        return Skipped("tritonserver", f"{_python(program)} has no shared library, which tritonserver wants")
    return program


class Server:
    """`with Server(repository) as server`: ready, all models loaded, once entered; gone once left.

    Attributes:
        address: of its gRPC, `host:port`; it listens nowhere else.
        log: what it says.
        shared: with what the names of its shared memory begin.

    Args:
        repository: as `stemd models export-triton` writes it.
        host: the one address that it listens at.
        port: likewise; None: one that is free on `host`.
        prefix: goes before the command, and must become it, as `ip netns exec NAME` does.

    Raises:
        StemdError: on entering: there is none, or it does not start.
    """

    def __init__(
        self, repository: Path, *, host: str = "127.0.0.1", port: int | None = None, prefix: Sequence[str] = ()
    ) -> None:
        self.port = port or _free_port(host)
        self.address = f"{host}:{self.port}"
        self._host, self._repository, self._prefix = host, repository, list(prefix)
        self._folder = tempfile.TemporaryDirectory(prefix="stemd-triton-", ignore_cleanup_errors=True)
        self.log = Path(self._folder.name) / "tritonserver.log"
        self.shared = f"stemd-triton-{secrets.token_hex(6)}-"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # If we are killed, Linux ends it.
        guard = [found, "--pdeathsig", "TERM"] if (found := shutil.which("setpriv")) else []
        try:
            program = tritonserver()
            if isinstance(program, Skipped):
                raise StemdError(program.reason)
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    [*guard, *self._prefix, str(program), *self._arguments(program)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=_environment(program),
                    start_new_session=True,  # so that its processes can be ended with it
                )
            self._wait_until_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._process and self._process.poll() is None:
                self._process.terminate()
                self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:  # what it runs is of no use to anybody any more
            pass
        finally:
            self._end()

    @property
    def pid(self) -> int:
        """The process' number.

        Raises:
            RuntimeError: it was not started.
        """
        if self._process is None:
            raise RuntimeError("the server is not running yet: with Server(repository) as server")
        return self._process.pid

    def kill(self) -> None:
        """End it at once, with all its processes, as a machine that loses its power."""
        if self._process:
            _kill_group(self._process.pid)
            self._process.wait()

    def _arguments(self, program: Path) -> list[str]:
        return [
            f"--model-repository={self._repository}",
            f"--backend-directory={_backends(program, Path(self._folder.name))}",
            f"--backend-config=python,shm-region-prefix-name={self.shared}",
            f"--grpc-address={self._host}",
            f"--grpc-port={self.port}",
            "--allow-http=false",
            "--allow-metrics=false",
        ]

    def _wait_until_ready(self) -> None:
        assert self._process is not None  # noqa: S101 - started
        deadline = time.monotonic() + READY_WITHIN
        while _READY not in self.log.read_bytes():
            if self._process.poll() is not None:
                raise StemdError(
                    f"tritonserver could not start (status {self._process.returncode}){self._last_words()}"
                )
            if time.monotonic() > deadline:
                raise StemdError(f"tritonserver was not ready within {READY_WITHIN:.0f} s{self._last_words()}")
            time.sleep(0.05)

    def _last_words(self) -> str:
        """What it complained of last, to be put behind a sentence."""
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        faults = [line for line in lines if re.match(r"E\d{4} ", line)] or lines
        return f": {faults[-1]}" if faults else ""

    def _end(self) -> None:
        self.kill()
        for left in _SHARED.glob(f"{self.shared}*"):
            left.unlink(missing_ok=True)
        self._folder.cleanup()


def _backends(program: Path, folder: Path) -> Path:
    """A folder of backends: that for Python, with the process for our Python beside it as the server wants it.

    Its Python looks for packages here, too, and not where PYTHONPATH says; so this is how it gets the stemd of here.
    """
    place = folder / "backends" / "python"
    place.mkdir(parents=True)
    for file in (program.parents[1] / "backends" / "python").iterdir():
        (place / file.name).symlink_to(file)
    (place / _STUB).symlink_to(_stub(program))
    about = f"stemd-{stemd.__version__}.dist-info"
    (place / about).symlink_to(str(distribution("stemd").locate_file(about)))
    (place / "stemd").symlink_to(Path(stemd.__file__).parent)
    return place.parent


def _environment(program: Path) -> dict[str, str]:
    """That of a server whose Python is the environment's."""
    libraries = [_packages(program) / "nvidia_pytriton.libs", _library(program).parent]
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(_python(program).parent), os.environ.get("PATH", os.defpath)]),
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
    }


def _packages(program: Path) -> Path:
    return program.parents[3]


def _python(program: Path) -> Path:
    """Of the environment, as `python3.11`."""
    return _packages(program).parents[2] / "bin" / _packages(program).parent.name


def _stub(program: Path) -> Path:
    return program.parents[1] / "python_backend_stubs" / _python(program).name.removeprefix("python") / _STUB


@cache
def _library(program: Path) -> Path:
    """The shared library of the environment's Python."""
    done = subprocess.run(  # noqa: S603 - our own environment
        [_python(program), "-c", _LIBRARY], capture_output=True, text=True, check=False
    )
    return Path(done.stdout.strip() or "none")


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _free_port(host: str) -> int:
    """One that is free there; Triton's own where the address is of another network namespace, and so nobody else's."""
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return _PORT
        return int(probe.getsockname()[1])
