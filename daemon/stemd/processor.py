"""The name of this machine's processor: what is measured on one says nothing of another."""

import platform
from contextlib import suppress
from pathlib import Path


def processor() -> str:
    """A name, as the system tells it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Model") and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()
