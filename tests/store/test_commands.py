"""`stemd models` as people meet it: in a process of its own, with nothing but variables to tell it where the hub is."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.store.graphs import graph, model_folder
from tests.store.hub_server import Hub
from tests.store.states import names
from tests.waiting import wait_until

GRAPH = "x_vocals.onnx"
SIZE = 3_000_000


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """An environment with folders of its own, in which no hub can be reached."""
    own = {key: value for key, value in os.environ.items() if not re.search("proxy|^HF_", key, re.IGNORECASE)}
    return own | {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


@pytest.fixture
def hub(variables: dict[str, str], tmp_path: Path) -> "object":
    with Hub() as hub:
        folder = tmp_path / "published"
        model_folder(folder, weight=SIZE)
        hub.files = {path.name: path.read_bytes() for path in folder.iterdir()}
        variables["HF_ENDPOINT"] = hub.url
        yield hub


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "stemd", "models", *map(str, arguments)]


def stemd(variables: dict[str, str], *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        *(command(*arguments),), env=variables, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_model_comes_and_goes(hub: Hub, variables: dict[str, str], tmp_path: Path) -> None:
    store = tmp_path / "data" / "stemd" / "models"
    pull = ("pull", "tiny", "--repo", hub.repository)
    refused = stemd(variables, *pull)
    assert refused.returncode == 1
    assert "Commercial use: unclear" in refused.stdout
    assert refused.stderr == "stemd: there is no terminal to ask at; add --yes if that is what you want\n"
    pulled = stemd(variables, *pull, "--yes")
    assert pulled.returncode == 0, pulled.stderr
    assert f"the model is in {store / 'tiny'}; use it with --model tiny" in pulled.stdout
    assert re.search(r"fetching: 100 % of 3\.0 MB\n.*self-test: 100 % of 14 segments", pulled.stderr, re.DOTALL)
    listed = {row["model"]: row for row in json.loads(stemd(variables, "list", "--json").stdout)}
    assert listed["tiny"]["origin"] == "store"
    assert listed["spleeter-vocals"]["origin"] == "shipped"
    assert stemd(variables, "path", "tiny").stdout == f"{store / 'tiny'}\n"
    (store / "tiny" / GRAPH).write_bytes(b"damaged")
    (store / "tiny" / "more.onnx").write_bytes(b"")
    verified = stemd(variables, "verify", "tiny", "spleeter-vocals")
    assert verified.returncode == 1
    assert [line.split(": ")[2].split(" ")[0] for line in verified.stderr.splitlines()] == ["damaged", "is"]
    assert "spleeter-vocals: files as published, runs" in verified.stdout
    assert "add --yes" in stemd(variables, "remove", "tiny").stderr
    assert stemd(variables, "remove", "tiny", "--yes").stdout == "tiny: removed\n"
    assert names(store) == []
    assert not (tmp_path / "hf").exists()


def test_killed_while_it_fetches_it_goes_on_from_there(hub: Hub, variables: dict[str, str], tmp_path: Path) -> None:
    hub.stop_at, hub.pause = {GRAPH: 2_000_000}, threading.Event()
    pull = ("pull", "tiny", "--repo", hub.repository, "--yes")
    running = subprocess.Popen(command(*pull), env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    store = tmp_path / "data" / "stemd" / "models"
    parts = f".tiny.pull/{GRAPH}.*.part"
    wait_until(lambda: sum(path.stat().st_size for path in store.glob(parts)) >= 1_900_000, "most has come")
    busy = stemd(variables, *pull)
    assert "another stemd is fetching or changing 'tiny'" in busy.stderr
    running.kill()
    running.communicate()
    hub.pause.set()
    assert "half fetched: tiny; `stemd models pull tiny` goes on" in stemd(variables, "list").stdout
    hub.stop_at, hub.requests = {}, []
    done = stemd(variables, *pull)
    assert done.returncode == 0, done.stderr
    (span,) = hub.fetched(GRAPH)
    assert 1_900_000 <= int(span.removeprefix("bytes=").removesuffix("-")) <= 2_000_000
    assert (store / "tiny" / GRAPH).read_bytes() == hub.files[GRAPH]
    assert names(store) == ["tiny"]


def test_offline_is_said_and_nothing_is_asked_of_the_hub(hub: Hub, variables: dict[str, str]) -> None:
    done = stemd(variables | {"HF_HUB_OFFLINE": "1"}, "pull", "htdemucs_ft", "--yes")
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE forbids fetching; unset it, or fetch the files elsewhere and use" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert hub.requests == []


def test_a_proxy_is_gone_through(hub: Hub, variables: dict[str, str]) -> None:
    through = variables | {"HF_ENDPOINT": "http://hub.invalid", "HTTP_PROXY": hub.url}
    done = stemd(through, "pull", "tiny", "--repo", hub.repository, "--yes")
    assert done.returncode == 0, done.stderr
    assert {path.partition(".invalid")[0] for _, path, _ in hub.requests} == {"http://hub"}


def test_graphs_are_imported_by_command_into_another_folder(variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(graph([0.1, 0.2, 0.3, 0.4]))
    done = stemd(
        variables, "import", tmp_path / "net.onnx", "--stem", "vocals", "--row", "3", "--name", "mine", "--yes",
        "--folder", tmp_path / "elsewhere",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "add" in done.stdout.splitlines()[-1]
    assert "to models.folders in the configuration" in done.stdout.splitlines()[-1]
    config = tmp_path / "stemd.toml"
    config.write_text(f'[models]\nfolders = ["{tmp_path / "elsewhere"}"]\n')
    listed = stemd(variables, "list", "--config", config).stdout
    assert re.search(r"mine\s+vocals\s+waveform\s+44100\s+[\d.]+\s+not measured\s+unknown\s+unclear\s+folder", listed)
    refused = stemd(variables, "remove", "mine", "--yes", "--config", config)
    assert "is not in the store but in a folder of your own" in refused.stderr
    assert stemd(variables, "remove", "mine", "--yes", "--folder", tmp_path / "elsewhere").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["remove", "spleeter-vocals", "--yes"], "is a part of stemd and stays"),
        (["remove", "nothing", "--yes"], "no model 'nothing'"),
        (["path", "nothing"], "no model 'nothing'"),
        (["import", "nothing.onnx"], "nothing.onnx: no such file or folder"),
        (["pull", "htdemucs"], "did you mean 'htdemucs_ft'"),
        (["pull", "htdemucs_ft", "--yes"], "http://127.0.0.1:9 cannot be reached"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_faults_are_one_line(variables: dict[str, str], arguments: list[str], words: str) -> None:
    done = stemd(variables, *arguments)
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("stemd: ")
