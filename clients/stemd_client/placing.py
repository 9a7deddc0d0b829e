"""At which of several daemons a stream is: whoever knows its name and their addresses finds the same one.

By rendezvous hashing (D. G. Thaler, C. V. Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM
Transactions on Networking 6, 1998): nobody has to be asked, and a daemon that goes moves no streams but its own.
"""

import hashlib
from collections.abc import Iterable


def daemons_of(stream: str, addresses: Iterable[str]) -> list[str]:
    """The addresses in the order in which a stream is to be looked for there.

    The first is its daemon; the next one is it where that is gone, or refuses the stream. The order is that of the
    SHA-256 of `STREAM ADDRESS` (UTF-8, one space between), the greatest first.

    Args:
        stream: its name.
        addresses: of all daemons, as everybody writes them; in any order.
    """
    return sorted(set(addresses), key=lambda address: _weight(stream, address), reverse=True)


def _weight(stream: str, address: str) -> bytes:
    return hashlib.sha256(f"{stream} {address}".encode()).digest()
