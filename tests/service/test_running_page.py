"""docs/running.md says of every key when it takes effect, and says what is so."""

import re
from pathlib import Path

from stemd.config.effects import EFFECTS

PAGE = Path(__file__).parents[2] / "docs" / "running.md"


def test_the_page_says_when_each_key_takes_effect() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == {key: effect.value for key, effect in EFFECTS.items()}
