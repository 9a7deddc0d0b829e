"""Laws of what `stemd models export-triton` writes, by Triton's own schema."""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from stemd.cli import main
from stemd.config import load_config
from stemd.errors import ConfigError, ModelError
from stemd.separation.manifest import MANIFEST_NAME, load_manifest
from stemd.separation.remote import wire
from stemd.separation.remote.repository import BATCH, CONFIG, GRAPH, WARM_UP, Serving, plans, queue_delay
from stemd.separation.store import Model, find
from stemd.separation.trial import trial
from stemd.store.errors import StoreError
from stemd.store.triton import config_text, export
from tests.editions import put
from tests.graphs import copying_model, store
from tests.remote.graphs import bare, mixing, of_graphs, pair

PYTHON, AUTO = Serving(backend="python"), Serving()
MASKS = find("spleeter-vocals")


def written(root: Path, model: Model, serving: Serving = AUTO) -> list[str]:
    return export(root, model, serving, lambda _: None)


def config(folder: Path) -> Any:
    return text_format.Parse((folder / CONFIG).read_text("utf-8"), model_config_pb2.ModelConfig())


def tree(root: Path) -> dict[str, bytes]:
    """Every file that a server sees."""
    files = [path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("serving", "files"),
    [(AUTO, {GRAPH}), (PYTHON, {"model.py", MANIFEST_NAME, "s{}.onnx"})],
    ids=["onnxruntime", "python"],
)
def test_each_specialist_has_a_folder_with_its_own_graph_alone(
    tmp_path: Path, serving: Serving, files: set[str]
) -> None:
    model, root = pair(tmp_path / "pair"), tmp_path / "repository"
    assert written(root, model, serving) == ["pair-0", "pair-1"]
    for index in range(2):
        place = root / f"pair-{index}" / wire.version(model.manifest)
        assert {path.name for path in place.iterdir()} == {name.format(index) for name in files}
        (graph,) = place.glob("*.onnx")
        assert graph.read_bytes() == (model.folder / f"s{index}.onnx").read_bytes()


@pytest.mark.parametrize("backend", ["onnxruntime", "python"])
def test_what_is_written_is_what_the_daemon_asks_for(tmp_path: Path, backend: Any) -> None:
    model = pair(tmp_path / "pair")
    for index, name in enumerate(written(tmp_path / "r", model, Serving(backend=backend, instances=3))):
        found = config(tmp_path / "r" / name)
        assert (found.name, found.backend, found.instance_group[0].count) == (name, backend, 3)
        assert [str(version) for version in found.version_policy.specific.versions] == [wire.version(model.manifest)]
        metadata = {
            side: [{"name": tensor.name} for tensor in tensors]
            for side, tensors in (("inputs", found.input), ("outputs", found.output))
        }
        settings = json_format.MessageToDict(found, preserving_proto_field_name=True)
        offered = wire.offer(model.manifest, index, metadata, settings)
        assert (offered.name, offered.whole) == (name, backend == "onnxruntime")
        assert (offered.mixture, offered.stems) == (found.input[0].name, found.output[0].name)


def test_the_warm_up_is_a_request_of_the_wire_to_the_bit(tmp_path: Path) -> None:
    (name,) = written(tmp_path, MASKS)
    warmed = {each.name: each.inputs for each in config(tmp_path / name).model_warmup}
    assert warmed.keys() == {f"{row.segment}-frames" for row in MASKS.manifest.plans.values()}
    for row in plans(MASKS.manifest).values():
        asked = wire.inputs(trial(row.window(), spectral=True), whole=False)
        given = warmed[f"{row.segment}-frames"]
        assert given.keys() == asked.keys()
        for key, values in asked.items():
            content = (tmp_path / name / WARM_UP / given[key].input_data_file).read_bytes()
            assert np.array_equal(np.frombuffer(content, values.dtype).reshape(given[key].dims), values)


def test_a_graph_that_takes_one_segment_is_not_batched(tmp_path: Path) -> None:
    model = copying_model(tmp_path, stems=3)
    store(model)
    (name,) = written(tmp_path / "r", model)
    found = config(tmp_path / "r" / name)
    assert (found.max_batch_size, found.HasField("dynamic_batching")) == (0, False)
    assert [list(found.input[0].dims), list(found.output[0].dims)] == [[1, 2, 512], [1, 3, 2, 512]]


def test_a_portable_ht_demucs_is_served_as_it_is(tmp_path: Path, portable: Model) -> None:
    (name,) = written(tmp_path / "r", portable)
    found, segment = config(tmp_path / "r" / name), portable.manifest.live.segment
    assert (found.platform, found.max_batch_size) == ("onnxruntime_onnx", 0)
    assert [(each.name, list(each.dims)) for each in (*found.input, *found.output)] == [
        ("mix", [1, 2, segment]),
        ("stems", [1, 1, 2, segment]),
    ]
    graph = (tmp_path / "r" / name / wire.version(portable.manifest) / GRAPH).read_bytes()
    assert hashlib.sha256(graph).hexdigest() == portable.manifest.specialists[0].sha256


def test_a_graph_that_takes_more_is_batched_and_waits_for_a_hundredth_of_the_shortest_hop(tmp_path: Path) -> None:
    model = pair(tmp_path / "pair")
    (name, _) = written(tmp_path / "r", model)
    found = config(tmp_path / "r" / name)
    assert found.max_batch_size == BATCH > 1
    assert [list(found.input[0].dims), list(found.output[0].dims)] == [[2, 512], [1, 2, 512]]
    delay = found.dynamic_batching.max_queue_delay_microseconds
    assert delay == queue_delay(model.manifest) == round(1e6 * 0.01 * 512 / 44_100)
    hops = [row.hop for row in MASKS.manifest.plans.values()]
    assert queue_delay(MASKS.manifest) == round(1e6 * 0.01 * min(hops) / 44_100) < 1e6 * 0.01 * max(hops) / 44_100


def test_a_graph_whose_segments_hear_one_another_is_not_batched(tmp_path: Path) -> None:
    model = mixing(tmp_path / "mixing")
    (name,) = written(tmp_path / "r", model)
    assert config(tmp_path / "r" / name).max_batch_size == 0


def test_a_server_is_told_engine_and_threads(tmp_path: Path) -> None:
    model = pair(tmp_path / "pair")
    written(tmp_path / "r", model, Serving(backend="python", engine="openvino", threads=2, gpu=True))
    found = config(tmp_path / "r" / "pair-1")
    told = {key: each.string_value for key, each in found.parameters.items()}
    assert told["engine"] == "openvino"
    assert (told["threads"], told["index"], told["gpu"]) == ("2", "1", "true")
    assert (found.instance_group[0].kind, list(found.instance_group[0].gpus)) == (found.instance_group[0].KIND_GPU, [0])
    written(tmp_path / "r", model, Serving(threads=2))
    assert config(tmp_path / "r" / "pair-1").parameters["intra_op_thread_count"].string_value == "2"


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        (Serving(backend="onnxruntime"), "of kind 'mask'.*--backend python"),
        (Serving(backend="onnxruntime", engine="openvino"), "of kind 'mask'"),
    ],
)
def test_a_backend_that_cannot_run_a_model_is_refused(tmp_path: Path, serving: Serving, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        written(tmp_path / "r", MASKS, serving)
    assert not (tmp_path / "r").exists()


def test_an_engine_that_the_backend_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--engine openvino goes with --backend python"):
        written(tmp_path / "r", pair(tmp_path / "pair"), Serving(backend="onnxruntime", engine="openvino"))


def test_a_graph_without_an_axis_for_segments_wants_the_python_backend(tmp_path: Path) -> None:
    model = bare(tmp_path / "bare")
    with pytest.raises(StoreError, match=r"gives \(rows, 2, frames\).*--backend python"):
        written(tmp_path / "r", model)
    assert written(tmp_path / "r", model, PYTHON) == ["bare-0"]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    model = pair(tmp_path / "pair")
    (tmp_path / "r" / "resnet").mkdir(parents=True)
    (tmp_path / "r" / "resnet" / CONFIG).write_text('backend: "onnxruntime"')
    before = tree(tmp_path / "r")
    with pytest.raises(StoreError, match="holds 'resnet', which is no model that stemd exported; name a new folder"):
        written(tmp_path / "r", model)
    assert tree(tmp_path / "r") == before
    with pytest.raises(StoreError, match="is a file; name a folder"):
        written(model.folder / "s0.onnx", model)


def test_a_damaged_graph_is_refused(tmp_path: Path) -> None:
    model, root = pair(tmp_path / "pair"), tmp_path / "r"
    content = bytearray((model.folder / "s1.onnx").read_bytes())
    content[-1] ^= 1
    (model.folder / "s1.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"s1.onnx: damaged or replaced"):
        written(root, model)
    assert not root.exists()


def test_nothing_is_renewed_unless_every_specialist_runs(tmp_path: Path) -> None:
    root, first = tmp_path / "r", pair(tmp_path / "one" / "pair")
    written(root, first)
    before = tree(root)
    good = (first.folder / "s0.onnx").read_bytes()
    rows = (copying_model(tmp_path, stems=2).folder / "copy.onnx").read_bytes()
    with pytest.raises(ModelError, match=r"the server gave|the network gave"):
        written(root, of_graphs(tmp_path / "two" / "pair", "pair", {"s0": good, "s1": rows}))
    assert tree(root) == before


def test_a_renewed_model_is_of_one_edition_and_others_stay(tmp_path: Path) -> None:
    root = tmp_path / "r"
    written(root, pair(tmp_path / "one" / "pair"))
    put(tmp_path, 0.5, name="pair-1")  # whose one specialist is `pair-1-0`
    written(root, find("pair-1", [tmp_path]))
    other = tree(root / "pair-1-0")
    renewed = pair(tmp_path / "two" / "pair", gains=(0.75,))
    assert written(root, renewed) == ["pair-0"]
    assert {path.name for path in root.iterdir() if path.is_dir()} == {"pair-0", "pair-1-0"}
    versions = {path.name for path in (root / "pair-0").iterdir() if path.name.isdecimal()}
    assert versions == {wire.version(renewed.manifest)}
    assert load_manifest(root / "pair-0") == renewed.manifest
    assert tree(root / "pair-1-0") == other


def test_what_a_killed_export_left_is_cleared_up(tmp_path: Path) -> None:
    model = pair(tmp_path / "pair")
    written(tmp_path / "r", model)
    whole = tree(tmp_path / "r")
    (tmp_path / "r" / "pair-0").rename(tmp_path / "r" / ".pair-0.old")  # between the two renames of a replacement
    (tmp_path / "r" / ".pair-1.import").mkdir()
    written(tmp_path / "r", model)
    assert tree(tmp_path / "r") == whole
    assert {path.name for path in (tmp_path / "r").iterdir() if path.is_dir()} == {"pair-0", "pair-1"}


def test_what_is_not_by_the_schema_is_not_written() -> None:
    with pytest.raises(StoreError, match=r"a: is no configuration of Triton's .*max_batch"):
        config_text({"name": "a", "max_batch": 1})
    with pytest.raises(StoreError, match=r"a: is no configuration of Triton's"):
        config_text({"name": "a", "max_batch_size": "many"})


def test_the_command_says_what_it_checked_and_how_it_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair(tmp_path / "models" / "pair")
    own = tmp_path / "stemd.toml"
    own.write_text(f'[models]\nfolders = ["{tmp_path / "models"}"]\n')
    arguments = ["models", "export-triton", str(tmp_path / "r"), "--config", str(own), "--instances", "2"]
    assert main([*arguments, "--model", "pair", "--model", "spleeter-vocals"]) == 0
    said = capsys.readouterr().out
    assert {path.name for path in (tmp_path / "r").glob("*") if path.is_dir()} == {
        *("pair-0", "pair-1", "spleeter-vocals-0")
    }
    for backend in ("onnxruntime", "python"):
        assert f"not checked: no Triton with the {backend} backend was run\n" in said
    assert f"tritonserver --model-repository={tmp_path / 'r'} " in said
    lines = said.partition("in its configuration:\n")[2]
    assert tomllib.loads(lines)["engine"]["triton"]["endpoints"] == ["127.0.0.1:8001"]
    own.write_text(lines)
    engine = load_config(own).engine
    assert engine.models == {"pair": "triton", "spleeter-vocals": "triton"}
    assert engine.triton.parallel == 2


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--model", "spleter-vocals"], 1, "no model 'spleter-vocals'"),
        (["--model", "spleeter-vocals", "--backend", "onnxruntime"], 78, "--backend python"),
        (["--instances", "0"], 78, "--instances 0: must be from 1 to 256"),
    ],
)
def test_errors_of_the_command_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, words: str
) -> None:
    assert main(["models", "export-triton", str(tmp_path / "r"), *arguments]) == status
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1


def test_without_the_extra_it_says_which(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['tritonclient'] = None; from stemd.cli import main;"
        f"sys.exit(main(['models', 'export-triton', {str(tmp_path / 'r')!r}, '--model', 'spleeter-vocals']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'stemd[triton]'" in done.stderr
