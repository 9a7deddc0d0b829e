"""How cost grows: one of four things is varied, the other three stay."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from stemd.audio import Format
from stemd_bench.overhead import copying
from stemd_bench.overhead.figures import FAULTS, figures
from stemd_bench.overhead.load import play
from stemd_bench.overhead.plan import BLOCK_SECONDS, MODEL_RATE
from stemd_bench.overhead.task import Task
from stemd_bench.process import Daemon
from stemd_bench.results import Measure, Parameter, Variant
from stemd_bench.streams.fits import Growth, grow
from stemd_bench.streams.networks import STEMS

UNITS: Final = {
    "memory": "MiB",
    "blocks": "blocks",
    "fit_base": "as the cost",
    "fit_slope": "as the cost, each",
    "fit_slope_error": "as the cost, each",
    "fit_r2": "of 1",
    "fit_exponent": "",
    "fit_exponent_error": "",
}
NETWORK: Final = "network"
DERIVED: Final = ("mix", "instrumental", "out")
INTEGERS: Final = "network, s16le"
_FLAWED: Final = 0.01  # of the blocks; where more went wrong, not all of the work was done


@dataclass(frozen=True, slots=True)
class Setting:
    """What is played: so many streams, so many stems of each, so many who listen to each, blocks of so many frames.

    `kind` is what is listened to: `NETWORK`'s stems, one of `DERIVED`, or `INTEGERS`.
    """

    streams: int = 4
    stems: int = 1
    subscribers: int = 1
    block: int = round(BLOCK_SECONDS * MODEL_RATE)
    kind: str = NETWORK

    @property
    def parameters(self) -> dict[str, Parameter]:
        """For a report."""
        return {
            "group": "growth",
            "streams": self.streams,
            "stems": self.stems,
            "subscribers": self.subscribers,
            "block": self.block,
            "kind": self.kind,
        }

    @property
    def name(self) -> str:
        """What differs from the usual."""
        if self.kind != NETWORK:
            return f"listening to {self.kind}"
        values = {axis.title: (getattr(self, axis.parameter), getattr(USUAL, axis.parameter)) for axis in AXES}
        differ = [f"{title}: {value}" for title, (value, usual) in values.items() if value != usual]
        return ", ".join(differ).replace("blocks a second", "frames a block") or f"as usual: {self.streams} streams"


@dataclass(frozen=True, slots=True)
class Axis:
    """What is varied.

    Attributes:
        parameter: of the setting.
        title: what stands on the horizontal axis.
        one: of these, in words.
        cost: the measure that grows, in % of a core.
        each: what one more costs, of one more % of a core; and its unit.
        full: values.
        quick: the same where there is little time.
    """

    parameter: str
    title: str
    one: str
    cost: str
    each: tuple[float, str]
    full: tuple[int, ...]
    quick: tuple[int, ...]

    def setting(self, usual: Setting, value: int) -> Setting:
        """The usual one but for this."""
        changed: dict[str, Any] = {self.parameter: value}
        return replace(usual, **changed)

    def at(self, variant: Variant) -> float:
        """Where a case stands on the horizontal axis; of blocks, how many a second there are of a stream."""
        value = float(variant.parameters[self.parameter])
        return MODEL_RATE / value if self.parameter == "block" else value


_SHARE: Final = (1.0, "% of a core")
AXES: Final = (
    Axis("streams", "streams", "stream", "daemon_cpu", _SHARE, (1, 2, 4, 8, 16, 32, 64, 96, 128), (1, 2, 4, 8, 16)),
    Axis("stems", "stems of a stream", "stem", "cpu_per_stream", _SHARE, (1, 2, 3, 4, 6, 8), (1, 2, 4, 8)),
    Axis(
        "subscribers",
        "listeners to a stem",
        "listener",
        "cpu_per_stream",
        _SHARE,
        (1, 2, 4, 8, 16, 32, 64),
        (1, 2, 4, 8, 16),
    ),
    Axis(
        "block",
        "blocks a second",
        "block",
        "cpu_per_stream",
        (10.0, "ms"),  # one more % of a core at one more block a second
        (64, 128, 256, 512, 882, 2_048, 4_096),
        (128, 256, 512, 882, 4_096),
    ),
)
USUAL: Final = Setting()


def settings(*, quick: bool, streams: int) -> list[Setting]:
    """Every point of every axis, each once, with at most so many streams; and every kind of stem."""
    usual = replace(USUAL, streams=min(USUAL.streams, streams))
    points = [
        axis.setting(usual, value)
        for axis in AXES
        for value in (axis.quick if quick else axis.full)
        if axis.parameter != "streams" or value <= streams
    ]
    kinds = [replace(usual, kind=kind) for kind in (*DERIVED, INTEGERS)]
    return list(dict.fromkeys([usual, *points, *kinds]))


def measure(setting: Setting, seconds: float) -> Mapping[str, float]:
    """Play it to a daemon of its own, whose network copies."""
    stems = STEMS[: setting.stems]
    fmt: Format = "s16le" if setting.kind == INTEGERS else "f32le"
    with tempfile.TemporaryDirectory(prefix="stemd-bench-") as folder:
        copying.write_model(Path(folder), STEMS)
        with Daemon(copying.config(Path(folder), setting.streams)) as daemon:
            task = Task(
                address=daemon.address,
                pid=daemon.pid,
                streams=setting.streams,
                block=setting.block,
                offered=stems,
                stems=(setting.kind,) if setting.kind in DERIVED else stems,
                format=fmt,
                subscribers=setting.subscribers,
                seconds=seconds,
                warm_up=min(1.0, seconds / 2),
            )
            result = play(task)
    blocks = sum(stream.due for stream in result.streams)
    return {**figures(result), "memory": result.memory, "blocks": blocks}


def points(variants: Sequence[Variant], axis: Axis) -> list[Variant]:
    """The cases of an axis, by where they stand on it: those in which all else is as usual."""
    grown = [v for v in variants if v.parameters["group"] == "growth"]
    usual = {name: value for name, value in grown[0].parameters.items() if name != axis.parameter} if grown else {}
    found = [v for v in grown if usual.items() <= v.parameters.items()]
    return sorted(found, key=axis.at)


def is_complete(variant: Variant) -> bool:
    """Whether all of the work was done: else its cost is not that of what was asked for."""
    m = variant.measures
    flawed = sum(m[fault].high for fault in FAULTS)
    return m["opened"].low == variant.parameters["streams"] and flawed <= _FLAWED * m["blocks"].median


def orders(variants: Sequence[Variant]) -> list[Variant]:
    """How processor time and memory grow along each axis, as far as the figures tell."""
    found = []
    for axis in AXES:
        complete = [v for v in points(variants, axis) if is_complete(v)]
        for quantity in (axis.cost, "memory"):
            x = [axis.at(v) for v in complete for _ in v.measures[quantity].values]
            y = [value for v in complete for value in v.measures[quantity].values]
            if growth := grow(x, y):
                found.append(_variant(axis, quantity, growth, x))
    return found


def _variant(axis: Axis, quantity: str, growth: Growth, x: Sequence[float]) -> Variant:
    parameters: dict[str, Parameter] = {
        "group": "order",
        "axis": axis.parameter,
        "of": quantity,
        "order": growth.order,
        "low": min(x),
        "high": max(x),
    }
    values = {
        "fit_base": growth.base,
        "fit_slope": growth.slope,
        "fit_slope_error": growth.slope_error,
        "fit_r2": growth.r2,
        "fit_exponent": growth.exponent,
        "fit_exponent_error": growth.exponent_error,
    }
    # What could not be had is left out: neither nan nor infinity is JSON.
    measures = {name: Measure.of([value], UNITS[name]) for name, value in values.items() if np.isfinite(value)}
    return Variant(f"{quantity} by {axis.title}", parameters, measures)
