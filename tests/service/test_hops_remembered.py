"""What is remembered of the hops that were chosen."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stemd.separation.store import find
from stemd.service.tuning import Memory
from tests.service.pretence import model_of

RATE = 44_100
SHIPPED = find("spleeter-vocals")
LIVE = SHIPPED.manifest.live.window()
MANY = model_of("waveform", "drums", "vocals")


def test_what_is_remembered_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "hops.json"
    assert Memory(file, "one").hop(SHIPPED, LIVE, ("vocals",)) is None
    Memory(file, "one").keep(SHIPPED, replace(LIVE, hop=7_168), ("vocals",))
    assert Memory(file, "one").hop(SHIPPED, LIVE, ("vocals",)) == 7_168
    assert Memory(file, "another engine").hop(SHIPPED, LIVE, ("vocals",)) is None
    assert Memory(file, "one").hop(SHIPPED, LIVE, ()) is None
    assert Memory(file, "one").hop(SHIPPED, replace(LIVE, lookahead=4_096), ("vocals",)) is None
    assert Memory(file, "one").hop(MANY, LIVE, ("vocals",)) is None
    Memory(file, "another engine").keep(SHIPPED, replace(LIVE, hop=9_216), ("vocals",))
    assert Memory(file, "one").hop(SHIPPED, LIVE, ("vocals",)) == 7_168
    assert [path.name for path in file.parent.iterdir()] == ["hops.json"]


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "7", '"x"', "\x00\xff", "[" * 100_000])
def test_a_damaged_file_is_forgotten_and_written_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hops.json"
    file.write_text(text, "latin-1")
    memory = Memory(file, "one")
    assert memory.hop(SHIPPED, LIVE, ("vocals",)) is None
    memory.keep(SHIPPED, LIVE, ("vocals",))
    assert memory.hop(SHIPPED, LIVE, ("vocals",)) == LIVE.hop


@pytest.mark.parametrize("value", [None, "2048", 2_048.5, -1, 0, [], True])
def test_a_number_that_makes_no_sense_is_no_hop(tmp_path: Path, value: Any) -> None:
    file = tmp_path / "hops.json"
    memory = Memory(file, "one")
    memory.keep(SHIPPED, LIVE, ("vocals",))
    file.write_text(json.dumps(dict.fromkeys(json.loads(file.read_text()), value)))
    assert memory.hop(SHIPPED, LIVE, ("vocals",)) is None


def test_a_place_that_cannot_be_written_is_no_reason_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file" / "hops.json", tmp_path):  # one below a file, and one that is a folder
        memory = Memory(place, "one")
        memory.keep(SHIPPED, LIVE, ("vocals",))
        assert memory.hop(SHIPPED, LIVE, ("vocals",)) is None


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_no_reason_to_refuse(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    Memory(tmp_path / "hops.json", "one").keep(SHIPPED, LIVE, ("vocals",))
    tmp_path.chmod(0o700)
    assert not list(tmp_path.iterdir())
