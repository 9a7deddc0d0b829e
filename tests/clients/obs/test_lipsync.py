"""Flash and beep: what `stemd obs setup` makes brings picture and sound together, by what OBS records."""

import asyncio
import subprocess
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stemd.audio import Float32Array
from stemd.cli import main
from stemd.protocol import Plan
from stemd_client.obs.timeline import LEAD_NS
from stemd_client.obs.websocket import Obs
from tests.clients.obs import stage
from tests.clients.obs.stage import MARGIN, Player, playing
from tests.clients.obs.studio import ENTRY, FPS, RATE, SCENE, Recording, Studio, stop_recording, studio
from tests.end_to_end.process import running
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.needs("obs"), pytest.mark.timeout(240)]

EVERY = 2  # seconds from beep to beep
ODD = 2.02  # the same, so that in five of them a beep comes at every fifth of a picture
BLINK = 0.7067  # seconds, of which the same holds
SETTLED = 1.4  # seconds until what was delayed before no longer comes
COUNT = 5
FRAME = 1 / FPS
Times = npt.NDArray[np.float64]


def beep() -> Float32Array:
    """A beep of 50 ms and silence, to be played over and over; (channels, frames)."""
    at = np.arange(round(ODD * RATE)) / RATE
    return np.stack([np.where(at < 0.05, 0.5 * np.sin(2 * np.pi * 1_000 * at + 1), 0)] * 2).astype(np.float32)


def onsets(loud: npt.NDArray[np.bool_], times: Times, quiet: float = 0.4) -> Times:
    """When it became loud (or bright) after at least `quiet` seconds that were not."""
    at = times[loud]
    return at[[k for k in range(1, len(at)) if at[k] - at[k - 1] > quiet]]


def beeps_of(recording: Recording) -> Times:
    return onsets(np.abs(recording.sound[:, 0]) > 0.2, np.arange(len(recording.sound)) / RATE)


def flashes_of(recording: Recording) -> Times:
    return onsets(recording.brightness > 128, recording.times)


def later(flashes: Times, beeps: Times, period: float) -> Times:
    """How much later than its beep each flash is in s, where there are both: sound and picture may end apart."""
    off = np.array([flash - beeps[np.abs(beeps - flash).argmin()] for flash in flashes])
    return off[np.abs(off) < period / 2]


async def flash(obs: Obs, item: int, player: Player) -> None:
    """Show a white picture for 0.2 s at the moment when a beep is played.

    What is asked of OBS is seen in the next picture, half a picture later in the mean: it is asked so much sooner.
    """
    while True:
        due = np.ceil((time.monotonic() - player.began + 0.1) / ODD) * ODD + player.began
        for after, shown in ((-FRAME / 2, True), (0.2, False)):
            await asyncio.sleep(due + after - time.monotonic())
            fields: dict[str, Any] = {"sceneName": SCENE, "sceneItemId": item, "sceneItemEnabled": shown}
            await asyncio.to_thread(obs.ask, "SetSceneItemEnabled", **fields)


def arrange(studio_: Studio, *arguments: str) -> None:
    command = ["obs", "setup", "--sound", "script", "--port", str(studio_.port), "--password", ENTRY, *arguments]
    assert main(command) == 0


def tone(file: Path) -> Path:
    """A sound file of a tone."""
    sound = f"aevalsrc='0.5*sin(6283.2*t+1)':s={RATE}:c=stereo:d=60"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", sound, str(file)], check=True, timeout=60)
    return file


def colour(obs: Obs, name: str) -> int:
    """A white picture that is not shown yet; its number in the scene."""
    white = {"color": 0xFFFFFFFF, "width": 320, "height": 180}
    made = obs.ask(
        "CreateInput",
        sceneName=SCENE,
        inputName=name,
        inputKind="color_source_v3",
        inputSettings=white,
        sceneItemEnabled=False,
    )
    number: int = made["sceneItemId"]
    return number


async def blink(obs: Obs, folder: Path) -> None:
    """Let OBS show and sound something at the same moments: what a recording makes of it is the recorder's own.

    OBS takes a tone's mute away to the sample, and shows a picture half a picture later in the mean.
    """
    name = "tone"
    settings = {"local_file": str(tone(folder / "tone.wav")), "looping": True}
    obs.ask("CreateInput", sceneName=SCENE, inputName=name, inputKind="ffmpeg_source", inputSettings=settings)
    obs.ask("SetInputMute", inputName=name, inputMuted=True)

    def plays() -> bool:
        return bool(obs.ask("GetMediaInputStatus", inputName=name)["mediaState"] == "OBS_MEDIA_STATE_PLAYING")

    await until(plays, "the tone plays")
    item = colour(obs, "blink")
    began = time.monotonic() + 1
    for number in range(COUNT):
        at = began + number * BLINK
        for after, on in ((0.0, True), (0.1, False)):
            await asyncio.sleep(at + after - FRAME / 2 - time.monotonic())
            obs.ask("SetSceneItemEnabled", sceneName=SCENE, sceneItemId=item, sceneItemEnabled=on)
            await asyncio.sleep(at + after - time.monotonic())
            obs.ask("SetInputMute", inputName=name, inputMuted=not on)
    for each in (name, "blink"):
        obs.ask("RemoveInput", inputName=each)
    await asyncio.sleep(1)


async def test_flash_and_beep_through_stemd_come_together(
    script: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The beep goes the whole way through a stream; the flash is held back by Render Delay.

    It holds back whole pictures, so half a picture may be off by design, which is taken out; so is what the recorder
    puts between sound and picture, which give time 0 each to where it has its first. Blocks are small, as those of a
    sound device: what a source collects before it sends is none of stemd's latency.
    """
    monkeypatch.setattr(stage, "BLOCK", 240)
    monkeypatch.setattr(stage, "PLAN", Plan(65_536, 4_096, 0, 4_096))
    with running(MARGIN) as daemon, studio({script: {"address": daemon.address, "stem": "mix"}}) as studio_:
        with studio_.asking() as obs, studio_.asking() as flashing:
            obs.ask("StartRecord")
            await blink(obs, tmp_path)
            white = colour(obs, "white")
            async with playing(daemon.address, beep(), "mix") as player:
                await until(lambda: "playing desk/mix" in studio_.log(), "OBS plays")
                assert player.latency_ms + 50 < 500, "this machine is too busy for this plan"
                await asyncio.to_thread(arrange, studio_, "--stem", "mix", "--address", daemon.address)
                task = asyncio.create_task(flash(flashing, white, player))
                await asyncio.sleep((COUNT + 2) * ODD)
                recording = await asyncio.to_thread(stop_recording, obs)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        found, heard = flashes_of(recording), beeps_of(recording)
        blinks = 1 + int(np.argmax(np.diff(found) > 1.5 * BLINK))
        recorder = np.median(later(found[:blinks], heard, BLINK))
        found, heard = found[blinks:], heard[heard > found[blinks] - ODD / 2]
        off = later(found, heard, ODD)
        assert len(off) >= COUNT - 1, studio_.log()[-2000:]
        wanted = player.latency_ms / 1000 + LEAD_NS / 1e9
        rounded = round(wanted * FPS) / FPS - wanted
        print(f"\nflash after beep, ms: {np.round(1000 * off, 1)}, by rounding {1000 * rounded:.1f}")
        print(f"by the recorder {1000 * recorder:.1f}, left {1000 * (np.mean(off) - rounded - recorder):.1f}")
        assert all(abs(after - before - ODD) < 0.001 for before, after in pairwise(heard))
        assert abs(np.mean(off) - rounded - recorder) < FRAME


def clip(file: Path) -> Path:
    """A film of flashes and beeps at the same moments."""
    lights = f"color=black:s=320x180:r={FPS},drawbox=enable='lt(mod(t,{EVERY}),0.2)':c=white:t=fill"
    sound = f"aevalsrc='if(lt(mod(t,{EVERY}),0.05),0.5*sin(6283.2*t+1),0)':s={RATE}:c=stereo"
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", lights, "-f", "lavfi", "-i", sound]
    codecs = ["-t", "30", "-c:v", "mpeg4", "-q:v", "2", "-c:a", "pcm_s16le"]
    subprocess.run([*command, *codecs, str(file)], check=True, timeout=60)
    return file


@dataclass(frozen=True)
class Filmed:
    """A recording of the clip, and in seconds of it: when the delay was asked for and there, asked away and gone."""

    recording: Recording
    marks: tuple[float, float, float, float]

    def held_back(self, times: Times) -> tuple[float, float]:
        """By how many seconds something comes later while the delay is there, and after it was taken away."""
        asked, there, asked_away, gone = self.marks
        whiles = (times < asked, (times > there + SETTLED) & (times < asked_away), times > gone + SETTLED)
        first, middle, last = (times[each] for each in whiles)
        # Where in its seconds it comes, reckoned from where it came first: by -0.5 to 1.5 s later.
        before, during, after = (
            float(np.median((each - first[0] + 0.5) % EVERY)) - 0.5 for each in (first, middle, last)
        )
        print(f"\nheld back by {1000 * (during - before):.1f} ms, then by {1000 * (after - before):.1f} ms")
        return during - before, after - before


async def clip_around_setup(folder: Path, latency_ms: int) -> Filmed:
    """A recording of the clip before, during and after what `stemd obs setup` makes for a latency."""
    film = clip(folder / "film.mkv")
    with studio() as studio_, studio_.asking() as obs:
        shown = {"local_file": str(film), "looping": True}
        obs.ask("CreateInput", sceneName=SCENE, inputName="film", inputKind="ffmpeg_source", inputSettings=shown)
        await asyncio.sleep(3)
        obs.ask("StartRecord")
        marks = [began := time.monotonic()]
        await asyncio.sleep(3 * EVERY)
        marks.append(time.monotonic())
        await asyncio.to_thread(arrange, studio_, "--stream", "desk", "--latency", str(latency_ms))
        marks.append(time.monotonic())
        await asyncio.sleep(3.5 * EVERY)
        marks.append(time.monotonic())
        assert main(["obs", "undo", "--port", str(studio_.port), "--password", ENTRY]) == 0
        marks.append(time.monotonic())
        await asyncio.sleep(3 * EVERY)
        recording = await asyncio.to_thread(stop_recording, obs)
        asked, there, asked_away, gone = (mark - began for mark in marks[1:])
        return Filmed(recording, (asked, there, asked_away, gone))


async def test_render_delay_holds_the_picture_back_by_what_was_asked_and_undo_gives_it_back(tmp_path: Path) -> None:
    filmed = await clip_around_setup(tmp_path, 250)
    assert filmed.held_back(flashes_of(filmed.recording)) == pytest.approx((0.3, 0.0), abs=FRAME / 2)
    assert filmed.held_back(beeps_of(filmed.recording)) == pytest.approx((0.0, 0.0), abs=FRAME / 2)


async def test_beyond_render_delay_a_clip_comes_later_by_what_was_asked_and_undo_gives_it_back(tmp_path: Path) -> None:
    """Video Delay holds the clip's own sound back as well."""
    filmed = await clip_around_setup(tmp_path, 850)
    assert filmed.held_back(flashes_of(filmed.recording)) == pytest.approx((0.9, 0.0), abs=FRAME)
    # OBS gives the sound of a clip a new place only when it is 70 ms off.
    assert filmed.held_back(beeps_of(filmed.recording)) == pytest.approx((0.9, 0.0), abs=0.07 + FRAME)
