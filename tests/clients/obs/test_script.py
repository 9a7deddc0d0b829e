"""The script in a real OBS, judged by what OBS records."""

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from stemd_client.obs.websocket import Obs
from tests.clients.obs.stage import MARGIN, STREAM, music, playing
from tests.clients.obs.studio import RATE, Recording, Studio, stop_recording, studio
from tests.end_to_end.process import Daemon, folder, running
from tests.live.performing import find
from tests.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.needs("obs"), pytest.mark.timeout(240)]

SOURCE = "stemd instrumental"
PART = 64


def settings(daemon: Daemon, **others: Any) -> dict[str, Any]:
    return {"address": daemon.address, **others}


async def recorded(obs: Obs, seconds: float) -> Recording:
    obs.ask("StartRecord")
    await asyncio.sleep(seconds)
    return await asyncio.to_thread(stop_recording, obs)


def inputs(obs: Obs) -> list[str]:
    return [each["inputName"] for each in obs.ask("GetInputList")["inputs"]]


async def until_it_plays(obs: Studio, times: int = 1) -> None:
    await until(lambda: obs.log().count(f"playing {STREAM}/") >= times, f"OBS plays: {obs.log()[-1500:]}")
    await asyncio.sleep(0.5)  # its first sound has its place by then


def is_the_stem(sound: npt.NDArray[np.float32], stem: npt.NDArray[np.float32]) -> bool:
    """Whether a recording is the stem to the bit, both (frames, 2).

    Where the machine was so busy that the source or a block came late, the sound found a new place: twice at most.
    """
    at, same, pieces = 0, 0, 0
    while at + PART <= len(sound):
        begin = find(stem, sound[at : at + PART])
        if begin < 0 or not sound[at : at + PART].any():
            at += PART
            continue
        length = min(len(sound) - at, len(stem) - begin)
        wrong = np.flatnonzero((sound[at : at + length] != stem[begin : begin + length]).any(axis=1))
        whole = int(wrong[0]) if len(wrong) else length
        at, same, pieces = at + whole, same + whole, pieces + 1
    print(f"{same} of {len(sound)} frames are the stem's, in {pieces} pieces")
    return len(sound) > 2 * RATE and same > 0.95 * len(sound) and pieces <= 3


async def test_what_obs_records_is_the_stem_to_the_bit(script: Path) -> None:
    with running(MARGIN) as daemon, studio({script: settings(daemon)}) as studio_, studio_.asking() as obs:
        async with playing(daemon.address, music(), "instrumental") as player:
            await until_it_plays(studio_)
            recording = await recorded(obs, 5)
            await asyncio.sleep(0.5)
        assert len(recording.sound) > 4 * RATE
        assert is_the_stem(recording.sound, player.samples().T)
        assert inputs(obs) == [SOURCE]
        assert obs.ask("GetSceneItemList", sceneName="Scene")["sceneItems"] == []


async def test_gain_stream_and_stem_are_as_set_and_the_fader_is_obs_own(script: Path) -> None:
    chosen: Mapping[str, Any] = {"stream": STREAM, "stem": "mix", "gain": -6.0}
    with running(MARGIN) as daemon, studio({script: settings(daemon, **chosen)}) as studio_, studio_.asking() as obs:
        async with playing(daemon.address, music(), "mix") as player:
            await until_it_plays(studio_)
            obs.ask("SetInputVolume", inputName="stemd mix", inputVolumeMul=0.5)
            await asyncio.sleep(1)
            recording = await recorded(obs, 3)
            await asyncio.sleep(0.5)
        # Half is exact in float32, so what is left is the gain.
        stem = (player.samples() * np.float32(10 ** (-6 / 20))) * np.float32(0.5)
        assert is_the_stem(recording.sound, stem.T)


async def test_it_plays_again_on_the_daemon_that_comes_after_a_killed_one(script: Path) -> None:
    with folder() as place:
        first = Daemon(place, MARGIN)
        daemons = [first]
        try:
            first.wait_until_ready()
            with studio({script: settings(first)}) as studio_, studio_.asking() as obs:
                async with playing(first.address, music(), "instrumental"):
                    await until_it_plays(studio_)
                    first.signal(signal.SIGKILL)
                    first.wait()
                    await until(lambda: "start one with `stemd serve`" in studio_.log(), "it says so")
                daemons.append(Daemon(place, MARGIN))
                daemons[-1].wait_until_ready()
                async with playing(first.address, music(), "instrumental") as player:
                    await until_it_plays(studio_, 2)
                    recording = await recorded(obs, 3)
                    await asyncio.sleep(0.5)
                assert is_the_stem(recording.sound, player.samples().T)
                assert inputs(obs) == [SOURCE]
                assert studio_.leave() == 0
            daemons[-1].stop()
        finally:
            for daemon in daemons:
                daemon.kill()


async def test_taken_out_it_leaves_no_thread_and_no_source_and_back_in_it_plays(script: Path) -> None:
    """A scene collection has its own scripts: another one unloads it."""
    with running(MARGIN) as daemon, studio({script: settings(daemon)}) as studio_, studio_.asking() as obs:
        async with playing(daemon.address, music(), "instrumental"):
            await until_it_plays(studio_)
            assert any(name.startswith("ZMQ") for name in studio_.threads())
            obs.ask("CreateSceneCollection", sceneCollectionName="Other")
            await until(lambda: "Unloaded python script: stemd_obs.py" in studio_.log(), "it is unloaded")
            await until(lambda: not inputs(obs), "its source has gone")
            assert not any(name.startswith("ZMQ") for name in studio_.threads())
            obs.ask("SetCurrentSceneCollection", sceneCollectionName="T")
            await until_it_plays(studio_, 2)
            assert inputs(obs) == [SOURCE]
        assert studio_.leave() == 0
        assert "Traceback" not in studio_.log()


async def test_fader_mute_and_filters_are_there_again_when_obs_starts_again(script: Path) -> None:
    with studio({script: {"address": "ipc:///nowhere"}}) as studio_:
        with studio_.asking() as obs:
            obs.ask("SetInputVolume", inputName=SOURCE, inputVolumeMul=0.25)
            obs.ask("SetInputMute", inputName=SOURCE, inputMuted=True)
            obs.ask("CreateSourceFilter", sourceName=SOURCE, filterName="less", filterKind="gain_filter")
        assert studio_.leave() == 0
        studio_.start()
        with studio_.asking() as obs:
            assert inputs(obs) == [SOURCE]
            assert obs.ask("GetInputVolume", inputName=SOURCE)["inputVolumeMul"] == pytest.approx(0.25)
            assert obs.ask("GetInputMute", inputName=SOURCE)["inputMuted"]
            [kept] = obs.ask("GetSourceFilterList", sourceName=SOURCE)["filters"]
            assert kept["filterName"] == "less"


def test_without_its_packages_it_is_there_and_plays_nothing(tmp_path: Path, script: Path) -> None:
    alone = tmp_path / "stemd_obs.py"
    alone.write_text(script.read_text())
    (tmp_path / "packages").mkdir()
    with studio({alone: {}}) as studio_, studio_.asking() as obs:
        assert inputs(obs) == []
        assert studio_.leave() == 0
