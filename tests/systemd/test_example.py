"""The example configuration: what stands there commented out are the defaults, all of them."""

import re
import tomllib
from pathlib import Path

from stemd.commands.installation.files import shipped
from stemd.config import Config, load_config
from stemd.config.effects import keys

EXAMPLE = shipped() / "stemd.toml"


def uncommented() -> str:
    """The example with the # taken from every line that is not prose."""
    return re.sub(r"(?m)^#(?=[a-z_]+ = )", "", EXAMPLE.read_text("utf-8"))


def test_as_shipped_it_changes_nothing() -> None:
    assert load_config(EXAMPLE) == Config()


def test_uncommented_it_says_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "stemd.toml"
    file.write_text(uncommented(), "utf-8")
    assert load_config(file) == Config()


def test_every_key_is_in_it() -> None:
    tree = tomllib.loads(uncommented())
    missing = {key for key, _ in keys(Config()) if not _has(tree, key)} - {"plans"}
    assert missing == set()


def test_the_plan_that_it_shows_can_be_used(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    shown = text[text.index("# [plans.short]") :]
    file = tmp_path / "stemd.toml"
    file.write_text(re.sub(r"(?m)^# ", "", shown), "utf-8")
    assert load_config(file).plans["short"].segment == 65_536


def _has(tree: dict[str, object], key: str) -> bool:
    *tables, name = key.split(".")
    branch: object = tree
    for table in tables:
        branch = branch.get(table) if isinstance(branch, dict) else None
    return isinstance(branch, dict) and name in branch
