"""Files of keys: nobody else's to read, whole or not there, and the right one for each daemon."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from stemd.errors import ConfigError
from stemd.keys import OwnKey, Pair, check_name, check_public, find_key, read_own, read_pair, write_own, write_pair
from stemd.keys.private import write_private

ADDRESS = "tcp://stage:7355"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This user's folder of keys, which is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("STEMD_KEY", raising=False)
    return tmp_path / "stemd" / "keys"


def made(folder: Path, name: str, address: str = "", daemon: str | None = None) -> OwnKey:
    own = OwnKey(name, Pair.new(), Pair.new().public if daemon is None else daemon, address)
    write_own(folder / f"{name}.toml", own)
    return own


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_read_and_belongs_to_nobody_else(folder: Path) -> None:
    own, pair = made(folder, "desk", ADDRESS), Pair.new()
    write_pair(folder / "daemon.toml", pair)
    assert read_own(folder / "desk.toml") == own
    assert read_pair(folder / "daemon.toml") == pair
    assert [mode(path) for path in (folder, *folder.iterdir())] == [0o700, 0o600, 0o600]


def test_no_two_pairs_are_the_same_and_none_begins_like_an_option() -> None:
    pairs = [Pair.new() for _ in range(50)]
    assert len({key for pair in pairs for key in (pair.public, pair.secret)}) == 100
    assert all(pair.public[0].isalnum() and check_public(pair.public) for pair in pairs)


def test_a_secret_key_is_shown_by_nothing() -> None:
    own = OwnKey("desk", Pair.new(), "")
    assert own.pair.secret not in f"{own} {own!r} {own.pair!r}"


def test_what_is_there_is_not_written_over(folder: Path) -> None:
    own = made(folder, "desk")
    with pytest.raises(ConfigError, match="is there already"):
        made(folder, "desk")
    assert read_own(folder / "desk.toml") == own
    assert len(list(folder.iterdir())) == 1, "nothing is left of the attempt"


def test_a_reader_finds_the_old_text_or_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "allowed.toml"
    write_private(file, "old" * 1_000)
    with file.open() as reader:
        write_private(file, "new" * 1_000)
        assert reader.read() == "old" * 1_000
    assert file.read_text() == "new" * 1_000


@pytest.mark.parametrize("wrong", ["", "x" * 39, "x" * 41, "x" * 39 + "'", "x" * 39 + "\n", "#" * 40, "~" * 40])
def test_what_is_no_key_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="is no public key"):
        check_public(wrong)


@pytest.mark.parametrize(
    "name", ["", "..", ".hidden", "-option", "a/b", "a\\b", "ä", "x" * 65, "daemon", "allowed", "a\n"]
)
def test_what_cannot_name_a_file_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a key"):
        check_name(name)


@pytest.mark.parametrize(
    "damage",
    ["", "public = 7", "no toml", "public = 'x'\nsecret = 'y'", "public = '{other}'\nsecret = '{secret}'"],
)
def test_a_damaged_file_is_named_with_the_remedy_and_without_its_secrets(folder: Path, damage: str) -> None:
    own = made(folder, "desk")
    file = folder / "desk.toml"
    file.write_text(damage.format(other=Pair.new().public, secret=own.pair.secret))
    with pytest.raises(ConfigError, match="stemd keys new") as fault:
        read_own(file)
    assert str(file) in str(fault.value)
    assert own.pair.secret not in str(fault.value)


# Which key a client takes.


def test_the_key_that_is_named_goes_before_the_environments_and_that_before_the_addresss(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {name: made(folder, name) for name in ("named", "environment")}
    keys["address"] = made(folder, "address", ADDRESS)
    elsewhere = made(tmp_path / "elsewhere", "file")
    assert find_key(None, "tcp://another:7355") is None
    assert find_key(None, ADDRESS) == keys["address"]
    monkeypatch.setenv("STEMD_KEY", "environment")
    assert find_key(None, ADDRESS) == keys["environment"]
    assert find_key("named", ADDRESS) == keys["named"]
    for path in (tmp_path / "elsewhere" / "file.toml", str(tmp_path / "elsewhere" / "file.toml")):
        assert find_key(path, ADDRESS) == elsewhere


def test_a_key_for_no_daemon_is_of_no_use(folder: Path) -> None:
    made(folder, "desk", daemon="")
    with pytest.raises(ConfigError, match=r"'desk' names no daemon: .*stemd keys list"):
        find_key("desk", ADDRESS)


def test_a_key_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"stage\.toml: no such file"):
        find_key("stage", ADDRESS)


def test_a_key_for_the_address_that_cannot_be_used_is_no_reason_to_come_without_one(folder: Path) -> None:
    """Whoever pretends to be the daemon would be told all."""
    made(folder, "desk", ADDRESS)
    (folder / "desk.toml").chmod(0o644)
    with pytest.raises(ConfigError, match="others can read it"):
        find_key(None, ADDRESS)


@pytest.mark.parametrize("address", ["tcp://STAGE:7355", "tcp://Stage:07355"])
def test_an_address_has_its_key_however_it_is_spelled(folder: Path, address: str) -> None:
    own = made(folder, "desk", ADDRESS)
    assert find_key(None, address) == own


@pytest.mark.parametrize("damage", ["cut", "not text", "nobody's to read"])
def test_a_file_that_may_be_the_one_for_the_address_is_named_and_not_passed_over(folder: Path, damage: str) -> None:
    made(folder, "desk", ADDRESS)
    file = folder / "desk.toml"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-5])
    elif damage == "not text":
        file.write_bytes(b"\xff" + file.read_bytes())
    else:
        file.unlink()
        file.mkdir(mode=0o700)  # which not even root can read
    with pytest.raises(ConfigError, match=str(file)):
        find_key(None, ADDRESS)
    other = made(folder, "other", ADDRESS)  # this one surely is
    assert find_key(None, ADDRESS) == other


def test_a_folder_that_cannot_be_looked_into_may_hold_the_key_of_every_address_but_a_sockets(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(folder, "desk", ADDRESS)

    def refused(self: Path) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refused)  # root may look anywhere
    for address in (ADDRESS, "tcp://127.0.0.1:7355"):
        with pytest.raises(ConfigError, match=f"{folder}: cannot be looked into"):
            find_key(None, address)
    assert find_key(None, "ipc:///run/stemd") is None


def test_the_daemons_own_files_are_nobodys_key(folder: Path) -> None:
    write_private(folder / "daemon.toml", "damaged")
    write_private(folder / "allowed.toml", "damaged")
    assert find_key(None, ADDRESS) is None


def test_where_there_is_no_folder_there_is_no_key(folder: Path) -> None:
    assert find_key(None, ADDRESS) is None
    assert not folder.exists()
