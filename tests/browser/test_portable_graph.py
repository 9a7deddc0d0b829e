"""The portable graph of a narrow HT-Demucs in Chromium, by onnxruntime-web, against PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stemd.separation.manifest import Storage
from stemd_export.htdemucs.portable import portable_graph
from stemd_export.htdemucs.seeded import NARROW, PUBLISHED, seeded_model
from stemd_export.htdemucs.weights import read
from tests.browser.chromium import Answer, visit
from tests.browser.runtime import FILES, runtime
from tests.demucs_transforms import apart
from tests.networks import noise

HERE = Path(__file__).parent
PAGE = {name: (HERE / name).read_bytes() for name in ("page.html", "page.mjs")}
pytestmark = pytest.mark.needs("chromium", "npm")


def separate(graph: bytes, mixture: bytes, folder: Path, seconds: float = 60) -> Answer:
    files = {**PAGE, **runtime(), "graph.onnx": graph, "mix.f32": mixture}
    return visit(files, "page.html", folder / "profile", seconds)


def compare(architecture: dict[str, Any], storage: Storage, folder: Path, seconds: float = 60) -> Answer:
    """Separate noise in the browser and in PyTorch."""
    model = seeded_model(architecture, 5)
    frames = int(model.segment * model.samplerate)
    mixture, wanted = noise(frames), (3, 0)
    answer = separate(portable_graph(read(model, frames), wanted, storage=storage), mixture.tobytes(), folder, seconds)
    assert answer.path == "/stems", answer.body.decode()
    assert answer.headers["X-Shape"] == f"1,{len(wanted)},2,{frames}"
    with torch.no_grad():
        expected = model(torch.from_numpy(mixture)[None]).numpy()[:, wanted]
    difference = apart(np.frombuffer(answer.body, np.float32).reshape(expected.shape), expected)
    cost = f"{float(answer.headers['X-Seconds']):.2f} s, {answer.memory / 1e6:.0f} MB"
    print(f"{frames} frames, {storage}: {cost}, {difference:.1e} of the peak apart")
    assert difference < 1e-5
    return answer


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_a_browser_separates_as_pytorch_does(storage: Storage, tmp_path: Path) -> None:
    answer = compare(NARROW, storage, tmp_path)
    assert {path.removeprefix("/") for path in answer.asked} <= {*PAGE, *FILES, "graph.onnx", "mix.f32", "favicon.ico"}


@pytest.mark.slow
def test_a_browser_holds_a_network_of_the_published_size(tmp_path: Path) -> None:
    answer = compare(PUBLISHED, "float16", tmp_path, seconds=400)
    assert answer.memory < 2e9


def test_what_goes_wrong_in_the_page_is_told(tmp_path: Path) -> None:
    answer = separate(b"no graph", b"", tmp_path)
    assert answer.path == "/failed"
    assert "protobuf" in answer.body.decode()


def test_a_page_may_ask_no_other_host(tmp_path: Path) -> None:
    astray = (
        b"addEventListener('securitypolicyviolation', (e) => fetch('/failed', {method: 'POST', body: e.blockedURI}));"
    )
    files = {**PAGE, "page.mjs": astray + b"fetch('http://example.org/').catch(() => 0);"}
    answer = visit(files, "page.html", tmp_path / "profile", seconds=60)
    assert answer.body == b"http://example.org/"
