"""The pool in threads: engines release the interpreter's lock while they run, so threads are enough for speed.

A thread that hangs in a network cannot be ended. It is asked to end, which onnxruntime and OpenVINO do between two
operators; if it does not, it is left behind with all that it holds. That is done twice, and then the pool is broken.
"""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from typing import Final

from stemd.dsp.segmenter import Segment
from stemd.errors import InferenceError
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.patience import Patience
from stemd.separation.pool import Lane, NetworkId
from stemd.separation.specialist import Specialist
from stemd.separation.stopwatch import Stopwatch
from stemd.separation.store import Model
from stemd.separation.worker import Answer
from stemd.separation.workers import WorkerPool

# Added to the daemon's own: a free stream takes a sixth of what a realtime one takes where they meet. Not less: who is
# niced by 19 and holds the interpreter when other programs want the cores keeps the event loop waiting half a second.
NICENESS: Final = 8
LEFT_BEHIND: Final = 2  # hung threads, each with networks and perhaps a core of its own


class Networks:
    """Loaded networks, run by one thread: a worker of this process (see Worker), or all that a process has.

    Attributes:
        loaded: by the manifest's key.
        options: how networks run.
    """

    def __init__(self, options: EngineOptions) -> None:
        self.loaded: dict[str, list[Specialist]] = {}
        self.options = options
        self._running: Specialist | None = None
        self._stopwatch = Stopwatch()

    def choose(self, model: Model) -> str:
        """See Worker."""
        return model.engine(self.options)

    def load(self, model: Model, engine: str) -> None:
        """See Worker."""
        manifest = model.manifest
        options = replace(self.options, models={**self.options.models, manifest.name: engine})
        self.loaded[manifest.key] = model.open(options, through=self._stopwatch.on)

    def unload(self, key: str) -> None:
        """See Worker."""
        self.loaded.pop(key, None)

    def run(self, network: NetworkId, segment: Segment) -> Answer:
        """See Worker."""
        if network.model not in self.loaded:
            raise InferenceError(f"model {network.model} is not loaded (any more)")
        self._running = self.loaded[network.model][network.index]
        self._stopwatch.reset()
        try:
            stems = self._running.run(segment)
        finally:
            self._running = None
        return Answer(stems, *self._stopwatch.read())

    def interrupt(self) -> None:
        """See Worker."""
        if running := self._running:
            running.terminate()


class ThreadWorker(Networks):
    """See Worker.

    Args:
        options: how networks run.
        niced: whether it takes only what others leave.
    """

    aside = True

    def __init__(self, options: EngineOptions, *, niced: bool) -> None:
        super().__init__(options)
        self._niced = niced

    def start(self) -> None:
        """See Worker. The threads that engines start inherit the niceness of this one."""
        if self._niced and sys.platform == "linux":
            with suppress(OSError):  # Linux counts niceness by thread
                os.nice(NICENESS)

    def kill(self) -> bool:
        """See Worker: a thread cannot be ended."""
        return False

    def alive(self) -> bool:
        """See Worker."""
        return True

    def close(self) -> None:
        """See Worker."""
        self.loaded.clear()


class ThreadPool(WorkerPool):
    """See Pool: one worker for each lane.

    Args:
        options: how networks run. They do not spin, whatever it says.
        patience: how long runs are waited for.
    """

    def __init__(self, options: EngineOptions, patience: Patience | None = None) -> None:
        # Spinning makes a run a little shorter and the event loop, which needs a core too, a lot later.
        self.options = replace(options, spin=False)
        super().__init__(
            lambda lane: ThreadWorker(self.options, niced=lane is Lane.FREE),
            patience or Patience(),
            dict.fromkeys(Lane, 1),
            LEFT_BEHIND,
        )
