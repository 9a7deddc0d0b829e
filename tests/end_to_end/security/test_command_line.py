"""Keys as people use them: named, in the environment, or found by the address; for every command that has --address."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from stemd.cli import _parser
from stemd.keys import OwnKey, write_own
from tests.end_to_end.process import Daemon
from tests.end_to_end.security.premises import Premises

Key = Callable[..., OwnKey]


def stemd(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command."""
    command = [sys.executable, "-m", "stemd", *words]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def test_a_key_is_taken_as_it_is_named_or_found_by_the_address(daemon: Daemon, premises: Premises, key: Key) -> None:
    own = key("listen")
    home = premises.clients.parent / "home"
    status = ("status", "--address", daemon.address)
    assert "lets in none but those whose keys it knows" in stemd(*status, XDG_CONFIG_HOME=str(home)).stderr
    file = str(premises.file(own.name))
    assert stemd(*status, "--key", file, XDG_CONFIG_HOME=str(home)).returncode == 0
    assert stemd(*status, XDG_CONFIG_HOME=str(home), STEMD_KEY=file).returncode == 0
    write_own(home / "stemd" / "keys" / "desk.toml", OwnKey("desk", own.pair, own.daemon, daemon.address))
    assert stemd(*status, XDG_CONFIG_HOME=str(home)).returncode == 0


def test_a_right_that_is_missing_is_told_in_one_line(daemon: Daemon, premises: Premises, key: Key) -> None:
    own = key("send")
    done = stemd("status", "--address", daemon.address, "--key", str(premises.file(own.name)))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"stemd keys allow {own.name} --rights listen,send" in done.stderr


def parsers(parser: argparse.ArgumentParser, name: str = "stemd") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A parser and those of its commands."""
    yield name, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, each in action.choices.items():
                yield from parsers(each, f"{name} {word}")


def test_whatever_talks_to_a_daemon_can_be_given_a_key() -> None:
    options = {name: {*parser._option_string_actions} for name, parser in parsers(_parser())}
    here = {"stemd serve", "stemd live", "stemd keys new"}  # there it is the address of what is made
    for name, known in options.items():
        assert ("--key" in known) == ("--address" in known and name not in here), name


@pytest.mark.slow
@pytest.mark.parametrize("command", [["status"], ["reload"], ["top", "--json"], ["mix", "x"], ["listen", "x", "mix"]])
def test_each_of_these_says_that_it_is_not_let_in(daemon: Daemon, command: list[str], tmp_path: str) -> None:
    done = stemd(*command, "--address", daemon.address, XDG_CONFIG_HOME=str(tmp_path))
    assert "lets in none but those whose keys it knows" in done.stderr
