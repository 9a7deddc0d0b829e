"""A private PulseAudio with null sinks, for tests and benchmarks: nothing of it reaches the machine's own sound.

A null sink plays into its monitor, by the system's clock. PulseAudio resamples what has another rate than its sink:
samples come out as they went in only at the sink's own.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.waiting import wait_until

Samples = npt.NDArray[np.float32]  # (frames, channels)

# Not merged with what a distribution has under these names, hence `!`.
_ALSA = (
    "</usr/share/alsa/alsa.conf>\npcm.!pulse { type pulse }\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
)


class PulseServer:
    """The server's process; `env` is what a process needs in its environment to have it as its sound system."""

    def __init__(self, folder: Path, sinks: Mapping[str, int]) -> None:
        self.folder = folder
        self._sinks = dict(sinks)
        self._socket = folder / "p"
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[subprocess.Popen[bytes]] = []
        (folder / "asound.conf").write_text(_ALSA)
        # Where these two differ, PulseAudio switches an idle sink to the one that suits the next stream.
        (folder / "daemon.conf").write_text("default-sample-rate = 48000\nalternate-sample-rate = 48000\n")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULSE_", "ALSA_"))}
        self.env = {
            **kept,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
            "PULSE_CONFIG": str(folder / "daemon.conf"),
            "PULSE_SERVER": f"unix:{self._socket}",
        }

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # norewinds: a null sink otherwise renders ahead, and takes samples back when the next stream comes.
        modules = [self._null_sink(name) for name in self._sinks]
        modules.append(f"module-native-protocol-unix socket={self._socket} auth-anonymous=1")  # last: then all is there
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        command += ["--use-pid-file=no", "--realtime=no", "--high-priority=no", "--log-level=error"]
        for module in modules:
            command += ["-L", module]
        with (self.folder / "pulse.log").open("ab") as log:
            self._process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, f"PulseAudio answers: {(self.folder / 'pulse.log').read_text()}")

    def _null_sink(self, name: str) -> str:
        rate = self._sinks[name]
        return f"module-null-sink norewinds=yes sink_name={name} rate={rate} channels=2 format=float32le"

    def unplug(self, sink: str) -> None:
        """Take a sink away, and its monitor, as if it were pulled out."""
        for line in self._pactl("list", "short", "modules").splitlines():
            if f"sink_name={sink} " in line:
                self._pactl("unload-module", line.split("\t")[0])
        assert sink not in self.names("sinks")

    def plug_in(self, sink: str) -> None:
        """Bring it back."""
        self._pactl("load-module", *self._null_sink(sink).split())

    def _answers(self) -> bool:
        assert self._process
        assert self._process.poll() is None, (self.folder / "pulse.log").read_text()
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def restart(self) -> None:
        """Kill it if it runs, and start it again."""
        self.kill()
        self._socket.unlink(missing_ok=True)
        self.start()

    def pause(self) -> None:
        """Let it hang, until `resume`."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def play(self, sink: str, samples: Samples) -> "subprocess.Popen[bytes]":
        """Play (frames, 2) on a sink at its own rate, in a process of its own that ends when they are played.

        A sink that somebody else made has 48 000 Hz.
        """
        file = self.folder / f"play-{len(self._clients)}.raw"
        samples.astype("<f4").tofile(file)
        # A long buffer: a player that runs dry on a busy machine puts silence into what it plays.
        return self._pacat("--playback", sink, self._sinks.get(sink, 48_000), str(file), 500)

    def record(self, sink: str) -> "Recording":
        """Record what a sink plays, until `stop`; it runs when this returns."""
        return self.record_source(f"{sink}.monitor", self._sinks[sink])

    def record_source(self, source: str, rate: int = 48_000) -> "Recording":
        """Record what a source gives, likewise."""
        file = self.folder / f"record-{len(self._clients)}.raw"
        return Recording(self._pacat("--record", source, rate, str(file), 50), file)

    def names(self, kind: str) -> list[str]:
        """What the server has of `sinks`, `sources` or `modules`: the names."""
        return [line.split("\t")[1] for line in self._pactl("list", "short", kind).splitlines()]

    def _pactl(self, *words: str) -> str:
        done = subprocess.run(["pactl", *words], env=self.env, capture_output=True, text=True, check=True)
        return done.stdout

    def _pacat(self, mode: str, device: str, rate: int, file: str, latency_ms: int) -> "subprocess.Popen[bytes]":
        command = ["pacat", mode, f"--device={device}", f"--rate={rate}", "--format=float32le", "--channels=2"]
        command += ["--raw", f"--latency-msec={latency_ms}", file]
        client = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """End it, and all that plays and records."""
        for client in self._clients:
            client.kill()
            client.wait(10)
        self.kill()


class Recording:
    """A recorder at work."""

    def __init__(self, process: "subprocess.Popen[bytes]", file: Path) -> None:
        self._process, self._file = process, file
        wait_until(lambda: file.exists() and file.stat().st_size, "the recorder records")

    def so_far(self) -> Samples:
        """What was recorded, (frames, 2)."""
        samples = np.fromfile(self._file, "<f4", count=self._file.stat().st_size // 8 * 2)
        return samples.reshape(-1, 2)

    def stop(self) -> Samples:
        """End it; what was recorded, (frames, 2)."""
        self._process.terminate()
        self._process.wait(10)
        return self.so_far()


@contextmanager
def pulse_server(sinks: Mapping[str, int]) -> Iterator[PulseServer]:
    """A private PulseAudio with null sinks of these names and rates; the first is the default.

    Use `env` of what it yields for every process that is to hear it.
    """
    folder = Path(tempfile.mkdtemp(prefix="stemd-pa-"))  # short: a Unix socket's path has 107 bytes at most
    server = PulseServer(folder, sinks)
    try:
        server.start()
        yield server
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
