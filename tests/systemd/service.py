"""The service of the machine: installed, started, configured and asked as an administrator does it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.end_to_end.raw import Raw, connected
from tests.systemd.machine import STEMD, Machine
from tests.waiting import wait_until

CONFIG = "/etc/stemd/stemd.toml"
UNITS = "/etc/systemd/system"
USUAL = "[engine]\nthreads = 1\n"


class Service:
    """`stemd.service` and `stemd.socket` in a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.said = ""  # by install-service

    # --- the administrator's hands -----------------------------------------------------------------------------

    def install(self, *additions: str) -> None:
        """Write the files, and do what is printed then."""
        wanted = [word for name in additions for word in ("--with", name)]
        self.said = self.machine.run(STEMD, "install-service", *wanted)
        for line in self.said.splitlines():
            if line.startswith(("  systemd-", "  systemctl daemon-reload")):
                self.machine.run(*line.split("   ")[0].split())
        self.configure(USUAL)

    def uninstall(self) -> str:
        """Undo that; what it said."""
        self.control("disable", "--now", "stemd.socket", "stemd.service")
        return self.machine.run(STEMD, "uninstall-service")

    def configure(self, text: str) -> None:
        """Write the configuration."""
        self.machine.below(CONFIG).write_text(text, "utf-8")

    def control(self, *words: str, status: int | None = 0) -> str:
        """Call systemctl."""
        return self.machine.run("systemctl", *words, status=status)

    def start(self) -> None:
        """Start it; it serves then."""
        self.control("start", "stemd.socket", "stemd.service")

    def put_right(self) -> None:
        """As it was installed, and not running."""
        self.control("stop", "stemd.socket", "stemd.service")
        self.control("reset-failed", "stemd.socket", "stemd.service", status=None)
        self.configure(USUAL)
        self.machine.run("rm", "--recursive", "--force", f"{UNITS}/stemd.service.d")
        self.control("daemon-reload")

    # --- what can be seen --------------------------------------------------------------------------------------

    def show(self, *names: str, unit: str = "stemd.service") -> list[str]:
        """Properties of a unit."""
        lines = self.control("show", unit, *(f"--property={name}" for name in names)).splitlines()
        found = dict(line.split("=", 1) for line in lines)
        return [found[name] for name in names]

    @property
    def pid(self) -> int:
        """The daemon's process, in the machine."""
        return int(self.show("MainPID")[0])

    @property
    def status(self) -> str:
        """The line of status."""
        return self.show("StatusText")[0]

    def facts(self) -> Mapping[str, str]:
        """What the kernel says of the daemon's process."""
        text = self.machine.below(f"/proc/{self.pid}/status").read_text()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}

    def restarted(self, before: int) -> None:
        """Wait until it was started again, and serves."""
        wait_until(
            lambda: self.show("ActiveState")[0] == "active" and self.pid not in {0, before},
            "the service was started again",
        )

    def log(self) -> list[dict[str, Any]]:
        """All that was logged of it."""
        lines = self.machine.run("journalctl", "--unit=stemd.service", "--output=json", "--all", "--no-pager")
        return [json.loads(line) for line in lines.splitlines()]

    def told(self, words: str) -> bool:
        """Whether the log holds these words."""
        return any(words in str(entry["MESSAGE"]) for entry in self.log())

    @property
    def address(self) -> str:
        """Where it is reached from this machine."""
        return f"ipc://{self.machine.below('/run/stemd')}"

    @contextmanager
    def client(self) -> Iterator[Raw]:
        """A client of it."""
        with connected(self.address) as raw:
            yield raw
