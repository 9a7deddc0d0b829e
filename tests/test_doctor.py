"""`stemd doctor`: from facts to findings to one next command, and the real thing on this machine."""

import json
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from importlib.metadata import requires
from pathlib import Path

import pytest

from stemd.commands.diagnosis.collecting import needs
from stemd.commands.diagnosis.facts import BUILDS, ClientFacts, EngineFacts, Facts, ModelFacts, Package, Sound, Wanted
from stemd.commands.diagnosis.findings import Finding, Level, judge, next_command
from stemd.commands.doctor import as_tree, lines

HERE = Path(__file__).parent.parent
WELL = Facts(
    stemd="1",
    python="3.11",
    system="Linux",
    apt=True,
    packages=tuple(Package(name, "1") for name in ("msgspec", "onnxruntime", "sounddevice", "soundfile")),
    builds=(Package("onnxruntime", "1.32"),),
    engines=(
        EngineFacts("onnxruntime", None, ("CPUExecutionProvider",)),
        EngineFacts("openvino", "OpenVINO cannot be used (no module): pip install 'stemd[openvino]'"),
    ),
    wanted=Wanted(models=("spleeter-vocals",)),
    files=None,
    sound=Sound("Mic", "Speaker"),
    models=(ModelFacts("spleeter-vocals", ("vocals",), shipped=True),),
    address="ipc:///run/stemd",
    daemon=None,
    clients=(ClientFacts("jack", "needs JACK-Client: pip install 'stemd[jack]'"), ClientFacts("web", None)),
    bench=True,
)


def told(facts: Facts) -> tuple[list[Finding], str]:
    findings = judge(facts)
    return findings, next_command(facts, findings)


def test_where_all_is_well_the_next_step_is_to_serve_then_to_hear() -> None:
    assert told(WELL) == ([], "stemd serve")
    assert told(replace(WELL, daemon="1")) == ([], "stemd demo")
    assert told(replace(WELL, daemon="1", bench=False)) == ([], "stemd status")


@pytest.mark.parametrize(
    ("facts", "level", "words", "command"),
    [
        (
            replace(WELL, packages=(*WELL.packages, Package("scipy", None), Package("rich", None))),
            Level.FAULT,
            "lacks scipy, rich",
            "pip install 'stemd[daemon]'",
        ),
        (replace(WELL, builds=()), Level.FAULT, "onnxruntime is missing", "pip install 'stemd[daemon]'"),
        (
            replace(WELL, builds=(Package("onnxruntime-gpu", "1.31"), Package("onnxruntime", "1.32"))),
            Level.FAULT,
            "onnxruntime and onnxruntime-gpu are installed together",
            "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'stemd[daemon-cuda]'",
        ),
        (
            replace(WELL, builds=(Package("onnxruntime-directml", "1"), Package("onnxruntime", "1.32"))),
            Level.FAULT,
            "onnxruntime and onnxruntime-directml",
            "pip uninstall -y onnxruntime onnxruntime-directml && pip install 'stemd[daemon]'",
        ),
        (
            replace(WELL, wanted=Wanted(("openvino",))),
            Level.FAULT,
            "engine openvino is configured: OpenVINO cannot be used",
            "pip install 'stemd[openvino]'",
        ),
        (
            replace(WELL, wanted=Wanted(providers=("CUDAExecutionProvider",))),
            Level.NOTE,
            "CUDAExecutionProvider is configured, but onnxruntime here has CPUExecutionProvider alone",
            None,
        ),
        (
            replace(WELL, wanted=Wanted(models=("htdemucs-ft",))),
            Level.FAULT,
            "'htdemucs-ft' is not on disk",
            "stemd models pull htdemucs-ft",
        ),
        (
            replace(WELL, models=(ModelFacts("spleeter-vocals", fault="vocals.onnx missing", shipped=True),)),
            Level.FAULT,
            "vocals.onnx missing",
            "pip install --force-reinstall --no-deps stemd",
        ),
        (
            replace(WELL, models=(*WELL.models, ModelFacts("big", fault="bass.onnx missing"))),
            Level.NOTE,
            "bass.onnx missing",
            "stemd models pull big",
        ),
        (
            replace(WELL, sound=Sound(fault="PortAudio library not found")),
            Level.NOTE,
            "PortAudio library not found",
            "sudo apt-get install libportaudio2",
        ),
        (
            replace(WELL, sound=Sound(fault="PortAudio library not found"), apt=False),
            Level.NOTE,
            "PortAudio library not found",
            None,
        ),
        (
            replace(WELL, files="libsndfile.so not found"),
            Level.FAULT,
            "libsndfile.so not found",
            "sudo apt-get install libsndfile1",
        ),
        (
            replace(WELL, wanted=Wanted(fault="a.toml: unknown key")),
            Level.FAULT,
            "a.toml: unknown key",
            "stemd check-config --defaults",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_is_named_with_the_command_that_mends_it(
    facts: Facts, level: Level, words: str, command: str | None
) -> None:
    [finding], following = told(facts)
    assert (finding.level, finding.command) == (level, command)
    assert words in finding.text
    assert following == (command or "stemd serve")


def test_an_engine_that_nobody_configured_may_be_absent() -> None:
    assert judge(replace(WELL, wanted=Wanted(("onnxruntime",)))) == []


def test_faults_come_before_notes_and_the_first_command_is_the_next() -> None:
    ill = replace(WELL, sound=Sound(fault="no PortAudio"), files="no sndfile", models=())
    findings, command = told(ill)
    assert [finding.level for finding in findings] == [Level.FAULT, Level.FAULT, Level.NOTE]
    assert command == findings[0].command == "stemd models pull spleeter-vocals"
    assert told(replace(WELL, files="no sndfile", apt=False))[1] == "stemd doctor"


def test_what_the_daemon_needs_is_read_from_the_metadata() -> None:
    extras = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    listed = {re.split("[>=]", text)[0].replace("_", "-") for text in (*extras["service"], "onnxruntime")}
    found = {name.replace("_", "-") for name in needs(requires("stemd") or (), "daemon")}
    assert found | {"uvloop"} == listed, "install stemd again (make does) after a change of pyproject.toml"
    requirements = ["a>=1", "b[x]>=1; extra == 'daemon'", "c; (sys_platform != 'win32') and extra == 'daemon-cuda'"]
    assert needs(requirements, "daemon") == ["b"]
    assert needs(requirements, "daemon-cuda") == ([] if sys.platform == "win32" else ["c"])


def test_every_build_of_the_extras_is_among_those_looked_for() -> None:
    brought = {name for extra in ("daemon", "daemon-cuda") for name in needs(requires("stemd") or (), extra)}
    assert {name for name in brought if name.startswith("onnxruntime")} == {"onnxruntime", "onnxruntime-gpu"}
    assert {"onnxruntime", "onnxruntime-gpu"} <= {*BUILDS}


def test_everything_is_said_and_nothing_twice() -> None:
    said = dict(lines(replace(WELL, sound=Sound())))
    assert said["onnxruntime"] == "CPUExecutionProvider"
    assert said["sound"] == "in: none; out: none"
    assert said["model"] == "spleeter-vocals (vocals)"
    assert said["daemon"] == "none at ipc:///run/stemd"
    assert len(list(lines(WELL))) == len(dict(lines(WELL)))
    tree = as_tree(WELL, [Finding(Level.NOTE, "x", "y")], "y")
    assert json.loads(json.dumps(tree))["findings"] == [{"level": "note", "text": "x", "command": "y"}]


def doctor(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stemd", "doctor", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_this_machine_can_run_the_daemon(tmp_path: Path) -> None:
    done = doctor("--json", "--address", f"ipc://{tmp_path}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    tree = json.loads(done.stdout)
    assert [build["name"] for build in tree["builds"]] == ["onnxruntime"]
    assert {"name": "spleeter-vocals", "stems": ["vocals"], "fault": None, "shipped": True} in tree["models"]
    assert tree["daemon"] is None
    shown = doctor("--address", f"ipc://{tmp_path}")
    assert shown.stdout.splitlines()[-1] == f"next         {tree['next']}"


def test_a_configuration_that_cannot_be_kept_is_a_fault(tmp_path: Path) -> None:
    config = tmp_path / "stemd.toml"
    config.write_text(f"[server]\naddress = 'ipc://{tmp_path}/s'\n[models]\ndefault = 'nothing'\n")
    done = doctor("--config", str(config))
    assert done.returncode == 1
    assert "fault" in done.stdout
    assert "'nothing' is not on disk" in done.stdout
    assert f"none at ipc://{tmp_path}/s" in done.stdout
    config.write_text("[sever]")
    done = doctor("--config", str(config), "--address", f"ipc://{tmp_path}")
    assert (done.returncode, done.stderr) == (1, "")
    assert "did you mean 'server'" in done.stdout


def test_a_client_that_lacks_something_is_named_with_what_to_type() -> None:
    told = [text for heading, text in lines(WELL) if heading.startswith("client")]
    assert told == ["ready: web", "jack needs JACK-Client: pip install 'stemd[jack]'"]
