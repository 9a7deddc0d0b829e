"""Why nobody answers, in words: no daemon is there, or it does not let this client in."""

import shlex

import zmq

from stemd.address import Address
from stemd.keys import OwnKey


def keyless(address: Address) -> str:
    """What to tell a person who comes without a key to where one is wanted."""
    return (
        f"the daemon at {address.requests} lets in none but those whose keys it knows: make one with `stemd keys new`, "
        "and have it allowed there; or name the one that you have with --key or $STEMD_KEY"
    )


def silence(address: Address, key: OwnKey | None, failure: zmq.Event | None) -> str:
    """What to tell a person who waited in vain.

    Args:
        address: where.
        key: that the client came with.
        failure: how the last handshake failed; None: none did, so nobody is there.
    """
    where = f"the daemon at {address.requests}"
    if failure is None:
        return f"no daemon answers at {address.requests}; start one with `stemd serve`"
    if key is None:
        return keyless(address)
    if failure == zmq.Event.HANDSHAKE_FAILED_AUTH:
        return (
            f"{where} does not let the key {key.name!r} in, or does so no more; on its machine: "
            f"stemd keys allow {key.name} {shlex.quote(key.pair.public)}"
        )
    return (
        f"{where} has not the key that {key.name!r} was made for, or asks for none; compare {shlex.quote(key.daemon)} "
        "with what `stemd keys list` prints on its machine"
    )
