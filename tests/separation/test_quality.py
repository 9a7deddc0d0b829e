"""The shipped network in its place: what `stemd separate` reaches on music, and streams equal to it to the last bit."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemd.audio import Float32Array
from stemd.cli import main
from stemd.separation.assembly import Assembly
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.offline import separate
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model, find
from tests.networks import joined, run_stream

AUDIO = Path(__file__).parents[2] / ".." / "shared" / "audio"
MODEL = "spleeter-vocals"
# Of the audio's own README, for vocals: SDR in dB over the stereo clip.
PUBLISHED = {"lithium": 2.5, "potassium": 8.2, "synthsong": 9.9}
SHORTFALL = 0.3
NETWORK_RATE = 44_100


def sdr(true: Float32Array, estimate: Float32Array) -> float:
    """In dB: `10*log10(sum(s^2)/sum((s-s_hat)^2))`."""
    exact = true.astype(np.float64)
    return float(10 * np.log10((exact**2).sum() / ((exact - estimate) ** 2).sum()))


@pytest.mark.skipif(not AUDIO.is_dir(), reason="the test audio with true stems (../shared/audio) is not here")
@pytest.mark.parametrize("song", PUBLISHED)
def test_stemd_separate_reaches_the_published_figures(song: str, tmp_path: Path) -> None:
    assert main(["separate", str(AUDIO / song / "mixture.flac"), "-o", str(tmp_path), "--stem", "vocals"]) == 0
    estimate, rate = soundfile.read(tmp_path / "mixture" / "vocals.wav", dtype="float32")
    true, true_rate = soundfile.read(AUDIO / song / "vocals.flac", dtype="float32")
    assert rate == true_rate
    assert estimate.shape == true.shape
    reached, mixture = sdr(true, estimate), sdr(true, soundfile.read(AUDIO / song / "mixture.flac", dtype="float32")[0])
    print(f"{song}: SDR of vocals {reached:.2f} dB, of the mixture in their place {mixture:.2f} dB")
    assert reached >= PUBLISHED[song] - SHORTFALL


@pytest.fixture(scope="module")
def model() -> Model:
    return find(MODEL)


@pytest.fixture(scope="module")
def specialists(model: Model) -> list[Specialist]:
    return model.open(EngineOptions())


def music(frames: int, rate: int, channels: int) -> Float32Array:
    """A chord with a beat: something that the mask neither passes nor stops as a whole."""
    random = np.random.default_rng(frames + rate + channels)
    seconds = np.arange(frames) / rate
    tones = random.uniform(80, 3_000, (channels, 12, 1))
    chord = np.sin(2 * np.pi * tones * seconds + random.uniform(0, 6, tones.shape)).sum(axis=1) / 12
    beat = random.standard_normal((channels, frames)) * np.exp(-8 * (seconds % 0.5))
    mixture: Float32Array = (0.5 * chord + 0.2 * beat).astype(np.float32)
    return mixture


# The studio plan's hop takes six seconds, the live one's a quarter of a second: each clip crosses at least one.
CLIPS = [("live", 0.9), ("live", 0.013), ("studio", 7.0), ("studio", 0.013)]


@pytest.mark.parametrize(("row", "seconds"), CLIPS)
@pytest.mark.parametrize("size", [441, "random"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_through_the_shipped_network_equals_the_offline_composition_to_the_last_bit(
    model: Model,
    specialists: list[Specialist],
    row: str,
    seconds: float,
    size: int | str,
    rate: int,
    channels: int,
) -> None:
    plan = (model.manifest.live if row == "live" else model.manifest.studio).window()
    mixture = music(round(seconds * rate), rate, channels)
    whole = separate(mixture, rate, specialists, plan, NETWORK_RATE, spectral=True)["vocals"]
    assembly = Assembly(plan, NETWORK_RATE, rate, channels, spectral=True)
    out = run_stream(assembly, specialists, mixture, size)
    assert whole.shape == mixture.shape
    assert np.abs(whole).max() > 0
    assert np.array_equal(np.concatenate([block.mixture for block in out], axis=1), mixture)
    assert np.array_equal(joined(out, "vocals"), whole)


@pytest.mark.parametrize("frames", [1, 2, 1_023, 1_024, 2_049])
def test_the_shortest_clips_survive_the_shipped_network(
    model: Model, specialists: list[Specialist], frames: int
) -> None:
    plan, mixture = model.manifest.live.window(), music(frames, NETWORK_RATE, 2)
    whole = separate(mixture, NETWORK_RATE, specialists, plan, NETWORK_RATE, spectral=True)["vocals"]
    out = run_stream(Assembly(plan, NETWORK_RATE, NETWORK_RATE, 2, spectral=True), specialists, mixture, "random")
    assert np.isfinite(whole).all()
    assert np.array_equal(joined(out, "vocals"), whole)
