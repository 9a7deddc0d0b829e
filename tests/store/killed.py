"""Replaces or removes a model, killed before each step on the disk in turn, and says after each what can be found.

Run as a program, in a process of its own: it forks, which must not happen beside other threads.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from stemd.store import finishing
from stemd.store.by_hand import Hints
from stemd.store.folder import Store
from stemd.store.importing import import_model
from tests.store.listener import Listener
from tests.store.states import models, names

STEPS = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"}


def killed_before(step: int, action: Callable[[], object]) -> bool:
    """Run an action in a process that kills itself before its step number `step`; whether it came that far."""
    child = os.fork()
    if not child:
        left = [step]

        def count(event: str, _: tuple[object, ...]) -> None:
            if event in STEPS:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        action()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status) and status:
        sys.exit(f"step {step}: the child failed with {status}")
    return os.WIFSIGNALED(status)


def main(what: str, root: Path, old: Path, new: Path) -> None:
    """Print `STEP FOUND FOUND-AFTER-MENDING WHAT-LIES-THERE...` for each step."""
    finishing.self_test = lambda *_: "not tried"  # type: ignore[assignment]
    store = Store(root / "models")

    def replace(source: Path) -> None:
        import_model([source], Hints(), store, Listener())

    def remove() -> None:
        with store.locked("tiny"):
            store.remove("tiny")

    action = remove if what == "remove" else lambda: replace(new)
    replace(new)  # everything is imported before the first fork
    step = alive = 0
    while not alive:
        shutil.rmtree(store.root)
        replace(old)
        alive = not killed_before(step, action)
        found = models(store)
        store.mend()
        print(step, found.get("tiny"), models(store).get("tiny"), *names(store.root), flush=True)
        step += 1


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
