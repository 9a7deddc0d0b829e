"""Text and controls of the page can be told from their ground, in the light and in the dark (WCAG 2.2, level AA)."""

import re
from pathlib import Path

import pytest

SHEET = Path(__file__).parents[3] / "clients/stemd_client/web/page/colours.css"
TEXT = [
    *(("text", ground) for ground in ("ground", "card", "well")),
    *(("quiet", ground) for ground in ("ground", "card")),
    *(("accent", ground) for ground in ("ground", "card")),
    *(("warn", "card"), ("alarm", "card"), ("card", "text")),
    *((f"on-{name}", name) for name in ("accent", "warn", "solo", "alarm")),
]
CONTROLS = [
    *(("line", ground) for ground in ("card", "ground")),
    *((bar, "well") for bar in ("accent", "warn")),
]
METER = [(bar, "well") for bar in ("low", "high", "top")]


def schemes() -> dict[str, dict[str, str]]:
    light, dark = SHEET.read_text().split("@media (prefers-color-scheme: dark)")
    colours = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", part)) for part in (light, dark)]
    assert colours[0].keys() == colours[1].keys()
    return dict(zip(("light", "dark"), colours, strict=True))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("least", "pairs"), [(4.5, TEXT), (3.0, CONTROLS), (2.2, METER)])
def test_every_pair_of_colours_has_its_contrast(scheme: str, least: float, pairs: list[tuple[str, str]]) -> None:
    colours = schemes()[scheme]
    found = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert all(value >= least for value in found.values()), found
