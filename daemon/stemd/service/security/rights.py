"""Which right each message needs. A kind that is not in the table may be said by nobody who has to show a key."""

from typing import Final

from stemd import protocol as wire
from stemd.errors import DeniedError
from stemd.service.security.keyring import Entry, Right, in_order

# None: whoever was let in. Who sends may not even hear its own stems without `listen`.
NEEDED: Final[dict[type[wire.FromClient], Right | None]] = {
    wire.Hello: None,
    wire.Attach: None,
    wire.Ping: None,
    wire.Bye: None,
    wire.Open: "send",
    wire.Mixture: "send",
    wire.Close: "send",
    wire.Subscribe: "listen",
    wire.Unsubscribe: "listen",
    wire.Credit: "listen",
    wire.Status: "listen",
    wire.SetGain: "control",
    wire.SetMixer: "control",
    wire.Reload: "control",
}


def check(entry: Entry, kind: type[wire.FromClient]) -> None:
    """Refuse a message for which a key has not the right.

    Raises:
        DeniedError: naming the right, and the command that gives it.
    """
    right = NEEDED[kind]
    if right is not None and right not in entry.rights:
        raise denied(entry, right, f"`{kind.kind.decode()}`")


def denied(entry: Entry, right: Right, what: str) -> DeniedError:
    """The error that tells what somebody may not do, and how that could be changed."""
    wanted = ",".join(in_order({*entry.rights, right}))
    return DeniedError(
        f"key {entry.name!r} has not the right to {right}, which {what} needs; "
        f"on the daemon's machine: stemd keys allow {entry.name} --rights {wanted}"
    )
