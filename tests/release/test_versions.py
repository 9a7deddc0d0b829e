"""One version, wherever it stands."""

import re

from stemd import __version__
from tests.release.previous.programs import PRESENT, PREVIOUS
from tests.release.tree import ROOT


def test_what_is_installed_is_of_this_version() -> None:
    assert __version__ == PRESENT, "pyproject.toml has changed: run make"


def test_the_newest_package_of_debian_is_of_this_version() -> None:
    text = (ROOT / "release" / "debian" / "changelog").read_text("utf-8")
    assert re.match(r"stemd \((.*)-\d+\)", text)[1] == PRESENT


def test_the_frozen_release_is_an_earlier_one() -> None:
    assert tuple(map(int, PREVIOUS.name.split("."))) < tuple(map(int, PRESENT.split(".")))
