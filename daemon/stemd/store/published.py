"""Manifests for graphs that others published: `mix (1, 2, N) -> stems (1, rows, 2, N)`, samples in and out."""

import textwrap
from pathlib import Path
from typing import Final

import msgspec

from stemd.separation.manifest import (
    MANIFEST_NAME,
    Licence,
    Manifest,
    PlanRow,
    Segments,
    SpecialistEntry,
)
from stemd.separation.manifest_text import to_toml
from stemd.store.catalogue import ROWS, Published, catalogue
from stemd.store.hub import Listing
from stemd.store.receipt import terms

HT_DEMUCS_SEGMENT: Final = 343_980
_ROWS: Final = 4


def plans(segment: int) -> tuple[PlanRow, PlanRow]:
    """The plans live and studio for a network that takes segments of `segment` frames alone."""
    hop = segment * 3 // 4
    live = PlanRow(segment=segment, hop=segment // 4, overlap=segment // 16, lookahead=segment // 8)
    return live, PlanRow(segment=segment, hop=hop, overlap=segment - hop, lookahead=0)


def manifest_of(name: str, published: Published, licence: Licence, source: Listing) -> Manifest:
    """The manifest of a model of the catalogue, as fetched from `source`."""
    live, studio = plans(HT_DEMUCS_SEGMENT)
    origin = catalogue().origin
    return Manifest(
        name=name,
        version=source.revision[:12],
        kind="waveform",
        storage=published.storage,
        sample_rate=44_100,
        specialists=tuple(
            SpecialistEntry(
                stems=(file.stem,),
                file=file.file,
                sha256=source.file(file.file).sha256 or file.sha256,
                rows=(ROWS.index(file.stem),),
                outputs=_ROWS,
            )
            for file in published.files
        ),
        segments=Segments(exact=(HT_DEMUCS_SEGMENT,)),
        live=live,
        studio=studio,
        plan="studio",
        licence=licence,
        origin=msgspec.structs.replace(
            origin, weights=f"{origin.weights}; fetched from {source.repository} at {source.revision}"
        ),
        # Of another revision nobody said how true it is.
        parity=published.parity if source.revision == published.revision else None,
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, and what it says of the licence as a text of its own."""
    paragraphs = terms(manifest.name, manifest.licence).split("\n")
    text = "\n\n".join(textwrap.fill(paragraph, 110) for paragraph in paragraphs)
    (folder / "LICENSE").write_text(f"{text}\n\nCode: {manifest.licence.code}\n", "utf-8")
    (folder / MANIFEST_NAME).write_text(to_toml(manifest), "utf-8")
