"""The mixer of one stream: gains, mute, solo, wet and bypass, as one gain for each part of the mixture.

A stream's parts are its network stems and `rest`, the mixture less those; they sum to the mixture. So each control is
one gain per part: `wet * g + (1 - wet)` mixes dry signal in, and 1 everywhere is the mixture itself, to the bit.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypedDict, Unpack

import numpy as np

from stemd.audio import Float32Array
from stemd.dsp.mixing import RAMP_SECONDS, GainRamp, mix

REST: Final = "rest"
FADE_SECONDS: Final = 2.0

Fallback = Literal["dry", "silence", "fade"]


class Changes(TypedDict, total=False):
    """Where controls are to go; what is None or not there stays. `gains` names parts, `mute` and `solo` are whole."""

    gains: Mapping[str, float] | None
    mute: Collection[str] | None
    solo: Collection[str] | None
    wet: float | None
    bypass: bool | None


@dataclass(frozen=True, slots=True)
class Controls:
    """Where the knobs stand. Gains are linear; `solo` without a name in it plays all; `wet` lies between 0 and 1."""

    gains: Mapping[str, float] = field(default_factory=dict)
    mute: frozenset[str] = frozenset()
    solo: frozenset[str] = frozenset()
    wet: float = 1.0
    bypass: bool = False

    def gain(self, part: str) -> float:
        """What all of it comes to for one part."""
        if self.bypass:
            return 1.0
        heard = part not in self.mute and (not self.solo or part in self.solo)
        return self.wet * (self.gains[part] if heard else 0.0) + 1.0 - self.wet


class Mixer:
    """Controls that move without a click: whatever changes takes 10 ms, from a position that is known beforehand.

    Where a network's estimate is missing, `out` goes over to what `fallback` says in the same 10 ms: `dry` the mixture,
    `silence`, or `fade` the mixture, faded to silence within 2 s. It does so only if it matters: a stem that has the
    same gain as the rest is heard in it.

    Args:
        stems: the network stems.
        rate: frames a second.
        fallback: see above.
    """

    def __init__(self, stems: Sequence[str], rate: int, fallback: Fallback = "dry") -> None:
        self.ramp = max(1, round(RAMP_SECONDS * rate))
        self.parts = (*stems, REST)
        self.controls = Controls(dict.fromkeys(self.parts, 1.0))
        self._ramps = {part: GainRamp(self.ramp) for part in self.parts}
        self._fallback = fallback
        self._missing = GainRamp(self.ramp, 0.0)  # how far `out` has gone over to the fallback
        self._since = 0
        self._fade = max(1, round(FADE_SECONDS * rate))

    def set(self, position: int, **changes: Unpack[Changes]) -> None:
        """Begin to move at `position`. Parts that are named must be among `parts`."""
        now = self.controls
        fresh: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
        if "gains" in fresh:
            fresh["gains"] = {**now.gains, **fresh["gains"]}
        for name in ("mute", "solo"):
            if name in fresh:
                fresh[name] = frozenset(fresh[name])
        self.controls = replace(now, **fresh)
        for part, ramp in self._ramps.items():
            target = self.controls.gain(part)
            if target != ramp.target:
                ramp.set(position, target)

    def state(self) -> dict[str, Any]:
        """Where the controls are or go."""
        now = self.controls
        return {
            "gains": dict(now.gains),
            "mute": tuple(part for part in self.parts if part in now.mute),
            "solo": tuple(part for part in self.parts if part in now.solo),
            "wet": now.wet,
            "bypass": now.bypass,
        }

    def out(
        self, mixture: Float32Array, stems: Mapping[str, Float32Array], position: int, missing: Collection[str] = ()
    ) -> Float32Array:
        """The frames from `position` on, in order; `missing` are the stems that no network gave in this block."""
        frames = mixture.shape[1]
        rest = self.controls.gain(REST)
        matters = any(self.controls.gain(stem) != rest for stem in missing)
        if matters != (self._missing.target == 1.0):
            # A fade that can still be heard goes on: begun anew it would jump.
            if matters and not self._missing.at(position - 1, 1).any():
                self._since = position
            self._missing.set(position, float(matters))
        gains = {part: ramp.at(position, frames) for part, ramp in self._ramps.items()}
        over = self._missing.at(position, frames)
        if over.any():
            instead = self._instead(position, frames)
            gains = {part: gain + over * (instead - gain) for part, gain in gains.items()}
        return mix(mixture, stems, gains)

    def _instead(self, position: int, frames: int) -> Float32Array:
        if self._fallback == "fade":
            gone = (np.arange(position, position + frames) - self._since) / self._fade
            return np.clip(1.0 - gone, 0.0, 1.0).astype(np.float32)
        return np.full(frames, float(self._fallback == "dry"), np.float32)
