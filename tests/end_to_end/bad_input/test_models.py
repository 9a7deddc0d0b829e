"""Models that are missing or damaged: refused by name, and never a reason to stop."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from stemd.errors import ModelLoadError
from stemd.protocol import Fault
from stemd.separation.store import SHIPPED
from tests.end_to_end.process import Daemon, folder, one_line, refused, running
from tests.end_to_end.raw import BLOCK, Raw
from tests.end_to_end.reference import recording


def copied(place: Path, name: str) -> Path:
    """A copy of the shipped model under another name."""
    path = place / name
    shutil.copytree(SHIPPED / "spleeter-vocals", path)
    edit(path, 'name = "spleeter-vocals"', f'name = "{name}"')
    return path


def edit(path: Path, old: str, new: str) -> None:
    manifest = path / "manifest.toml"
    text = manifest.read_text("utf-8")
    assert old in text
    manifest.write_text(text.replace(old, new, 1), "utf-8")


def flip_a_bit(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(5_000_000)
        byte = file.read(1)[0]
        file.seek(5_000_000)
        file.write(bytes([byte ^ 1]))


def replace_graph(path: Path, content: bytes) -> None:
    """Another graph, and its own digest in the manifest: what is wrong with it shows only when it is loaded."""
    graph = path / "vocals.onnx"
    old = hashlib.sha256(graph.read_bytes()).hexdigest()
    graph.write_bytes(content)
    edit(path, old, hashlib.sha256(content).hexdigest())


def make_models(place: Path) -> None:
    flip_a_bit(copied(place, "bit-flipped") / "vocals.onnx")
    (copied(place, "graph-missing") / "vocals.onnx").unlink()
    edit(copied(place, "unknown-key"), "sample_rate", "colour = 'blue'\nsample_rate")
    edit(copied(place, "no-toml"), "version", "[[[version")
    edit(copied(place, "wrong-type"), "sample_rate = 44100", "sample_rate = 'fast'")
    edit(copied(place, "other-name"), 'name = "other-name"', 'name = "somebody-else"')
    edit(copied(place, "outside"), 'file = "vocals.onnx"', 'file = "../bit-flipped/vocals.onnx"')
    replace_graph(copied(place, "rubbish"), b"this is no graph" * 1_000)
    whole = (SHIPPED / "spleeter-vocals" / "vocals.onnx").read_bytes()
    replace_graph(copied(place, "half-a-graph"), whole[: len(whole) // 2])
    (place / "empty-folder").mkdir()


@pytest.fixture(scope="module")
def models() -> Iterator[Path]:
    with folder() as place:
        make_models(place)
        yield place


@pytest.fixture(scope="module")
def daemon(models: Path) -> Iterator[Daemon]:
    with running({"models": {"folders": [str(models)]}}) as daemon:
        yield daemon


BROKEN = {
    "bit-flipped": ["vocals.onnx: damaged or replaced", "again"],
    "graph-missing": ["vocals.onnx: missing", "again"],
    "unknown-key": ["manifest.toml: unknown key 'colour'"],
    "no-toml": ["manifest.toml: is not TOML"],
    "wrong-type": ["manifest.toml", "$.sample_rate"],
    "other-name": ["'somebody-else'", "must bear the same name"],
    "outside": ["must be a plain name"],
    "rubbish": ["is no graph", "vocals.onnx"],
    "half-a-graph": ["is no graph", "vocals.onnx"],
    "empty-folder": ["no model 'empty-folder'"],
    "nonesuch": ["no model 'nonesuch'"],
    "spleeter-vocal": ["(did you mean 'spleeter-vocals'?)"],
    "..": ["no model '..'"],
}


@pytest.mark.parametrize(("model", "words"), BROKEN.items(), ids=BROKEN)
def test_a_model_that_cannot_be_used_is_refused_by_name(raw: Raw, name: str, model: str, words: list[str]) -> None:
    for timing in ("free", "realtime"):
        fault = raw.open(name, model=model, timing=timing)
        assert isinstance(fault, Fault)
        assert fault.code == ModelLoadError.code
        assert fault.stream == name
        for word in words:
            assert word in fault.text
        assert "\n" not in fault.text
    state = raw.state()
    assert state["models"] == ["spleeter-vocals"]
    assert name not in [stream["stream"] for stream in state["streams"]]


def test_a_model_that_was_mended_meanwhile_can_be_used(raw: Raw, models: Path, name: str) -> None:
    path = copied(models, "mended")
    flip_a_bit(path / "vocals.onnx")
    assert raw.open(name, model="mended").code == ModelLoadError.code
    flip_a_bit(path / "vocals.onnx")
    raw.opened(name, model="mended")
    vocals = raw.listen(name, "vocals")
    raw.feed(name, recording(30 * BLOCK, 44_100))
    raw.closing(name)
    [heard] = raw.take_until_end(vocals)
    assert heard.samples.shape == (2, 30 * BLOCK)


@pytest.mark.parametrize("model", ["bit-flipped", "unknown-key", "nonesuch"])
def test_a_daemon_whose_own_model_cannot_be_used_says_so_in_one_line(models: Path, model: str) -> None:
    with folder() as place:
        data = place / "data" / "stemd"
        data.mkdir(parents=True)
        (data / "models").symlink_to(models)
        status, errors = refused(place, arguments=("--model", model))
    assert status == 1
    assert one_line(errors), errors
    assert BROKEN[model][0] in errors
