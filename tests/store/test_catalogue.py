"""The catalogue holds together, and the self-test hears music."""

import numpy as np

from stemd.dsp.levels import decibels, rms
from stemd.separation.manifest import Manifest
from stemd.separation.store import SHIPPED, find
from stemd.store.catalogue import ROWS, catalogue
from stemd.store.hub import HubFile, Listing
from stemd.store.published import manifest_of
from stemd.store.selftest import self_test
from stemd.store.song import bars


def test_each_entry_makes_a_manifest() -> None:
    known = catalogue()
    for name, model in known.models.items():
        files = {file.file: HubFile(file.file, file.size, file.sha256, None) for file in model.files}
        source = Listing(model.repository, model.revision, files)
        manifest = manifest_of(name, model, known.licence(model), source)
        assert isinstance(manifest, Manifest)
        assert manifest.parity == model.parity
        assert set(manifest.stems) <= set(ROWS)
        assert all(entry.rows == (ROWS.index(entry.stems[0]),) for entry in manifest.specialists)


def test_the_same_file_is_the_same_everywhere() -> None:
    digests: dict[str, str] = {}
    for model in catalogue().models.values():
        for file in model.files:
            assert digests.setdefault(file.file, file.sha256) == file.sha256


def test_the_song_is_music_at_any_rate() -> None:
    for rate in (8_000, 44_100, 96_000):
        song = bars(3 * rate, rate)
        assert song.shape == (2, 3 * rate)
        assert np.isfinite(song).all()
        assert -30 < decibels(rms(song)) < -10
    np.testing.assert_array_equal(song, bars(3 * rate, rate))


def test_the_shipped_model_finds_a_voice_in_it() -> None:
    steps: list[tuple[int, int]] = []
    report = self_test(find("spleeter-vocals", [SHIPPED]), lambda done, total: steps.append((done, total)))
    assert report.levels["vocals"] > -60
    assert steps == [(1, 2), (2, 2)]
    assert "vocals -" in str(report)
