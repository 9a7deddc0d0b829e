"""A model on disk: a folder with `manifest.toml`, one graph per specialist, and a licence.

The manifest says everything that stemd has to know before it opens a graph: which stems, at which rate,
which segments, which window plans are recommended, and on what terms the weights may be used.
"""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from stemd import toml
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import check_grid
from stemd.errors import ModelLoadError, PlanError
from stemd.protocol import NAME
from stemd.separation.outside import check_inside

MANIFEST_NAME: Final = "manifest.toml"
CHANNELS: Final = 2  # every network is stereo

Kind = Literal["mask", "hybrid", "waveform"]
Commercial = Literal["yes", "no", "unclear"]
Storage = Literal["float32", "float16", "int8"]
Name = Annotated[str, msgspec.Meta(pattern=rf"\A{NAME}\Z")]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Frames = Annotated[int, msgspec.Meta(ge=1)]
FramesOrNone = Annotated[int, msgspec.Meta(ge=0)]


class SpecialistEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One graph, the stems that it is trusted for, and the digest of its file (lower-case hex).

    `rows` says where in the graph's output those stems stand, one row each, of `outputs` rows in all. Without them
    the graph gives these stems and no others, in this order.
    """

    stems: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)]
    file: Text
    sha256: Sha256
    rows: tuple[Annotated[int, msgspec.Meta(ge=0)], ...] = ()
    outputs: Annotated[int, msgspec.Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse paths, as a manifest may only name files beside itself, and rows that cannot be."""
        if re.search(r"[/\\:\0]", self.file) or self.file in (".", ".."):
            raise ValueError(f"file {self.file!r} must be a plain name in the manifest's own folder")
        if bool(self.rows) != (self.outputs is not None):
            raise ValueError("`rows` and `outputs` stand together or not at all")
        if self.outputs and (len(self.rows) != len(self.stems) or max(self.rows) >= self.outputs):
            raise ValueError(f"`rows` must name one row below {self.outputs} for each of the {len(self.stems)} stems")

    @property
    def wanted_rows(self) -> list[int]:
        """Where the stems stand in the graph's output."""
        return list(self.rows or range(len(self.stems)))

    @property
    def output_rows(self) -> int:
        """How many stems the graph's output holds, wanted or not."""
        return self.outputs or len(self.stems)


class Segments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Segment lengths that the model takes, in its frames: a list, or every multiple within bounds (inclusive)."""

    exact: tuple[Frames, ...] = ()
    multiple: Frames | None = None
    minimum: Frames | None = None
    maximum: Frames | None = None

    def __post_init__(self) -> None:
        """Refuse a table that says both things or neither."""
        bounds = (self.multiple, self.minimum, self.maximum)
        if self.exact and bounds != (None, None, None):
            raise ValueError("segments are either `exact` or `multiple`, `minimum` and `maximum`, not both")
        if not self.exact and None in bounds:
            raise ValueError("segments need either `exact`, or all of `multiple`, `minimum` and `maximum`")
        if not self.exact and not self.lengths():
            raise ValueError("no multiple of `multiple` lies between `minimum` and `maximum`")

    def lengths(self) -> range | tuple[int, ...]:
        """Every accepted length, in frames, shortest first."""
        if self.multiple is None or self.minimum is None or self.maximum is None:
            return tuple(sorted(self.exact))
        first = -(-self.minimum // self.multiple) * self.multiple
        return range(first, self.maximum + 1, self.multiple)

    def accepts(self, frames: int) -> bool:
        """Whether a segment of so many frames may be run."""
        return frames in self.lengths()


class PlanRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A window plan: segment, hop, overlap and lookahead in the model's frames (see the project's word list)."""

    segment: Frames
    hop: Frames
    overlap: FramesOrNone
    lookahead: FramesOrNone

    def __post_init__(self) -> None:
        """Refuse what no segment can hold."""
        self.window()

    def window(self) -> WindowPlan:
        """The row as a window plan."""
        try:
            return WindowPlan(self.segment, self.hop, self.overlap, self.lookahead)
        except PlanError as exc:
            raise ValueError(str(exc)) from exc


class Licence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Terms. `commercial` is about the weights; `evidence` says what that word rests on."""

    code: Text
    weights: Text
    evidence: Text
    commercial: Commercial


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the weights come from, and whom to cite."""

    weights: Text
    project: Text
    paper: Text


class Parity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the stored graph may be from `reference`: an upper bound that the export checks, full scale 1.

    `snr_db` is how far below the estimate the difference was, on the worst of the signals that `method` names.
    """

    reference: Text
    max_abs_diff: Annotated[float, msgspec.Meta(ge=0)]
    method: Text
    snr_db: float | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model: a set of specialists with one rate and one kind. Lengths are frames at `sample_rate` (Hz).

    `storage` is how the large weights lie in the file; the arithmetic is float32 either way. A `lossy` model gave up
    exactness for size on purpose. Without `parity` nobody has measured how true the graph is. `plan` is what
    streams get that name no plan; `fast`, where there is one, gives up quality for latency.
    """

    name: Name
    version: Text
    kind: Kind
    storage: Storage = "float32"
    lossy: bool = False
    sample_rate: Annotated[int, msgspec.Meta(ge=8_000, le=192_000)]
    specialists: Annotated[tuple[SpecialistEntry, ...], msgspec.Meta(min_length=1)]
    segments: Segments
    live: PlanRow
    studio: PlanRow
    fast: PlanRow | None = None
    plan: Literal["live", "studio"] = "live"
    licence: Licence
    origin: Origin
    parity: Parity | None = None

    @property
    def plans(self) -> dict[str, PlanRow]:
        """The window plans by name."""
        rows = {"fast": self.fast, "live": self.live, "studio": self.studio}
        return {name: row for name, row in rows.items() if row}

    @property
    def stems(self) -> tuple[str, ...]:
        """All stems, in the order of the specialists."""
        return tuple(stem for entry in self.specialists for stem in entry.stems)

    @property
    def key(self) -> str:
        """The name with a digest of all that the manifest says, the files' digests among it: one for each edition."""
        return f"{self.name}@{hashlib.sha256(msgspec.msgpack.encode(self)).hexdigest()[:16]}"

    def __post_init__(self) -> None:
        """Refuse stems named twice and plans that this model cannot run."""
        twice = sorted({stem for stem in self.stems if self.stems.count(stem) > 1})
        if twice:
            raise ValueError(f"stem {twice[0]!r} is named twice")
        for title, plan in self.plans.items():
            if not self.segments.accepts(plan.segment):
                raise ValueError(f"{title}.segment = {plan.segment} is not among `segments`")
            if self.kind == "mask":
                _check_grid(title, plan)


def _check_grid(title: str, plan: PlanRow) -> None:
    try:
        check_grid(plan.window())
    except PlanError as exc:
        raise ValueError(f"{title}: {exc}") from exc


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest; `path` is the file, or the model's folder.

    Raises:
        ModelLoadError: no such file, no TOML, or a key that is unknown, missing or out of range.
    """
    file = path / MANIFEST_NAME if path.is_dir() else path
    return toml.read(file, Manifest, ModelLoadError, "mend it, or fetch the model again")


def verify(folder: Path, manifest: Manifest) -> None:
    """Check that each specialist's file lies in `folder`, has the digest that the manifest names, and is all there is.

    It is opened once more to be loaded. Whoever could change it between the two could change stemd as well.

    Raises:
        ModelLoadError: a file is missing, unreadable or damaged, or keeps weights in other files.
    """
    for entry in manifest.specialists:
        file = folder / entry.file
        again = f"reinstall stemd, or fetch or export the model {manifest.name!r} again"
        try:
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError as exc:
            raise ModelLoadError(f"{file}: missing, though {MANIFEST_NAME} names it; {again}") from exc
        except OSError as exc:
            raise ModelLoadError(f"{file}: cannot be read ({exc.strerror}); check its permissions") from exc
        if found != entry.sha256:
            raise ModelLoadError(
                f"{file}: damaged or replaced (sha256 {found[:12]}..., not {entry.sha256[:12]}...); {again}"
            )
        check_inside(file)
