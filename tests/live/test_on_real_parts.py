"""A song through the daemon's own devices, on a real sound server: what is promised is what is heard."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from stemd.audio import Float32Array
from stemd.dsp.plan import WindowPlan
from stemd.dsp.resample import Resampler
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.offline import separate
from stemd.separation.scoring import sdr
from stemd.separation.store import find as find_model
from stemd_bench.song import make_song
from stemd_client import Client
from tests.conftest import SHARED_AUDIO
from tests.devices.pulse import PulseServer
from tests.live.performing import (
    PLAN,
    RATE,
    SECONDS,
    Listener,
    Performance,
    Samples,
    complaint,
    find,
    listening,
    performing,
    status,
)
from tests.waiting import until

pytestmark = [pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.timeout(240)]

RAMP = 480  # 10 ms
LENGTH = 6  # seconds of a song
Song = dict[str, Float32Array]  # `mixture` and `vocals`, (2, frames)


@pytest.fixture(scope="module")
def live(pulse: PulseServer) -> Iterator[Performance]:
    """One that removes the vocals; tests leave its mixer as they found it."""
    with performing(pulse, "--remove", "vocals", "--clock", "same") as running:
        running.wait_until_it_plays()
        yield running
        assert running.end() == 0
        assert running.errors() == ""
        assert running.as_it_was()


def made() -> Song:
    return make_song(RATE, LENGTH, seed=3)


def real() -> Song:
    folder = SHARED_AUDIO / "potassium"
    if not folder.is_dir():
        pytest.skip(f"no music with true stems in {folder}")
    return {name: _excerpt(folder / f"{name}.flac") for name in ("mixture", "vocals")}


def _excerpt(file: Path) -> Float32Array:
    samples, rate = soundfile.read(file, frames=LENGTH * 44_100, dtype="float32", always_2d=True)
    resampler = Resampler(rate, RATE, 2)
    parts = [resampler.push(np.ascontiguousarray(samples.T)), resampler.flush()]
    return 0.6 * np.concatenate(parts, axis=1)


def loud(song: Samples) -> Samples:
    """From its first frame that is like no other."""
    return song[int(np.flatnonzero(np.abs(song).min(axis=1) > 0.01)[0]) :]


async def through(pulse: PulseServer, live: Performance, song: Samples, stem: str) -> tuple[Samples, int]:
    """What clients and the recorder get of a stem from a song's first loud frame on, and the position of that.

    Where the machine has no time for the sound server, or for the network, it is played again; twice at most.
    """
    for _ in range(3):
        before = faults(await status(live.address))
        heard, position, recorded = await once(pulse, live, song, stem)
        after = faults(await status(live.address))
        wrong = {name: after[name] - before[name] for name in after}
        if not any(wrong.values()):
            assert heard is not None, "the song went into the stream to the bit"
            assert recorded, f"{stem} was played to the bit"
            return heard, position
    raise AssertionError(f"three times: {wrong}")


async def once(pulse: PulseServer, live: Performance, song: Samples, stem: str) -> tuple[Samples | None, int, bool]:
    """What clients get of the stem, if the song went in to the bit, and where; whether the recorder got the same."""
    recording = await asyncio.to_thread(pulse.record, "out")
    async with listening(live.address, "mix", stem) as (mix, wanted):
        player = pulse.play("src", np.concatenate([song, np.zeros((RATE // 4, 2), np.float32)]))
        assert await asyncio.to_thread(player.wait, SECONDS) == 0
        frames = len(mix.samples())
        end = frames + 3 * RATE  # what is declared, and what lies in buffers
        await until(lambda: min(len(mix.samples()), len(wanted.samples())) > end, "the song has passed")
        await until(lambda: not recording.so_far()[-RATE // 2 :].any(), "it was played", SECONDS)
        played = recording.stop()
        first = find(mix.samples(), loud(song))
        if first < 0:
            return None, 0, False
        position = first + mix.begin
        heard = wanted.samples()[position - wanted.begin :][: len(loud(song))]
    return heard, position, find(played, loud(heard)) >= 0


def faults(state: dict[str, Any]) -> dict[str, int]:
    [stream] = state["streams"]
    devices = state["devices"]
    counts = {"degraded": stream["degraded"], "gaps": stream["gaps"]}
    counts |= {f"in {name}": devices["capture"][name] for name in ("xruns", "lost", "broken")}
    return counts | {f"out {name}": devices["playback"][name] for name in ("xruns", "underruns", "late", "resyncs")}


@pytest.mark.slow
@pytest.mark.parametrize("make", [made, real])
async def test_the_performer_hears_what_the_network_gives_offline(
    pulse: PulseServer, live: Performance, make: Callable[[], Song]
) -> None:
    song = make()
    mixture = np.ascontiguousarray(song["mixture"].T)
    heard, position = await through(pulse, live, mixture, "instrumental")
    # Where the stream's segments begin matters, so the song begins at the same place between two of them.
    before = (position - len(mixture) + len(heard)) % round(PLAN[1] * RATE / 44_100)
    song = {name: np.pad(samples, ((0, 0), (before, 0))) for name, samples in song.items()}
    specialists = find_model("spleeter-vocals").open(EngineOptions())
    plan = WindowPlan(*PLAN)
    vocals = separate(song["mixture"], RATE, specialists, plan, 44_100, spectral=True)["vocals"]
    last = slice(-len(heard), None)
    true, estimate = ((song["mixture"] - each)[:, last] for each in (song["vocals"], vocals))
    online = sdr(true, heard.T)
    assert abs(online - sdr(true, estimate)) < 0.5
    assert online > sdr(true, song["mixture"][:, last]) + 3, "this is about a song whose singer is heard"


@pytest.mark.slow
async def test_at_wet_0_the_input_is_played_to_the_bit(pulse: PulseServer, live: Performance) -> None:
    song = np.ascontiguousarray(make_song(RATE, 5, seed=4)["mixture"].T)
    async with Client(live.address) as client:
        await client.set_mixer("live", wet=0.0)
        heard, _ = await through(pulse, live, song, "out")
        await client.set_mixer("live", wet=1.0)
    assert np.array_equal(heard, loud(song))


async def by_key(live: Performance, client: Client, *, on: bool) -> None:
    live.press("p" if on else "b")


async def by_client(live: Performance, client: Client, *, on: bool) -> None:
    await client.set_mixer("live", bypass=on)


async def test_panic_and_bypass_go_dry_within_a_ramp_and_without_a_click(pulse: PulseServer, live: Performance) -> None:
    song = np.ascontiguousarray(make_song(RATE, 20, seed=5)["mixture"].T)
    player = pulse.play("src", song)
    async with listening(live.address, "out", "instrumental", "mix") as heard, Client(live.address) as client:
        out, without, dry = heard
        await until(lambda: sings(out, dry), "the song begins")
        for bypass in (by_key, by_client):
            start = len(out.samples())
            await bypass(live, client, on=True)
            await until(lambda: alike(out, dry, 4_800), "dry")
            await bypass(live, client, on=False)
            await until(lambda: alike(out, without, 4_800), "without vocals")
            check_turn(*together(heard, start - 4_800))
        live.press("v")
        await until(lambda: alike(out, dry, 4_800), "with the vocals")
        live.press("v")
        await until(lambda: alike(out, without, 4_800), "without vocals again")
        await bypass(live, client, on=False)
        assert alike(out, without, 4_800)
    player.kill()


def together(heard: list[Listener], start: int) -> list[Samples]:
    """The same frames of all, from a frame of the first listener's on."""
    begin = max([heard[0].begin + start, *(listener.begin for listener in heard)])
    samples = [listener.samples()[begin - listener.begin :] for listener in heard]
    return [each[: min(map(len, samples))] for each in samples]


def alike(one: Listener, other: Listener, frames: int) -> bool:
    """Whether the newest frames of both are the same, and are not silence."""
    ours, theirs = together([one, other], len(one.samples()) - 2 * frames)
    return len(ours) >= frames and bool(ours[-frames:].any()) and np.array_equal(ours[-frames:], theirs[-frames:])


def sings(out: Listener, dry: Listener) -> bool:
    """Whether somebody is singing now: what is played differs from what comes in."""
    ours, theirs = together([out, dry], len(out.samples()) - 9_600)
    return len(ours) >= 4_800 and float(np.abs(ours - theirs).max(initial=0.0)) > 0.05


def check_turn(out: Samples, without: Samples, dry: Samples) -> None:
    """From one to the other and back, in ramps, and without a click."""
    vocals = (dry - without).astype(np.float64)
    plain = np.abs(vocals).max(axis=1) > 1e-3
    gain = (((out - without) * vocals).sum(axis=1) / np.maximum((vocals**2).sum(axis=1), 1e-9))[plain]
    assert ((gain > -0.01) & (gain < 1.01)).all()
    turning = np.flatnonzero(plain)[(gain > 0.01) & (gain < 0.99)]
    assert len(turning), "nobody sang"
    # Both turns: between them it is dry for at least as long as was waited for.
    first, last = turning[turning < turning[0] + RAMP], turning[turning >= turning[0] + RAMP]
    assert len(last) == 0 or last[-1] - last[0] < RAMP
    assert np.array_equal(out[: first[0] - RAMP], without[: first[0] - RAMP])
    assert bend(out) <= 1.5 * max(bend(dry), bend(without))


def bend(samples: Samples) -> float:
    """The largest second difference; see tests/dsp/test_mixer.py."""
    return float(np.abs(np.diff(samples.astype(np.float64), 2, axis=0)).max())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--output", "pulse:src"], 1, "would hear itself"),
        (["--input", "pulse:nothing"], 1, "no input device 'pulse:nothing'"),
        (["--remove", "vocal"], 1, "did you mean 'vocals'"),
        (["--plan", "65536,1000,0,2048"], 78, "multiple of 1024"),
        (["--plan", "1,2,3"], 78, "four numbers"),
        (["--gain", "vocals=loud"], 78, "'loud' is neither decibels"),
        (["--wet", "1.5"], 78, "wet"),
        (["--address", "LIVE"], 78, "--address"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_is_refused_in_one_line(
    pulse: PulseServer, live: Performance, arguments: list[str], code: int, words: str
) -> None:
    status, said = complaint(pulse, *(live.address if a == "LIVE" else a for a in arguments))
    assert status == code, said
    assert words in said
    assert len(said.splitlines()) == 1
    assert said.startswith("stemd: ")
