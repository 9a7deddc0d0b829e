"""The demo, end to end: a real daemon plays, and what it leaves is what it says."""

import io
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from rich.console import Console

import stemd_bench.demo
from stemd.audio import Float32Array
from stemd.cli import main
from stemd.errors import ConfigError, StemdError
from stemd.separation.scoring import sdr
from stemd_bench.demo import FILES, TRIES, demonstrate
from stemd_bench.demo.picture import spectrogram
from stemd_bench.demo.piece import from_file, made_song
from stemd_bench.demo.playing import Performance, Watch
from stemd_bench.demo.summary import ENOUGH, TOLERANCE, Figures
from tests.waiting import until

SECONDS = 8.0


@dataclass
class Demo:
    out: Path
    text: str
    figures: Figures

    def samples(self, name: str) -> Float32Array:
        samples: Float32Array = soundfile.read(self.out / FILES[name], dtype="float32")[0].T
        return samples


def played(seconds: float, out: Path) -> Demo:
    screen = io.StringIO()
    figures = demonstrate(made_song(seconds), out, Console(file=screen, width=120))
    return Demo(out, screen.getvalue(), figures)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return played(SECONDS, tmp_path_factory.mktemp("demo"))


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_it_leaves_three_stems_and_a_picture(demo: Demo) -> None:
    assert {path.name for path in demo.out.iterdir()} == set(FILES.values())
    assert (demo.out / FILES["picture"]).read_bytes().startswith(b"\x89PNG")
    assert not children(), "a process was left behind"


def test_the_mixture_comes_back_to_the_bit_and_the_stems_sum_to_it(demo: Demo) -> None:
    mixture = made_song(SECONDS).mixture
    assert np.array_equal(demo.samples("mix"), mixture)
    vocals, rest = demo.samples("vocals").astype(np.float64), demo.samples("instrumental")
    assert vocals.shape == rest.shape == mixture.shape
    assert np.all(np.abs(vocals + rest - mixture) <= 2.0**-23 * np.maximum(np.abs(vocals), np.abs(mixture)))


def test_the_table_tells_what_was_measured(demo: Demo) -> None:
    piece, figures = made_song(SECONDS), demo.figures
    assert piece.vocals is not None
    assert figures.mixture_sdr == sdr(piece.vocals, piece.mixture)
    assert figures.vocals_sdr == sdr(piece.vocals, demo.samples("vocals"))
    assert figures.blocks == SECONDS * 50
    assert 0 < figures.measured < figures.blocks
    assert 0.3 < figures.declared < figures.p50 + 0.001, "a block left before the time that was declared"
    for row in ("declared latency", "measured latency", "load", "degraded blocks", "SDR of vocals", "files", "hear"):
        assert f"\n{row}" in demo.text
    assert f"{figures.vocals_sdr:.1f} dB" in demo.text
    assert "too few for a p99" in demo.text


def test_a_line_of_levels_latencies_and_load_is_shown_now_and_then(demo: Demo) -> None:
    *_, line = [line for line in demo.text.splitlines() if " of 8 s" in line]
    assert line.count("dBFS") == line.count(" ms") == 3
    assert "load" in line


@pytest.mark.slow
def test_a_moving_picture_is_shown_in_a_terminal(tmp_path: Path) -> None:
    screen = io.StringIO()
    demonstrate(made_song(5.0), tmp_path, Console(file=screen, width=100, force_terminal=True))
    assert "█" in screen.getvalue()
    assert screen.getvalue().count("instrumental") > 10


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "rate", "channels"), [("mp3", 48_000, 2), ("ogg", 22_050, 1)])
def test_a_file_is_played_at_its_own_rate_and_channels(
    kind: str, rate: int, channels: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((3 * rate, channels))
    file = tmp_path / f"my [song].{kind}"
    soundfile.write(file, noise, rate)
    assert main(["demo", str(file), "--out", str(tmp_path / "out")]) == 0
    heard, heard_rate = soundfile.read(tmp_path / "out" / "mixture.wav", dtype="float32", always_2d=True)
    assert heard_rate == rate
    assert np.array_equal(heard, soundfile.read(file, dtype="float32", always_2d=True)[0])
    text = capsys.readouterr().out
    assert "my [song]" in text
    assert "none: it takes the true vocals" in text


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "no such file"), (b"not audio at all" * 100, "cannot be read as")]
)
def test_what_is_no_song_is_refused_in_one_line(
    content: bytes | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "song.mp3"
    if content:
        file.write_bytes(content)
    assert main(["demo", str(file), "--out", str(tmp_path / "out")]) == 78
    said = capsys.readouterr()
    assert said.err.startswith(f"stemd: {file}: ")
    assert reason in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_refused_before_anything_plays(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        demonstrate(made_song(5.0), tmp_path / "file" / "out", Console(file=io.StringIO()))


def test_a_long_file_is_cut_and_says_so(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(75 * 8_000), 8_000)
    piece = from_file(tmp_path / "long.wav")
    assert piece.seconds == 60
    assert "75 s long; the first 60 s are played" in piece.remark


@pytest.mark.parametrize(
    ("samples", "rate", "reason"),
    [(np.zeros(0), 8_000, "no sound"), (np.zeros(999), 6_000, "6000 Hz"), (np.full(99, np.nan), 8_000, "NaN")],
)
def test_a_file_that_no_stream_takes_is_refused(samples: Float32Array, rate: int, reason: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "odd.wav", samples, rate, subtype="FLOAT")
    with pytest.raises(ConfigError, match=reason):
        from_file(tmp_path / "odd.wav")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_stops_it_leaves_no_daemon_behind(number: int, status: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "stemd", "demo", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Playing" not in (line := process.stdout.readline()):
            assert line, "it ended before it played"
        (daemon,) = psutil.Process(process.pid).children()
        time.sleep(1.0)
        process.send_signal(number)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == status
    assert not psutil.pid_exists(daemon.pid)
    assert "Traceback" not in errors


def test_a_promise_is_kept_within_the_tolerance_and_without_degraded_blocks() -> None:
    figures = Figures(1.0, 1.001, 1.0 + TOLERANCE, 1_000, 0.1, 0.2, 0, 1_000, None, None)
    assert figures.kept
    assert not replace(figures, p99=1.0 + TOLERANCE + 0.001).kept
    assert not replace(figures, degraded=1).kept


@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_the_spectrogram_shows_a_tone_at_its_frequency_and_time(rate: int) -> None:
    time_ = np.arange(2 * rate) / rate
    tone = np.sin(2 * np.pi * 1_000 * time_) * (time_ >= 1.0)
    power = spectrogram(np.stack([tone, tone]).astype(np.float32), rate)
    edges = np.geomspace(40.0, min(16_000.0, rate / 2), power.shape[0] + 2)
    assert edges[int(power[:, -20].argmax()) + 1] == pytest.approx(1_000, rel=0.03)
    onset = int(np.argmax(power.max(axis=0) > power.max() / 4))
    assert onset / power.shape[1] == pytest.approx(0.5, abs=0.02)


def stands_still(times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first few performances are held up for 0.6 s in the middle, as a machine may that does other things."""
    left = iter([True] * times)
    hold_up = partial(time.sleep, 0.6)

    def watcher(_: Console) -> Watch:
        async def watch(show: Performance) -> None:
            await until(lambda: show.position > show.piece.rate, "a second was played")
            if next(left, False):
                hold_up()

        return watch

    monkeypatch.setattr(stemd_bench.demo, "watcher", watcher)


@pytest.mark.slow
def test_a_song_that_stood_still_is_played_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_still(1, monkeypatch)
    song = made_song(5.0)
    screen = io.StringIO()
    demonstrate(song, tmp_path, Console(file=screen, width=120))
    assert "playing it once more" in screen.getvalue()
    assert np.array_equal(soundfile.read(tmp_path / FILES["mix"], dtype="float32")[0].T, song.mixture)


@pytest.mark.slow
def test_a_machine_that_always_stands_still_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    stands_still(TRIES, monkeypatch)
    with pytest.raises(StemdError, match=r"stood still for \d+ ms; end what else runs here"):
        demonstrate(made_song(5.0), tmp_path, Console(file=io.StringIO(), width=120))
    assert children() <= before, "a process was left behind"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_whole_song_is_separated_well_and_measured_often_enough(tmp_path: Path) -> None:
    figures = played(30.0, tmp_path).figures
    assert figures.mixture_sdr is not None
    assert figures.vocals_sdr is not None
    assert -6 < figures.mixture_sdr < -3
    assert figures.vocals_sdr >= 5
    assert figures.vocals_sdr >= figures.mixture_sdr + 8
    assert figures.measured >= ENOUGH
