"""`stemd obs setup` and `stemd obs undo` in a real OBS."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from stemd.cli import main
from stemd.errors import StemdError
from stemd_client.obs import inventory, setup
from stemd_client.obs.delays import RENDER_DELAY, VIDEO_DELAY, render_setting
from stemd_client.obs.setup import BUFFER_MS, Wish, browser_settings, set_up, undo
from stemd_client.obs.websocket import Obs
from tests.clients.obs.studio import ENTRY, FPS, SCENE, Studio, studio
from tests.end_to_end.process import free_port, one_line
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs("obs"), pytest.mark.timeout(240)]

Everything = dict[str, list[tuple[str, str, bool, int]]]


@pytest.fixture(scope="module")
def running() -> Iterator[Studio]:
    """An OBS whose scene shows a clip, a colour and a scene within, which shows a text and only sounds."""
    with studio() as running:
        with running.asking() as obs:
            obs.ask("CreateScene", sceneName="within")
            for scene, name, kind in (
                (SCENE, "clip", "ffmpeg_source"),
                (SCENE, "colour", "color_source_v3"),
                ("within", "text", "text_ft2_source_v2"),
                ("within", "microphone", "alsa_input_capture"),
            ):
                obs.ask("CreateInput", sceneName=scene, inputName=name, inputKind=kind, sceneItemEnabled=True)
            obs.ask("CreateSceneItem", sceneName=SCENE, sourceName="within")
            mine = {"sourceName": "clip", "filterName": "mine", "filterKind": VIDEO_DELAY}
            obs.ask("CreateSourceFilter", **mine, filterSettings={"delay_ms": 10})
        yield running


@pytest.fixture
def obs(running: Studio) -> Iterator[Obs]:
    with running.asking() as obs:
        yield obs
        undo(obs, lambda _: None)


def everything(obs: Obs) -> Everything:
    """Every source and scene, with its filters: name, kind, whether enabled, delay."""
    names = [each["inputName"] for each in obs.ask("GetInputList")["inputs"]]
    names += [each["sceneName"] for each in obs.ask("GetSceneList")["scenes"]]
    return {
        name: [
            (each["filterName"], each["filterKind"], each["filterEnabled"], each["filterSettings"].get("delay_ms"))
            for each in inventory.filters(obs, name)
        ]
        for name in sorted(names)
    }


def command(running: Studio, *arguments: str) -> int:
    return main(["obs", *arguments, "--port", str(running.port), "--password", ENTRY])


def set_up_command(running: Studio, latency: int, *arguments: str) -> int:
    return command(running, "setup", "--stream", "desk", "--latency", str(latency), *arguments)


def test_up_to_500_ms_the_scene_gets_one_render_delay_and_undo_leaves_what_was(running: Studio, obs: Obs) -> None:
    before = everything(obs)
    assert set_up_command(running, 450) == 0
    ours = ("stemd delay", RENDER_DELAY, True, 500)
    assert everything(obs) == {**before, SCENE: [*before[SCENE], ours]}
    assert command(running, "undo") == 0
    assert everything(obs) == before


def test_beyond_500_ms_clips_get_a_video_delay_and_the_rest_is_named(
    running: Studio, obs: Obs, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(obs)
    assert set_up_command(running, 451) == 0
    ours = ("stemd delay", VIDEO_DELAY, True, 501)
    assert everything(obs) == {**before, "clip": [*before["clip"], ours]}
    said = capsys.readouterr().out
    assert "made on 'clip': Video Delay of 501 ms" in said
    assert "cannot be held back by 501 ms: 'colour', 'text'" in said
    assert "microphone" not in said
    assert "--plan fast" in said
    assert command(running, "undo") == 0
    assert everything(obs) == before


def test_a_second_call_replaces_the_first_whatever_it_made(running: Studio, obs: Obs) -> None:
    assert set_up_command(running, 900) == 0
    assert set_up_command(running, 100) == 0
    once = everything(obs)
    assert set_up_command(running, 100) == 0
    assert everything(obs) == once
    assert sum(each[0] == "stemd delay" for filters in once.values() for each in filters) == 1


def test_a_dry_run_tells_and_changes_nothing(running: Studio, obs: Obs, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(obs)
    assert set_up_command(running, 900, "--dry-run") == 0
    assert "would make on 'clip': Video Delay of 950 ms" in capsys.readouterr().out
    assert everything(obs) == before
    assert set_up_command(running, 900) == 0
    made = everything(obs)
    assert command(running, "undo", "--dry-run") == 0
    assert "would remove the delay of 'clip'" in capsys.readouterr().out
    assert everything(obs) == made


def test_undo_works_in_an_obs_that_was_started_again(running: Studio) -> None:
    with running.asking() as obs:
        before = everything(obs)
        assert set_up_command(running, 300) == 0
        made = everything(obs)
    assert running.leave() == 0
    running.start()
    with running.asking() as obs:
        assert everything(obs) == made
        assert command(running, "undo") == 0
        assert everything(obs) == before


def test_a_browser_source_is_made_read_back_and_taken_away(obs: Obs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OBS comes without a browser another kind stands in, which keeps the settings as well."""
    before, said = everything(obs), list[str]()
    for module in (inventory, setup):
        monkeypatch.setattr(module, "BROWSER", "ffmpeg_source")
    wish = Wish("desk", "instrumental", 100, sound="browser")
    set_up(obs, wish, said.append)
    kept: dict[str, Any] = obs.ask("GetInputSettings", inputName="stemd instrumental")["inputSettings"]
    assert kept["url"] == "http://127.0.0.1:7380/listen?stream=desk&stem=instrumental&buffer=150"
    assert kept == {**kept, **browser_settings(wish)}
    setting = render_setting(100 + BUFFER_MS, FPS)
    assert everything(obs)[SCENE] == [("stemd delay", RENDER_DELAY, True, setting)]
    assert len([line for line in said if "browser source 'stemd instrumental'" in line]) == 1
    obs.ask("SetInputVolume", inputName="stemd instrumental", inputVolumeMul=0.5)
    set_up(obs, replace(wish, stream="other"), said.append)
    assert sum(name.startswith("stemd") for name in everything(obs)) == 1
    assert obs.ask("GetInputVolume", inputName="stemd instrumental")["inputVolumeMul"] == 0.5
    kept = obs.ask("GetInputSettings", inputName="stemd instrumental")["inputSettings"]
    assert "stream=other" in kept["url"]
    undo(obs, said.append)
    wait_until(lambda: everything(obs) == before, "all is as it was")


def test_a_browser_source_is_refused_by_a_word_where_the_script_has_its_name_and_the_delay_stays(
    obs: Obs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where OBS comes without a browser a colour stands in; the script's source is a media source without a medium."""
    obs.ask("CreateInput", sceneName=SCENE, inputName="stemd vocals", inputKind="ffmpeg_source")
    try:
        set_up(obs, Wish("desk", "vocals", 100, sound="script"), lambda _: None)
        before = everything(obs)
        for module in (inventory, setup):
            monkeypatch.setattr(module, "BROWSER", "color_source_v3")
        with pytest.raises(StemdError, match=r"'stemd vocals' .* the script"):
            set_up(obs, Wish("desk", "vocals", 200, sound="browser"), lambda _: None)
        assert everything(obs) == before
    finally:
        obs.ask("RemoveInput", inputName="stemd vocals")
        wait_until(lambda: "stemd vocals" not in everything(obs), "the source has gone")


def test_up_to_500_ms_nothing_is_touched_to_find_out_what_there_is(obs: Obs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ask = list[str](), obs.ask

    def listening(request: str, **fields: Any) -> dict[str, Any]:
        asked.append(request)
        return ask(request, **fields)

    monkeypatch.setattr(obs, "ask", listening)
    set_up(obs, Wish("desk", "mix", 450, sound="script", dry=True), lambda _: None)
    assert asked
    assert all(request.startswith("Get") for request in asked)


def test_undo_takes_what_an_interrupted_look_left(running: Studio, obs: Obs) -> None:
    before = everything(obs)
    probe = {"sourceName": "colour", "filterName": "stemd probe", "filterKind": RENDER_DELAY}
    obs.ask("CreateSourceFilter", **probe, filterSettings={"delay_ms": 0})
    assert command(running, "undo") == 0
    assert everything(obs) == before


def test_without_a_browser_it_says_what_to_do(running: Studio, obs: Obs, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(obs)
    assert set_up_command(running, 100, "--sound", "browser") == 1
    complaint = capsys.readouterr().err
    assert one_line(complaint)
    assert "obsproject.com or Flathub" in complaint
    assert "stemd obs install-script" in complaint
    assert everything(obs) == before


def test_what_is_not_there_is_named_and_nothing_is_made(
    running: Studio, obs: Obs, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(obs)
    assert set_up_command(running, 100, "--scene", "nowhere") == 1
    assert f"OBS has no scene 'nowhere'; it has '{SCENE}', 'within'" in capsys.readouterr().err
    assert set_up_command(running, 100, "--scene", SCENE, "--scene", "within") == 1
    assert f"scene '{SCENE}' shows scene 'within'" in capsys.readouterr().err
    assert everything(obs) == before


def test_a_wrong_password_and_an_obs_that_is_not_there_are_one_line(
    running: Studio, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["obs", "undo", "--port", str(running.port), "--password", "sesame"]) == 78
    wrong = capsys.readouterr().err
    assert main(["obs", "undo", "--port", str(running.port), "--password", ""]) == 78
    missing = capsys.readouterr().err
    assert main(["obs", "undo", "--port", str(free_port())]) == 1
    absent = capsys.readouterr().err
    assert all(one_line(text) for text in (wrong, missing, absent))
    assert "wants another password" in wrong
    assert "wants a password" in missing
    assert "no OBS answers at 127.0.0.1:" in absent


def test_without_stream_or_daemon_it_says_so(
    running: Studio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEMD_ADDRESS", "ipc:///nowhere")
    assert command(running, "setup") == 1
    complaint = capsys.readouterr().err
    assert one_line(complaint)
    assert "start one with `stemd serve`" in complaint
