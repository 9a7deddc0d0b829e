"""Plans on the STFT's grid without an overlap: neighbouring segments share out its frames, and their windows join them.

Networks here are functions in a network's place, behind the real MaskSpecialist.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segmenter, on_grid
from stemd.errors import PlanError
from stemd.separation.assembly import Assembly
from stemd.separation.engines.engine import Value
from stemd.separation.manifest import SpecialistEntry
from stemd.separation.offline import separate
from stemd.separation.specialist import MASK_BINS, MaskSpecialist
from stemd.separation.store import find
from tests.losses import with_losses
from tests.networks import joined, noise, run_stream

RATE = 44_100
ROWS = {name: find("spleeter-vocals").manifest.plans[name].window() for name in ("live", "fast")}
SMALL = WindowPlan(12 * stft.HOP, 2 * stft.HOP, 0, 4 * stft.HOP)
CROSSFADED = WindowPlan(12 * stft.HOP, 2 * stft.HOP, stft.HOP, 4 * stft.HOP)
EDGES = sorted({n * stft.HOP + d for n in range(8) for d in (-1, 0, 1)} - {-1, 0} | {2, 3, 441})

Mask = Callable[[Float32Array], Float32Array]


class Masking:
    """A fake network: a function of the magnitudes of a segment, of which it gives what is wanted."""

    engine = "none"
    outputs = ("mask",)

    def __init__(self, mask: Mask, *, told: bool = True) -> None:
        self.inputs = ("magnitude", "wanted") if told else ("magnitude",)
        self.placement: dict[str, int] = {}
        self._mask = mask

    def run(self, *values: Value) -> list[Float32Array]:
        mask = self._mask(values[0])
        if len(values) == 1:
            return [mask]
        low, high = (int(number) for number in values[1])
        return [mask[:, :, low:high]]


def unity(magnitude: Float32Array) -> Float32Array:
    return np.ones_like(magnitude)


def placed(magnitude: Float32Array) -> Float32Array:
    """Depends on where a frame lies in the segment and on all of the segment, as a network's output does."""
    place = np.linspace(0, 1, magnitude.shape[2], dtype=np.float32)[:, np.newaxis]
    whole = np.float32(np.tanh(magnitude.mean(dtype=np.float64)))
    return (place * np.tanh(magnitude) * whole).astype(np.float32)


def masks(mask: Mask) -> MaskSpecialist:
    entry = SpecialistEntry(stems=("vocals",), file="any.onnx", sha256="0" * 64)
    return MaskSpecialist(entry, Masking(mask))


def band_limited(mixture: Float32Array) -> Float32Array:
    """The whole recording to the STFT and back, without the bins that masks do not reach. In float64, the plain way."""
    length = mixture.shape[1]
    before, after = stft.WINDOW, 2 * stft.WINDOW
    padded = np.pad(mixture.astype(np.float64), ((0, 0), (before, after)))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(stft.WINDOW) / stft.WINDOW)
    out, weight = np.zeros_like(padded), np.zeros(padded.shape[1])
    for at in range(0, padded.shape[1] - stft.WINDOW + 1, stft.HOP):
        spectrum = np.fft.rfft(padded[:, at : at + stft.WINDOW] * window, axis=1)
        spectrum[:, MASK_BINS:] = 0
        out[:, at : at + stft.WINDOW] += np.fft.irfft(spectrum, stft.WINDOW, axis=1) * window
        weight[at : at + stft.WINDOW] += window * window
    part = slice(before, before + length)
    return (out[:, part] / weight[part]).astype(np.float32)


@st.composite
def plans(draw: st.DrawFn, *, overlap: bool | None = False) -> WindowPlan:
    """Every kind of plan on the grid, of few STFT frames; `overlap` None: with or without."""
    crossfaded = draw(st.booleans()) if overlap is None else overlap
    hop = draw(st.integers(1, 6))
    shared = draw(st.integers(1, hop)) if crossfaded else 0
    lookahead = draw(st.integers(2 if crossfaded else 3, 8))
    history = draw(st.integers(0 if crossfaded else 1, 6))
    segment = hop + shared + lookahead + history
    return WindowPlan(*(length * stft.HOP for length in (segment, hop, shared, lookahead)))


# --- which STFT frames ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(plans(overlap=None), st.integers(1, 30_000))
def test_a_segment_is_never_asked_for_frames_that_it_lacks(plan: WindowPlan, length: int) -> None:
    plan = on_grid(plan)
    segmenter = Segmenter(plan, 1, spectral=True)
    segments = segmenter.push(noise(length, 1)) + segmenter.flush()
    assert [s.span.index for s in segments] == list(range(plan.segments(length)))
    for segment in segments:
        assert segment.spectrum is not None
        count = segment.spectrum.shape[1]
        low, high = stft.needed(segment.span, segment.span.start // stft.HOP, count)
        assert 0 <= low < high <= count
        assert segment.span.position + segment.span.reach <= length


@pytest.mark.parametrize(("overlap", "least"), [(0, 3), (1, 2)])
def test_a_lookahead_too_short_for_the_last_frame_is_refused(overlap: int, least: int) -> None:
    for lookahead in range(5):
        plan = WindowPlan(*(length * stft.HOP for length in (12, 2, overlap, lookahead)))
        if lookahead < least:
            with pytest.raises(PlanError, match=f"at least {least * stft.HOP}"):
                on_grid(plan)
        else:
            assert bool(on_grid(plan).spill) == (overlap == 0)


def test_without_overlap_and_history_nobody_would_give_the_frame_before_the_first() -> None:
    lengths = {"hop": 2 * stft.HOP, "overlap": 0, "lookahead": 3 * stft.HOP}
    with pytest.raises(PlanError, match=f"segment must be at least {6 * stft.HOP}"):
        on_grid(WindowPlan(5 * stft.HOP, **lengths))
    assert on_grid(WindowPlan(6 * stft.HOP, **lengths)).history == stft.HOP


@settings(deadline=None)
@given(plans(), st.integers(1, 30_000))
def test_every_frame_that_touches_the_stream_is_given_by_one_segment(plan: WindowPlan, length: int) -> None:
    plan = on_grid(plan)
    given: list[int] = []
    for span in plan.spans(length):
        first = span.start // stft.HOP
        low, high = stft.needed(span, first, plan.segment // stft.HOP - 1)
        given += range(first + low, first + high)
    assert len(given) == len(set(given))
    touching = range(-1, -(-(length + stft.HALF) // stft.HOP))
    assert set(touching) <= set(given)


# --- what they come to ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(plans(), st.integers(1, 30_000))
def test_unity_masks_give_the_mixture_back_whatever_the_plan_and_the_length(plan: WindowPlan, length: int) -> None:
    mixture = noise(length)
    whole = separate(mixture, RATE, [masks(unity)], plan, RATE, spectral=True)["vocals"]
    wrong = np.abs(whole - band_limited(mixture))
    assert wrong.max() < 1e-5


@pytest.mark.parametrize("length", EDGES)
def test_unity_masks_give_the_mixture_back_at_every_edge(length: int) -> None:
    mixture = noise(length)
    whole = separate(mixture, RATE, [masks(unity)], SMALL, RATE, spectral=True)["vocals"]
    assert np.abs(whole - band_limited(mixture)).max() < 1e-5


def test_windowed_sum_and_weighted_sum_of_all_frames_are_the_same() -> None:
    length = 9 * stft.HOP
    spectrum = stft.analyse(np.pad(noise(length), ((0, 0), (stft.WINDOW, stft.WINDOW))))
    first = -(stft.WINDOW - stft.HALF) // stft.HOP
    added, divided = (join(spectrum, first, 0, length) for join in (stft.windowed, stft.synthesise))
    assert np.abs(added - divided).max() < 1e-5


# --- the stream and the recording ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [64, 441, 4_410, "random"])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_equals_the_offline_composition_to_the_last_bit(size: int | str, rate: int, channels: int) -> None:
    mixture = noise(20_011, channels, seed=rate + channels)
    assembly = Assembly(SMALL, RATE, rate, channels, spectral=True)
    out = run_stream(assembly, [masks(placed)], mixture, size)
    whole = separate(mixture, rate, [masks(placed)], SMALL, RATE, spectral=True)["vocals"]
    assert np.ptp(whole) > 0.1
    assert np.array_equal(joined(out, "vocals"), whole)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
@pytest.mark.parametrize("channels", [1, 2])
def test_so_it_does_with_the_shipped_rows(row: str, rate: int, channels: int) -> None:
    mixture = noise(rate // 4, channels, seed=rate)
    assembly = Assembly(ROWS[row], RATE, rate, channels, spectral=True)
    out = run_stream(assembly, [masks(placed)], mixture, "random")
    whole = separate(mixture, rate, [masks(placed)], ROWS[row], RATE, spectral=True)["vocals"]
    assert np.array_equal(joined(out, "vocals"), whole)


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("plan", [SMALL, CROSSFADED], ids=["added", "crossfaded"])
def test_so_it_does_at_every_short_length(plan: WindowPlan, rate: int) -> None:
    for length in EDGES:
        mixture = noise(length, seed=length)
        out = run_stream(Assembly(plan, RATE, rate, 2, spectral=True), [masks(placed)], mixture, 700)
        whole = separate(mixture, rate, [masks(placed)], plan, RATE, spectral=True)["vocals"]
        assert np.array_equal(joined(out, "vocals"), whole), length


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
@pytest.mark.parametrize("begin", [0, 500, 9_000, 12_000])
def test_a_specialist_that_starts_late_agrees_from_its_first_frame_on(rate: int, begin: int) -> None:
    mixture, specialist = noise(24_000, seed=rate), masks(placed)
    whole = separate(mixture, rate, [specialist], SMALL, RATE, spectral=True)["vocals"]
    assembly = Assembly(SMALL, RATE, rate, 2, spectral=True)
    assembly.start(1, ("another",))  # whose blocks wait, as those of a realtime stream do
    first, out = 0, []
    for start in range(0, mixture.shape[1], 500):
        if start == begin:
            first = assembly.start(0, specialist.stems).first
            assert assembly.given <= first <= begin + stft.SPILL * rate // RATE
        for segment in assembly.push(mixture[:, start : start + 500]):
            for track in assembly.tracks.values():
                track.push(segment.span, specialist.run(segment))
        while block := assembly.pop():
            out.append(block)
    part = [block for block in out if "vocals" in block.stems]
    heard, at = joined(part, "vocals"), part[0].position
    assert at <= first
    assert not heard[:, : first - at].any()
    late, due = heard[:, first - at :], whole[:, first : at + heard.shape[1]]
    assert late.shape[1] > 3_000
    # Where rates differ, the resampler's phase is a rounding off.
    assert np.array_equal(late, due) if rate == RATE else np.abs(late - due).max() < 1e-5


# --- lost segments -------------------------------------------------------------------------------------------------

LOST = frozenset({4, 5, 9})


@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("lost", [LOST, frozenset({0}), frozenset({13}), frozenset({14})])
def test_a_block_without_the_flag_is_the_networks_to_the_last_bit(
    rate: int, channels: int, lost: frozenset[int]
) -> None:
    length = 30_000  # fifteen segments, the last cut short
    mixture = noise(length * rate // RATE, channels, seed=rate)
    whole = separate(mixture, rate, [masks(unity)], SMALL, RATE, spectral=True)["vocals"]
    blocks = with_losses(mixture, rate, masks(unity), SMALL, lost, spectral=True)
    reached = np.zeros(length + stft.SPILL, bool)
    silent = np.zeros(length + stft.SPILL, bool)
    for index in lost:
        reached[index * SMALL.hop : (index + 1) * SMALL.hop + stft.SPILL] = True
        run = next(n for n in range(index, -1, -1) if n - 1 not in lost)
        silent[run * SMALL.hop + stft.SPILL * bool(run) : (index + 1) * SMALL.hop] = True
    for block in blocks:
        at = slice(block.position, block.position + block.mixture.shape[1])
        heard = block.stems["vocals"]
        if not block.degraded:
            assert np.array_equal(heard, whole[:, at]), f"the block at {block.position} is not flagged"
        else:
            near = slice(max(0, at.start * RATE // rate - 200), at.stop * RATE // rate + 200)
            assert reached[near].any(), f"the block at {block.position} is flagged, and has all"
            assert heard.any() or silent[near].any(), f"the block at {block.position} is silent"
