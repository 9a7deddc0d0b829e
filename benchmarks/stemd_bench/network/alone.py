"""What a contender costs in a process of its own: `python -m stemd_bench.network.alone` takes its recipe on stdin."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from stemd.errors import StemdError
from stemd_bench.network.contenders import check, contender
from stemd_bench.network.recipe import CHANNELS, Recipe

_RUNS: Final = 2  # the second shows what the first left behind
_STATUS: Final = Path("/proc/self/status")


def measure(recipe: Recipe, limit: float) -> dict[str, float]:
    """Load a contender in a fresh process and run it twice.

    Args:
        recipe: of the contender.
        limit: seconds after which it is given up.

    Returns:
        `load`: seconds from graph or module to a network that can run, libraries imported before; `peak`: the most
        memory that the process ever had, in MB, where the system tells.

    Raises:
        StemdError: it failed or took too long.
    """
    status, out, said = _process(msgspec.json.encode(recipe), limit)
    if status:
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise StemdError(f"failed in a process of its own (status {status}): {''.join(last)}")
    return msgspec.json.decode(out.splitlines()[-1], type=dict[str, float])


def _process(words: bytes, limit: float) -> tuple[int, bytes, bytes]:
    """Status, output and complaints of the process that gets these words."""
    with subprocess.Popen(
        [sys.executable, "-m", "stemd_bench.network.alone"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=os.name == "posix",
    ) as process:
        try:
            out, said = process.communicate(words, timeout=limit)
        except subprocess.TimeoutExpired as exc:
            raise StemdError(f"was not done within {limit:g} s") from exc
        finally:
            _end(process)
    return process.returncode, out, said


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process with all that it started: compilers are processes of their own."""
    if process.poll() is not None:
        return
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def peak() -> float | None:
    """The most memory that this process ever had resident, in MB; None where the system does not tell."""
    if not _STATUS.exists():
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text("ascii", "replace").splitlines() if ":" in line)
    return int(lines["VmHWM"].split()[0]) * 1_024 / 1e6


def main() -> None:
    """Do what stdin says; the figures go to stdout as JSON."""
    recipe = msgspec.json.decode(sys.stdin.buffer.read(), type=Recipe)
    network = contender(recipe)
    if reason := network.obstacle():
        sys.exit(reason)
    began = time.perf_counter()
    network.prepare()
    figures = {"load": time.perf_counter() - began}
    mixture = np.random.default_rng(0).normal(0, 0.1, (CHANNELS, recipe.frames)).astype(np.float32)
    for _ in range(_RUNS):
        check(network.run(mixture), recipe)
    most = peak()
    print(msgspec.json.encode(figures | ({} if most is None else {"peak": most})).decode())


if __name__ == "__main__":
    main()
