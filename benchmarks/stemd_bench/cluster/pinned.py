"""Servers of this machine, each held to one core."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from stemd.separation.remote.repository import Serving
from stemd.separation.store import Model
from stemd.store.triton import export
from stemd_bench.cluster.server import Server, tritonserver
from stemd_bench.results import Skipped

_HOLD: Final = "taskset"
_NAME: Final = "requests and streams on servers"


def lacking() -> Skipped | None:
    """What is not here that servers need; None where all of it is."""
    found = tritonserver()
    if isinstance(found, Skipped):
        return Skipped(_NAME, found.reason)
    if shutil.which(_HOLD) is None:
        return Skipped(_NAME, f"there is no {_HOLD} (of util-linux), which holds a server to a core")
    return None


@contextmanager
def servers(models: Sequence[Model], folder: Path, count: int) -> Iterator[tuple[Server, ...]]:
    """So many servers with these models, ready, one thread a run; of more servers than cores, several share one."""
    for model in {each.folder: each for each in models}.values():
        export(folder, model, Serving(backend="python", threads=1), lambda _: None)
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(Server(folder, prefix=[_HOLD, "-c", str(cores[-1 - n % len(cores)])]))
            for n in range(count)
        )
