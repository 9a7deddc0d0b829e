"""The locks: every file by its hash, nothing of where it comes from, and all that pyproject.toml asks for."""

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass

import pytest
from packaging.requirements import Requirement

from tests.release.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
EVERYTHING, DAEMON, TRITON = "requirements.lock", "requirements-daemon.lock", "requirements-triton.lock"
# `daemon-cuda` stands instead of `daemon`, with which it cannot be locked together.
LOCKED = [(EVERYTHING, extra) for extra in ("", *sorted(set(EXTRAS) - {"daemon-cuda"}))]
LOCKED += [(lock, extra) for lock in (DAEMON, TRITON) for extra in ("", "service", "daemon")]


@dataclass(frozen=True)
class Entry:
    """A line of a lock: one version of a package, for the machines that its marker tells."""

    requirement: Requirement
    hashes: frozenset[str]

    @property
    def version(self) -> str:
        [only] = self.requirement.specifier
        assert only.operator == "==", self.requirement
        return only.version


def entries(lock: str) -> dict[str, list[Entry]]:
    """The entries of a lock, by the name of the package."""
    found = defaultdict(list)
    for line in (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines():
        text, *options = re.split(r"\s+--", line)
        requirement = Requirement(text)
        assert all(re.fullmatch(r"hash=sha256:[0-9a-f]{64}", option.strip()) for option in options), requirement
        found[requirement.name].append(Entry(requirement, frozenset(options)))
    return dict(found)


def wanted(extra: str) -> list[Requirement]:
    """What an extra asks for, and the extras within it; "" is the base install."""
    asked = [Requirement(text) for text in (EXTRAS[extra] if extra else PROJECT["project"]["dependencies"])]
    within = [one for inner in asked if inner.name == "stemd" for name in inner.extras for one in wanted(name)]
    return [*(one for one in asked if one.name != "stemd"), *within]


@pytest.mark.parametrize("lock", [EVERYTHING, DAEMON, TRITON])
def test_every_package_is_pinned_and_has_its_hashes(lock: str) -> None:
    locked = entries(lock)
    assert len(locked) > 40
    assert not [entry for several in locked.values() for entry in several if not (entry.version and entry.hashes)]


@pytest.mark.parametrize("lock", [EVERYTHING, DAEMON, TRITON])
def test_a_lock_names_no_place_that_packages_come_from(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"://|index|find-links|\bfile:|@|#", text)


def test_what_the_daemon_needs_is_locked_as_in_the_lock_of_everything() -> None:
    everything, daemon = entries(EVERYTHING), entries(DAEMON)
    for name, several in daemon.items():
        pinned = {entry.version: entry.hashes for entry in everything[name]}
        for entry in several:
            assert pinned[entry.version] == entry.hashes, name
    assert not {"pytest", "hypothesis", "mypy", "ruff", "demucs", "cyclonedx-bom"} & set(daemon)


@pytest.mark.parametrize(("lock", "extra"), LOCKED)
def test_a_lock_has_what_pyproject_asks_for(lock: str, extra: str) -> None:
    locked = entries(lock)
    for asked in wanted(extra):
        if asked.name == "torch":
            continue  # whose builds differ: pinned by version, below
        # The lock holds for every machine, and each marker of it is within that of pyproject.toml.
        versions = [entry.version for entry in locked[asked.name.replace("_", "-").lower()]]
        assert versions, asked
        assert all(asked.specifier.contains(version) for version in versions), asked


def test_the_tool_that_builds_is_locked() -> None:
    [builder] = map(Requirement, PROJECT["build-system"]["requires"])
    assert all(builder.specifier.contains(entry.version) for entry in entries(EVERYTHING)[builder.name])


def test_torch_is_pinned_once_though_it_is_installed_apart() -> None:
    [pinned] = [one for one in wanted("export") if one.name == "torch"]
    assert f"TORCH  ?= {pinned}\n" in (ROOT / "Makefile").read_text("utf-8")
    assert "torch" not in entries(EVERYTHING)
