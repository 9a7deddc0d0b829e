"""What goes wrong between here and a model hub, in words that say what to do."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from stemd.store.errors import StoreError

_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EROFS)
_BY_HAND: Final = "or fetch the files elsewhere and use `stemd models import`"


@contextmanager
def hub_faults(repository: str, revision: str, fetching: str = "") -> Iterator[None]:
    """Names what went wrong with the hub. `fetching` is the file on its way, if one is.

    Raises:
        StoreError: instead of whatever huggingface_hub, or the HTTP client below it, raises.
        OSError: the disk refuses.
    """
    try:
        yield
    except Exception as exc:  # which HTTP client is below, and so its classes, hangs on huggingface_hub's version
        module = type(exc).__module__
        of_disk = isinstance(exc, OSError) and exc.errno in _DISK
        of_hub = isinstance(exc, OSError) or module.startswith(("huggingface_hub", "http", "json", "requests"))
        if of_disk or not of_hub:
            raise
        raise StoreError(_words(exc, repository, revision, fetching)) from exc


def _words(exc: Exception, repository: str, revision: str, fetching: str) -> str:
    from huggingface_hub import constants, errors  # noqa: PLC0415 - slow to import

    where, at = constants.ENDPOINT, f"{repository} at {revision[:12]}"
    known = {  # the narrower class first
        errors.OfflineModeIsEnabled: f"{repository}: HF_HUB_OFFLINE forbids fetching; unset it, {_BY_HAND}",
        errors.GatedRepoError: f"{repository}: asks for consent; give it at {where}/{repository}, then set HF_TOKEN",
        errors.RevisionNotFoundError: f"{repository} has no revision {revision!r}; name another with --revision",
        errors.RepositoryNotFoundError: f"{where} has no {repository}, or it is private; check the name and HF_TOKEN",
        errors.EntryNotFoundError: f"{at} has no file {fetching!r}; name another revision with --revision",
        errors.HFValidationError: f"{repository!r} is no name of a repository; such names look like owner/name",
    }
    for kind, words in known.items():
        if isinstance(exc, kind):
            return words
    if isinstance(exc, errors.HfHubHTTPError):
        status = getattr(exc.response, "status_code", "an error")
        return (
            f"{where} answers {status} for {at}; {'try again' if status == 429 else 'check HF_TOKEN, try again'} later"
        )
    reason = (str(exc).splitlines() or [""])[0][:160] or type(exc).__name__
    if fetching:
        return f"{fetching}: cut off ({reason}); what came is kept, and the same command goes on from there"
    proxies = ", ".join(key for key in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") if os.environ.get(key))
    through = f" through {proxies}" if proxies else ""
    return f"{where} cannot be reached{through} ({reason}); check the network and the proxy variables, {_BY_HAND}"
