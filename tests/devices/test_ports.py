"""Samples through a real sound server, to the bit."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stemd.devices.endpoints import Endpoint
from stemd.devices.ports import Playback
from tests.devices.driver import noise
from tests.devices.process import ask, driver
from tests.devices.pulse import PulseServer
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("portaudio", "pulseaudio")


def song(seconds: float, rate: int) -> npt.NDArray[np.float32]:
    """(frames, 2), nowhere silent."""
    return np.random.default_rng(1).uniform(0.01, 0.5, (round(seconds * rate), 2)).astype(np.float32)


def find(samples: npt.NDArray[np.float32], first: npt.NDArray[np.float32]) -> int:
    """Where the frame `first` is."""
    places = np.flatnonzero((samples == first).all(axis=1))
    assert len(places), "nothing was heard"
    return int(places[0])


@pytest.mark.parametrize("sink", ["src", "cd"])
def test_what_is_captured_is_what_was_played(pulse: PulseServer, tmp_path: Path, sink: str) -> None:
    rate = {"src": 48_000, "cd": 44_100}[sink]
    played, file = song(1.5, rate), tmp_path / "captured.raw"
    with driver(
        pulse.env, "capturing", {"name": f"pulse:{sink}.monitor", "file": str(file), "latency": 0.3}
    ) as capture:
        assert capture.next() == {"rate": rate, "channels": 2, "latency": pytest.approx(0.3, abs=0.05)}
        player = pulse.play(sink, played)
        player.wait(10)
        # What is at the end of the song is still on its way.
        wait_until(lambda: file.stat().st_size and not np.fromfile(file, "<f4")[-200:].any(), "silence follows")
        counts = capture.end()
    assert (counts["holes"], counts["lost"], counts["xruns"], counts["open"]) == (0, 0, 0, 0)
    captured = np.fromfile(file, "<f4").reshape(-1, 2)
    assert counts["clock"][0] >= len(captured)
    begin = find(captured, played[0])
    assert np.array_equal(captured[begin : begin + len(played)], played)


@pytest.mark.parametrize("sink", ["out", "cd"])
def test_what_is_played_stands_at_its_position(pulse: PulseServer, sink: str) -> None:
    cursor, frames, hole = 1_000, 60_000, (20_000, 23_456)
    recording = pulse.record(sink)
    arguments = {"name": f"pulse:{sink}", "cursor": cursor, "frames": frames, "hole": hole, "latency": 0.3}
    with driver(pulse.env, "playing", arguments) as playback:
        counts = playback.next()
        last = noise(cursor + frames - 1, 1)[:, 0]
        wait_until(lambda: (recording.so_far() == last).all(axis=1).any(), "the last frame is heard")
    heard = recording.stop()
    expected = noise(cursor, frames)
    expected[:, hole[0] - cursor : hole[1] - cursor] = 0
    begin = find(heard, expected[:, 0])
    assert np.array_equal(heard[begin : begin + frames], expected.T)
    assert (counts["xruns"], counts["late"]) == (0, 0)
    assert counts["missing"] >= hole[1] - hole[0]


def loop(pulse: PulseServer, delay: int) -> tuple[dict[str, Any], bool]:
    """Play a song through the loop: what the loop said, and whether what left it was the song in one piece."""
    played = song(5.2, 48_000)
    recording = pulse.record("out")
    player = pulse.play("src", played)
    names = {"source": "pulse:src.monitor", "sink": "pulse:out"}
    with driver(pulse.env, "looping", {**names, "delay": delay, "seconds": 5.0, "latency": 0.05}) as running:
        assert running.next() == {"rate": 48_000}
        said = running.next()
    player.kill()
    heard = recording.stop()
    sound = np.flatnonzero(heard[:, 0])
    heard = heard[sound[0] : sound[-1] + 1]
    begin = find(played, heard[0])
    return said, len(heard) > 4 * 48_000 and np.array_equal(heard, played[begin : begin + len(heard)])


def test_output_frame_n_is_input_frame_n_less_the_delay(pulse: PulseServer) -> None:
    for _ in range(3):  # a machine too busy for a fifth of a second may leave frames out, but never move one
        said, whole = loop(pulse, delay=9_600)
        assert said["moved"] == 0, said
        assert said["sound"] > 4 * 48_000
        assert said["exact"] == (said["missing"] == 0), said
        if said["exact"] and not said["xruns"] and whole:
            assert (said["late"], said["lost"]) == (0, 0)
            return
    pytest.fail(f"never without a gap: {said}; in one piece outside: {whole}")


def test_playback_follows_its_own_frames() -> None:
    port = Playback(Endpoint("nothing", 0, 0, 2, 48_000, "ALSA"))
    out = np.empty((100, 2), np.float32)
    port._callback(out, 100, None, None)
    assert not out.any()
    port.follow(-50)
    port.playing.write(0, noise(0, 1_000))
    for begin in (50, 150):
        port._callback(out, 100, None, None)
        assert np.array_equal(out.T, noise(begin, 100))
    port.follow(450)
    port._callback(out, 100, None, None)
    assert np.array_equal(out.T, noise(750, 100))
    assert (port.frames, port.block, port.clock[0], port.playing.missing) == (400, 100, 400, 0)


def test_one_channel_is_enough(pulse: PulseServer, tmp_path: Path) -> None:
    file = tmp_path / "mono.raw"
    arguments = {"name": "pulse:src.monitor", "file": str(file), "channels": 1, "block": 480, "latency": 0.02}
    with driver(pulse.env, "capturing", arguments) as capture:
        assert capture.next()["channels"] == 1
        wait_until(lambda: file.stat().st_size >= 4 * 4_800, "frames come")
        assert capture.end()["lost"] == 0


def test_what_cannot_be_opened_says_what_can(pulse: PulseServer) -> None:
    attempts = [
        {"name": "pulse:src.monitor", "channels": 3},
        {"name": "pulse:src.monitor", "rate": 4_000},
        {"name": "pulse:src.monitor", "block": -1},
        {"name": "pulse:src.monitor", "but": {"pulse": "unplugged"}},
        {"name": "pulse:src.monitor", "but": {"index": 99}},
    ]
    errors = [answer["error"] for answer in ask(pulse.env, "refusing", attempts)]
    assert errors[0] == "the input 'pulse:src.monitor' cannot give 3 channels: stemd uses the first 2 at most"
    assert errors[1] == "the input 'pulse:src.monitor': 4000 Hz is not between 8000 and 192000"
    assert errors[2] == "the input 'pulse:src.monitor': a block of -1 frames is not between 0 and a second"
    for error in errors[3:]:
        assert error.startswith("cannot open the input 'pulse:src.monitor' at 48000 Hz: Error ")
        assert error.endswith("; is it unplugged, or in use by another program? `stemd devices` lists what there is")
