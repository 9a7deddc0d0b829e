"""`stemd keys`: what it writes, what it prints and what it never prints."""

import json
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stemd.cli import main
from stemd.config import Config, Security, as_toml
from stemd.keys import Pair, daemon_file, read_own, read_pair
from stemd.service.security.allowing import allowed_file, read_allowed

WRITERS = 6


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def keys(*words: str, folder: Path) -> int:
    return main(["keys", *words, "--folder", str(folder)])


def listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert keys("list", "--json", folder=folder) == 0
    tree: dict[str, Any] = json.loads(capsys.readouterr().out)
    return tree


def test_what_is_printed_is_what_has_to_be_typed_next(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole set-up, with nothing but what the commands say."""
    assert keys("new", folder=folder) == 0
    [line] = re.findall(r"^  stemd (keys new NAME .*)$", capsys.readouterr().out, re.MULTILINE)
    *words, public, flag, address = shlex.split(line)
    assert (words, flag, address) == (["keys", "new", "NAME", "--daemon"], "--address", "tcp://THIS-MACHINE:7355")
    client = folder.parent / "client"
    assert keys("new", "desk", "--daemon", public, "--address", "tcp://stage:7355", folder=client) == 0
    [line] = re.findall(r"^  stemd keys allow desk (\S+) --rights listen$", capsys.readouterr().out, re.MULTILINE)
    [allow] = shlex.split(line)
    assert keys("allow", "desk", allow, "--rights", "listen,send", folder=folder) == 0
    own = read_own(client / "desk.toml")
    assert (own.daemon, own.address) == (read_pair(daemon_file(folder)).public, "tcp://stage:7355")
    entry = read_allowed(folder).known(own.pair.public)
    assert entry
    assert (entry.name, entry.rights) == ("desk", {"listen", "send"})


def test_files_and_folder_belong_to_nobody_else(folder: Path) -> None:
    keys("new", folder=folder)
    keys("new", "desk", folder=folder)
    keys("allow", "stage", Pair.new().public, folder=folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_no_command_shows_a_secret_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys("new", folder=folder)
    keys("new", "desk", folder=folder)
    own = read_own(folder / "desk.toml")
    for words in (
        ["allow", "desk", own.pair.public],
        ["list"],
        ["list", "--json"],
        ["new"],
        ["new", "desk"],
        ["allow", "x", own.pair.secret[:39]],
        ["revoke", "desk"],
    ):
        keys(*words, folder=folder)
    shown = "".join(capsys.readouterr())
    assert own.pair.public in shown
    assert "a text of 39 characters is no public key" in shown
    for secret in (own.pair.secret, read_pair(daemon_file(folder)).secret):
        assert secret[:8] not in shown


def test_a_client_beside_its_daemon_knows_it(folder: Path) -> None:
    keys("new", folder=folder)
    keys("new", "desk", folder=folder)
    assert read_own(folder / "desk.toml").daemon == read_pair(daemon_file(folder)).public


def test_the_list_names_the_daemon_those_let_in_and_ones_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(folder, capsys) == {"folder": str(folder), "daemon": None, "allowed": [], "own": []}
    keys("new", folder=folder)
    keys("new", "desk", folder=folder)
    public, other = read_own(folder / "desk.toml").pair.public, Pair.new().public
    keys("allow", "stage", other, "--rights", "send,listen", folder=folder)
    tree = listed(folder, capsys)
    assert tree["allowed"] == [{"name": "stage", "rights": ["listen", "send"], "public": other}]
    assert tree["own"] == [{"name": "desk", "address": "", "public": public, "daemon": tree["daemon"]}]
    keys("list", folder=folder)
    text = capsys.readouterr().out
    for word in (str(folder), tree["daemon"], "stage", "listen,send", other, "desk", public):
        assert word in text


def test_a_file_that_is_damaged_is_named_after_a_list_of_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("desk", "stage", "torn"):
        keys("new", name, folder=folder)
    public = read_own(folder / "stage.toml").pair.public
    (folder / "desk.toml").write_text("no toml")
    (folder / "torn.toml").write_text("")
    for words in (["list"], ["list", "--json"]):
        capsys.readouterr()
        assert keys(*words, folder=folder) == 78
        said = capsys.readouterr()
        assert public in said.out
        assert re.fullmatch(r"stemd: [^\n]+desk\.toml: is damaged[^\n]+torn\.toml: has no pair[^\n]+\n", said.err)


def test_rights_are_given_and_taken_by_name_and_a_revoked_key_is_gone(folder: Path) -> None:
    keys("allow", "desk", Pair.new().public, folder=folder)
    keys("allow", "desk", "--rights", "control", folder=folder)
    assert read_allowed(folder).named("desk").rights == {"control"}
    keys("revoke", "desk", folder=folder)
    assert len(read_allowed(folder)) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["allow", "desk", "short"], "is no public key"),
        (["allow", "a/b", "1" * 40], "cannot name a key"),
        (["allow", "daemon", "1" * 40], "cannot name a key"),
        (["allow", "desk", "1" * 40, "--rights", "hear"], "no right 'hear'"),
        (["allow", "desk"], "no key 'desk' is allowed here yet"),
        (["revoke", "desk"], "no key 'desk' is allowed here"),
        (["new", "--daemon", "1" * 40], "give it a name"),
        (["new", "desk", "--daemon", "1"], "is no public key"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_and_nothing_is_written(
    folder: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keys(*words, folder=folder) == 78
    error = capsys.readouterr().err
    assert re.fullmatch(r"stemd: [^\n]+\n", error)
    assert said in error
    assert not folder.exists() or not [path for path in folder.iterdir() if path.suffix == ".toml"]


def test_a_folder_that_others_can_look_into_is_not_used(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    for words in (["new"], ["new", "desk"], ["allow", "desk", Pair.new().public]):
        assert keys(*words, folder=folder) == 78
        assert f"chmod 700 {folder}" in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_the_folder_is_where_the_daemons_configuration_says(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "stemd.toml"
    # Beyond this machine it would be refused: it has no key yet.
    security = Security(keys=str(folder))
    file.write_text(as_toml(Config(security=security)).replace('address = ""', 'address = "tcp://0.0.0.0:7355"', 1))
    assert main(["keys", "new", "--config", str(file)]) == 0
    assert main(["check-config", str(file)]) == 0
    assert daemon_file(folder).exists()


def test_of_many_who_write_at_once_none_is_lost(folder: Path) -> None:
    pairs = {f"client-{number}": Pair.new() for number in range(WRITERS)}
    command = [sys.executable, "-m", "stemd", "keys", "allow", "--folder", str(folder)]
    writers = [subprocess.Popen([*command, name, pair.public]) for name, pair in pairs.items()]
    assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    assert {entry.name: entry.public for entry in read_allowed(folder)} == {n: p.public for n, p in pairs.items()}


@pytest.mark.parametrize("text", ["", "[clients.x]\npublic = 'short'\nrights = ['listen']", "clients = 1", "\0"])
def test_a_damaged_list_is_never_written_over(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    keys("allow", "desk", Pair.new().public, folder=folder)
    allowed_file(folder).write_text(text)
    status = keys("allow", "stage", Pair.new().public, folder=folder)
    if text:
        assert (status, allowed_file(folder).read_text()) == (78, text)
        assert str(allowed_file(folder)) in capsys.readouterr().err
    else:
        assert status == 0
