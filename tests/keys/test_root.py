"""Root at work in a folder of another user's: with that user's rights, so that no link leads it to its own files."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stemd.errors import ConfigError
from stemd.keys import Pair, as_owner, daemon_file, write_pair
from stemd.service.security.allowing import allowed_file, change_allowed, read_allowed
from stemd.service.security.keyring import Keyring

OTHER = 65_534

pytestmark = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="root alone has more rights than others"
)


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the other user can go, with `keys`, which is theirs, and `victim` and `mine`, which are root's."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        for folder in (place / "keys", place / "mine"):
            folder.mkdir(mode=0o700)
        os.chown(place / "keys", OTHER, OTHER)
        (place / "victim").write_text("root's")
        (place / "victim").chmod(0o600)
        yield place


def allow(folder: Path) -> Keyring:
    return change_allowed(folder, lambda ring: ring.allowing("desk", Pair.new().public, frozenset({"listen"})))


def untouched(place: Path) -> bool:
    about = (place / "victim").stat()
    return (about.st_uid, (place / "victim").read_text(), list((place / "mine").iterdir())) == (0, "root's", [])


def test_what_is_written_belongs_to_whom_the_folder_does(place: Path) -> None:
    write_pair(daemon_file(place / "keys"), Pair.new())
    allow(place / "keys")
    write_pair(daemon_file(place / "keys" / "further" / "in"), Pair.new())
    assert {path.stat().st_uid for path in (place / "keys").rglob("*")} == {OTHER}
    assert len(read_allowed(place / "keys")) == 1


def test_a_file_that_is_exchanged_for_a_link_while_it_is_written_leads_nowhere(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of the folder, in the moment of the fsync."""

    def exchanged(_: int) -> None:
        [temporary] = (place / "keys").glob(".allowed.toml.*[!k]")
        temporary.unlink()
        temporary.symlink_to(place / "victim")

    monkeypatch.setattr(os, "fsync", exchanged)
    allow(place / "keys")
    assert allowed_file(place / "keys").is_symlink(), "the exchange took place"
    assert untouched(place)


@pytest.mark.parametrize("link", [os.symlink, os.link])
@pytest.mark.parametrize("name", [".allowed.toml.lock", "allowed.toml", "daemon.toml"])
def test_a_link_that_lies_there_already_leads_nowhere(place: Path, name: str, link: Callable[..., None]) -> None:
    link(place / "victim", place / "keys" / name)
    folder = str(place / "keys")
    for words in (["allow", "desk", Pair.new().public], ["new"], ["new", "stage"], ["list"]):
        command = [sys.executable, "-m", "stemd", "keys", *words, "--folder", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert "Traceback" not in done.stderr
    assert untouched(place)


@pytest.mark.parametrize("below", ["", "in"])
def test_a_folder_that_is_a_link_to_one_of_roots_is_not_written_to(place: Path, below: str) -> None:
    (place / "keys" / "there").symlink_to(place / "mine")
    with pytest.raises(ConfigError, match="Permission denied"):
        allow(place / "keys" / "there" / below)
    assert untouched(place)


def test_a_link_of_roots_leads_to_the_rights_of_whose_folder_it_shows(place: Path) -> None:
    (place / "short").symlink_to(place / "keys")
    with as_owner(place / "short"):
        assert os.geteuid() == OTHER


def test_rights_are_given_back_whatever_happens(place: Path) -> None:
    before = os.geteuid(), os.getegid(), os.getgroups()
    with pytest.raises(ConfigError, match="no key 'desk'"):
        change_allowed(place / "keys", lambda ring: ring.without("desk"))
    with as_owner(place / "keys"):
        assert (os.geteuid(), os.getgroups()) == (OTHER, [])
        assert os.getegid() != 0
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
    with as_owner(place / "mine"):
        assert os.geteuid() == 0


def test_all_that_is_needed_was_loaded_before_rights_are_laid_down(place: Path) -> None:
    """stemd may be installed where the other user cannot read it."""
    code = (
        "import sys, contextlib, json; from stemd import keys; from stemd.cli import main;"
        "from stemd.keys import private; own = private.as_owner; late = []\n"
        "@contextlib.contextmanager\n"
        "def watched(folder):\n"
        "    with own(folder):\n"
        "        before = set(sys.modules)\n"
        "        yield\n"
        "        late.extend(set(sys.modules) - before)\n"
        "private.as_owner = keys.as_owner = watched\n"
        "main(sys.argv[1:]); print(json.dumps(late), file=sys.stderr)"
    )
    for words in (["new"], ["new", "desk"], ["allow", "desk", Pair.new().public], ["allow", "desk"], ["list"]):
        command = [sys.executable, "-c", code, "keys", *words, "--folder", str(place / "keys")]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert json.loads(done.stderr) == [], words
