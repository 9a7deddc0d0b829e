"""What several tests of benchmarks take."""

from pathlib import Path

import pytest
import soundfile

from stemd_bench.song import make_song


@pytest.fixture(scope="session")
def songs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one song with its true stems, `made`, 5 s long; the voice comes in after 2.3 s."""
    folder = tmp_path_factory.mktemp("songs")
    (folder / "made").mkdir()
    for name, samples in make_song(44_100, 5.0).items():
        soundfile.write(folder / "made" / f"{name}.flac", samples.T, 44_100)
    return folder
