"""`stemd listen` without a file plays on the sound device: a real PulseAudio null sink, recorded from its monitor."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 48_000
ASOUND = '</usr/share/alsa/alsa.conf>\npcm.!default { type pulse device "stemd" }\nctl.!default { type pulse }\n'

pytestmark = pytest.mark.needs("pulseaudio", "portaudio")


@contextmanager
def running(
    *command: str, env: dict[str, str], stdout: int | None = subprocess.PIPE
) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(command, env=env, stdout=stdout, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


def wait_for(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return
    pytest.fail(f"{process.args} ended without {text!r}: {''.join(seen)}")


@dataclass(frozen=True)
class SoundServer:
    env: dict[str, str]
    socket: Path


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[SoundServer]:
    socket = tmp_path / "pulse.sock"
    asound = tmp_path / "asound.conf"
    asound.write_text(ASOUND)
    env = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "ALSA_CONFIG_PATH": str(asound),
        "PULSE_SERVER": f"unix:{socket}",
    }
    sink = f"module-null-sink norewinds=yes sink_name=stemd rate={RATE} channels=2 format=float32le"
    with running(
        *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes", "--use-pid-file=no"),
        *("--realtime=no", "--high-priority=no", "--log-level=info"),
        *("-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1", "-L", sink),
        env=env,
    ) as server:
        wait_for(server, "Daemon startup complete")
        yield SoundServer(env, socket)


def test_what_is_heard_is_the_stem_sample_for_sample(pulse: SoundServer, tmp_path: Path) -> None:
    song = np.random.default_rng(1).uniform(-0.5, 0.5, (2 * RATE, 2)).astype(np.float32)
    soundfile.write(tmp_path / "song.wav", song, RATE, subtype="FLOAT")
    stemd = [sys.executable, "-m", "stemd"]
    address = ["--address", f"ipc://{tmp_path}/stemd"]
    with ExitStack() as stack:
        daemon = stack.enter_context(running(*stemd, "serve", *address, env=pulse.env))
        wait_for(daemon, "ready")
        raw = stack.enter_context((tmp_path / "heard.raw").open("wb"))
        record = ["parec", "--device=stemd.monitor", f"--rate={RATE}", "--format=float32le", "--channels=2", "--raw"]
        recorder = subprocess.Popen([*record, "--latency-msec=20"], env=pulse.env, stdout=raw)
        stack.callback(recorder.wait, 20)
        stack.callback(recorder.terminate)
        listener = stack.enter_context(running(*stemd, "listen", "desk", "mix", *address, env=pulse.env))
        wait_for(listener, "waiting for stream desk")
        plan = ["--plan", "65536,22528,1024,8192"]
        subprocess.run([*stemd, "stream", str(tmp_path / "song.wav"), "--name", "desk", *plan, *address], check=True)
        said, _ = listener.communicate(timeout=30)
        assert listener.returncode == 0, said
    heard = np.fromfile(tmp_path / "heard.raw", np.float32)
    heard = heard[: len(heard) // 2 * 2].reshape(-1, 2)
    begin = int(np.flatnonzero(heard[:, 0] == song[0, 0])[0])
    assert np.array_equal(heard[begin : begin + len(song)], song)
