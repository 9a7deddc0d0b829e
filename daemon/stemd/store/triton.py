"""A Triton model repository: a folder for each specialist, made beside its place, checked, and renamed into it."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

from stemd.errors import ModelError
from stemd.separation.engines import engine_named
from stemd.separation.engines.engine import EngineOptions, Network
from stemd.separation.manifest import MANIFEST_NAME, Manifest, verify
from stemd.separation.manifest_text import to_toml
from stemd.separation.remote import repository, wire
from stemd.separation.remote.repository import Serving, WholeGraph
from stemd.separation.remote.serving import Served, options
from stemd.separation.specialist import check_kind
from stemd.separation.store import Model
from stemd.separation.trial import trial
from stemd.store.errors import StoreError, disk_faults
from stemd.store.folder import Store
from stemd.store.graph import signature

_ENGINE: Final = "onnxruntime"
_CLOSE: Final = 1e-5  # of the peak: how far a segment's stems may be from those that it gives when run alone
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """One specialist on its way into the repository."""

    model: Model
    index: int
    serving: Serving
    folder: Path

    @property
    def manifest(self) -> Manifest:
        return self.model.manifest

    @property
    def graph(self) -> Path:
        return self.model.folder / self.manifest.specialists[self.index].file

    @property
    def edition(self) -> Path:
        """The folder of the version that the server loads."""
        return self.folder / wire.version(self.manifest)


def export(root: Path, model: Model, serving: Serving, say: Say) -> list[str]:
    """Write all specialists of a model into a repository, in place of other editions of it; other models stay.

    Nothing is changed before every specialist is written and checked. Each folder is then replaced at once. A daemon
    asks for one edition only, so if this is killed in between, the specialists of the other one are not used.

    Args:
        root: the repository; made where there is none.
        model: to be served.
        serving: how.
        say: told what was checked, a line at a time.

    Returns:
        The names of the server's models.

    Raises:
        ModelError: a graph is damaged, does not run or is of the wrong form, or the folder holds something else.
        ConfigError: the backend cannot run the model.
    """
    manifest, store = model.manifest, Store(root)
    verify(model.folder, manifest)
    check_kind(manifest)
    whole = serving.backend_of(manifest) == _ENGINE
    names = [wire.name(manifest, index) for index in range(len(manifest.specialists))]
    with disk_faults(root), ExitStack() as stack:
        check_root(root)
        stagings = {name: stack.enter_context(_staging(store, name)) for name in names}
        for index, (name, staging) in enumerate(stagings.items()):
            part = _Part(model, index, serving, staging)
            say(f"{name}: {_whole(part) if whole else _specialist(part)}")
        for name, staging in stagings.items():
            store.install(name, staging)
    _sweep(store, manifest.name, names)
    return names


def check_root(root: Path) -> None:
    """Refuse a folder that holds what is not ours.

    Raises:
        StoreError: it does.
    """
    if root.exists() and not root.is_dir():
        raise StoreError(f"{root} is a file; name a folder")
    for path in sorted(root.iterdir()) if root.exists() else []:
        ours = (path / repository.CONFIG).is_file() and (path / MANIFEST_NAME).is_file()
        if not path.name.startswith(".") and not ours:
            raise StoreError(
                f"{root} holds {path.name!r}, which is no model that stemd exported; name a new folder (a server takes "
                "several: --model-repository may be given again)"
            )


@contextmanager
def _staging(store: Store, name: str) -> Iterator[Path]:
    """A hidden folder for what nobody else changes meanwhile, gone afterwards whatever happens."""
    with store.locked(name):
        staging = store.half_imported(name)
        staging.mkdir()
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _specialist(part: _Part) -> str:
    """Write a specialist for the Python backend and run it as the server will; what was checked."""
    config = repository.python_config(part.manifest, part.index, part.serving)
    _write(part, config, whole=False)
    shutil.copyfile(part.graph, part.edition / part.graph.name)
    (part.edition / MANIFEST_NAME).write_text(to_toml(part.manifest), "utf-8")
    (part.edition / "model.py").write_text(repository.MODEL_PY, "utf-8")
    parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
    here = options({**parameters, "gpu": "false"})
    served, entry = Served(part.edition, part.index, here), part.manifest.specialists[part.index]
    begun = time.monotonic()
    for row in repository.plans(part.manifest).values():
        asked = trial(row.window(), spectral=part.model.spectral)
        answer = served.run(wire.inputs(asked, whole=False))
        wire.stems(np.asarray(answer[wire.STEMS], np.float32), entry, asked, whole=False)
    return _told(part, here.name, time.monotonic() - begun)


def _whole(part: _Part) -> str:
    """Write a bare graph for the onnxruntime backend and run it on what the server will be sent; what was checked."""
    network = engine_named(_ENGINE).load(part.graph, EngineOptions(threads=part.serving.threads or 1))
    graph, begun = _looked_at(part, network), time.monotonic()
    _write(part, repository.whole_config(part.manifest, part.index, part.serving, graph), whole=True)
    shutil.copyfile(part.graph, part.edition / repository.GRAPH)
    for row in repository.plans(part.manifest).values():
        asked = trial(row.window(), spectral=False)
        answer = network.run(wire.inputs(asked, whole=True)[wire.MIXTURE])[0]
        wire.stems(answer, part.manifest.specialists[part.index], asked, whole=True)
    told = _told(part, _ENGINE, time.monotonic() - begun)
    if not graph.batches:
        return f"{told}; it takes one segment at a time, so nothing is batched"
    delay = repository.queue_delay(part.manifest)
    return f"{told}; it takes up to {repository.BATCH} segments at once, and none waits for others for over {delay} us"


def _looked_at(part: _Part, network: Network) -> WholeGraph:
    """What a graph is, as it says, and where it leaves open how many segments it takes, as two of them show.

    Raises:
        StoreError: its output is not of the form that the daemon asks for.
    """
    found, entry = signature(part.graph), part.manifest.specialists[part.index]
    if not found.has_batch_out:
        raise StoreError(
            f"{part.graph}: gives (rows, 2, frames), and (1, rows, 2, frames) is due; use --backend python"
        )
    graph = WholeGraph(found.mixture, found.stems, found.frames, found.rows or entry.output_rows, batches=False)
    return replace(graph, batches=found.batch is None and _takes_two(network, part.manifest))


def _takes_two(network: Network, manifest: Manifest) -> bool:
    """Whether two segments give together what each gives alone."""
    row = min(repository.plans(manifest).values(), key=lambda each: each.segment)
    one = wire.inputs(trial(row.window(), spectral=False), whole=True)[wire.MIXTURE]
    two = np.concatenate([one, one[..., ::-1]]).astype(np.float32)
    try:
        (together,) = network.run(two)
        alone = np.concatenate([network.run(np.ascontiguousarray(each[np.newaxis]))[0] for each in two])
    except ModelError:
        return False
    return together.shape == alone.shape and bool(np.abs(together - alone).max() <= _CLOSE * np.abs(alone).max())


def _write(part: _Part, config: Mapping[str, Any], *, whole: bool) -> None:
    """All but the graph."""
    part.edition.mkdir()
    (part.folder / repository.CONFIG).write_text(config_text(config), "utf-8")
    (part.folder / MANIFEST_NAME).write_text(to_toml(part.manifest), "utf-8")
    (part.folder / repository.WARM_UP).mkdir()
    for name, content in repository.warm_up_files(part.manifest, whole=whole):
        (part.folder / repository.WARM_UP / name).write_bytes(content)


def config_text(config: Mapping[str, Any]) -> str:
    """A ModelConfig in the text that Triton reads, written by Triton's own schema and read back by it.

    Raises:
        StoreError: it is not by the schema.
    """
    from google.protobuf import json_format, text_format  # noqa: PLC0415 - with the client's package, which is an extra
    from tritonclient.grpc import model_config_pb2  # noqa: PLC0415

    try:
        message = json_format.ParseDict(dict(config), model_config_pb2.ModelConfig())
        text = str(text_format.MessageToString(message))
        same = text_format.Parse(text, model_config_pb2.ModelConfig()) == message
    except (json_format.ParseError, text_format.ParseError) as exc:
        raise StoreError(f"{config['name']}: is no configuration of Triton's ({exc})") from exc
    if not same:
        raise StoreError(f"{config['name']}: the configuration does not come back as it was written")
    return text


def _told(part: _Part, engine: str, seconds: float) -> str:
    lengths = " and ".join(map(str, repository.plans(part.manifest)))
    package = f"{engine} {version(engine)}"
    return (
        f"{repository.CONFIG} is by Triton's schema (of tritonclient {version('tritonclient')}), and the graph ran "
        f"here in {package} on segments of {lengths} frames, {seconds:.2f} s in all"
    )


def _sweep(store: Store, model: str, names: list[str]) -> None:
    """Remove what another edition of a model left that had more specialists."""
    for path in store.root.glob(f"{model}-*/{MANIFEST_NAME}"):
        name = path.parent.name
        if name not in names and name.rpartition("-")[0] == model:
            with disk_faults(store.root), store.locked(name):
                store.remove(name)
