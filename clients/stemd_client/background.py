"""An event loop in a background thread, for programs without one."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from stemd.errors import ConnectionLostError

T = TypeVar("T")


class Background:
    """An event loop in a thread of its own, from the making of it until `close`."""

    def __init__(self) -> None:
        # Not the platform's default loop: on Windows ZeroMQ cannot use that.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name="stemd-client", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` there and wait for it; an interrupt here (Ctrl-C) cancels it there.

        Raises:
            ConnectionLostError: `close` was called.
        """
        if self._loop.is_closed():
            work.close()
            raise ConnectionLostError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """End loop and thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
