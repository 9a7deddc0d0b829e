from pathlib import Path
from typing import get_args

import pytest

from stemd.address import Address, default_address
from stemd.cli import _parser
from stemd.config import Config, Engine, LocalEngine, as_toml, load_config
from stemd.errors import ConfigError
from stemd.separation.engines import AUTO, ENGINES
from stemd.separation.engines.engine import EngineOptions


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


def test_engines_of_single_models_survive_the_round_trip(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[engine]\nname = "auto"\nproviders = ["A", "B"]\n[engine.models]\nplain = "openvino"\n"a.b" = "auto"\n',
    )
    engine = load_config(path).engine
    assert (engine.name, engine.providers, engine.models) == ("auto", ("A", "B"), {"plain": "openvino", "a.b": "auto"})
    assert load_config(write(tmp_path, as_toml(load_config(path)))).engine == engine


def test_engine_options_are_what_the_configuration_says() -> None:
    table = Engine(name="openvino", threads=3, providers=("A",), device="GPU", models={"m": "onnxruntime"})
    options = EngineOptions.configured(table)
    assert (options.threads, options.providers, options.device) == (3, ("A",), "GPU")
    assert (options.engine_of("m"), options.engine_of("n")) == ("onnxruntime", "openvino")
    assert EngineOptions.configured(table.only("auto")).engine_of("m") == "auto"
    assert EngineOptions.configured(Engine()).threads >= 1


def test_configuration_and_command_line_know_the_same_engines() -> None:
    assert {*get_args(LocalEngine)} == {*ENGINES, AUTO}
    for command in (["serve"], ["separate", "x", "-o", "y"]):
        for name in get_args(LocalEngine):
            assert _parser().parse_args([*command, "--engine", name]).engine == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[engine]\nname = 'onnx'", ["engine.name", "'onnx'"]),
        ("[engine.models]\nx = 'onnx'", ["engine.models", "'onnx'"]),
        ("[engine]\nprovider = ['x']", ["'engine.provider'", "did you mean 'providers'"]),
        ("[server]\nadress = 'x'", ["'server.adress'", "did you mean 'address'"]),
        ("[sever]", ["'sever'", "did you mean 'server'"]),
        ("[plans.x]\nsegment = 1\nhop = 1\noverlap = 0\nlookahed = 0", ["plans.x.lookahed", "lookahead"]),
        ("[server]\nstall_timeout = -1", ["stall_timeout"]),
        ("[server]\nmax_streams = 'many'", ["max_streams"]),
        ("plan = 'swift'", ["'swift'", "plans.swift"]),
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
    address = Address.parse(default_address())
    assert address.requests != address.stems
