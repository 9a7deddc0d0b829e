"""Other people's programs that record from JACK: ecasound, and Ardour driven from Lua."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.clients.jack.rig import JackServer, Samples

LUA = Path(__file__).with_name("record.lua")
PATIENCE = 120.0


@dataclass(frozen=True)
class Track:
    """What Ardour recorded in a track: `samples` (frames, 2), which stand at `position` of the session.

    `latency` is what it believes to lie before the track's input, least and most; its own resampler is part of it.
    """

    position: int
    samples: Samples
    latency: tuple[int, int]


class DroppedByJackError(AssertionError):
    """JACK 2 hung up on Ardour while that made its ports, as it now and then does whoever else is there."""


def ardour(server: JackServer, folder: Path, tracks: Mapping[str, Sequence[str]], seconds: float) -> dict[str, Track]:
    """Have Ardour record pairs of ports in a session of its own, in `folder`."""
    session, log = folder / "session", folder / "ardour.log"
    names = " ".join(f"{name}={','.join(ports)}" for name, ports in tracks.items())
    told = {"FOLDER": str(session), "RATE": str(server.rate), "SECONDS": str(seconds), "TRACKS": names}
    with log.open("w") as out:
        process = subprocess.Popen(
            ["ardour7-lua", str(LUA)],
            env={**server.env, "HOME": str(folder), **told},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        process.wait(PATIENCE)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
    said = log.read_text()
    if "JACK HALTED" in said:
        raise DroppedByJackError(said)
    assert "DONE" in said, said
    return {name: _track(session, name, said) for name in tracks}


def _track(session: Path, name: str, said: str) -> Track:
    [(position, start, length)] = re.findall(rf"REGION\s+{name}\s+(\d+)\s+(\d+)\s+(\d+)", said)
    [(least, most)] = re.findall(rf"LATENCY\s+{name}\s+(\d+)\s+(\d+)", said)
    files = sorted((session / "interchange").rglob(f"*_{name}-*.wav"))  # the left one before the right one
    assert len(files) == 2, files
    channels = [soundfile.read(file, dtype="float32")[0] for file in files]
    part = slice(int(start), int(start) + int(length))
    return Track(int(position), np.stack([samples[part] for samples in channels], axis=1), (int(least), int(most)))


def ecasound(server: JackServer, folder: Path, ports: Sequence[str], seconds: float) -> Samples:
    """Have ecasound record ports for a while, (frames, ports)."""
    file = folder / "ecasound.wav"
    command = ["ecasound", "-q", "-D", "-G:jack,ecasound,notransport", f"-f:f32_le,{len(ports)},{server.rate}"]
    command += ["-b", str(server.period), "-i", f"jack_multi,{','.join(ports)}", "-o", str(file), f"-t:{seconds:g}"]
    done = subprocess.run(
        command, env=server.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert file.exists(), done.stdout + done.stderr
    samples: Samples = soundfile.read(file, dtype="float32", always_2d=True)[0]
    return samples
