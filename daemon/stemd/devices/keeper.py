"""A sound device that is opened again when it was lost."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from stemd.devices.listing import device_lines, lines_of_another
from stemd.devices.patience import in_thread
from stemd.devices.port import Port
from stemd.devices.portaudio import refresh
from stemd.errors import DeviceError

P = TypeVar("P", bound=Port)

BACK_OFF: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_LOOK: Final = 0.1  # seconds between two looks at the device


class Keeper(Generic[P]):
    """Keeps one port open, from `start` to `stop`.

    A device that stops calling is closed, and looked for by its name until it is back. PortAudio lists devices only
    when it starts, and to start it anew kills every stream of this process. So what another, fresh process sees is
    compared with the list of this one; if it is more and no stream is open here, PortAudio is started anew. While
    another stream is open, a device that came back under a new number stays lost, and `trouble` says so. (One
    that comes back under its old number, as a sound server or a card in the same socket does, needs none of this.)

    Attributes:
        port: the open one; None while it is lost.
        trouble: why it is lost, or could not be opened again.

    Args:
        make: resolves the name of the device and gives a port that is not yet open. Called in a thread.
        opened: called in the event loop with the new port, at first and after each loss.
        lost: called in the event loop once for each loss. The old port is closed by the keeper.
        clock: nanoseconds of CLOCK_MONOTONIC.
        back_off: seconds between attempts; the last one holds from then on.
    """

    def __init__(
        self,
        make: Callable[[], P],
        opened: Callable[[P], None],
        lost: Callable[[DeviceError], None],
        clock: Callable[[], int] = time.monotonic_ns,
        back_off: Sequence[float] = BACK_OFF,
    ) -> None:
        self._make, self._opened, self._lost = make, opened, lost
        self._clock, self._back_off = clock, back_off
        self._stopping = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self.port: P | None = None
        self.trouble: DeviceError | None = None

    async def start(self) -> P:
        """Open the device, and keep it.

        Raises:
            DeviceError: it cannot be opened now.
        """
        port = await in_thread(self._open, self._drop)
        self.port = port
        self._opened(port)
        self._watching = asyncio.create_task(self._watch(port), name="stemd-keeper")
        return port

    async def stop(self) -> None:
        """Close the device. Takes as long as an attempt to open it that is under way: five seconds at most."""
        self._stopping.set()
        if self._watching is not None:
            await self._watching
        if self.port is not None:
            port, self.port = self.port, None
            await in_thread(port.close)

    def _open(self) -> P:
        port = self._make()
        port.open()
        return port

    @staticmethod
    def _drop(port: P) -> None:
        port.close()

    async def _watch(self, port: P) -> None:
        while not await self._pause(_LOOK):
            if port.alive(self._clock()):
                continue
            self.port = None
            self.trouble = DeviceError(f"lost {port}; waiting until it is back")
            self._lost(self.trouble)  # before it is closed: that may take two seconds
            await in_thread(port.close)
            again = await self._again()
            if again is None:
                return
            self.port, self.trouble = again, None
            self._opened(again)
            port = again

    async def _again(self) -> P | None:
        """Try until it opens; None when `stop` was called."""
        attempt = 0
        while not await self._pause(self._back_off[min(attempt, len(self._back_off) - 1)]):
            attempt += 1
            try:
                return await in_thread(self._open, self._drop)
            except DeviceError as exc:
                self.trouble = exc
            try:
                await in_thread(_look_anew)
            except DeviceError as exc:
                self.trouble = exc
        return None

    async def _pause(self, seconds: float) -> bool:
        """Wait; whether `stop` was called."""
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


def _look_anew() -> None:
    """Have PortAudio list the devices anew if there are some that it does not know."""
    seen = lines_of_another()
    if seen is None:  # then this process would not fare better
        return
    try:
        known = device_lines()
    except DeviceError:
        known = []
    if set(seen) - set(known) and not refresh():
        raise DeviceError(
            "a sound device was plugged in, but to look for it would cut off another that is in use: stop that first"
        )
