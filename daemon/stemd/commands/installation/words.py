"""What `stemd install-service` and `uninstall-service` say to a person."""

from collections.abc import Iterable
from pathlib import Path

from stemd.commands.installation.files import Item, Scope
from stemd.commands.installation.ledger import Fate

_MACHINE = """\
What to type next, as root:
  systemd-sysusers                        makes the user and the group stemd
  systemd-tmpfiles --create stemd.conf    makes /run/stemd, where the sockets are
  systemctl daemon-reload                 has systemd read the units
  systemctl enable --now stemd.socket stemd.service
                                          starts it now, and whenever the machine does
And then:
  systemctl status stemd                  what it does: streams, load, the last it said
  journalctl -u stemd -f                  all that it says
  systemctl reload stemd                  after editing /etc/stemd/stemd.toml
  usermod -aG stemd NAME                  lets NAME use it from the next login on, with
                                          STEMD_ADDRESS=ipc:///run/stemd in the environment
Models of its own go to /var/lib/stemd/models: stemd models pull NAME --folder /var/lib/stemd/models"""

_USER = """\
What to type next:
  systemctl --user daemon-reload          has systemd read the unit
  systemctl --user enable --now stemd     starts it now, and whenever you log in
And then:
  systemctl --user status stemd           what it does: streams, load, the last it said
  journalctl --user -u stemd -f           all that it says
  systemctl --user reload stemd           after editing stemd.toml
  loginctl enable-linger                  has it run while you are not logged in, too"""

_NO_SYSTEMD = "systemd does not run here: these files do nothing until it does. `stemd serve` runs without it."
_HOME = "stemd is installed in a home, so the service may read homes (ProtectHome=read-only)."


def installed(scope: Scope, done: Iterable[tuple[Item, Fate]], *, runs: bool, in_home: bool) -> str:
    """What was written, and what to type next.

    Args:
        scope: whose service it is.
        done: what became of each file.
        runs: whether this machine runs systemd.
        in_home: whether stemd is installed in a home.
    """
    lines = []
    for item, fate in done:
        note = "it is not as stemd wrote it; remove it to get the shipped one" if fate is Fate.KEPT else item.purpose
        lines.append(f"{fate.value} {item.target}: {note}")
    if in_home and not scope.user:
        lines.append(_HOME)
    return "\n".join([*lines, "", (_USER if scope.user else _MACHINE) if runs else _NO_SYSTEMD])


def removed(scope: Scope, done: Iterable[tuple[Path, Fate]]) -> str:
    """What was removed, and what is left."""
    lines = [f"{fate.value} {path}{': you have edited it' if fate is Fate.KEPT else ''}" for path, fate in done]
    if not lines:
        return "no service was installed by stemd install-service"
    if scope.user:
        return "\n".join([*lines, "What to type next: systemctl --user daemon-reload"])
    return "\n".join([*lines, _LEFT])


_LEFT = """\
What to type next, as root: systemctl daemon-reload
Left are its models and measurements, its user and, until the next start of the machine, /run/stemd. To remove them too:
  rm -r /var/lib/stemd /var/cache/stemd /run/stemd
  userdel stemd"""
