"""A clock that only waiting moves, a fake pool that takes simulated time on it, and realtime streams played on both.

So what takes seconds takes none, and nothing hangs on how busy the machine is.
"""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import numpy as np

from stemd.audio import Float32Array, decode_pcm, encode_pcm
from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment
from stemd.errors import StemdError
from stemd.protocol import Mixture, Open, Stem, Subscribe
from stemd.separation.assembly import latency
from stemd.separation.experience import Experience
from stemd.separation.manifest import PlanRow, Segments, SpecialistEntry
from stemd.separation.pool import Course, Estimate, Lane, NetworkId
from stemd.separation.specialist import Specialist
from stemd.separation.store import Model, find
from stemd.service.promise import Promise
from stemd.service.stream import Stream
from stemd.service.subscription import Subscription

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Never waits: what the loop would wait for, its clock is moved by."""

    now = 1_000.0  # no clock starts at 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits, and nothing will ever happen"
            self.now += max(0.0, timeout)
        return ready


class PretendLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while it has nothing to do."""

    def __init__(self) -> None:
        self._pretence = _Selector()
        super().__init__(self._pretence)

    def time(self) -> float:
        return self._pretence.now

    def pass_time(self, seconds: float) -> None:
        """Keep the loop from its work for so long."""
        self._pretence.now += seconds


def pretend(main: Coroutine[Any, Any, T]) -> T:
    """Run it in pretended time."""
    with asyncio.Runner(loop_factory=PretendLoop) as runner:
        return runner.run(main)


def now_ns() -> int:
    """The running loop's clock."""
    return round(asyncio.get_running_loop().time() * 1e9)


def seconds_now() -> float:
    """The same in seconds."""
    return asyncio.get_running_loop().time()


def ran(seconds: float) -> Course:
    """A run that took so long and ends now, all of it in its network."""
    end = now_ns()
    begin = end - round(seconds * 1e9)
    return Course(begin, begin, end, end)


@dataclass(repr=False)  # asyncio prints what its tasks give
class Run:
    """A segment that was run, and when, or one that was given up instead, where `end` is None."""

    network: int
    index: int
    begin: float
    end: float | None


class FakePool:
    """A fake: one worker that serves jobs as `threads.Worker` does, in simulated time.

    Args:
        specialists: the networks; their estimates are true, the time that they take is not.
        takes: how many seconds a network takes for a segment that begins to run now.
    """

    def __init__(self, specialists: Sequence[Specialist], takes: Callable[[int], float]) -> None:
        self.runs: list[Run] = []
        self._specialists, self._takes = specialists, takes
        self._jobs: list[tuple[int, int, int, int, Segment, Future[Estimate]]] = []
        self._order = itertools.count()
        self._busy = False
        self._experience = Experience()

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        assert lane is Lane.REALTIME
        future: Future[Estimate] = Future()
        job = (deadline_ns, rank, next(self._order), network.index, segment, future)
        heapq.heappush(self._jobs, job)
        asyncio.get_running_loop().call_soon(self._next)
        return future

    def _next(self) -> None:
        while self._jobs and not self._busy:
            deadline, rank, _, index, segment, future = heapq.heappop(self._jobs)
            left = (deadline - now_ns()) / 1e9
            if not future.done() and not self._experience.allows(index, rank, left):
                self.runs.append(Run(index, segment.span.index, seconds_now(), None))
                future.cancel()
            if future.set_running_or_notify_cancel():
                self._busy = True
                seconds = self._takes(index)
                self.runs.append(Run(index, segment.span.index, seconds_now(), seconds_now() + seconds))
                asyncio.get_running_loop().call_later(seconds, self._done, index, rank, segment, future, seconds)

    def _done(self, index: int, rank: int, segment: Segment, future: "Future[Estimate]", seconds: float) -> None:
        self._experience.note(index, rank, seconds)
        future.set_result(Estimate(self._specialists[index].run(segment), ran(seconds)))
        self._busy = False
        self._next()


class LatePool:
    """A fake: as many workers as there are segments, each of which is ready `late()` seconds after it was submitted.

    Like a real worker's, its futures cannot be cancelled once they run.
    """

    def __init__(self, specialists: Sequence[Specialist], late: Callable[[], float]) -> None:
        self._specialists, self._late = specialists, late

    def submit(
        self, network: NetworkId, segment: Segment, lane: Lane, deadline_ns: int, rank: int = 0
    ) -> "Future[Estimate]":
        assert lane is Lane.REALTIME
        future: Future[Estimate] = Future()
        future.set_running_or_notify_cancel()
        asyncio.get_running_loop().call_later(self._late(), self._done, network.index, segment, future)
        return future

    def _done(self, index: int, segment: Segment, future: "Future[Estimate]") -> None:
        future.set_result(Estimate(self._specialists[index].run(segment), ran(0.001)))


@dataclass(repr=False)  # asyncio prints what its tasks give
class Happenings:
    """What a stream told its server."""

    ending: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    faults: list[StemdError] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)
    waiting: bool = False  # whether something lies at the door

    def unread(self, stream: Stream) -> bool:
        return self.waiting

    def granted(self, stream: Stream, until: int) -> None: ...

    def dropped(self, subscription: Subscription, fault: StemdError) -> None:
        self.faults.append(fault)

    def failed(self, stream: Stream, fault: StemdError) -> None:
        self.faults.append(fault)

    def moved(self, stream: Stream, position: int) -> None:
        self.moves.append(position)

    def ended(self, stream: Stream, *, cut: bool) -> None:
        self.ending.set_result(cut)


@dataclass(repr=False)  # asyncio prints what its tasks give
class Heard:
    """What one subscription got, and when it left, in seconds of the pretended clock."""

    headers: list[Stem] = field(default_factory=list)
    parts: list[Float32Array] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def samples(self) -> Float32Array:
        """All of it, (channels, frames)."""
        return np.concatenate(self.parts, axis=1)

    def flagged(self, flag: str) -> list[int]:
        """The positions of the blocks with a flag."""
        return [header.position for header in self.headers if flag in header.flags]


@dataclass(repr=False)  # asyncio prints what its tasks give
class Desk:
    """A realtime stream in pretended time, with a lossless subscription to each of some stems."""

    stream: Stream
    events: Happenings
    heard: dict[str, Heard]
    began: float
    block: int
    rate: int

    def send(self, position: int, samples: Float32Array) -> None:
        """Send a block."""
        pcm = memoryview(encode_pcm(samples, "f32le"))
        self.stream.take(Mixture(self.stream.name, position, None), pcm)

    async def play(self, mixture: Float32Array, start: int = 0) -> None:
        """Send a recording from its frame `start` on, each block at its time."""
        for at in range(start, mixture.shape[1], self.block):
            await self.until(at)
            self.send(at, mixture[:, at : at + self.block])

    async def until(self, position: int) -> None:
        """Wait until a frame is due at the source."""
        await asyncio.sleep(self.began + position / self.rate - seconds_now())

    async def close(self) -> dict[str, Heard]:
        """End the stream; what was heard of each stem."""
        self.stream.close()
        async with asyncio.timeout(30):
            await self.events.ending
        return self.heard


def open_desk(
    pool: Any,
    model: Model,
    plan: WindowPlan,
    stems: Sequence[str],
    listened: Iterable[str],
    *,
    block: int = 441,
    rate: int = 44_100,
    compute: float = 0.05,
    realtime: Mapping[str, Any] | None = None,
    fills: bool = True,
    way: bool = False,
) -> Desk:
    """Open it; `compute` is the part of its latency that is for computing, margin included, in seconds.

    `way`: whether the subscriptions ask for the way of each block.
    """
    events = Happenings()
    config = msgspec.convert({"realtime": dict(realtime or {})}, Config)
    request = Open(1, "desk", rate, 2, "f32le", block, "realtime", None, None, None)
    frames = latency(plan, model.manifest.sample_rate, rate) + block + round(compute * rate)
    agreed = Promise(request, model, plan, tuple(stems), frames, fills)
    stream = Stream(agreed, "me", pool, config, events, now_ns)
    desk = Desk(stream, events, {}, seconds_now() + 1.0, block, rate)
    for number, stem in enumerate(listened):
        heard = desk.heard[stem] = Heard()

        def send(header: Stem, pcm: bytes, heard: Heard = heard) -> bool:
            if "end" not in header.flags:
                heard.headers.append(header)
                heard.parts.append(decode_pcm(pcm, 2, "f32le"))
                heard.times.append(seconds_now())
            return True

        wish = Subscribe(1, "desk", stem, "f32le", "lossless", 2**20, way)
        stream.subscribe(Subscription(number, "me", wish, send))
    return desk


def model_of(kind: str, *stems: str) -> Model:
    """A model that has no files: one specialist for each stem, whose segments may have any length."""
    shipped = find("spleeter-vocals")
    entries = tuple(SpecialistEntry(stems=(stem,), file=f"{stem}.onnx", sha256="0" * 64) for stem in stems)
    segments = Segments(multiple=1, minimum=1, maximum=2**24)
    row = PlanRow(segment=65_536, hop=4_096, overlap=1_024, lookahead=2_048)
    changes: dict[str, Any] = {"name": "pretended", "kind": kind, "specialists": entries, "segments": segments}
    changes |= {"live": row, "studio": row, "fast": None}
    return Model(shipped.folder, msgspec.structs.replace(shipped.manifest, **changes))
