"""What `stemd obs setup` and `stemd obs undo` do in a running OBS."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlencode

from stemd.errors import StemdError
from stemd_client.obs.delays import (
    RENDER_DELAY,
    RENDER_LIMIT_MS,
    VIDEO_DELAY,
    Delay,
    DelayPlan,
    advice,
    plan_delays,
)
from stemd_client.obs.inventory import (
    BROWSER,
    FILTER,
    SOURCE,
    filters,
    is_taken,
    own_browsers,
    own_filters,
    pictures,
    scene_names,
    script_runs,
    shows,
)
from stemd_client.obs.timeline import LEAD_NS
from stemd_client.obs.websocket import Obs

Sound = Literal["browser", "script", "auto"]
Say = Callable[[str], None]

DEFAULT_WEB: Final = "http://127.0.0.1:7380"
BUFFER_MS: Final = 150  # what the page for listening is told to hold
_NAMES: Final = {RENDER_DELAY: "Render Delay (which OBS makes one picture less)", VIDEO_DELAY: "Video Delay"}

NO_BROWSER: Final = (
    "this OBS has no browser source (distributions often leave it out): install OBS from obsproject.com or Flathub, or"
    " bring the sound in by the script instead: stemd obs install-script"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to stand in OBS.

    Args:
        stream: its name.
        stem: of it.
        latency_ms: of the stream.
        trim_ms: more delay than comes of this.
        scenes: whose picture is to be held back; none: the one on air.
        sound: by a browser source or by the script; `auto`: by a browser source where OBS has one and no script runs.
        web: where `stemd web` serves.
        dry: only say what would be done.
    """

    stream: str
    stem: str
    latency_ms: float
    trim_ms: float = 0.0
    scenes: list[str] = field(default_factory=list)
    sound: Sound = "auto"
    web: str = DEFAULT_WEB
    dry: bool = False


def set_up(obs: Obs, wish: Wish, say: Say) -> None:
    """Make it so; what was made before goes first.

    Raises:
        StemdError: there is no such scene, no browser source where one was asked for, another source has its name, or
            OBS keeps another value.
    """
    scenes = scene_names(obs, wish.scenes)
    name = f"{SOURCE} {wish.stem}"
    browser = _by_browser(obs, wish.sound, name)
    path_ms = BUFFER_MS if browser else LEAD_NS / 1e6
    plan = _planned(obs, scenes, round(wish.latency_ms + path_ms + wish.trim_ms))
    say(f"{wish.stream}/{wish.stem} is {wish.latency_ms:.0f} ms late, and {path_ms:.0f} ms more on its way into OBS")
    if not wish.dry:
        undo(obs, lambda _: None, keep=name if browser else "")
    if browser:
        _make_browser(obs, name, wish, scenes, say)
    elif script_runs(obs):
        say("sound: by the script, which runs")
    else:
        say("sound: by the script, which does not run yet: `stemd obs install-script`, then Tools > Scripts in OBS")
    for each in plan.filters:
        if not wish.dry:
            _make_filter(obs, each)
        say(f"{_would(wish)} on {each.source!r}: {_NAMES[each.kind]} of {each.delay_ms} ms")
    for line in advice(plan):
        say(line)
    if not plan.filters and not plan.left:
        say("picture: nothing is shown there that would have to be held back")


def undo(obs: Obs, say: Say, *, dry: bool = False, keep: str = "") -> int:
    """Take away what `set_up` made, and nothing else, but for a browser source to `keep`; how many things that were."""
    browsers, sources = [name for name in own_browsers(obs) if name != keep], own_filters(obs)
    for name, made in sources:
        if not dry:
            obs.ask("RemoveSourceFilter", sourceName=name, filterName=made)
        say(f"{'would remove' if dry else 'removed'} the delay of {name!r}")
    for name in browsers:
        if not dry:
            obs.ask("RemoveInput", inputName=name)
        say(f"{'would remove' if dry else 'removed'} the source {name!r}")
    return len(browsers) + len(sources)


def _would(wish: Wish) -> str:
    return "would make" if wish.dry else "made"


def _planned(obs: Obs, scenes: list[str], delay_ms: int) -> DelayPlan:
    """What is asked of each source touches it for a moment, on air: only where it counts what a scene shows."""
    shown = {scene: pictures(obs, scene) if delay_ms > RENDER_LIMIT_MS else [] for scene in scenes}
    others = {scene: [each for each in shown[scene] if not each.name.startswith(SOURCE)] for scene in scenes}
    video = obs.ask("GetVideoSettings")
    return plan_delays(delay_ms, others, video["fpsNumerator"] / video["fpsDenominator"])


def _by_browser(obs: Obs, sound: Sound, name: str) -> bool:
    if sound == "script":
        return False
    has_it = BROWSER in obs.ask("GetInputKindList")["inputKinds"]
    if sound == "browser" and not has_it:
        raise StemdError(NO_BROWSER)
    browser = has_it and (sound == "browser" or not script_runs(obs))
    if browser and is_taken(obs, name):
        raise StemdError(
            f"OBS has a source {name!r} that `setup` did not make: where it is the script's, take the script out of"
            " Tools > Scripts, or say --sound script; another one needs another name"
        )
    return browser


def browser_settings(wish: Wish) -> dict[str, object]:
    """The settings of a browser source that only plays, into OBS' mixer and not into the loudspeakers."""
    query = urlencode({"stream": wish.stream, "stem": wish.stem, "buffer": BUFFER_MS})
    return {
        "url": f"{wish.web.rstrip('/')}/listen?{query}",
        "width": 320,
        "height": 180,
        "reroute_audio": True,
        "shutdown": False,
        "restart_when_active": False,
    }


def _make_browser(obs: Obs, name: str, wish: Wish, scenes: list[str], say: Say) -> None:
    """Make it, or let one that is there play this; it keeps its fader."""
    settings = browser_settings(wish)
    if not wish.dry:
        if name in own_browsers(obs):
            obs.ask("SetInputSettings", inputName=name, inputSettings=settings)
        else:
            obs.ask("CreateInput", sceneName=scenes[0], inputName=name, inputKind=BROWSER, inputSettings=settings)
        for scene in scenes:
            if not shows(obs, scene, name):
                obs.ask("CreateSceneItem", sceneName=scene, sourceName=name)
        kept = obs.ask("GetInputSettings", inputName=name)["inputSettings"]
        if kept.get("url") != settings["url"]:
            raise StemdError(f"OBS keeps another address for {name!r}: {kept.get('url')!r}")
    where = ", ".join(repr(scene) for scene in scenes)
    say(f"{_would(wish)} in {where}: the browser source {name!r} at {settings['url']}")


def _make_filter(obs: Obs, delay: Delay) -> None:
    settings = {"delay_ms": delay.delay_ms}
    obs.ask(
        "CreateSourceFilter",
        sourceName=delay.source,
        filterName=FILTER,
        filterKind=delay.kind,
        filterSettings=settings,
    )
    kept = [each for each in filters(obs, delay.source) if each["filterName"] == FILTER]
    if not kept or kept[0]["filterSettings"].get("delay_ms") != delay.delay_ms or not kept[0]["filterEnabled"]:
        raise StemdError(f"OBS did not keep a delay of {delay.delay_ms} ms on {delay.source!r}; is it locked?")
