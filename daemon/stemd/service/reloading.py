"""Takes over another configuration, and other editions of models, while streams run: all of it or nothing."""

from dataclasses import dataclass

from stemd.config import Config
from stemd.config.effects import Effect, adopted, changes, described
from stemd.errors import ModelLoadError, StemdError
from stemd.separation.pool import Lane
from stemd.separation.store import Model
from stemd.service.library import Library
from stemd.service.plans import resolve
from stemd.service.stream import Stream
from stemd.service.streams import Streams
from stemd.service.swapping import swap


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reload did.

    Attributes:
        config: what holds now: the new configuration, but for keys that need a restart.
        changed: the keys that differ, and when each takes effect.
        notes: what else a person should know, in whole sentences.
    """

    config: Config
    changed: dict[str, Effect]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """For people; see `described`."""
        return described({key: effect.value for key, effect in self.changed.items()}, self.notes)


async def warm(library: Library, model: Model, config: Config) -> None:
    """Load-time measurements of a model in the plan that a stream gets that names none.

    Raises:
        PlanError: the model cannot run that plan.
    """
    plan = resolve(None, config, model)
    for lane in Lane:
        await library.timings(model, plan, lane, range(len(model.manifest.specialists)))


async def prepare(before: Config, wanted: Config, library: Library, streams: Streams) -> tuple[Outcome, list[Model]]:
    """Load what the new configuration needs; nothing has changed for anybody yet.

    Args:
        before: what holds now.
        wanted: what was read.
        library: of models.
        streams: those that use them.

    Returns:
        What is about to be, and the models for `Library.adopt`.

    Raises:
        ModelLoadError: a model that the configuration names cannot be had.
        PlanError: a model that the configuration names cannot run `plan`.
    """
    config = adopted(before, wanted)
    configured = {config.models.default, *config.models.preload}
    if config.capture.device and config.capture.model:
        configured.add(config.capture.model)
    used = {_model_of(stream, config) for stream in streams.open.values()}
    notes: list[str] = []
    models: list[Model] = []
    try:
        for name in sorted(configured):
            models.append(await _renewed(name, config, library, notes))
            await warm(library, models[-1], config)
        for name in sorted(used - configured):
            try:
                models.append(await _renewed(name, config, library, notes))
            except ModelLoadError as exc:
                notes.append(f"model {name} stays as it was loaded: {exc}")
                models += [library.models[name]] if name in library.models else []
    except BaseException:
        library.retire(models)
        raise
    return Outcome(config, changes(before, wanted), tuple(notes)), models


async def _renewed(name: str, config: Config, library: Library, notes: list[str]) -> Model:
    model = await library.edition(name, config.model_folders)
    if name in library.models and not library.current(model):
        notes.append(f"model {name} has another edition, {model.manifest.key}")
    return model


async def swap_all(config: Config, streams: Streams, library: Library) -> list[str]:
    """Give each stream the edition that it would get if it were opened now, where it can be had; what became of it."""
    notes = []
    for stream in list(streams.open.values()):
        model = library.models.get(_model_of(stream, config))
        if model is None or model.manifest.key == stream.promise.model.manifest.key:
            continue
        title = f"stream {stream.name}"
        try:
            await swap(stream, model, streams, library, config.realtime.ahead)
        except StemdError as exc:
            old = stream.promise.model.manifest.key
            notes.append(f"{title} stays with {old}, for {model.manifest.key} will not do: {exc}; open it anew")
        else:
            notes.append(f"{title} goes on with {model.manifest.key} from its next segment on")
    return notes


def _model_of(stream: Stream, config: Config) -> str:
    """The model that a stream asked for by name, or what the configuration says for those that named none."""
    own = config.capture.model if not stream.session else ""
    return (stream.promise.request.model if stream.session else own) or config.models.default
