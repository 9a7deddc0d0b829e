"""Manifests for graphs that come without one: from samples to samples, and little else is known of them."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemd.separation.manifest import Licence, Manifest, Origin, Segments, SpecialistEntry
from stemd.store.catalogue import ROWS, catalogue
from stemd.store.errors import StoreError
from stemd.store.graph import signature
from stemd.store.published import plans

_DEMUCS: Final = (4, 6)  # how many rows HT-Demucs gives
_UNKNOWN: Final = Licence(
    code="unknown",
    weights="unknown",
    evidence="The files were imported by hand and say nothing about it. Ask whoever published them.",
    commercial="unclear",
)


@dataclass(frozen=True, slots=True)
class Hints:
    """What the graphs do not say. `stems` and `rows` are of a single graph; `rows` are numbers or HT-Demucs' stems."""

    name: str | None = None
    stems: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    outputs: int | None = None
    segment: int | None = None
    rate: int = 44_100


def manifest_by_hand(name: str, graphs: Sequence[Path], hints: Hints) -> Manifest:
    """A manifest for graphs from samples to samples; what the catalogue knows by its digest gets its terms from there.

    Raises:
        StoreError: a graph is not of that form, or says too little and `hints` do not fill the gap.
    """
    entries, segment = _entries(graphs, hints)
    live, studio = plans(segment)
    licence, origin = _terms(entries)
    return Manifest(
        name=name,
        version="imported",
        kind="waveform",
        sample_rate=hints.rate,
        specialists=tuple(entries),
        segments=Segments(exact=(segment,)),
        live=live,
        studio=studio,
        plan="studio",
        licence=licence,
        origin=origin,
    )


def _entries(graphs: Sequence[Path], hints: Hints) -> tuple[list[SpecialistEntry], int]:
    """An entry for each graph, and the length of the segments that they all take, in frames."""
    if len(graphs) > 1 and (hints.stems or hints.rows):
        raise StoreError(
            "--stem and --row are about one graph; import several under names that tell, like x_vocals.onnx"
        )
    entries: list[SpecialistEntry] = []
    segment = hints.segment
    for path in graphs:
        entry, frames = _entry(path, hints)
        segment = segment or frames
        if not segment:
            raise StoreError(f"{path.name}: takes segments of any length; say which with --segment FRAMES")
        if (frames or segment) != segment:
            raise StoreError(f"{path.name}: takes segments of {frames} frames, not of {segment}; import it alone")
        entries.append(entry)
    stems = [stem for entry in entries for stem in entry.stems]
    if len(set(stems)) < len(stems):
        raise StoreError(f"two graphs give the same stem ({', '.join(stems)}); name the files that you want one by one")
    return entries, segment or 0


def _entry(path: Path, hints: Hints) -> tuple[SpecialistEntry, int | None]:
    """A graph's entry, and the length of its segments in frames if it says so."""
    found = signature(path)
    outputs = found.rows or hints.outputs
    if not outputs:
        raise StoreError(f"{path.name}: does not say how many stems it gives; say so with --rows")
    stems = hints.stems or tuple(stem for stem in ROWS if stem in re.split(r"[^a-z0-9]+", path.stem.lower()))
    if not stems:
        raise StoreError(f"{path.name}: which stem is it for? Say so with --stem, for example --stem vocals")
    rows = _rows(path, stems, outputs, hints)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    plain = rows == tuple(range(outputs))
    entry = SpecialistEntry(
        stems=stems, file=path.name, sha256=digest, rows=() if plain else rows, outputs=None if plain else outputs
    )
    return entry, found.frames


def _rows(path: Path, stems: tuple[str, ...], outputs: int, hints: Hints) -> tuple[int, ...]:
    if not hints.rows and len(stems) == outputs:
        return tuple(range(outputs))
    wanted = hints.rows or (stems if outputs in _DEMUCS else ())
    rows = []
    for word in wanted:
        row = int(word) if word.isdecimal() else ROWS.index(word) if word in ROWS else outputs
        if row >= outputs:
            raise StoreError(f"{path.name}: gives {outputs} stems, so {word!r} is none of its rows; they count from 0")
        rows.append(row)
    if len(rows) != len(stems):
        raise StoreError(f"{path.name}: gives {outputs} stems; say with --row which is {' and which is '.join(stems)}")
    return tuple(rows)


def _terms(entries: Sequence[SpecialistEntry]) -> tuple[Licence, Origin]:
    """Licence and origin: the catalogue's, if it knows every one of the files."""
    known = catalogue()
    found = [known.by_digest(entry.sha256) for entry in entries]
    if all(found) and found[0]:
        return known.licence(known.models[found[0][0]]), known.origin
    return _UNKNOWN, Origin(weights="imported by hand; not measured", project="unknown", paper="unknown")
