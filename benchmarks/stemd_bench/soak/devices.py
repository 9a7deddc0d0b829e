"""Sound devices that make no sound: a private PulseAudio, as the tests of devices have it.

Its code lies with those tests and is no part of the package, so it is loaded from the checkout that this file is in;
where there is none, or no PulseAudio, that is a reason to leave the devices out.
"""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any, Final

import numpy as np

from stemd_bench.song import make_song

RATE: Final = 48_000
_FILE: Final = Path(__file__).parents[3] / "tests" / "devices" / "pulse.py"
_SONG_SECONDS: Final = 30.0
_SPARE_SECONDS: Final = 15.0  # the song goes on while the daemon is asked and stopped
CONFIG: Final = """\
[capture]
device = "pulse:source.monitor"
stream = "{stream}"
plan = "{plan}"

[playback]
device = "pulse:speakers"
"""


def obstacle() -> str:
    """Why there can be no devices here; empty: there can."""
    if not _FILE.is_file():
        return "it takes a checkout of stemd: the PulseAudio of its tests is no part of the package"
    if shutil.which("pulseaudio") is None or shutil.which("pacat") is None or find_library("portaudio") is None:
        return "it takes PulseAudio and PortAudio: `make system-deps` installs them"
    return ""


@contextmanager
def sound_system() -> Iterator[Any]:
    """A PulseAudio with the null sinks `source` and `speakers`; its `env` leads to it, `play` plays."""
    spec = importlib.util.spec_from_file_location("stemd_private_pulse", _FILE)
    assert spec is not None  # noqa: S101 - the file is there
    assert spec.loader is not None  # noqa: S101 - likewise
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    with module.pulse_server({"source": RATE, "speakers": RATE}) as server:
        yield server


def play(server: Any, seconds: float) -> None:
    """Play the made-up song into the source, over and over."""
    song = make_song(RATE, _SONG_SECONDS)["mixture"].T
    times = int(np.ceil((seconds + _SPARE_SECONDS) / _SONG_SECONDS))
    server.play("source", np.tile(song, (times, 1)))
