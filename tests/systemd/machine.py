"""A machine of its own with a real systemd: this one's /usr in a container, everything else new and thrown away."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.waiting import wait_until

CHECKOUT = Path(__file__).parent.parent.parent
STEMD = str(Path(sys.executable).with_name("stemd"))
_numbers = itertools.count(1)


class Machine:
    """Boots when it is made; `off` ends it. Sockets and files in it are reached by `below`.

    Args:
        directory: a tree to boot instead of this machine's own /usr; what is written there stays.
    """

    def __init__(self, directory: Path | None = None) -> None:
        name = f"stemd-test-{os.getpid()}-{next(_numbers)}"
        shown = _outermost({CHECKOUT, Path(sys.prefix), Path(sys.base_prefix)})
        root = ("--directory=/", "--volatile=yes") if directory is None else (f"--directory={directory}",)
        command = [
            *("setpriv", "--pdeathsig=TERM"),  # no machine without its tests
            *("systemd-nspawn", "--boot", "--quiet", *root, "--private-network"),
            *("--register=no", "--keep-unit", f"--machine={name}", "--console=pipe"),
            *(f"--bind-ro={path}" for path in shown),
            # It has no network, so who waits for one (as HAProxy does, where that is installed) would wait in vain.
            *("--", "--show-status=0", "systemd.mask=systemd-networkd-wait-online.service"),
        ]
        self._container = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            self.leader = wait_until(self._find_leader, "the container has a first process")
            wait_until(self._booted, "systemd has booted")
        except BaseException:
            self.off()
            raise
        self.run("ldconfig")
        for path in shown:  # what runs there may be in a home, which is closed in a new machine
            for parent in path.parents:
                self.run("chmod", "o+x", str(parent), status=None)

    def run(self, *command: str, status: int | None = 0) -> str:
        """Run something in it; what it writes. `status`: what it must end with; None: whatever."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.leader), "--all", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=90,
        )
        assert status is None or done.returncode == status, f"{' '.join(command)}: {done.returncode}\n{done.stdout}"
        return done.stdout

    def below(self, path: str) -> Path:
        """A path of its, as this machine sees it."""
        return Path(f"/proc/{self.leader}/root{path}")

    def outside(self, pid: int) -> int:
        """The number that one of its processes has on this machine."""
        for status in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:")).split()[
                    1:
                ]
                if len(numbers) > 1 and int(numbers[-1]) == pid and _namespace(int(numbers[0])) == self._namespace:
                    return int(numbers[0])
        raise AssertionError(f"no process {pid} in the container")

    def off(self) -> None:
        """Power it off."""
        self._container.terminate()
        try:
            self._container.wait(30)
        except subprocess.TimeoutExpired:
            self._container.kill()
            self._container.wait()

    @property
    def _namespace(self) -> int:
        return _namespace(self.leader)

    def _find_leader(self) -> int | None:
        assert self._container.poll() is None, "systemd-nspawn has ended"
        pid = self._container.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
        return None

    def _booted(self) -> bool:
        return self.run("systemctl", "is-system-running", status=None).strip() in {"running", "degraded"}


@contextmanager
def booted(directory: Path | None = None) -> Iterator[Machine]:
    """A machine, powered off at the end."""
    machine = Machine(directory)
    try:
        yield machine
    finally:
        machine.off()


def _namespace(pid: int) -> int:
    return os.stat(f"/proc/{pid}/ns/pid").st_ino  # noqa: PTH116 - of what the link leads to


def _outermost(paths: set[Path]) -> list[Path]:
    """Without those that lie in others, or in /usr, which is there anyway."""
    real = {path.resolve() for path in paths} | {Path("/usr")}
    return sorted(p for p in real if p != Path("/usr") and not any(p != o and p.is_relative_to(o) for o in real))
