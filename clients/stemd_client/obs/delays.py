"""Which filters hold the picture back as long as a stem takes: laws of OBS, and no OBS needed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

# The limits that the dialogs of OBS' own filters have. obs-websocket lets more through, and the dialog cuts it off
# when somebody opens it.
RENDER_DELAY: Final = "gpu_delay"
RENDER_LIMIT_MS: Final = 500
VIDEO_DELAY: Final = "async_delay_filter"
VIDEO_LIMIT_MS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A source that shows something; `buffered`: OBS gets it frame by frame (cameras, media), and may hold it back."""

    name: str
    buffered: bool


@dataclass(frozen=True, slots=True)
class Delay:
    """A filter to be made on a source or scene."""

    source: str
    kind: str
    delay_ms: int


@dataclass(frozen=True, slots=True)
class DelayPlan:
    """The filters, and the names of the sources that OBS cannot hold back as long."""

    delay_ms: int
    filters: tuple[Delay, ...]
    left: tuple[str, ...]


def render_setting(delay_ms: float, pictures_per_second: float) -> int:
    """The setting of a Render Delay in ms that comes nearest to a delay; 0: less than half a picture, none is needed.

    OBS keeps as many whole pictures as go into the setting, and shows the oldest once the newest has come: it holds
    back one picture less than it keeps. At its limit that is what is missing.
    """
    count = round(delay_ms * pictures_per_second / 1000)
    if count == 0:
        return 0
    return min(math.ceil((count + 1) * 1000 / pictures_per_second), RENDER_LIMIT_MS)


def plan_delays(delay_ms: int, scenes: Mapping[str, Sequence[Picture]], pictures_per_second: float = 60.0) -> DelayPlan:
    """What holds the pictures of scenes back by `delay_ms`.

    Up to 500 ms one Render Delay on each scene takes all of it. Beyond, Video Delay on each buffered source; what else
    there is to see is left.

    Args:
        delay_ms: 0 or less asks for nothing.
        scenes: names of scenes, and what each shows, also by way of groups and other scenes; that counts only beyond
            500 ms.
        pictures_per_second: of OBS.
    """
    if delay_ms <= 0:
        return DelayPlan(delay_ms, (), ())
    if delay_ms <= RENDER_LIMIT_MS:
        setting = render_setting(delay_ms, pictures_per_second)
        held = scenes if setting else ()
        return DelayPlan(delay_ms, tuple(Delay(scene, RENDER_DELAY, setting) for scene in held), ())
    pictures = {picture.name: picture for shown in scenes.values() for picture in shown}
    able = [each for each in pictures.values() if each.buffered and delay_ms <= VIDEO_LIMIT_MS]
    filters = tuple(Delay(each.name, VIDEO_DELAY, delay_ms) for each in able)
    return DelayPlan(delay_ms, filters, tuple(name for name in pictures if pictures[name] not in able))


def advice(plan: DelayPlan) -> list[str]:
    """What to do about the sources that are left, in lines for people; none where none is."""
    if not plan.left:
        return []
    names = ", ".join(repr(name) for name in plan.left)
    return [
        f"cannot be held back by {plan.delay_ms} ms: {names}",
        f"  OBS' Render Delay ends at {RENDER_LIMIT_MS} ms, and Video Delay (at most {VIDEO_LIMIT_MS / 1000:g} s) takes"
        " only cameras, capture cards and media",
        f"  what helps: a shorter plan for the stream, such as `--plan fast`, so that this is {RENDER_LIMIT_MS} ms or"
        " less;",
        "  or leave these as they are, and set a stream delay (Settings > Advanced) so that chat and alerts still fit",
    ]
