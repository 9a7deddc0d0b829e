"""Graphs that others have published: where they lie, which bytes they are, and on what terms."""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from stemd import toml
from stemd.errors import ModelLoadError
from stemd.separation.manifest import Licence, Name, Origin, Parity, Sha256, Storage, Text

CATALOGUE: Final = Path(__file__).with_name("catalogue.toml")
# HT-Demucs gives its stems in this order, the six-stem network with two more at the end.
ROWS: Final = ("drums", "bass", "other", "vocals", "guitar", "piano")

Commit = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{40}\Z")]


class PublishedFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A graph of HT-Demucs that is trusted for one stem; `size` in bytes."""

    stem: Name
    file: Text
    size: Annotated[int, msgspec.Meta(ge=1)]
    sha256: Sha256


class Published(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that can be had by name: files of one revision of one hub repository, and how they are used."""

    about: Text
    repository: Text
    revision: Commit
    storage: Storage = "float32"
    licence: Text
    parity: Parity
    files: Annotated[tuple[PublishedFile, ...], msgspec.Meta(min_length=1)]


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of them, by name; `licences` are named by the models."""

    licences: dict[str, Licence]
    origin: Origin
    models: dict[str, Published]

    def licence(self, model: Published) -> Licence:
        """The terms of a model."""
        return self.licences[model.licence]

    def by_digest(self, sha256: str) -> tuple[str, PublishedFile] | None:
        """The first model, by name, with a file of this digest, and that file."""
        return next(
            ((name, file) for name, model in self.models.items() for file in model.files if file.sha256 == sha256),
            None,
        )


def catalogue(path: Path = CATALOGUE) -> Catalogue:
    """Read the catalogue.

    Raises:
        ModelLoadError: the file is damaged.
    """
    return toml.read(path, Catalogue, ModelLoadError, "reinstall stemd")
