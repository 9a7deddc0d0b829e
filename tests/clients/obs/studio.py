"""A real OBS Studio on a screen of its own (Xvfb), with a private configuration; and what it recorded."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from stemd.errors import StemdError
from stemd_client.obs.websocket import Access, Obs, connected
from tests.end_to_end.process import free_port
from tests.waiting import PATIENCE, wait_until

RATE = 48_000
FPS = 30
ENTRY = "open sesame"
SCENE = "Scene"
WINDOW = "1100x760x24"

_GLOBAL = """[General]
FirstRun=true
LastVersion=486539266
[OBSWebSocket]
FirstLoad=false
ServerEnabled=true
ServerPort={port}
AlertsEnabled=false
AuthRequired=true
ServerPassword={password}
[Basic]
Profile=T
ProfileDir=T
SceneCollection=T
SceneCollectionFile=T
ConfigOnNewProfile=false
"""
# Lossless both: FFV1, and float samples as they are.
_PROFILE = """[General]
Name=T
[Video]
BaseCX=320
BaseCY=180
OutputCX=320
OutputCY=180
FPSType=0
FPSCommon={fps}
[Audio]
SampleRate={rate}
[Output]
Mode=Advanced
[AdvOut]
RecType=FFmpeg
FFFilePath={folder}
FFFormat=matroska
FFExtension=mkv
FFVEncoder=ffv1
FFVEncoderId=33
FFAEncoder=pcm_f32le
FFAEncoderId=65557
FFOutputToFile=true
FFIgnoreCompat=true
FFAudioMixes=1
"""


class Studio:
    """OBS in a folder of its own; it may be started, left and started again.

    Args:
        folder: short, for it holds sockets.
        scripts: paths of scripts, with their settings.
    """

    def __init__(self, folder: Path, scripts: Mapping[Path, Mapping[str, Any]]) -> None:
        self.folder, self.port = folder, free_port()
        self.config = folder / "config/obs-studio"
        self.access = Access("127.0.0.1", self.port, ENTRY)
        self._process: subprocess.Popen[bytes] | None = None
        self._screen, display = _screen()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_", "PULSE_"))}
        places = {"HOME": folder, "XDG_CONFIG_HOME": folder / "config", "XDG_RUNTIME_DIR": folder / "run"}
        self.env = {
            **kept,
            **{key: str(place) for key, place in places.items()},
            "DISPLAY": display,
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_QPA_PLATFORM": "xcb",
            "PULSE_SERVER": f"unix:{folder}/none",
        }
        (folder / "run").mkdir(mode=0o700)
        _write(self.config / "global.ini", _GLOBAL.format(port=self.port, password=ENTRY))
        _write(self.config / "basic/profiles/T/basic.ini", _PROFILE.format(fps=FPS, rate=RATE, folder=folder))
        _write(self.config / "basic/scenes/T.json", json.dumps(_collection(scripts)))

    def start(self) -> None:
        """Start it, and wait until it has shown a second of pictures."""
        command = ["obs", "--multi", "--collection", "T", "--profile", "T", "--disable-updater"]
        command += ["--disable-missing-files-check"]
        with (self.folder / "obs.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, f"OBS answers: {self.log()[-2000:]}")

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log()[-4000:]
        try:
            with self.asking() as obs:
                return bool(obs.ask("GetStats")["renderTotalFrames"] > FPS)
        except StemdError:
            return False

    @contextmanager
    def asking(self) -> Iterator[Obs]:
        """A connection to it."""
        with connected(self.access) as obs:
            yield obs

    def log(self) -> str:
        """What OBS wrote so far."""
        file = self.folder / "obs.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def threads(self) -> list[str]:
        """The names of its threads."""
        assert self._process
        return [(task / "comm").read_text().strip() for task in Path(f"/proc/{self._process.pid}/task").iterdir()]

    def leave(self) -> int:
        """End it by File > Exit; its exit status.

        Not by SIGINT: OBS 29 closes its windows within the signal's handler, and so hangs or crashes now and then.
        """
        assert self._process
        file_exit = ["xdotool", "mousemove", "20", "13", "click", "1", "sleep", "0.3", "key", "x"]
        for _ in range(5):
            subprocess.run(file_exit, env=self.env, timeout=PATIENCE, check=False)
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self._process.wait(PATIENCE / 5)
                self._process = None
                return status
        raise AssertionError(f"OBS does not end: {self.log()[-2000:]}")

    def close(self) -> None:
        """End it for good, and its screen."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        self._screen.terminate()  # a killed one leaves its lock behind
        self._screen.wait(10)


def _screen() -> tuple["subprocess.Popen[bytes]", str]:
    """An X server at a display that it chooses itself."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", WINDOW, "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        there, _, _ = select.select([told], [], [], PATIENCE)
        number = told.readline().strip() if there else ""
    assert number.isdecimal(), "Xvfb did not start"
    return server, f":{number}"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _collection(scripts: Mapping[Path, Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": "T",
        "current_scene": SCENE,
        "current_program_scene": SCENE,
        "scene_order": [{"name": SCENE}],
        "sources": [{"id": "scene", "name": SCENE, "settings": {}}],
        "modules": {"scripts-tool": [{"path": str(path), "settings": dict(each)} for path, each in scripts.items()]},
    }


@contextmanager
def studio(scripts: Mapping[Path, Mapping[str, Any]] | None = None) -> Iterator[Studio]:
    """An OBS that runs; it is ended for good afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="stemd-obs-"))
    obs = Studio(folder, scripts or {})
    try:
        obs.start()
        yield obs
    finally:
        obs.close()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Recording:
    """What OBS recorded: `sound` (frames, 2), and for each picture its time in s and its brightness, 0 to 255.

    The first frame of the sound is at time 0.
    """

    sound: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]
    brightness: npt.NDArray[np.float64]


def stop_recording(obs: Obs) -> Recording:
    """Stop, and read what was recorded."""
    path = Path(obs.ask("StopRecord")["outputPath"])
    wait_until(lambda: not obs.ask("GetRecordStatus")["outputActive"], "the recording is whole")
    return read(path)


def read(path: Path) -> Recording:
    """Read a recording."""
    sound = np.frombuffer(_ffmpeg(path, "-map", "0:a", "-f", "f32le", "-"), "<f4").reshape(-1, 2)
    small = _ffmpeg(path, "-map", "0:v", "-vf", "scale=1:1:flags=area,format=gray", "-f", "rawvideo", "-")
    times, begin = _times(path, "v"), _times(path, "a")[0]
    brightness = np.frombuffer(small, np.uint8).astype(np.float64)
    return Recording(sound, times[: len(brightness)] - begin, brightness)


def _ffmpeg(path: Path, *arguments: str) -> bytes:
    command = ["ffmpeg", "-loglevel", "error", "-i", str(path), "-vsync", "passthrough", *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def _times(path: Path, kind: str) -> npt.NDArray[np.float64]:
    command = [
        "ffprobe",
        "-loglevel",
        "error",
        "-select_streams",
        kind,
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
    ]
    lines: Sequence[str] = subprocess.run(
        [*command, str(path)], capture_output=True, check=True, text=True
    ).stdout.split()
    return np.array([float(line.strip(",")) for line in lines])
