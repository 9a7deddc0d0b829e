"""A recording through a running daemon and its sockets: losslessly, and as fast as the network goes."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from stemd.audio import Float32Array, Format
from stemd.dsp.plan import WindowPlan
from stemd.errors import StemdError
from stemd.protocol import Opened, Plan
from stemd_client import Client, StemBlock, Stream, Subscription

Wanted = tuple[str, Format]
BLOCK: Final = 4_096
REALTIME_BLOCK: Final = 256
_STREAM: Final = "quality"
_CREDIT: Final = 64


@dataclass(frozen=True, slots=True)
class Way:
    """To a daemon, and which model it shall run."""

    address: str
    model: str

    def hear(
        self, mixture: Float32Array, rate: int, plan: WindowPlan, wanted: Sequence[Wanted], sent: Format = "f32le"
    ) -> Mapping[Wanted, Any]:
        """What comes back of a recording.

        Args:
            mixture: (channels, frames).
            rate: Hz.
            plan: in the model's frames.
            wanted: stems, and the format in which each shall come.
            sent: the format in which the mixture goes.

        Returns:
            For each wanted (channels, frames), of the mixture's length, float32 or int16.

        Raises:
            StemdError: the daemon refused something or was lost, or not everything came back.
        """
        return asyncio.run(self._hear(mixture, rate, plan, wanted, sent))

    def declared(self, plan: str | WindowPlan, rate: int) -> Opened:
        """What the daemon promises to a realtime stream with blocks of REALTIME_BLOCK frames, alone on this machine.

        Raises:
            StemdError: the daemon refuses it.
        """
        return asyncio.run(self._declared(plan if isinstance(plan, str) else _wire(plan), rate))

    async def _hear(
        self, mixture: Float32Array, rate: int, plan: WindowPlan, wanted: Sequence[Wanted], sent: Format
    ) -> Mapping[Wanted, Any]:
        channels = mixture.shape[0]
        async with Client(self.address, "quality") as client, AsyncExitStack() as stack:
            heard = [
                await stack.enter_async_context(
                    client.subscribe(_STREAM, stem, format=fmt, delivery="lossless", credit=_CREDIT)
                )
                for stem, fmt in wanted
            ]
            stream = client.open(
                _STREAM,
                rate=rate,
                channels=channels,
                format=sent,
                block=BLOCK,
                timing="free",
                plan=_wire(plan),
                model=self.model,
            )
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_collected(subscription)) for subscription in heard]
                group.create_task(_fed(stream, mixture))
            return {one: _joined(task.result(), mixture.shape[1]) for one, task in zip(wanted, tasks, strict=True)}

    async def _declared(self, plan: str | Plan, rate: int) -> Opened:
        async with Client(self.address, "quality") as client:
            stream = client.open(_STREAM, rate=rate, block=REALTIME_BLOCK, plan=plan, model=self.model)
            async with stream:
                return stream.opened


def window(plan: Plan) -> WindowPlan:
    """A plan as the daemon answers it."""
    return WindowPlan(plan.segment, plan.hop, plan.overlap, plan.lookahead)


def _wire(plan: WindowPlan) -> Plan:
    return Plan(plan.segment, plan.hop, plan.overlap, plan.lookahead)


async def _fed(stream: Stream, mixture: Float32Array) -> None:
    async with stream:
        for start in range(0, mixture.shape[1], BLOCK):
            await stream.send(mixture[:, start : start + BLOCK])


async def _collected(subscription: Subscription) -> list[StemBlock]:
    return [block async for block in subscription]


def _joined(blocks: Sequence[StemBlock], frames: int) -> Any:
    came = sum(block.header.frames for block in blocks)
    if came != frames or any({"gap", "degraded", "cut"} & set(block.header.flags) for block in blocks):
        raise StemdError(f"{came} of {frames} frames came back whole of a stream that loses nothing; see its log")
    return np.concatenate([block.samples for block in blocks], axis=1)
