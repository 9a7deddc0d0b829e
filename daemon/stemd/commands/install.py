"""`stemd install-service` and `stemd uninstall-service`."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from stemd.commands.installation import words
from stemd.commands.installation.files import Item, Scope, drop_ins, items, machine, own
from stemd.commands.installation.ledger import Ledger, below, check_writable
from stemd.commands.installation.program import check_visible, in_a_home, places, program
from stemd.errors import StemdError

_RUNS = Path("/run/systemd/system")  # as sd_booted looks


def install(options: argparse.Namespace) -> int:
    """Write the files of the service, and say what to do with them."""
    scope, root = _scope(options), Path(options.root).resolve()
    in_home = not scope.user and in_a_home(places())
    wanted = items(scope, options.additions, program(), in_home=in_home)
    if options.print:
        print("\n".join(f"# --- {item.target}\n{item.text}" for item in wanted), end="")
        return 0
    if not scope.user and root == Path("/"):
        check_visible(places())
    ledger = Ledger.read(root, scope.ledger)
    if options.dry_run:
        for item in wanted:
            print(f"{item.target}: {'would be written' if ledger.fate(item).changes else 'would stay as it is'}")
        return 0
    check_writable(root, (*(item.target for item in wanted), scope.ledger))
    print(words.installed(scope, ledger.write(wanted), runs=_RUNS.is_dir(), in_home=in_home))
    return 0


def uninstall(options: argparse.Namespace) -> int:
    """Remove what `install` wrote, if nobody has edited it since."""
    scope, root = _scope(options), Path(options.root).resolve()
    ledger = Ledger.read(root, scope.ledger)
    known = [item.target for item in _everything(scope)]
    if not options.dry_run:
        if ledger.digests:
            check_writable(root, (*known, scope.ledger))
        _check_idle(scope, root)
    done = ledger.remove(known, really=not options.dry_run)
    if options.dry_run:
        for path, fate in done:
            print(f"{path}: would be {fate.value}")
    else:
        print(words.removed(scope, done))
    return 0


def _scope(options: argparse.Namespace) -> Scope:
    if sys.platform != "linux":
        raise StemdError("services are systemd's, which is on Linux; elsewhere run `stemd serve` as the system does it")
    return own() if options.user else machine()


def _everything(scope: Scope) -> list[Item]:
    return items(scope, [] if scope.user else drop_ins(), program(), in_home=False)


def _check_idle(scope: Scope, root: Path) -> None:
    """Refuse to take the files away from under a service that runs, or is to.

    Raises:
        StemdError: it does.
    """
    control = "systemctl --user" if scope.user else "systemctl"
    units = "stemd.service" if scope.user else "stemd.socket stemd.service"
    enabled = list(below(root, scope.units).glob("*.wants/stemd.*"))
    if enabled or (root == Path("/") and _runs(control, units)):
        raise StemdError(f"the service runs, or is enabled; type first: {control} disable --now {units}")


def _runs(control: str, units: str) -> bool:
    command = [*control.split(), "is-active", "--quiet", *units.split()]
    if not _RUNS.is_dir() or shutil.which("systemctl") is None:
        return False
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 - no input of others
