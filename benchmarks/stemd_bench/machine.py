"""The machine that figures were taken on: without it they mean nothing."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import msgspec
import psutil

from stemd import __version__
from stemd.processor import processor

_PACKAGES: Final = (
    *("onnxruntime", "pyzmq", "numpy", "uvloop", "samplerate", "msgpack", "openvino", "torch", "demucs", "demucs-onnx"),
)


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row.

    Attributes:
        processor: its name.
        cores: those that this process may use.
        memory_gib: in all.
        system: operating system, its version and architecture.
        python: version and implementation.
        packages: versions of what the figures depend on; those that are not installed are left out.
        stemd: its version.
        date: when the run began, UTC, ISO 8601.
        others: share of all cores that other processes used in the second before (0 to 1): above a few per cent,
            trust ratios, not times.
    """

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]
    stemd: str
    date: str
    others: float


def this_machine() -> Machine:
    """Describe this machine; takes a second, in which the others' use of it is measured."""
    return Machine(
        processor=processor(),
        cores=cores(),
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        system=f"{_system()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        packages={name: found for name in _PACKAGES if (found := _version(name))},
        stemd=__version__,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        others=round(psutil.cpu_percent(1.0) / 100, 3),
    )


def cores() -> int:
    """Those that this process may use, as far as the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _system() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.system()} {platform.release()}"
    except (OSError, KeyError, AttributeError):
        return f"{platform.system()} {platform.release()}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
