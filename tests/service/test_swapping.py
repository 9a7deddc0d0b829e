"""Whether another edition may take a stream's network over: its promise, and every other, must still hold."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from stemd.config import Config
from stemd.dsp.plan import WindowPlan
from stemd.errors import ModelLoadError, Overloaded, StemdError
from stemd.protocol import Mixture, Open, Subscribe
from stemd.separation.pool import Capacity, Estimate, Lane, NetworkId, Timing
from stemd.separation.store import Model, find
from stemd.service.admission import Demand
from stemd.service.library import Library
from stemd.service.promise import Promise
from stemd.service.reloading import prepare
from stemd.service.stream import Stream
from stemd.service.subscription import Subscription
from stemd.service.swapping import obstacle, swap
from stemd.service.tuning import Memory
from tests import editions
from tests.service.pretence import Happenings

HOP = editions.HOP / 44_100


class FakeStreams:
    """A fake: one stream `desk` whose segments take 1 ms, beside others; notes what was swapped."""

    def __init__(self, model: Model, others: Sequence[Demand]) -> None:
        self.desk = SimpleNamespace(
            name="desk",
            session="me",
            promise=SimpleNamespace(
                model=model, plan=editions.PLAN.window(), stems=("vocals",), request=SimpleNamespace(model="tone")
            ),
        )
        self.open = {"desk": self.desk}
        self.demands = {"desk": Demand(0.001, HOP, 0.004), **{f"other{i}": d for i, d in enumerate(others)}}
        self.swapped: list[tuple[str, Demand]] = []

    def swap(self, stream: SimpleNamespace, model: Model, demand: Demand) -> None:
        self.swapped.append((model.manifest.version, demand))


class FakeLibrary:
    """A fake: every segment takes `seconds`, or no more than `second_time` when it is measured anew."""

    at = Capacity()

    def __init__(self, seconds: float, second_time: float = 1.0) -> None:
        self.seconds, self.second_time = seconds, second_time

    def capacity(self, model: Model) -> Capacity:
        return self.at

    async def timings(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        await asyncio.sleep(0)
        return [Timing(self.seconds, self.seconds) for _ in specialists]

    def forget(self, model: Model, plan: WindowPlan) -> None:
        self.seconds = min(self.seconds, self.second_time)


def tone(folder: Path, gain: float, **changes: object) -> Model:
    editions.put(folder, gain, **changes)  # type: ignore[arg-type]
    return find("tone", [folder])


@pytest.mark.parametrize(
    ("seconds", "others", "fits"),
    [
        (0.001, [], True),
        (0.003, [], True),
        (0.005, [], False),  # beyond its own budget
        (0.003, [Demand(0.001, HOP, 0.0045)], True),
        (0.003, [Demand(0.001, HOP, 0.0035)], False),  # the other would come too late
        (0.0035, [Demand(0.012, HOP, 0.020)], False),  # a segment of the other may be ahead
        (HOP, [], False),
    ],
)
async def test_a_slower_edition_is_taken_only_where_every_promise_still_holds(
    tmp_path: Path, seconds: float, others: list[Demand], fits: bool
) -> None:
    old, new = tone(tmp_path / "old", 1.0), tone(tmp_path / "new", 0.5)
    streams = FakeStreams(old, others)
    work = swap(streams.desk, new, streams, FakeLibrary(seconds), 1)  # type: ignore[arg-type]
    if fits:
        await work
        assert streams.swapped == [("gain 0.5", Demand(seconds, HOP, 0.004, networks={0: seconds}))]
    else:
        with pytest.raises(Overloaded):
            await work
        assert not streams.swapped


async def test_what_was_measured_in_a_bad_moment_is_measured_again(tmp_path: Path) -> None:
    old, new = tone(tmp_path / "old", 1.0), tone(tmp_path / "new", 0.5)
    streams = FakeStreams(old, [])
    await swap(streams.desk, new, streams, FakeLibrary(0.010, 0.002), 1)  # type: ignore[arg-type]
    assert streams.swapped == [("gain 0.5", Demand(0.002, HOP, 0.004, networks={0: 0.002}))]


async def test_a_stream_that_ended_meanwhile_is_not_swapped(tmp_path: Path) -> None:
    old, new = tone(tmp_path / "old", 1.0), tone(tmp_path / "new", 0.5)
    streams = FakeStreams(old, [])
    work = asyncio.ensure_future(swap(streams.desk, new, streams, FakeLibrary(0.001), 1))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    del streams.open["desk"]
    await work
    assert not streams.swapped


def test_a_network_of_another_kind_will_not_do(tmp_path: Path) -> None:
    promise = SimpleNamespace(model=tone(tmp_path, 1.0), plan=editions.PLAN.window())
    assert "of kind 'mask', not 'waveform'" in str(obstacle(promise, find("spleeter-vocals")))  # type: ignore[arg-type]
    assert obstacle(promise, tone(tmp_path / "new", 0.5)) is None  # type: ignore[arg-type]


class FakePool:
    """A fake: notes what is loaded, in order."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def load(self, model: Model) -> None:
        if model.manifest.key not in self.loaded:
            self.loaded.append(model.manifest.key)

    def unload(self, key: str) -> None:
        self.loaded.remove(key)

    def measure(self, model: Model, plan: WindowPlan, lane: Lane, specialists: Sequence[int]) -> list[Timing]:
        return [Timing(0.001, 0.001) for _ in specialists]


async def loaded(folder: Path) -> tuple[FakePool, Library, str]:
    """A library that has loaded the first edition of `tone`; its pool, and the edition's key."""
    pool = FakePool()
    library = Library(pool, [folder], Memory(folder / "hops", "fake"))  # type: ignore[arg-type]
    first = editions.put(folder, 1.0)
    await library.load("tone")
    return pool, library, first


async def let_go(library: Library, *used: str) -> None:
    """Have it unload what is retired and not used, and wait for that."""
    library.look_after(lambda key: key in used)
    if library._unloading:
        await library._unloading


async def test_an_edition_is_unloaded_once_nothing_uses_it(tmp_path: Path) -> None:
    pool, library, first = await loaded(tmp_path)
    second = editions.put(tmp_path, 0.5)
    library.adopt([await library.edition("tone", [tmp_path])], [tmp_path])
    assert pool.loaded == [first, second]
    await let_go(library, first)
    assert pool.loaded == [first, second]
    await let_go(library)
    assert pool.loaded == [second]


async def test_an_edition_that_comes_back_before_it_is_unloaded_stays(tmp_path: Path) -> None:
    pool, library, first = await loaded(tmp_path)
    editions.put(tmp_path, 0.5)
    library.adopt([await library.edition("tone", [tmp_path])], [tmp_path])
    editions.put(tmp_path, 1.0)
    library.adopt([await library.edition("tone", [tmp_path])], [tmp_path])
    await let_go(library)
    assert pool.loaded == [first]


async def test_an_edition_that_is_about_to_be_adopted_is_not_unloaded(tmp_path: Path) -> None:
    pool, library, first = await loaded(tmp_path)
    second = editions.put(tmp_path, 0.5)
    library.adopt([await library.edition("tone", [tmp_path])], [tmp_path])
    editions.put(tmp_path, 1.0)
    back = await library.edition("tone", [tmp_path])
    await let_go(library)
    assert pool.loaded == [first, second]
    library.adopt([back], [tmp_path])
    await let_go(library)
    assert pool.loaded == [first]


async def test_what_was_loaded_for_a_reload_that_fails_is_retired(tmp_path: Path) -> None:
    pool, library, first = await loaded(tmp_path)
    second = editions.put(tmp_path, 0.5)
    models = {"default": "tone", "folders": [str(tmp_path)]}
    before = msgspec.convert({"models": models}, Config)
    wanted = msgspec.convert({"models": {**models, "preload": ["zebra"]}, "plan": "live"}, Config)
    with pytest.raises(ModelLoadError, match="zebra"):
        await prepare(before, wanted, library, FakeStreams(find("tone", [tmp_path]), []))  # type: ignore[arg-type]
    assert pool.loaded == [first, second]
    await let_go(library)
    assert pool.loaded == [first]


class FakeLane:
    """A fake pool whose jobs never end; notes which network each is for."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def submit(self, network: NetworkId, *_: object) -> "Future[Estimate]":
        self.keys.append(network.model)
        return Future()


async def test_the_old_networks_are_in_use_until_their_last_segment_has_ended(tmp_path: Path) -> None:
    old, new = tone(tmp_path / "old", 1.0), tone(tmp_path / "new", 0.5)
    pool = FakeLane()
    request = Open(1, "desk", 44_100, 2, "f32le", 441, "free", None, None, None)
    plan = editions.PLAN.window()
    agreed = Promise(request, old, plan, ("vocals",), plan.latency)
    stream = Stream(agreed, "me", pool, Config(), Happenings())  # type: ignore[arg-type]
    stream.subscribe(Subscription(1, "me", Subscribe(1, "desk", "vocals", "f32le", "live", 64), lambda *_: True))

    def feed(blocks: int) -> None:
        for _ in range(blocks):
            stream.take(Mixture("desk", stream.inlet.intake.expected, None), memoryview(bytes(8 * 441)))

    feed(3)
    assert pool.keys == [old.manifest.key]
    stream.swap(new)
    assert stream.editions == {old.manifest.key, new.manifest.key}
    feed(3)
    assert pool.keys == [old.manifest.key, new.manifest.key]
    stream.cut()
    assert stream.editions == {new.manifest.key}


async def test_a_model_that_only_a_failed_reload_wanted_is_unloaded(tmp_path: Path) -> None:
    pool, library, first = await loaded(tmp_path)
    editions.put(tmp_path, 0.5)
    library.retire([await library.edition("tone", [tmp_path])])
    await let_go(library)
    assert pool.loaded == [first]
    with pytest.raises(StemdError):
        await library.edition("none", [tmp_path])
