"""Too little time: the timeline of a realtime stream goes on, the most wanted stem stays, and nothing clicks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp import stft
from stemd.dsp.mixer import Fallback
from stemd.dsp.plan import WindowPlan
from stemd.separation.engines.engine import Value
from stemd.separation.manifest import SpecialistEntry
from stemd.separation.specialist import MASK_BINS, MaskSpecialist
from stemd.service.admission import budget
from tests.networks import FunctionSpecialist, noise
from tests.service.pretence import Desk, FakePool, Heard, LatePool, model_of, open_desk, pretend, seconds_now

RATE, BLOCK = 44_100, 441
PLANS = {
    "added": WindowPlan(32 * stft.HOP, 2 * stft.HOP, 0, 5 * stft.HOP),
    "crossfaded": WindowPlan(32 * stft.HOP, 4 * stft.HOP, stft.HOP, 2 * stft.HOP),
}
STEMS = ("mix", "vocals", "instrumental", "out")
STALL = (1.0, 4.0)  # seconds after the source began
SECONDS = 6.0
TIMER = 0.002  # timers are rounded up to whole milliseconds

every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


class Voices:
    """A fake network: whatever is higher than about 250 Hz is a voice."""

    engine = "none"
    inputs = ("magnitude",)
    outputs = ("mask",)
    placement: Mapping[str, int] = {}

    def run(self, *values: Value) -> list[Float32Array]:
        bins = np.arange(MASK_BINS, dtype=np.float32)
        return [np.broadcast_to(1 / (1 + np.exp((24 - bins) / 2)), values[0].shape).astype(np.float32)]


def singer() -> MaskSpecialist:
    return MaskSpecialist(SpecialistEntry(stems=("vocals",), file="any.onnx", sha256="0" * 64), Voices())


def music(frames: int) -> Float32Array:
    """A bass and a voice, faded in and out; smooth everywhere."""
    seconds = np.arange(frames) / RATE
    pitch = 440 * 2 ** (np.sin(2 * np.pi * 0.7 * seconds) / 12) * (1 + 0.02 * np.sin(2 * np.pi * 5.5 * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = 0.15 * sum(np.sin(n * phase) / n for n in range(1, 7))
    bass = 0.2 * np.sin(2 * np.pi * 55 * seconds) + 0.1 * np.sin(2 * np.pi * 110 * seconds)
    fade = np.clip(10 * np.minimum(seconds, seconds[::-1]), 0, 1)
    return (fade * np.stack([bass + voice, bass + 0.8 * voice])).astype(np.float32)


@dataclass(repr=False)  # asyncio prints what its tasks give
class Concert:
    """What came of a recording whose network stalled."""

    desk: Desk
    mixture: Float32Array
    heard: dict[str, Heard]
    state: dict[str, Any]


def stalled(plan: WindowPlan, fallback: Fallback = "dry", *, block: int = BLOCK, gains: Any = None) -> Concert:
    """Play music at its pace; segments that are submitted during the stall come three seconds late."""
    mixture = music(round(SECONDS * RATE))

    async def play() -> Concert:
        began = seconds_now() + 1.0

        def late() -> float:
            return 3.0 if STALL[0] <= seconds_now() - began < STALL[1] else 0.01

        model, realtime = model_of("mask", "vocals"), {"fallback": fallback}
        desk = open_desk(
            LatePool([singer()], late), model, plan, ("vocals",), STEMS, block=block, compute=0.03, realtime=realtime
        )
        assert desk.began == began
        if gains:
            desk.stream.set_mixer(gains=gains)
        await desk.play(mixture)
        state = desk.stream.state()
        return Concert(desk, mixture, await desk.close(), state)

    return pretend(play())


# --- a network that stalls -----------------------------------------------------------------------------------------


@every_plan
@pytest.mark.parametrize("block", [64, 4_410])
def test_while_a_network_stalls_every_block_leaves_at_its_time(plan: WindowPlan, block: int) -> None:
    concert = stalled(plan, block=block)
    latency = concert.desk.stream.promise.latency
    for heard in concert.heard.values():
        positions = [header.position for header in heard.headers]
        assert positions == list(range(0, concert.mixture.shape[1], block))
        for position, time in zip(positions, heard.times, strict=True):
            due = concert.desk.began + (position + latency) / RATE
            assert -1e-6 <= time - due <= TIMER
    assert concert.state["jumps"] == 0
    assert not concert.desk.events.faults


@every_plan
def test_what_lacks_is_flagged_and_counted_and_it_recovers_by_itself(plan: WindowPlan) -> None:
    concert = stalled(plan)
    latency, began = concert.desk.stream.promise.latency, concert.desk.began
    for stem in ("vocals", "instrumental", "out"):
        flagged = concert.heard[stem].flagged("degraded")
        assert flagged == list(range(flagged[0], flagged[-1] + 1, BLOCK)), "one stall is one hole"
        assert STALL[1] - STALL[0] - plan.hop / RATE <= len(flagged) * BLOCK / RATE
        # What is submitted is a hop with what overlaps it.
        over = concert.heard[stem].times[flagged[-1] // BLOCK]
        assert over <= began + STALL[1] + (latency + plan.hop) / RATE
    assert not concert.heard["mix"].flagged("degraded")
    assert concert.state["degraded"] == len(concert.heard["vocals"].flagged("degraded"))


@every_plan
def test_while_a_network_stalls_mix_is_untouched_and_sums_hold(plan: WindowPlan) -> None:
    concert = stalled(plan, gains={"vocals": 0.0})
    mix, vocals, instrumental, out = (concert.heard[stem].samples for stem in STEMS)
    assert np.array_equal(mix, concert.mixture)
    assert np.abs(vocals + instrumental - mix).max() <= 2**-23
    # Within the hole, beyond what neighbours spill into it, the dry signal passes.
    hole = slice(round((STALL[0] + 0.5) * RATE), round((STALL[1] - 0.5) * RATE))
    assert not vocals[:, hole].any()
    assert np.array_equal(out[:, hole], mix[:, hole])
    after = slice(round((STALL[1] + 0.5) * RATE), None)
    assert np.abs(vocals[:, after]).max() > 0.1
    assert np.allclose(out[:, after], instrumental[:, after], atol=1e-6)


@every_plan
@pytest.mark.parametrize("fallback", get_args(Fallback))
@pytest.mark.parametrize("block", [64, 4_410])
def test_neither_into_a_hole_nor_out_of_it_is_there_a_click(plan: WindowPlan, fallback: Fallback, block: int) -> None:
    concert = stalled(plan, fallback, block=block, gains={"vocals": 0.0})
    out = concert.heard["out"].samples
    rough, smooth = (np.abs(np.diff(signal.astype(np.float64), 2)).max() for signal in (out, concert.mixture))
    assert rough <= 1.5 * smooth
    inside = np.abs(out[:, round((STALL[1] - 0.6) * RATE) : round((STALL[1] - 0.5) * RATE)]).max()
    assert inside == 0 if fallback != "dry" else inside > 0.1


# --- a machine that has become slower ------------------------------------------------------------------------------

HOP = 4_410  # 0.1 s
TWO = WindowPlan(16 * HOP, HOP, 0, HOP)
LOAD = 0.76  # about the most that is admitted
SLOW = (3.0, 8.0)  # seconds after the source began, while every run takes twice as long
LENGTH = 12.0


@dataclass(repr=False)
class Shift:
    """What two networks made of a stretch during which the machine was slower."""

    pool: FakePool
    heard: dict[str, Heard]
    began: float

    def lost(self, stem: str, begin: float, end: float) -> list[float]:
        """When blocks were due that lack the stem's network, in seconds of the source's time."""
        heard = self.heard[stem]
        times = [(h, time - self.began) for h, time in zip(heard.headers, heard.times, strict=True)]
        return [time for header, time in times if "degraded" in header.flags and begin <= time < end]


def slowed(first: str, shares: tuple[float, float], ahead: int, factor: float = 2.0) -> Shift:
    """Vocals and drums, of which `first` has the priority; `shares` of the load, in the manifest's order."""

    async def play() -> Shift:
        seconds = [LOAD * share * HOP / RATE for share in shares]
        began = seconds_now() + 1.0

        def takes(network: int) -> float:
            slow = SLOW[0] <= seconds_now() - began < SLOW[1]
            return seconds[network] * (factor if slow else 1.0)

        pool = FakePool([FunctionSpecialist(np.copy, names=(stem,)) for stem in ("drums", "vocals")], takes)
        model = model_of("waveform", "drums", "vocals")
        compute = budget(sum(seconds), HOP / RATE, [], ahead) + 0.025
        desk = open_desk(
            *(pool, model, TWO, ("drums", "vocals"), ("drums", "vocals")),
            compute=compute,
            block=HOP,
            realtime={"priority": (first,)},
        )
        await desk.play(noise(round(LENGTH * RATE)))
        return Shift(pool, await desk.close(), began)

    return pretend(play())


@pytest.mark.parametrize("first", ["vocals", "drums"])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.4, 0.6), (0.6, 0.4)])
@pytest.mark.parametrize("ahead", [0, 1, 2])
def test_with_half_the_machine_gone_what_has_priority_keeps_every_deadline(
    first: str, shares: tuple[float, float], ahead: int
) -> None:
    second = "drums" if first == "vocals" else "vocals"
    shift = slowed(first, shares, ahead)
    assert shift.lost(first, 0, LENGTH + 2) == []
    latency = shift.heard[first].times[0] - shift.began
    assert shift.lost(second, 0, SLOW[0]) == []
    assert shift.lost(second, SLOW[0], SLOW[1]) != []
    assert shift.lost(second, SLOW[1] + latency + 1.0, LENGTH + 2) == []


def test_what_is_given_up_is_never_begun_and_what_is_left_of_the_machine_is_used() -> None:
    shift = slowed("vocals", (0.5, 0.5), 1)
    vocals, drums = ([run for run in shift.pool.runs if run.network == index] for index in (1, 0))
    assert all(run.end is not None for run in vocals)
    slow = [run for run in drums if SLOW[0] + 0.5 <= run.begin - shift.began < SLOW[1]]
    share = sum(run.end is not None for run in slow) / len(slow)
    assert 0.25 <= share <= (1 - LOAD) / LOAD + 0.05
    assert len(shift.lost("drums", SLOW[0] + 1, SLOW[1])) <= (1 - 0.25) * (SLOW[1] - SLOW[0] - 1) * RATE / HOP
