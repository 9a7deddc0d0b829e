from pathlib import Path

import pytest

from stemd.address import Address, default_address
from stemd.config import Config, as_toml, load_config
from stemd.errors import ConfigError


def write(folder: Path, text: str) -> Path:
    path = folder / "stemd.toml"
    path.write_text(text)
    return path


def test_the_defaults_as_toml_read_back_as_the_defaults(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, as_toml(Config()))) == Config()


def test_plans_survive_the_round_trip(tmp_path: Path) -> None:
    path = write(tmp_path, 'plan = "roomy"\n[plans.roomy]\nsegment = 4096\nhop = 1024\noverlap = 0\nlookahead = 2048\n')
    config = load_config(path)
    assert load_config(write(tmp_path, as_toml(config))) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nadress = 'x'", ["'server.adress'", "did you mean 'address'"]),
        ("[sever]", ["'sever'", "did you mean 'server'"]),
        ("[plans.x]\nsegment = 1\nhop = 1\noverlap = 0\nlookahed = 0", ["plans.x.lookahed", "lookahead"]),
        ("[server]\nstall_timeout = -1", ["stall_timeout"]),
        ("[server]\nmax_streams = 'many'", ["max_streams"]),
        ("plan = 'fast'", ["'fast'", "plans.fast"]),
        ("[plans.x]\nsegment = 10\nhop = 9\noverlap = 3\nlookahead = 0", ["hop + overlap + lookahead"]),
        ("[server]\naddress = 'localhost'", ["server.address", "tcp://host:port"]),
        ("plan = ", ["not TOML"]),
    ],
)
def test_a_bad_file_is_refused_with_the_place_and_the_nearest_name(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text))
    assert all(word in str(error.value) for word in [*words, "stemd.toml"])
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "none.toml")


def test_addresses() -> None:
    assert Address.parse("tcp://127.0.0.1:7355") == Address("tcp://127.0.0.1:7355", "tcp://127.0.0.1:7356")
    ipc = Address.parse("ipc:///run/stemd/")
    assert (ipc.requests, str(ipc.folder)) == ("ipc:///run/stemd/requests.sock", "/run/stemd")
    for bad in ("ipc://relative", "tcp://127.0.0.1", "tcp://:7355", "tcp://h:99999", "7355", ""):
        with pytest.raises(ConfigError, match="neither"):
            Address.parse(bad)


def test_the_default_address_can_be_read() -> None:
    Address.parse(default_address())
