"""A model hub: which files a repository holds at one commit, and fetching them so that a cut costs nothing.

Proxies, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN are huggingface_hub's business. Its `hf_hub_download` deletes what
came before a cut, so the bytes are gathered here, in a file that the next run goes on with.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from stemd.store.errors import StoreError
from stemd.store.hub_faults import hub_faults

# Read when huggingface_hub is first imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

_TIMEOUT: Final = 30.0  # seconds of silence
_WAITS: Final = (1.0, 3.0, 6.0)  # seconds before asking again, if nothing came
_PARTIAL: Final = 206

Count = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub declares it: `size` in bytes, and its sha256, or Git's sha1 if it is a small one."""

    name: str
    size: int
    sha256: str | None
    git_sha1: str | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A repository at one commit (`revision`, 40 hex digits)."""

    repository: str
    revision: str
    files: dict[str, HubFile]

    def file(self, name: str) -> HubFile:
        """The file `name`.

        Raises:
            StoreError: there is none.
        """
        if name not in self.files:
            raise StoreError(f"{self.repository} at {self.revision[:12]} has no file {name!r}; try another --revision")
        return self.files[name]


def listing(repository: str, revision: str) -> Listing:
    """What the hub holds in `repository` at `revision` (a commit, branch or tag).

    Raises:
        StoreError: no network, no such repository or revision, or one that may not be read.
    """
    with hub_faults(repository, revision):
        from huggingface_hub import HfApi  # noqa: PLC0415 - takes 0.3 s, and only those who fetch pay for it

        info = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=_TIMEOUT)
    if not info.sha:
        raise StoreError(f"the hub names no commit for {repository} at {revision}; name one with --revision")
    files = [
        HubFile(s.rfilename, s.size or 0, s.lfs.sha256 if s.lfs else None, None if s.lfs else s.blob_id)
        for s in info.siblings or []
    ]
    return Listing(repository, info.sha, {file.name: file for file in files})


def fetch(source: Listing, file: HubFile, target: Path, count: Count) -> None:
    """Put `file` at `target`, going on where a run before was cut off; `count` is called with the bytes had so far.

    Raises:
        StoreError: cut off (what came is kept), or not the bytes that were declared (deleted).
        OSError: the disk refuses.
    """
    if target.exists() and _is(file, target):
        count(file.size)
        return
    # Named by what is in it, so that the rest of one revision is never joined to the start of another.
    part = target.with_name(f"{target.name}.{(file.sha256 or file.git_sha1 or source.revision)[:12]}.part")
    with part.open("ab") as stream:
        if stream.tell() > file.size:
            stream.seek(0)
            stream.truncate()
        count(stream.tell())
        with hub_faults(source.repository, source.revision, fetching=file.name):
            _persist(source, file, stream, count)
        os.fsync(stream.fileno())
    if not _is(file, part):
        part.unlink()
        raise StoreError(
            f"{file.name}: the bytes that came are not those declared for {source.repository} at "
            f"{source.revision[:12]} (size or digest differs); they were deleted. Try once more; then do not trust them"
        )
    part.replace(target)


def _persist(source: Listing, file: HubFile, stream: IO[bytes], count: Count) -> None:
    """Ask again for what is still missing, until nothing new came a few times running."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError  # type: ignore[attr-defined]  # noqa: PLC0415

    waits = iter(_WAITS)
    while (had := stream.tell()) < file.size:
        try:
            _append_rest(source, file, stream, count)
            if stream.tell() == had:
                raise HTTPError("the line closed early")
        except HTTPError as exc:  # of the HTTP client, whichever it is
            if stream.tell() > had:
                waits = iter(_WAITS)
            wait = next(waits, None)
            if wait is None or isinstance(exc, HfHubHTTPError):
                raise
            time.sleep(wait)


def _append_rest(source: Listing, file: HubFile, stream: IO[bytes], count: Count) -> None:
    from huggingface_hub import get_session, hf_hub_url  # noqa: PLC0415 - slow to import
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]  # noqa: PLC0415

    had = stream.tell()
    # A compressed answer could not be gone on with from the middle.
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"} | ({"Range": f"bytes={had}-"} if had else {})
    url = hf_hub_url(source.repository, file.name, revision=source.revision)
    with get_session().stream("GET", url, headers=headers, timeout=_TIMEOUT) as answer:
        hf_raise_for_status(answer)
        if had and answer.status_code != _PARTIAL:
            stream.seek(0)
            stream.truncate()
        for data in answer.iter_bytes():
            stream.write(data)
            count(stream.tell())
            if stream.tell() > file.size:
                return  # not what was declared; enough is here for the check to say so


def _is(file: HubFile, path: Path) -> bool:
    """Whether the bytes at `path` are those that the hub declares."""
    if path.stat().st_size != file.size:
        return False
    with path.open("rb") as stream:
        if file.sha256:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        if file.git_sha1:
            blob = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
            blob.update(stream.read())
            return blob.hexdigest() == file.git_sha1
    return True
