"""What is heard in a real Chromium, recorded where it plays, against what the daemon gave."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import firwin, resample_poly

from stemd.audio import Float32Array
from stemd_client import StemBlock
from tests.browser.devtools import Tab, browsing
from tests.clients.web.performing import RATE, heard, playing
from tests.clients.web.recording import record, tape, wait_for_seconds
from tests.end_to_end.process import Daemon
from tests.end_to_end.streaming import joined

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]
SECONDS = 20


async def listened(daemon: Daemon, address: str, folder: Path) -> tuple[Float32Array, list[StemBlock], Tab]:
    """What a page played for twenty seconds, and what the stem was meanwhile."""
    async with playing(daemon.address), heard(daemon.address, "vocals") as blocks, browsing(folder / "chromium") as it:
        tab = await it.tab()
        await record(tab)
        await tab.open(address)
        await wait_for_seconds(tab, SECONDS)
        return await tape(tab), list(blocks), tab


def place(played: Float32Array, stem: Float32Array, *, step: int = 1) -> int:
    """Where in the stem the first frames that were played are."""
    length = step * 2_000
    for at in np.flatnonzero(np.abs(stem[0] - played[0, 0]) < 1e-6):
        there = stem[:, at : at + length : step]
        if there.shape[1] == 2_000 and np.allclose(there, played[:, :2_000], atol=1e-6):
            return int(at)
    raise AssertionError("what was played is nowhere in the stem")


async def test_at_the_streams_rate_twenty_seconds_are_the_stem_sample_for_sample(
    daemon: Daemon, url: str, tmp_path: Path
) -> None:
    played, blocks, tab = await listened(daemon, f"{url}listen?stream=desk&stem=vocals", tmp_path)
    stem = joined(blocks)
    frames = SECONDS * RATE
    at = place(played, stem)
    assert played.shape[1] >= frames
    assert np.array_equal(played[:, :frames], stem[:, at : at + frames])
    assert not tab.complaints


async def test_at_another_rate_it_is_the_stem_to_60_db(daemon: Daemon, url: str, tmp_path: Path) -> None:
    played, blocks, tab = await listened(daemon, f"{url}listen?stream=desk&stem=vocals&rate=48000", tmp_path)
    stem, frames = joined(blocks), SECONDS * 48_000
    # 147 frames at 44.1 kHz take as long as 160 at 48 kHz, so every 160th is one of the stem's own.
    at = place(played[:, ::160], stem, step=147)
    low_pass = firwin(2 * 256 * 160 + 1, 1 / 160, window=("kaiser", 12.0))
    ideal = resample_poly(stem[:, at:].astype(np.float64), 160, 147, axis=1, window=low_pass)
    inside = slice(640, frames)  # at the very beginning the ideal would know what was before
    error = np.sum((played[:, inside] - ideal[:, inside]) ** 2) / np.sum(ideal[:, inside] ** 2)
    print(f"{-10 * np.log10(error):.1f} dB")
    assert error < 1e-6
    assert not tab.complaints
