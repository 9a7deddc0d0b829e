"""Where others could reach the daemon it has to have a key: the configuration check says so, and nothing evades it."""

from pathlib import Path

import pytest

from stemd.address import is_local
from stemd.config import Config, Security, Server, load_config
from stemd.errors import ConfigError
from stemd.keys import Pair, daemon_file, write_pair
from stemd.service import server

FAR = [
    "tcp://0.0.0.0:7355",
    "tcp://*:7355",
    "tcp://[::]:7355",
    "tcp://192.168.1.5:7355",
    "tcp://[fe80::1%eth0]:7355",
    "tcp://[2001:db8::1]:7355",
    "tcp://eth0:7355",
    "tcp://lo:7355",
    "tcp://stage.example:7355",
    "tcp://localhost.example:7355",
    # Not numbers as they are written, though C libraries take them for 127.0.0.1, or others.
    "tcp://127.1:7355",
    "tcp://0x7f000001:7355",
    "tcp://2130706433:7355",
    "tcp://127.0.0.1;192.168.1.5:7355",
    "tcp://127.0.0.1:1;192.168.1.5:7355",
]
NEAR = ["tcp://127.0.0.1:7355", "tcp://127.0.0.2:7355", "tcp://[::1]:7355", "tcp://localhost:7355", "ipc:///run/stemd"]


def write(place: Path, address: str = "", tap: str = "", *, required: bool = False) -> Path:
    file = place / "stemd.toml"
    security = f"[security]\nkeys = '{place / 'keys'}'\nrequired = {str(required).lower()}\n"
    file.write_text(f"[server]\naddress = '{address}'\ntap = '{tap}'\n{security}")
    return file


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEMD_ADDRESS", raising=False)


@pytest.mark.parametrize("address", FAR)
def test_beyond_this_machine_a_key_is_wanted(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.address .*: others can reach it there.*stemd keys new --folder"):
        load_config(write(tmp_path, address))
    write_pair(daemon_file(tmp_path / "keys"), Pair.new())
    assert load_config(write(tmp_path, address)).address.requests == address


@pytest.mark.parametrize("address", NEAR)
def test_on_this_machine_none_is_unless_the_configuration_says_so(tmp_path: Path, address: str) -> None:
    assert load_config(write(tmp_path, address)).address.requests.startswith(address)
    with pytest.raises(ConfigError, match=r"server\.address .*: security.required is true"):
        load_config(write(tmp_path, address, required=True))


@pytest.mark.parametrize("tap", [*FAR, "udp://127.0.0.1:7355", "epgm://eth0;239.192.1.1:5555"])
def test_a_tap_that_others_could_reach_is_refused_key_or_not(tmp_path: Path, tap: str) -> None:
    write_pair(daemon_file(tmp_path / "keys"), Pair.new())
    with pytest.raises(ConfigError, match=r"server\.tap .* asks nobody for a key"):
        load_config(write(tmp_path, tap=tap))


@pytest.mark.parametrize("tap", ["tcp://127.0.0.1:7357", "ipc:///run/stemd/tap"])
def test_a_tap_at_home_is_fine_but_where_all_must_show_keys(tmp_path: Path, tap: str) -> None:
    write_pair(daemon_file(tmp_path / "keys"), Pair.new())
    assert load_config(write(tmp_path, tap=tap)).server.tap == tap
    with pytest.raises(ConfigError, match="a tap asks nobody"):
        load_config(write(tmp_path, tap=tap, required=True))


def test_an_abstract_socket_is_refused_for_every_user_could_reach_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"server\.tap .*every user of this machine .*ipc:///a/socket"):
        load_config(write(tmp_path, tap="ipc://@stemd"))
    with pytest.raises(ConfigError, match=r"server\.address .*ipc:///a/folder"):
        load_config(write(tmp_path, "ipc://@stemd"))


def test_an_address_of_the_command_line_or_the_environment_is_checked_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    security = Security(keys=str(tmp_path / "keys"))
    with pytest.raises(ConfigError, match="others can reach it there"):
        server.Server(Config(server=Server(address="tcp://0.0.0.0:7355"), security=security))
    monkeypatch.setenv("STEMD_ADDRESS", "tcp://0.0.0.0:7355")
    with pytest.raises(ConfigError, match="others can reach it there"):
        server.Server(Config(security=security))


def test_the_default_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_local(Config().address.requests)
    assert is_local(Config().address.stems)


def test_frames_that_could_never_pass_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text("[security]\nbytes_per_second = 65536\n")
    with pytest.raises(ConfigError, match="message_bytes is 2097152, and a second has 65536"):
        load_config(file)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = daemon_file(tmp_path / "keys")
    write_pair(file, Pair.new())
    file.chmod(mode)
    with pytest.raises(ConfigError, match=rf"others can read it \(mode {mode:04o}\): chmod 600 {file}"):
        load_config(write(tmp_path, "tcp://0.0.0.0:7355"))


def test_a_folder_that_others_can_look_into_is_refused_with_the_remedy(tmp_path: Path) -> None:
    file = daemon_file(tmp_path / "keys")
    write_pair(file, Pair.new())
    file.parent.chmod(0o755)
    with pytest.raises(ConfigError, match=rf"mode 0755\): chmod 700 {file.parent}"):
        load_config(write(tmp_path, "tcp://0.0.0.0:7355"))
