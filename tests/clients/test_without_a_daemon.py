"""Client commands look for the daemon of this user without flags, and say how to start one where there is none."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.end_to_end.process import folder, one_line

COMMANDS = {
    "stream": ("song.wav",),
    "listen": ("desk", "vocals", "-o", "vocals.wav"),
    "status": (),
    "mix": ("desk", "--panic"),
    "top": ("--json",),
}


@pytest.mark.slow
def test_every_command_says_how_to_start_a_daemon(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "song.wav", np.zeros(100), 8_000)
    with folder() as runtime:
        env = {name: value for name, value in os.environ.items() if name != "STEMD_ADDRESS"}
        env["XDG_RUNTIME_DIR"] = str(runtime)
        started = {
            name: subprocess.Popen(
                [sys.executable, "-m", "stemd", name, *arguments],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name, arguments in COMMANDS.items()
        }
        for name, process in started.items():
            out, errors = process.communicate(timeout=60)
            due = f"stemd: no daemon answers at ipc://{runtime}/stemd/requests.sock; start one with `stemd serve`\n"
            assert (name, process.returncode, out, errors) == (name, 1, "", due)
            assert one_line(errors)
    assert not (tmp_path / "vocals.wav").exists()
