"""What the commands do with files, time and counts. A fake daemon takes the place of the real one."""

import asyncio
import dataclasses
import re
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemd.errors import ConfigError, DeviceError
from stemd.protocol import Mixture
from stemd_client import Client, RoundTrip, StemBlock, extras
from stemd_client.playing import FileSource, play
from stemd_client.sinks import DeviceSink, FileSink
from stemd_client.tables import state_as_text
from stemd_client.tally import Tally
from tests.clients.fake import fake_daemon, stem


def block(sequence: int, samples: np.ndarray, *, position: int, latency_ms: float = 0.0, **changes) -> StemBlock:
    header = dataclasses.replace(stem(sequence), frames=samples.shape[1], position=position, **changes)
    return StemBlock(header, samples, header.capture_ns + round(latency_ms * 1e6))


def ramp(start: int, frames: int) -> np.ndarray:
    return np.repeat(np.arange(start, start + frames, dtype=np.int16)[np.newaxis], 2, axis=0)


# Files.


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
async def test_a_lost_block_is_silence_in_the_file_and_moves_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    with FileSink(path, "s16le") as sink:
        await sink.take(block(0, ramp(1000, 10), position=1000, format="s16le"))
        await sink.take(block(1, ramp(1020, 10), position=1020, format="s16le"))
        await sink.finish(block(2, ramp(0, 0), position=1035).header)
        summary = sink.summary()
    samples, rate = soundfile.read(path, dtype="int16")
    expected = ramp(1000, 35)
    expected[:, 10:20] = expected[:, 30:] = 0
    np.testing.assert_array_equal(samples.T, expected)
    assert rate == 48_000
    assert "15 lost frames as silence" in summary


async def test_float_samples_are_kept_to_the_bit_in_wav(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(size=(2, 500)).astype(np.float32)
    with FileSink(tmp_path / "a.wav", "f32le") as sink:
        await sink.take(block(0, samples, position=0))
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="float32")[0].T, samples)


def test_a_file_is_never_overwritten_silently(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("precious")
    with pytest.raises(ConfigError, match=r"a\.wav is there already; name another file, or say --force"):
        FileSink(path, "f32le")
    assert path.read_text() == "precious"
    with pytest.raises(ConfigError, match=r"neither \.wav nor \.flac"):
        FileSink(tmp_path / "a.mp3", "f32le")
    with pytest.raises(ConfigError, match=r"cannot write .*No such file or directory"):
        FileSink(tmp_path / "nowhere" / "a.wav", "f32le")


def test_a_file_into_which_nothing_came_is_not_left_behind(tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.wav", "f32le"):
        pass
    assert not list(tmp_path.iterdir())


def test_unusable_files_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(bytes(range(256)))
    soundfile.write(tmp_path / "surround.wav", np.zeros((10, 6), np.float32), 48_000)
    for name, text in (("none.wav", "there is no file"), ("noise.wav", "cannot read"), ("surround.wav", "6 channels")):
        with pytest.raises(ConfigError, match=text) as caught:
            FileSource(tmp_path / name)
        assert "\n" not in str(caught.value)


# Time.


async def test_blocks_of_a_file_leave_at_their_own_deadlines(tmp_path: Path) -> None:
    rate, size, blocks = 8_000, 160, 40
    soundfile.write(tmp_path / "a.wav", np.arange(blocks * size, dtype=np.int16), rate)
    async with fake_daemon() as (daemon, address), Client(address) as client:
        with FileSource(tmp_path / "a.wav") as source:
            async with client.open("desk", rate=rate, channels=1, block=size) as stream:
                began = time.monotonic_ns()
                asyncio.get_running_loop().call_later(0.2, time.sleep, 0.3)  # a hiccup, to be caught up with
                assert await play(source, stream, size, paced=True, shown=lambda _: None) == 0
                took = time.monotonic_ns() - began
        sent = [(m, pcm) for m, pcm in daemon.came if isinstance(m, Mixture)]
    assert 0.78 < took / 1e9 < 1  # the last block leaves at its beginning
    np.testing.assert_array_equal(
        np.frombuffer(b"".join(pcm for _, pcm in sent), "<f4") * 32_768, np.arange(blocks * size)
    )
    steps = np.diff([m.source_ns for m, _ in sent])
    np.testing.assert_array_equal(steps, size * 1_000_000_000 // rate)


async def test_blocks_with_nan_become_gaps(tmp_path: Path) -> None:
    samples = np.ones(100, np.float32)
    samples[15] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 8_000, subtype="FLOAT")
    async with fake_daemon() as (daemon, address), Client(address) as client:
        with FileSource(tmp_path / "a.wav") as source:
            async with client.open("desk", rate=8_000, channels=1, block=10) as stream:
                assert await play(source, stream, 10, paced=False, shown=lambda _: None) == 1
        sent = [(m.position, len(pcm) // 4) for m, pcm in daemon.came if isinstance(m, Mixture)]
    assert sent == [(0, 10), (20, 0), *((position, 10) for position in range(20, 100, 10))]


# Counts.


def test_the_tally_counts_and_measures() -> None:
    clock = RoundTrip(sent_ns=0, received_ns=5_000_000, answered_ns=5_000_000, arrived_ns=2_000_000)
    tally = Tally(clock)
    silence = np.zeros((2, 480), np.float32)
    for i in range(100):
        flags = (("gap",) if i < 3 else ()) + (("degraded",) if i < 5 else ())
        tally.take(block(i, silence, position=480 * i, latency_ms=i, flags=flags, dropped=i // 50, latency=4_800))
    text = tally.summary()
    assert "100 blocks (1.00 s), 1 dropped, 3 with gaps, 5 degraded" in text
    # The daemon's clock is 4 ms ahead of ours, so that much later it was there when we received.
    assert (
        "latency declared 100.0 ms, received p50 53.5 ms, p99 102.0 ms (clocks differ by at most 1.0 ms more)" in text
    )
    assert Tally().summary() == "no blocks came"


def test_the_state_is_a_table_that_bears_missing_and_unknown_keys() -> None:
    state = {
        "version": "1",
        "uptime": 3_725.0,
        "clients": 2,
        "models": ["m"],
        "load": 0.5,
        "new": {"key": 1},
        "pending": [{"stream": "later", "stem": "bass"}],
        "streams": [
            {
                "stream": "desk",
                "rate": 48_000,
                "channels": 2,
                "latency": 24_000,
                "given": 96_000,
                "subscriptions": [{"stem": "vocals", "delivery": "live", "sent": 7, "dropped": 1, "waiting": 0}],
            }
        ],
    }
    text = state_as_text(state, "ipc:///x")
    assert text.startswith("stemd 1 at ipc:///x, up 1 h 2 min, 2 clients, load 0.50, models m\n")
    assert re.search(r"^desk +48000/2 +500 ms +2\.0 s +0\.00$", text.replace("  realtime", ""), re.MULTILINE)
    assert re.search(r"^desk/vocals +live +7 +1 +0$", text, re.MULTILINE)
    assert re.search(r"^later/bass +pending$", text, re.MULTILINE)
    assert state_as_text({}, "x").endswith("no streams\nno subscriptions")


# The sound device, as sounddevice presents it.


class FakeDevice:
    """Calls back as fast as it can, from a thread, as PortAudio does."""

    PortAudioError = RuntimeError
    latency = 0.01

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []
        self.active = True

    def OutputStream(self, samplerate, channels, dtype, callback):  # noqa: N802 - theirs
        assert (samplerate, channels, dtype) == (48_000, 2, "float32")
        self._callback = callback
        return self

    def start(self) -> None:
        self._task = asyncio.ensure_future(asyncio.to_thread(self._run))

    def _run(self) -> None:
        while self.active:
            out = np.full((64, 2), np.nan, np.float32)
            self._callback(out, 64, None, None)
            self.heard.append(out)
            time.sleep(0.0002)

    def close(self) -> None:
        self.active = False


async def test_the_device_hears_every_frame_once_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice()
    monkeypatch.setattr("stemd_client.sinks.sounddevice", lambda: device)
    samples = np.repeat(np.arange(1, 60_001, dtype=np.float32)[np.newaxis], 2, axis=0)
    with DeviceSink() as sink:
        for start in range(0, 60_000, 960):
            await sink.take(block(start // 960, samples[:, start : start + 960], position=start))
        await sink.finish(stem(63, "end"))
    await device._task
    heard = np.concatenate(device.heard)
    assert np.isfinite(heard).all()
    np.testing.assert_array_equal(heard[heard[:, 0] > 0].T, samples)
    assert re.fullmatch(r"played with \d+ underruns", sink.summary())


async def test_a_device_that_is_unplugged_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    device = FakeDevice()
    monkeypatch.setattr("stemd_client.sinks.sounddevice", lambda: device)
    with DeviceSink() as sink:
        await sink.take(block(0, np.zeros((2, 960), np.float32), position=0))
        device.active = False
        await device._task
        with pytest.raises(DeviceError, match="unplugged"):
            await sink.take(block(1, np.zeros((2, 48_000), np.float32), position=960))


@pytest.mark.parametrize(
    ("module", "error", "text"),
    [
        ("soundfile", ConfigError, r"sound files need the package 'soundfile': pip install 'stemd\[daemon\]'"),
        ("sounddevice", ConfigError, r"playing needs the package 'sounddevice': pip install 'stemd\[daemon\]'"),
    ],
)
def test_a_missing_package_is_one_line_that_says_what_to_install(monkeypatch, module, error, text) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(error, match=text):
        getattr(extras, module)()


def test_missing_portaudio_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, _path: object, _target: object = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    with pytest.raises(DeviceError, match="apt-get install libportaudio2"):
        extras.sounddevice()
