"""What a running OBS shows, and what this package made in it before."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from stemd.errors import StemdError
from stemd_client.obs.delays import RENDER_DELAY, VIDEO_DELAY, Picture
from stemd_client.obs.websocket import NOT_FOUND, Obs, RefusedError

FILTER: Final = "stemd delay"
BROWSER: Final = "browser_source"
SOURCE: Final = "stemd"  # how the names of our sources begin
_PROBE: Final = "stemd probe"  # on a source for as long as it takes to ask what OBS lets it have


def scene_names(obs: Obs, asked: list[str]) -> list[str]:
    """The scenes that are meant: those asked for, else the one on air.

    Raises:
        StemdError: there is no such scene, or one of them shows another one.
    """
    answer = obs.ask("GetSceneList")
    there = [str(scene["sceneName"]) for scene in answer["scenes"]]
    for name in asked:
        if name not in there:
            raise StemdError(f"OBS has no scene {name!r}; it has {', '.join(repr(each) for each in reversed(there))}")
    meant = list(dict.fromkeys(asked)) or [str(answer["currentProgramSceneName"])]
    for outer in meant:
        for inner in set(meant) & {name for name, scene in _shown(obs, outer) if scene}:
            raise StemdError(f"scene {outer!r} shows scene {inner!r}: name only one of them, or it is delayed twice")
    return meant


def pictures(obs: Obs, scene: str) -> list[Picture]:
    """What a scene shows, also by way of groups and other scenes; sources that only sound are left out.

    Each source has a filter that does nothing for a moment.
    """
    names = dict.fromkeys(name for name, is_scene in _shown(obs, scene) if not is_scene)
    shown = [name for name in names if _takes(obs, name, RENDER_DELAY)]
    return [Picture(name, _takes(obs, name, VIDEO_DELAY)) for name in shown]


def shows(obs: Obs, scene: str, source: str) -> bool:
    """Whether a scene shows a source, at any depth."""
    return any(name == source for name, _ in _shown(obs, scene))


def _shown(obs: Obs, scene: str) -> Iterator[tuple[str, bool]]:
    """Every source within a scene, at any depth, and whether it is a scene itself."""
    yield from _items(obs, obs.ask("GetSceneItemList", sceneName=scene)["sceneItems"])


def _items(obs: Obs, items: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    for item in items:
        name = str(item["sourceName"])
        if item.get("isGroup"):
            yield from _items(obs, obs.ask("GetGroupSceneItemList", sceneName=name)["sceneItems"])
        elif item.get("sourceType") == "OBS_SOURCE_TYPE_SCENE":
            yield name, True
            yield from _shown(obs, name)
        else:
            yield name, False


def _takes(obs: Obs, source: str, kind: str) -> bool:
    """Whether OBS lets a source have a filter: it knows by the source's abilities, and tells no other way.

    A filter that does not fit is made and not kept, without a word. It delays by 0 ms while it is there.
    """
    _forget(obs, source, _PROBE)
    fields: dict[str, Any] = {"sourceName": source, "filterName": _PROBE, "filterKind": kind}
    obs.ask("CreateSourceFilter", **fields, filterSettings={"delay_ms": 0})
    taken = any(each["filterName"] == _PROBE for each in filters(obs, source))
    _forget(obs, source, _PROBE)
    return taken


def _forget(obs: Obs, source: str, name: str) -> None:
    try:
        obs.ask("RemoveSourceFilter", sourceName=source, filterName=name)
    except RefusedError as exc:
        if exc.reason != NOT_FOUND:
            raise


def filters(obs: Obs, source: str) -> list[dict[str, Any]]:
    """The filters of a source or scene; none where it has gone."""
    try:
        found: list[dict[str, Any]] = obs.ask("GetSourceFilterList", sourceName=source)["filters"]
    except RefusedError as exc:
        if exc.reason != NOT_FOUND:
            raise
        return []
    return found


def own_filters(obs: Obs) -> list[tuple[str, str]]:
    """Delays of ours, and probes that a broken connection left: the source or scene, and the filter's name."""
    scenes = [str(each["sceneName"]) for each in obs.ask("GetSceneList")["scenes"]]
    inputs = [str(each["inputName"]) for each in obs.ask("GetInputList")["inputs"]]
    groups = [str(each) for each in obs.ask("GetGroupList")["groups"]]
    ours = set(product((FILTER, _PROBE), (RENDER_DELAY, VIDEO_DELAY)))
    return [
        (name, each["filterName"])
        for name in (*scenes, *groups, *inputs)
        for each in filters(obs, name)
        if (each["filterName"], each["filterKind"]) in ours
    ]


def own_browsers(obs: Obs) -> list[str]:
    """The browser sources that were made here: named so, and open at the page for listening."""
    found = []
    for each in obs.ask("GetInputList")["inputs"]:
        name = str(each["inputName"])
        if name.startswith(SOURCE) and each["inputKind"] == BROWSER:
            settings = obs.ask("GetInputSettings", inputName=name)["inputSettings"]
            if "/listen?stream=" in str(settings.get("url", "")):
                found.append(name)
    return found


def is_taken(obs: Obs, name: str) -> bool:
    """Whether a source has this name that is no browser source of ours."""
    inputs = [str(each["inputName"]) for each in obs.ask("GetInputList")["inputs"]]
    return name in inputs and name not in own_browsers(obs)


def script_runs(obs: Obs) -> bool:
    """Whether a source of the script's is there."""
    return any(
        str(each["inputName"]).startswith(SOURCE) and each["inputKind"] == "ffmpeg_source"
        for each in obs.ask("GetInputList")["inputs"]
    )
