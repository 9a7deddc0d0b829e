"""The command as people meet it: what it prints, and how it fails."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemd.commands.plans import parse_plan
from stemd.commands.separate import longest_plan
from stemd.errors import PlanError
from stemd.protocol import Plan
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.offline import separate
from stemd.separation.store import find
from tests.end_to_end.reference import recording
from tests.networks import noise


def stemd(*arguments: object, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "stemd", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def test_version_and_help() -> None:
    assert re.match(r"stemd \d+\.\d+\.\d+ \(protocol \d+\.\d+\)\n$", stemd("version").stdout)
    told = stemd("--help").stdout
    for command in (
        "serve",
        "live",
        "mix",
        "measure",
        "devices",
        "tune",
        "stream",
        "listen",
        "jack",
        "separate",
        "models",
        "check-config",
        "status",
        "top",
        "doctor",
        "demo",
        "bench",
        "export",
    ):
        assert command in told
        assert stemd(command, "--help").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["separate", "none.wav", "-o", "OUT"], 1, "none.wav: no such file"),
        (["separate", "pyproject.toml", "-o", "OUT"], 1, "cannot be read as WAV"),
        (["separate", "x.wav", "-o", "OUT", "--model", "spleter-vocals"], 1, "did you mean 'spleeter-vocals'"),
        (["separate", "x.wav", "-o", "OUT", "--stem", "vocal"], 1, "did you mean 'vocals'"),
        (["separate", "x.wav", "-o", "OUT", "--plan", "studi"], 78, "did you mean 'studio'"),
        (["separate", "x.wav", "-o", "OUT", "--plan", "1,2,3"], 78, "segment,hop,overlap,lookahead"),
        (["separate", "x.wav", "-o", "OUT", "--plan", "65536,1000,0,2048"], 78, "multiple of 1024"),
        (["models", "verify", "nothing"], 1, "no model 'nothing'"),
        (["check-config", "none.toml"], 78, "none.toml: no such file"),
        (["check-config"], 78, "--defaults"),
        (["serve", "--address", "nowhere"], 78, "neither ipc:///a/folder nor tcp://host:port"),
        (["serve", "--model", "nothing", "--address", "ipc:///OUT/s"], 1, "no model 'nothing'"),
        (["status", "--address", "ipc:///OUT/nobody"], 1, "stemd serve"),
        (["mix", "live", "--gain", "vocals", "--address", "ipc:///OUT/nobody"], 78, "is not STEM=GAIN"),
        (["mix", "live", "--panic", "--address", "ipc:///OUT/nobody"], 1, "stemd serve"),
        (["listen", "desk", "vocals", "-o", "OUT/v.wav", "--address", "ipc:///OUT/nobody"], 1, "stemd serve"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_errors_are_one_line_that_says_what_to_do(
    tmp_path: Path, arguments: list[str], status: int, words: str
) -> None:
    done = stemd(*(a.replace("/OUT", str(tmp_path)).replace("OUT", str(tmp_path)) for a in arguments))
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stderr.startswith("stemd: ")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "auto"])
def test_separate_runs_in_the_engine_that_was_named(tmp_path: Path, engine: str) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, recording(66_150, 44_100).T, 44_100, subtype="FLOAT")
    done = stemd("separate", song, "-o", tmp_path / "out", "--stem", "vocals", "--engine", engine, "--verbose")
    assert done.returncode == 0, done.stderr
    titles = {"onnxruntime": "in onnxruntime: nodes", "openvino": "in OpenVINO: nodes", "auto": "times as fast as"}
    assert titles[engine] in done.stderr
    vocals = soundfile.read(tmp_path / "out" / "song" / "vocals.wav", dtype="float32")[0].T
    model = find("spleeter-vocals")
    due = separate(
        *(recording(66_150, 44_100), 44_100, model.open(EngineOptions()), longest_plan(model), 44_100), spectral=True
    )["vocals"]
    assert np.abs(vocals - due).max() < 1e-4


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"), [(44_100, 2, "PCM_16"), (48_000, 1, "FLOAT"), (22_050, 2, "PCM_24")]
)
def test_separate_keeps_rate_length_and_channels(tmp_path: Path, rate: int, channels: int, subtype: str) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.3 * noise(3 * rate + 17, channels).T, rate, subtype=subtype)
    done = stemd("separate", song, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    parts = {}
    for stem in ("vocals", "instrumental"):
        with soundfile.SoundFile(tmp_path / "out" / "song" / f"{stem}.wav") as file:
            assert (file.samplerate, file.channels, file.frames, file.subtype) == (
                rate,
                channels,
                3 * rate + 17,
                subtype,
            )
            parts[stem] = file.read()
    step = {"PCM_16": 2**-15, "PCM_24": 2**-23, "FLOAT": 2**-22}[subtype]
    assert np.abs(sum(parts.values()) - soundfile.read(song)[0]).max() <= 1.01 * step


def test_separate_never_overwrites_silently(tmp_path: Path) -> None:
    song, vocals = tmp_path / "song.flac", tmp_path / "out" / "song" / "vocals.wav"
    soundfile.write(song, 0.3 * noise(30_000).T, 44_100)
    vocals.parent.mkdir(parents=True)
    vocals.write_text("mine")
    refused = stemd("separate", song, "-o", tmp_path / "out")
    assert refused.returncode == 78
    assert "--force" in refused.stderr
    assert vocals.read_text() == "mine"
    assert stemd("separate", song, "-o", tmp_path / "out", "--force").returncode == 0
    assert soundfile.info(vocals).frames == 30_000


def test_a_file_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    soundfile.write(good, 0.3 * noise(30_000).T, 44_100)
    bad.write_bytes(b"RIFF")
    done = stemd("separate", bad, good, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "bad.wav" in done.stderr
    assert (tmp_path / "out" / "good" / "vocals.wav").exists()


def test_separate_takes_mp3_and_ogg(tmp_path: Path) -> None:
    for kind in ("mp3", "ogg"):
        soundfile.write(tmp_path / f"{kind}.{kind}", 0.3 * noise(44_100).T, 44_100)
    done = stemd(
        "separate", tmp_path / "mp3.mp3", tmp_path / "ogg.ogg", "-o", tmp_path / "out", "--stem", "instrumental"
    )
    assert done.returncode == 0, done.stderr
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.wav")) == [
        "mp3/instrumental.wav",
        "ogg/instrumental.wav",
    ]


def test_models_are_listed_with_their_licence_and_verified() -> None:
    listed = stemd("models", "list")
    row = r"spleeter-vocals\s+vocals\s+mask\s+44100\s+[\d.]+\s+lossy, 38 dB\s+MIT\s+yes\s+shipped"
    assert re.search(row, listed.stdout)
    verified = stemd("models", "verify")
    assert verified.returncode == 0
    assert "spleeter-vocals: files as published, runs" in verified.stdout


def test_check_config_prints_what_it_accepts(tmp_path: Path) -> None:
    path = tmp_path / "stemd.toml"
    path.write_text(stemd("check-config", "--defaults").stdout)
    assert stemd("check-config", path).stdout == f"{path}: fine\n"


def test_plans_as_people_type_them() -> None:
    assert parse_plan("studio") == "studio"
    assert parse_plan(None) is None
    assert parse_plan("65536, 22528,1024,8192") == Plan(65_536, 22_528, 1_024, 8_192)
    with pytest.raises(PlanError, match="four numbers"):
        parse_plan("1,2,3,x")
