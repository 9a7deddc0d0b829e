"""What is kept beside a model that was fetched or imported: where it came from, and the terms agreed to."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from stemd import toml
from stemd.errors import ModelLoadError
from stemd.separation.manifest import Licence, Text
from stemd.store.errors import StoreError
from stemd.store.talk import Talk

RECEIPT_NAME: Final = "receipt.toml"
_COMMERCIAL: Final = {
    "yes": "Commercial use: allowed.",
    "no": "Commercial use: not allowed.",
    "unclear": "Commercial use: unclear; ask the authors before you earn money with it.",
}


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model's files came from. `agreed` is the digest of the terms that were agreed to on `date`."""

    agreed: Text
    date: Text
    source: Text
    revision: str = ""


def terms(name: str, licence: Licence) -> str:
    """A model's terms, in the words that are shown and agreed to."""
    lines = [f"The weights of {name}: {licence.weights}", _COMMERCIAL[licence.commercial], licence.evidence]
    return "\n".join(lines)


def read_receipt(folder: Path) -> Receipt | None:
    """The receipt in a model's folder; None without one, or with one that cannot be read."""
    try:
        return toml.read(folder / RECEIPT_NAME, Receipt, ModelLoadError, "")
    except ModelLoadError:
        return None


def agree_once(name: str, licence: Licence, source: str, revision: str, talk: Talk, *folders: Path) -> Receipt:
    """A receipt, after asking for agreement, unless the same terms were agreed to in one of `folders` already.

    Raises:
        StoreError: not agreed, or nobody there to ask.
    """
    text = terms(name, licence)
    digest = hashlib.sha256(text.encode()).hexdigest()
    before = next((r for r in map(read_receipt, folders) if r and r.agreed == digest), None)
    if not before and not talk.agree(text):
        raise StoreError(f"the terms of {name!r} were not agreed to; nothing was installed")
    day = before.date if before else date.today().isoformat()
    return Receipt(agreed=digest, date=day, source=source, revision=revision)


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Put the receipt into a model's folder."""
    # JSON's strings are TOML's.
    lines = [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in msgspec.to_builtins(receipt).items()]
    (folder / RECEIPT_NAME).write_text("\n".join(lines) + "\n", "utf-8")
