"""Where models lie on disk, by name: those shipped, the user's, and folders named in the configuration."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from stemd.dsp.plan import WindowPlan
from stemd.errors import ModelLoadError, PlanError, nearest
from stemd.separation.choosing import choose
from stemd.separation.engines import engine_named
from stemd.separation.engines.engine import EngineOptions, Network
from stemd.separation.manifest import MANIFEST_NAME, Manifest, load_manifest, verify
from stemd.separation.specialist import Specialist, check_kind, specialist

SHIPPED = Path(__file__).parent.parent / "models"
_ASIDE: Final = ".old"


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

    def engine(self, options: EngineOptions) -> str:
        """The name of the engine that runs it; with `auto` the first call may take seconds, see choose.

        Raises:
            ConfigError: the options name no engine.
            ModelLoadError: the engine cannot be used here, or `auto` found none that runs the model.
        """
        return choose(self.folder, self.manifest, options, spectral=self.spectral)

    def open(
        self,
        options: EngineOptions,
        stems: Collection[str] | None = None,
        through: Callable[[Network], Network] = lambda network: network,
    ) -> list[Specialist]:
        """Load specialists, in the manifest's order: all, or those that give one of `stems`.

        Each has its network as `through` gives it back.

        Raises:
            ConfigError: the options name no engine, or what it does not know.
            ModelLoadError: a file is missing, damaged or not understood, or the engine cannot be used here.
        """
        verify(self.folder, self.manifest)
        check_kind(self.manifest)
        engine = engine_named(self.engine(options))
        return [
            specialist(self.manifest, entry, through(engine.load(self.folder / entry.file, options)))
            for entry in self.manifest.specialists
            if stems is None or not set(entry.stems).isdisjoint(stems)
        ]


def user_folder() -> Path:
    """The user's own folder of models, which `stemd models pull` and `import` fill."""
    return Path(platformdirs.user_data_dir("stemd")) / "models"


def folders(extra: Sequence[Path] = ()) -> list[Path]:
    """Where models are looked for, first come first served."""
    return [*extra, user_folder(), SHIPPED]


def aside(folder: Path) -> Path:
    """Where a model's folder lies while another takes its place."""
    return folder.with_name(f".{folder.name}{_ASIDE}")


def name_of(folder: Path) -> str | None:
    """The name of the model in `folder`; None if it is hidden, as one is that is not whole yet."""
    name = folder.name
    if not name.startswith("."):
        return name
    # Between the two renames of a replacement the model lies aside only; if that was cut short, it still counts.
    return name[1:].removesuffix(_ASIDE) if name.endswith(_ASIDE) else None


def on_disk(extra: Sequence[Path] = ()) -> Iterator[Path]:
    """Each model's folder; of two with one name, the first."""
    seen: set[str] = set()
    for place in folders(extra):
        models = [path.parent for path in place.glob(f"*/{MANIFEST_NAME}")]
        for folder in sorted(models, key=lambda model: (model.name.startswith("."), model.name)):
            name = name_of(folder)
            if name and name not in seen:
                seen.add(name)
                yield folder


def find(name: str, extra: Sequence[Path] = ()) -> Model:
    """The model in the folder `name`.

    Raises:
        ModelLoadError: there is none, or its manifest cannot be used.
    """
    known = {name_of(path) or "": path for path in on_disk(extra)}
    if name not in known:
        raise ModelLoadError(f"no model {name!r} in {', '.join(map(str, folders(extra)))}{nearest(name, known)}")
    manifest = load_manifest(known[name] / MANIFEST_NAME)
    if manifest.name != name:
        raise ModelLoadError(f"{known[name]}: the manifest is of {manifest.name!r}; the folder must bear the same name")
    return Model(known[name], manifest)
