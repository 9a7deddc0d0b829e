"""Every metric is moved by a test that knows by how much: a daemon is put through all that it counts.

What sound devices count is moved in tests/service/seeing/test_devices_counted.py and, as far as a real sound server can
be made to have such faults, in test_devices.py; workers are killed in test_workers.py.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np
import psutil
import pytest

from stemd import __version__
from stemd.audio import Float32Array
from stemd.protocol import MAJOR, MINOR, Close, Grant, Subscribe, Subscribed
from stemd.separation.store import find
from stemd.service.seeing.catalogue import DEVICES, METRICS, SERVERS
from tests.editions import HOP, OVERLAP, SEGMENT
from tests.end_to_end.process import folder, running
from tests.end_to_end.raw import BLOCK, Raw, connected
from tests.end_to_end.reference import THREADS, recording
from tests.end_to_end.seeing.moving import MOVERS, Seen, moves, tells, unmoved
from tests.end_to_end.seeing.scraping import Scrape, metrics_at
from tests.end_to_end.seeing.touchy import FAILS, HANGS, put_touchy
from tests.waiting import wait_until

RATE = 44_100
STREAMS = 3  # that may be open
TOUCHY = {"model": "touchy", "plan": None}
MARGIN = 1.0  # seconds; so long a run that hangs is seen, and it is less than what it takes to count as hung

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    table, port = metrics_at()
    with folder() as models:
        put_touchy(models)
        config = {
            **table,
            "server": {"max_streams": STREAMS},
            "models": {"folders": [str(models)]},
            "realtime": {"margin": MARGIN},
            "plan": "",
        }
        with running(config) as daemon:
            seen = Seen(daemon, port)
            seen.scrape()
            yield seen


@contextmanager
def client(seen: Seen) -> Iterator[Raw]:
    """A client that has left, with all that was its own, when the next mover begins."""
    before = Scrape(seen.port)["stemd_connected_clients"]
    with connected(seen.daemon.address) as raw:
        yield raw
    wait_until(lambda: Scrape(seen.port)["stemd_connected_clients"] == before, "the client has left")
    wait_until(lambda: sum(Scrape(seen.port).all("stemd_streams")) == 0, "its streams have ended")


def music(blocks: int, level: float = 0.25) -> Float32Array:
    return recording(blocks * BLOCK, RATE, level=level)


def offer(raw: Raw, name: str, samples: Float32Array, block: int, start: int = 0) -> None:
    """Send a recording into a free stream from position `start` on, as it is granted."""
    for at in range(start, samples.shape[1], block):
        while raw.granted[name] < at + block:
            raw.until(lambda message: isinstance(message, Grant))
        raw.mixture(name, at, samples[:, at : at + block])


def grown(seen: Seen, before: Scrape, name: str, **labels: str) -> float:
    """By how much a counter is higher than it was; what was not there counted nothing."""
    return sum(seen.scrape().all(name, **labels)) - sum(before.all(name, **labels))


# --- what streams count --------------------------------------------------------------------------------------------


@moves(
    "stemd_streams",
    "stemd_streams_opened_total",
    "stemd_blocks_total",
    "stemd_stream_blocks_total",
    "stemd_stream_declared_latency_seconds",
)
def a_free_stream(seen: Seen) -> None:
    before = seen.scrape()
    with client(seen) as raw:
        opened = raw.opened("walk")
        raw.listen("walk", "mix")
        raw.feed("walk", music(7))
        raw.state()
        during = seen.scrape()
        assert during.of("stemd_streams", timing="free") == 1
        assert during.of("stemd_stream_declared_latency_seconds", stream="walk") == opened.latency / RATE
        assert during.of("stemd_stream_blocks_total", stream="walk") == 7
        raw.ask(Close, stream="walk")
    assert grown(seen, before, "stemd_streams_opened_total", timing="free") == 1
    assert grown(seen, before, "stemd_blocks_total") == 7
    after = seen.scrape()
    assert after.of("stemd_streams", timing="free") == 0
    assert after.all("stemd_stream_blocks_total", stream="walk") == [], "the series of a stream ends with it"


@moves(
    "stemd_gaps_total",
    "stemd_stream_gaps_total",
    "stemd_late_blocks_total",
    "stemd_stream_late_blocks_total",
    "stemd_refused_blocks_total",
    "stemd_stream_refused_blocks_total",
    "stemd_refused_messages_total",
)
def bad_input(seen: Seen) -> None:
    before, part = seen.scrape(), music(1)
    counts = {"gaps": 2, "late_blocks": 1, "refused_blocks": 1}
    with client(seen) as raw:
        raw.opened("bad")
        raw.mixture("bad", 0, part)
        raw.mixture("bad", 3 * BLOCK, part)  # two blocks never came
        raw.mixture("bad", 6 * BLOCK, part)  # nor did these
        raw.mixture("bad", 2 * BLOCK, part)  # this is late
        raw.mixture("bad", 7 * BLOCK, np.full_like(part, np.nan))
        raw.fault("block")
        during = seen.scrape()
        for name, count in counts.items():
            assert during.of(f"stemd_stream_{name}_total", stream="bad") == count
        raw.say([b"\xff", b"garbage"])
        raw.fault("protocol")
        raw.ask(Close, stream="bad")
    for name, count in counts.items():
        assert grown(seen, before, f"stemd_{name}_total") == count, "what ended streams counted is not forgotten"
    assert grown(seen, before, "stemd_refused_messages_total", code="block") == 1
    assert grown(seen, before, "stemd_refused_messages_total", code="protocol") == 1


@moves("stemd_saturated_samples_total", "stemd_stream_saturated_samples_total")
def a_stem_that_is_too_loud(seen: Seen) -> None:
    before, count = seen.scrape(), 6
    mixture = np.zeros((2, count * BLOCK), np.float32)
    mixture[:, 3 * BLOCK : 4 * BLOCK : 8] = 0.75  # less the stem, which is its negative, that is 1.5
    with client(seen) as raw:
        raw.opened("loud", **TOUCHY)
        heard = raw.listen("loud", "instrumental", format="s16le")
        raw.feed("loud", mixture)
        raw.closing("loud")
        [instrumental] = raw.take_until_end(heard)
    clipped = int((instrumental.samples == 2**15 - 1).sum())
    assert clipped == 2 * BLOCK // 8
    assert grown(seen, before, "stemd_saturated_samples_total") == clipped
    with client(seen) as raw:
        raw.opened("loud", **TOUCHY)
        heard = raw.listen("loud", "instrumental", format="s16le")
        raw.feed("loud", mixture)
        raw.take_blocks(heard, 4)
        assert seen.scrape().of("stemd_stream_saturated_samples_total", stream="loud") == clipped


@moves(
    "stemd_failed_segments_total",
    "stemd_stream_failed_segments_total",
    "stemd_degraded_blocks_total",
    "stemd_stream_degraded_blocks_total",
)
def a_network_that_fails(seen: Seen) -> None:
    before, at = seen.scrape(), 10 * HOP
    mixture = np.zeros((2, 40 * HOP), np.float32)
    mixture[:, at] = FAILS
    with client(seen) as raw:
        raw.opened("sour", block=HOP, **TOUCHY)
        heard = raw.listen("sour", "vocals")
        offer(raw, "sour", mixture[:, : 30 * HOP], HOP)
        raw.take_blocks(heard, 20)
        during = seen.scrape()
        assert during.of("stemd_stream_failed_segments_total", stream="sour") == SEGMENT // HOP
        assert during.of("stemd_stream_degraded_blocks_total", stream="sour") > 0
        offer(raw, "sour", mixture, HOP, start=30 * HOP)
        raw.closing("sour")
        [vocals] = raw.take_until_end(heard)
    flagged = sum("degraded" in header.flags for header in vocals.headers)
    # As many segments see a frame as hops go into one; what they are trusted for overlaps into the block behind them.
    assert flagged == SEGMENT // HOP + 1
    assert 0 < OVERLAP < HOP
    assert grown(seen, before, "stemd_failed_segments_total") == SEGMENT // HOP
    assert grown(seen, before, "stemd_degraded_blocks_total") == flagged


# --- how realtime streams keep the time ----------------------------------------------------------------------------


@moves(
    "stemd_streams",
    "stemd_streams_opened_total",
    "stemd_latency_seconds",
    "stemd_stream_latency_seconds",
    "stemd_lateness_seconds",
    "stemd_deadline_margin_seconds",
    "stemd_stream_deadline_margin_seconds",
    "stemd_load_ratio",
    "stemd_stream_load_ratio",
    "stemd_promised_load_ratio",
)
def a_realtime_stream(seen: Seen) -> None:
    before, count = seen.scrape(), 40
    with client(seen) as raw:
        opened = raw.opened("live", timing="realtime", **TOUCHY)
        heard = raw.listen("live", "vocals")
        began = time.monotonic()
        for at in range(count):
            while (left := began + (at + 1) * BLOCK / RATE - time.monotonic()) > 0:
                raw.take(left)
            raw.mixture("live", at * BLOCK, music(1))
        settled = count - SEGMENT // HOP  # the last ones wait for input that does not come
        raw.take_blocks(heard, settled)
        during = seen.scrape()
        left = during.of("stemd_stream_latency_seconds_count", stream="live")
        assert settled <= left <= count
        promised = during.of("stemd_stream_declared_latency_seconds", stream="live")
        assert promised == opened.latency / RATE
        mean = during.of("stemd_stream_latency_seconds_sum", stream="live") / left
        assert promised - 0.001 <= mean < promised + 2
        segments = during.of("stemd_stream_deadline_margin_seconds_bucket", stream="live", le="+Inf")
        assert settled <= segments <= count
        assert 0 < during.of("stemd_stream_load_ratio", stream="live") == during["stemd_load_ratio"]
        assert 0 < during["stemd_promised_load_ratio"] < 1
        assert raw.state()["load"] == round(during["stemd_promised_load_ratio"], 4)
        raw.closing("live")
        raw.take_until_end(heard)
    assert grown(seen, before, "stemd_latency_seconds_count") == count
    assert grown(seen, before, "stemd_lateness_seconds_count") == count
    assert grown(seen, before, "stemd_streams_opened_total", timing="realtime") == 1
    after = seen.scrape()
    late = after["stemd_lateness_seconds_sum"] - before["stemd_lateness_seconds_sum"]
    assert -0.001 * count < late < 2 * count
    assert after["stemd_promised_load_ratio"] == after["stemd_load_ratio"] == 0


@moves("stemd_source_jumps_total", "stemd_stream_source_jumps_total")
def a_source_that_pauses(seen: Seen) -> None:
    before = seen.scrape()
    with client(seen) as raw:
        raw.opened("pauses", timing="realtime", **TOUCHY)
        raw.mixture("pauses", 0, music(1))
        raw.state()
        paused = time.monotonic()
        wait_until(lambda: time.monotonic() - paused > 0.6, "the source has paused")
        raw.mixture("pauses", BLOCK, music(1))
        raw.state()
        assert seen.scrape().of("stemd_stream_source_jumps_total", stream="pauses") == 1
        raw.ask(Close, stream="pauses")
    assert grown(seen, before, "stemd_source_jumps_total") == 1


@moves(
    "stemd_lane_hung_total",
    "stemd_lane_running_seconds",
    "stemd_deadline_margin_seconds",
    "stemd_stream_deadline_margin_seconds",
)
def a_network_that_hangs(seen: Seen) -> None:
    before = seen.scrape()
    loud = np.zeros((2, SEGMENT), np.float32)
    loud[:, SEGMENT // 2] = HANGS
    with client(seen) as raw:
        raw.opened("stuck", timing="realtime", block=SEGMENT, **TOUCHY)
        raw.listen("stuck", "vocals")
        raw.mixture("stuck", 0, loud)

        def stands() -> bool:
            raw.ping()
            return seen.scrape().of("stemd_lane_running_seconds", lane="realtime") > 0.1

        wait_until(stands, "the lane runs what does not end")

        def hung() -> bool:
            raw.ping()
            return grown(seen, before, "stemd_lane_hung_total", lane="realtime") > 0

        wait_until(hung, "a run was abandoned")

        def late() -> bool:
            raw.ping()
            return grown(seen, before, "stemd_deadline_margin_seconds_bucket", le="0.0") > 0

        wait_until(late, "a segment was given up, which was not ready when it was due")
        assert not grown(seen, before, "stemd_deadline_margin_seconds_bucket", le="-1.0")


# --- who listens ---------------------------------------------------------------------------------------------------


@moves(
    "stemd_connected_clients",
    "stemd_clients_total",
    "stemd_subscriptions",
    "stemd_subscriptions_pending",
    "stemd_subscriptions_ended_total",
)
def those_who_come_too_early(seen: Seen) -> None:
    before = seen.scrape()
    with client(seen) as raw:
        for delivery, stem in (("live", "mix"), ("lossless", "drums")):
            raw.listen("later", stem, delivery=delivery)
        during = seen.scrape()
        assert during["stemd_connected_clients"] == before["stemd_connected_clients"] + 1
        assert during["stemd_subscriptions_pending"] == 2
        assert during.of("stemd_subscriptions", delivery="live") == 1
        assert during.of("stemd_subscriptions", delivery="lossless") == 1
        raw.opened("later")
        raw.fault("unknown-stem")
        assert grown(seen, before, "stemd_subscriptions_ended_total", code="unknown-stem") == 1
        assert seen.scrape()["stemd_subscriptions_pending"] == 0
    assert grown(seen, before, "stemd_clients_total") == 1


@moves(
    "stemd_dropped_blocks_total",
    "stemd_subscription_dropped_blocks_total",
    "stemd_subscription_sent_blocks_total",
    "stemd_subscription_waiting_blocks",
)
def a_listener_that_does_not_keep_up(seen: Seen) -> None:
    before, room, sent, count = seen.scrape(), 11, 3, 20  # room: a quarter of a second, in blocks
    with client(seen) as raw:
        raw.opened("fast")
        request = {"stream": "fast", "stem": "mix", "format": "f32le", "delivery": "live", "credit": sent}
        subscribed = raw.ask(Subscribe, **request)
        assert isinstance(subscribed, Subscribed)
        raw.feed("fast", music(count))
        raw.state()
        about = {"stream": "fast", "stem": "mix", "client": "raw", "subscription": str(subscribed.subscription)}
        during = seen.scrape()
        waits = during.of("stemd_subscription_waiting_blocks", **about)
        assert waits == room
        assert during.of("stemd_subscription_sent_blocks_total", **about) == sent
        assert during.of("stemd_subscription_dropped_blocks_total", **about) == count - sent - room
    wait_until(lambda: not seen.scrape().all("stemd_subscription_waiting_blocks"), "its series end with it")
    assert grown(seen, before, "stemd_dropped_blocks_total") == count - sent - room


# --- the daemon ----------------------------------------------------------------------------------------------------


@moves("stemd_lane_waiting_segments", "stemd_lane_running_seconds")
def much_to_do(seen: Seen) -> None:
    with client(seen) as raw:
        for name in ("a", "b", "c"):
            raw.opened(name, plan="studio", block=BLOCK)
            raw.listen(name, "vocals")
        for name in ("a", "b", "c"):
            raw.feed(name, np.zeros((2, 340 * BLOCK), np.float32))
            raw.closing(name)

        def busy() -> bool:
            raw.ping()
            now = seen.scrape()
            names = ("stemd_lane_waiting_segments", "stemd_lane_running_seconds")
            return all(now.of(name, lane="free") > 0 for name in names)

        wait_until(busy, "segments wait while one runs")


@moves("stemd_ready")
def too_many_streams(seen: Seen) -> None:
    with client(seen) as raw:
        assert seen.scrape()["stemd_ready"] == 1
        for number in range(STREAMS):
            raw.opened(f"stream-{number}")
        assert seen.scrape()["stemd_ready"] == 0


@moves("stemd_event_loop_lag_seconds", "process_cpu_seconds_total")
def a_daemon_that_stood_still(seen: Seen) -> None:
    before = seen.scrape()
    seen.daemon.signal(signal.SIGSTOP)
    stood = time.monotonic()
    wait_until(lambda: time.monotonic() - stood > 1.0, "it stands still")
    seen.daemon.signal(signal.SIGCONT)

    def late() -> bool:
        return grown(seen, before, "stemd_event_loop_lag_seconds_sum") > 0.5

    wait_until(late, "the loop has seen that it was late")
    spent = psutil.Process(seen.daemon.process.pid).cpu_times().user
    wait_until(lambda: seen.scrape()["process_cpu_seconds_total"] >= spent, "its computing time is told")
    # It is told in hundredths of a second, and to be asked takes less.
    wait_until(lambda: grown(seen, before, "process_cpu_seconds_total") > 0, "its computing time grows")


@moves("process_open_fds", "process_resident_memory_bytes")
def what_the_process_holds(seen: Seen) -> None:
    before, process = seen.scrape(), psutil.Process(seen.daemon.process.pid)
    with client(seen) as raw:
        raw.opened("big", rate=48_000)
        raw.listen("big", "vocals")
        raw.feed("big", np.zeros((2, 16 * BLOCK), np.float32))
        raw.state()
        during = seen.scrape()
        assert during["process_open_fds"] > before["process_open_fds"]
        assert abs(during["process_resident_memory_bytes"] / process.memory_info().rss - 1) < 0.2


TOLD = (
    "stemd_build_info",
    "stemd_engine_info",
    "stemd_model_info",
    "stemd_streams_limit",
    "stemd_lane_answers",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
    "process_max_fds",
)


@tells(*TOLD)
def what_it_is(seen: Seen) -> None:
    now = seen.scrape()
    assert now.of("stemd_build_info", version=__version__, protocol=f"{MAJOR}.{MINOR}") == 1
    engine = {"engine": "onnxruntime", "version": version("onnxruntime"), "threads": str(THREADS)}
    assert now.of("stemd_engine_info", **engine) == 1
    shipped = find("spleeter-vocals").manifest
    model = {"model": shipped.name, "version": shipped.version, "edition": shipped.key, "kind": "mask"}
    assert now.of("stemd_model_info", **model, rate="44100", engine="onnxruntime") == 1
    assert now["stemd_streams_limit"] == STREAMS
    assert now.all("stemd_lane_answers") == [1, 1]
    process = psutil.Process(seen.daemon.process.pid)
    assert abs(now["process_start_time_seconds"] - process.create_time()) < 2
    assert abs(now["process_virtual_memory_bytes"] / process.memory_info().vms - 1) < 0.2
    assert now["process_max_fds"] == process.rlimit(psutil.RLIMIT_NOFILE)[0]


@pytest.mark.parametrize("mover", MOVERS)
def test_it_moves_as_it_should(seen: Seen, mover: str) -> None:
    MOVERS[mover][1](seen)


WORKERS = {"stemd_lane_lost_total", "stemd_lane_restarts_total"}  # test_workers.py
ELSEWHERE = {metric.name for metric in (*DEVICES, *SERVERS)} | WORKERS
SAME = {*TOLD, *WORKERS}
PATIENT = {("stemd_lane_hung_total", "free")}  # it takes half a minute there


def test_no_metric_is_without_a_test_that_moves_it(seen: Seen) -> None:
    """Walks the registry, as it is to be seen from outside."""
    moved = frozenset[str]().union(*(names for names, _ in MOVERS.values()))
    own = {metric.name for metric in METRICS}
    assert seen.scrape().names() >= own, "what the catalogue has is not all there"
    assert seen.scrape().names() - moved == ELSEWHERE
    assert not moved & ELSEWHERE


def test_no_sample_stands_still_while_all_this_is_done(seen: Seen) -> None:
    """Beyond families: each of their labels, too."""
    ran = seen.scrapes.copy()
    if len(ran) <= len(MOVERS):
        pytest.skip("says something only when the whole file runs")
    still = {(name, dict(labels).get("lane")) for name, labels in unmoved(ran) if name not in SAME}
    assert still <= PATIENT
