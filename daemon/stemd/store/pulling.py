"""Fetching a model from a hub repository: graphs that the catalogue knows, or a folder in stemd's own layout."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from stemd.errors import ModelError, ModelLoadError, nearest
from stemd.separation.manifest import MANIFEST_NAME, Licence, load_manifest, verify
from stemd.store.catalogue import Published, catalogue
from stemd.store.checks import may_lie_beside
from stemd.store.errors import StoreError, disk_faults
from stemd.store.finishing import finish
from stemd.store.folder import Store
from stemd.store.hub import HubFile, Listing, fetch, listing
from stemd.store.published import manifest_of, write_manifest
from stemd.store.receipt import RECEIPT_NAME, agree_once, read_receipt, write_receipt
from stemd.store.talk import Talk

_SPARE: Final = 16 * 2**20  # bytes left free beside what is fetched


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch. Without `repository` the catalogue says where `name` is; without `revision`, which one."""

    name: str
    repository: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Cargo:
    """What will lie in the folder: files by the names they get there, each with its digest checked."""

    licence: Licence
    files: Mapping[str, HubFile]


def pull(order: Order, store: Store, talk: Talk) -> Path:
    """Fetch, check, try and install a model; cut short at any point, the same call goes on.

    Returns:
        The model's folder.

    Raises:
        ModelError: with what to do about it. The store is as it was.
    """
    published = catalogue().models.get(order.name)
    staging, place = store.half_fetched(order.name), store.place(order.name)
    source = _source(order, published)
    with disk_faults(store.root), store.locked(order.name):
        if published and MANIFEST_NAME not in source.files and source.revision != published.revision:
            talk.say(f"{source.revision[:12]} is not the revision that stemd knows; its digests are the hub's own word")
        staging.mkdir(exist_ok=True)
        cargo = _agreed(order, published, source, (staging, place), talk)
        if not cargo:
            talk.say(f"{order.name} is there already, at {source.revision[:12]} of {source.repository}")
            return place
        _fetch_all(source, cargo.files, staging, talk)
        if published and MANIFEST_NAME not in source.files:
            write_manifest(staging, manifest_of(order.name, published, cargo.licence, source))
        try:
            return finish(store, order.name, staging, talk)
        except StoreError as exc:
            kept = f"what was fetched is kept; `stemd models remove {order.name}` deletes it"
            raise StoreError(f"{exc}. It was not installed, and {kept}") from exc


def _agreed(
    order: Order, published: Published | None, source: Listing, folders: tuple[Path, Path], talk: Talk
) -> Cargo | None:
    """What to fetch, its terms agreed to, with a receipt in the first of `folders`; None if the second has it all."""
    staging, place = folders
    try:
        cargo = _cargo(order, published, source, staging, talk)
        if _is_there(place, source, cargo):
            shutil.rmtree(staging)
            return None
        write_receipt(
            staging, agree_once(order.name, cargo.licence, source.repository, source.revision, talk, *folders)
        )
    except ModelError:
        if not (staging / RECEIPT_NAME).exists():  # nothing that anybody would go on with
            shutil.rmtree(staging)
        raise
    return cargo


def _source(order: Order, published: Published | None) -> Listing:
    """The repository at a commit. Pinned digests that the hub contradicts are refused before anything is fetched."""
    if not published and not order.repository:
        hint = nearest(order.name, catalogue().models)
        raise StoreError(f"no model {order.name!r} in the catalogue{hint}; or name --repo")
    revision = order.revision or (published.revision if published and not order.repository else "main")
    source = listing(order.repository or (published.repository if published else ""), revision)
    if published and source.revision == published.revision:
        for file in published.files:
            declared = source.file(file.file).sha256
            if declared != file.sha256:
                raise StoreError(
                    f"{source.repository} at {source.revision[:12]}: {file.file} is not the file that stemd knows "
                    f"(sha256 {str(declared)[:12]}..., not {file.sha256[:12]}...); do not trust it"
                )
    return source


def _cargo(order: Order, published: Published | None, source: Listing, staging: Path, talk: Talk) -> Cargo:
    texts = {name: file for name, file in source.files.items() if may_lie_beside(name)}
    if MANIFEST_NAME in source.files:
        own = source.files[MANIFEST_NAME]
        fetch(source, own, staging / MANIFEST_NAME, lambda _: None)
        manifest = load_manifest(staging)
        if manifest.name != order.name:
            raise StoreError(f"{source.repository} is the model {manifest.name!r}; pull it under that name")
        graphs = {entry.file: _declared(source, entry.file, entry.sha256) for entry in manifest.specialists}
        return Cargo(manifest.licence, {**graphs, **texts, MANIFEST_NAME: own})
    if not published:
        talk.say(f"{source.repository} holds: {', '.join(sorted(source.files)[:20])}")
        raise StoreError(
            f"{source.repository} has no {MANIFEST_NAME}, and the catalogue does not know {order.name!r}; "
            "fetch its graphs by hand, and use `stemd models import`"
        )
    graphs = {file.file: _declared(source, file.file, None) for file in published.files}
    # The file LICENSE is what stemd says of the terms.
    theirs = {f"LICENSE.publisher{Path(name).suffix}": file for name, file in texts.items() if name[:7] == "LICENSE"}
    return Cargo(catalogue().licence(published), {**graphs, **theirs})


def _declared(source: Listing, name: str, sha256: str | None) -> HubFile:
    """The file, with the digest that it must have: the manifest's, else the hub's own."""
    file = source.file(name)
    if sha256 and file.sha256 and file.sha256 != sha256:
        raise StoreError(
            f"{source.repository} at {source.revision[:12]}: {name} is not the file that its {MANIFEST_NAME} names; "
            "tell whoever published it"
        )
    if not (sha256 or file.sha256):
        raise StoreError(f"{source.repository}: the hub declares no sha256 for {name}; it cannot be checked")
    return HubFile(name, file.size, sha256 or file.sha256, None)


def _is_there(place: Path, source: Listing, cargo: Cargo) -> bool:
    """Whether the very same files are installed, whole.

    Raises:
        StoreError: the hub now declares other bytes for the revision that they came from.
    """
    receipt = read_receipt(place)
    if not receipt or (receipt.source, receipt.revision) != (source.repository, source.revision):
        return False
    try:
        manifest = load_manifest(place)
        verify(place, manifest)
    except ModelLoadError:
        return False
    for entry in manifest.specialists:
        file = cargo.files.get(entry.file)
        if file and file.sha256 != entry.sha256:
            raise StoreError(
                f"{source.repository} declares another {entry.file} than it did for the same revision "
                f"{source.revision[:12]}; do not trust it. The model that you have is whole"
            )
    return True


def _fetch_all(source: Listing, files: Mapping[str, HubFile], staging: Path, talk: Talk) -> None:
    """Fetch what is missing; what is there and right is kept, what does not belong there is deleted."""
    keep = {*files, RECEIPT_NAME, *(f"{name}.{(f.sha256 or f.git_sha1 or '')[:12]}.part" for name, f in files.items())}
    for path in staging.iterdir():
        if path.name not in keep:
            path.unlink()
    total = sum(file.size for file in files.values())
    missing = total - sum(path.stat().st_size for path in staging.iterdir())
    free = shutil.disk_usage(staging).free
    if missing + _SPARE > free:
        raise StoreError(
            f"{staging.parent}: {missing / 1e6:,.0f} MB are to come and {free / 1e6:,.0f} MB are free; free some, "
            "or name another place with --folder"
        )
    before = 0
    for name, file in files.items():
        fetch(source, file, staging / name, partial(_progress, talk, total, before))
        before += file.size


def _progress(talk: Talk, total: int, before: int, had: int) -> None:
    talk.progress("fetching", before + had, total, "bytes")
