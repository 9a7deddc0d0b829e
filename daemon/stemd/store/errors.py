"""What can go wrong while a model is fetched, imported or removed."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stemd.errors import ModelError


class StoreError(ModelError):
    """A model could not be fetched, imported or removed; the store is as it was."""

    code = "store"


@contextmanager
def disk_faults(place: Path) -> Iterator[None]:
    """Names what the disk refused, and what to do about it.

    Raises:
        StoreError: instead of OSError.
    """
    try:
        yield
    except OSError as exc:
        where = exc.filename or place
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(f"{where}: no space left; free some, or name another place with --folder") from exc
        reason = exc.strerror or type(exc).__name__
        remedy = "check its permissions, and that no daemon uses it"
        raise StoreError(f"{where}: cannot be read or written ({reason}); {remedy}") from exc
