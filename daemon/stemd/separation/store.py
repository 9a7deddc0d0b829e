"""Where models lie on disk, by name: those shipped, the user's, and folders named in the configuration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from stemd.dsp.plan import WindowPlan
from stemd.errors import ModelLoadError, PlanError, nearest
from stemd.separation.manifest import MANIFEST_NAME, Manifest, load_manifest, verify
from stemd.separation.specialist import Specialist, open_specialist

SHIPPED = Path(__file__).parent.parent / "models"


@dataclass(frozen=True, slots=True)
class Model:
    """A model on disk, its manifest read, its graphs not yet."""

    folder: Path
    manifest: Manifest

    @property
    def spectral(self) -> bool:
        """Whether its networks want spectrograms."""
        return self.manifest.kind == "mask"

    def check(self, plan: WindowPlan) -> None:
        """Refuse a plan whose segments the networks do not take.

        Raises:
            PlanError: naming the lengths that they do take.
        """
        segments = self.manifest.segments
        if not segments.accepts(plan.segment):
            lengths = (
                f"{', '.join(map(str, segments.exact))}"
                if segments.exact
                else f"multiples of {segments.multiple} from {segments.minimum} to {segments.maximum}"
            )
            raise PlanError(f"{plan}: model {self.manifest.name!r} takes segments of {lengths} frames")

    def open(self, *, threads: int, spin: bool = True) -> list[Specialist]:
        """Load every specialist, in the manifest's order.

        Raises:
            ModelLoadError: a file is missing, damaged or not understood.
        """
        verify(self.folder, self.manifest)
        return [
            open_specialist(self.folder, self.manifest, entry, threads=threads, spin=spin)
            for entry in self.manifest.specialists
        ]


def folders(extra: Sequence[Path] = ()) -> list[Path]:
    """Where models are looked for, first come first served."""
    return [*extra, Path(platformdirs.user_data_dir("stemd")) / "models", SHIPPED]


def on_disk(extra: Sequence[Path] = ()) -> Iterator[Path]:
    """Each model's folder; of two with one name, the first."""
    seen: set[str] = set()
    for place in folders(extra):
        for path in sorted(place.glob(f"*/{MANIFEST_NAME}")):
            if path.parent.name not in seen:
                seen.add(path.parent.name)
                yield path.parent


def find(name: str, extra: Sequence[Path] = ()) -> Model:
    """The model in the folder `name`.

    Raises:
        ModelLoadError: there is none, or its manifest cannot be used.
    """
    known = {path.name: path for path in on_disk(extra)}
    if name not in known:
        raise ModelLoadError(f"no model {name!r} in {', '.join(map(str, folders(extra)))}{nearest(name, known)}")
    manifest = load_manifest(known[name] / MANIFEST_NAME)
    if manifest.name != name:
        raise ModelLoadError(f"{known[name]}: the manifest is of {manifest.name!r}; the folder must bear the same name")
    return Model(known[name], manifest)
