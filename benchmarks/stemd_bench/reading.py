"""Reports from files, checked, with errors that name the file."""

from pathlib import Path

import msgspec

from stemd.errors import ConfigError
from stemd_bench.results import SCHEMA_VERSION, Report


def read(path: Path) -> Report:
    """A report that `--json` of a suite wrote.

    Raises:
        ConfigError: the file cannot be read, is no report, or one of a newer stemd.
    """
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror})") from exc
    except msgspec.DecodeError as exc:
        raise ConfigError(f"{path}: {_what_is_wrong(path, exc)}") from exc
    if found.schema_version > SCHEMA_VERSION:
        raise ConfigError(f"{path}: {_newer(found.schema_version)}")
    return found


def _what_is_wrong(path: Path, error: msgspec.DecodeError) -> str:
    content = path.read_bytes()
    if not content.strip():
        return "is empty, as a run leaves it that was cut off; run its suite again"
    if not isinstance(error, msgspec.ValidationError):
        return f"is no JSON ({error}); give what `stemd bench SUITE --json FILE` wrote"
    # A newer schema may well have fields that this one does not know: then that is what is wrong.
    try:
        version = msgspec.json.decode(content, type=_Version).schema_version
    except msgspec.ValidationError:
        version = 0
    if version > SCHEMA_VERSION:
        return _newer(version)
    return f"is no report of `stemd bench` ({error}); give what `stemd bench SUITE --json FILE` wrote"


class _Version(msgspec.Struct):
    schema_version: int


def _newer(version: int) -> str:
    return f"was written by a newer stemd (schema {version}, known is {SCHEMA_VERSION}); read it with that one"
