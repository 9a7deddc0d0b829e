"""Every metric that the daemon has of its own."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from stemd import __version__
from stemd.protocol import MAJOR, MINOR
from stemd.separation.pool import Health, Server
from stemd.service.seeing.counts import STREAMS
from stemd.service.seeing.metric import Metric, Row, one
from stemd.service.seeing.view import View, obstacles
from stemd.service.subscription import Subscription

_LONGEST_NAME: Final = 64  # characters of what a client calls itself
_ENGINES: Final = ("onnxruntime", "onnxruntime-gpu", "openvino")  # the packages that bring them


def _subscription(view: View, subscription: Subscription) -> tuple[str, ...]:
    session = view.sessions.named(subscription.session)
    client = session.client[:_LONGEST_NAME] if session else "tap"
    return subscription.stream, subscription.stem, client, str(subscription.number)


def _of_subscriptions(name: str, view: View) -> Iterator[Row]:
    for subscription in view.listeners:
        yield _subscription(view, subscription), getattr(subscription, name)


def _deliveries(view: View) -> Iterator[Row]:
    for delivery in ("live", "lossless"):
        yield (delivery,), sum(s.lossless == (delivery == "lossless") for s in view.listeners)


def _lost(view: View) -> int:
    return view.listeners.lost + sum(subscription.dropped for subscription in view.listeners)


def _lanes(name: str, view: View) -> Iterator[Row]:
    for lane, health in view.pool.health().items():
        yield (lane.value,), float(getattr(health, name))


def _servers(name: str, view: View) -> Iterator[Row]:
    for server in view.pool.servers():
        yield (server.address,), float(getattr(server, name))


def _devices(name: str, view: View) -> Iterator[Row]:
    for direction, state in (view.devices() or {}).items():
        if state and state.get(name) is not None:
            yield (direction,), float(state[name])


def _working(view: View) -> Iterator[Row]:
    for direction, state in (view.devices() or {}).items():
        if state:
            yield (direction,), float(state["trouble"] is None)


def _models(view: View) -> Iterator[Row]:
    engines = view.pool.engines()
    for model in view.library.models.values():
        manifest = model.manifest
        engine = engines.get(manifest.key, "")
        yield (manifest.name, manifest.version, manifest.key, manifest.kind, str(manifest.sample_rate), engine), 1


def _engines(view: View) -> Iterator[Row]:
    threads = str(view.config().engine.thread_count())
    for package in _ENGINES:
        try:
            yield (package, version(package), threads), 1
        except PackageNotFoundError:
            continue


def _device(name: str, kind: Any, key: str, words: str) -> Metric:
    return Metric(f"stemd_device_{name}", kind, words, lambda view: _devices(key, view), ("direction",))


def _lane(name: str, kind: Any, key: str, words: str) -> Metric:
    assert key in Health.__dataclass_fields__  # noqa: S101 - else it would be missed at the first look only
    return Metric(f"stemd_{name}", kind, words, lambda view: _lanes(key, view), ("lane",))


def _server(name: str, kind: Any, key: str, words: str) -> Metric:
    assert key in Server.__dataclass_fields__  # noqa: S101 - else it would be missed at the first look only
    return Metric(f"stemd_server_{name}", kind, words, lambda view: _servers(key, view), ("server",))


_SUBSCRIPTION: Final = ("stream", "stem", "client", "subscription")

DAEMON: Final = (
    Metric(
        "stemd_build_info",
        "gauge",
        "Always 1; which stemd this is.",
        lambda _: [((__version__, f"{MAJOR}.{MINOR}", platform.python_version()), 1)],
        ("version", "protocol", "python"),
    ),
    Metric(
        "stemd_engine_info",
        "gauge",
        "Always 1; the engines that are installed, and how many threads a run has.",
        _engines,
        ("engine", "version", "threads"),
    ),
    Metric(
        "stemd_model_info",
        "gauge",
        "Always 1; the models that are loaded, and what runs them.",
        _models,
        ("model", "version", "edition", "kind", "rate", "engine"),
    ),
    Metric(
        "stemd_ready",
        "gauge",
        "Whether new streams are taken, as /readyz tells.",
        lambda view: one(float(not obstacles(view))),
    ),
    Metric("stemd_connected_clients", "gauge", "Clients that are connected.", lambda view: one(len(view.sessions))),
    Metric(
        "stemd_clients_total", "counter", "Clients that were ever connected.", lambda view: one(view.sessions.begun)
    ),
    Metric(
        "stemd_refused_messages_total",
        "counter",
        "Messages of clients that were answered with a fault, by its code.",
        lambda view: [((code,), count) for code, count in view.courier.refused.items()],
        ("code",),
    ),
    Metric(
        "stemd_event_loop_lag_seconds",
        "histogram",
        "How late the event loop came to a timer, looked at four times a second.",
        lambda view: one(view.lag.copy()),
    ),
)

SUBSCRIPTIONS: Final = (
    Metric("stemd_subscriptions", "gauge", "Subscriptions, pending ones, too.", _deliveries, ("delivery",)),
    Metric(
        "stemd_subscriptions_pending",
        "gauge",
        "Subscriptions that wait for a stream to be opened.",
        lambda view: one(len(view.listeners.pending())),
    ),
    Metric(
        "stemd_subscriptions_ended_total",
        "counter",
        "Subscriptions that the daemon ended, by the code of the fault that it told.",
        lambda view: [((code,), count) for code, count in view.listeners.ended.items()],
        ("code",),
    ),
    Metric(
        "stemd_dropped_blocks_total",
        "counter",
        "Blocks that live subscribers lost since they did not take them in time.",
        lambda view: one(_lost(view)),
    ),
    Metric(
        "stemd_subscription_dropped_blocks_total",
        "counter",
        "By subscription, while it lasts: blocks that it lost.",
        lambda view: _of_subscriptions("dropped", view),
        _SUBSCRIPTION,
    ),
    Metric(
        "stemd_subscription_sent_blocks_total",
        "counter",
        "By subscription, while it lasts: blocks that were handed to its socket.",
        lambda view: _of_subscriptions("sequence", view),
        _SUBSCRIPTION,
    ),
    Metric(
        "stemd_subscription_waiting_blocks",
        "gauge",
        "By subscription, while it lasts: blocks in its mailbox, which wait for credit or for its socket.",
        lambda view: _of_subscriptions("waiting", view),
        _SUBSCRIPTION,
    ),
)

WORKERS: Final = (
    _lane("lane_waiting_segments", "gauge", "waiting", "Segments in the queue of a lane."),
    _lane("lane_running_seconds", "gauge", "oldest", "How long what a lane runs has been running; 0: nothing."),
    _lane("lane_answers", "gauge", "answers", "Whether a lane still takes segments and ends them."),
    _lane("lane_hung_total", "counter", "hung", "Runs of a lane that took too long and were abandoned."),
    _lane("lane_lost_total", "counter", "lost", "Workers of a lane that died."),
    _lane("lane_restarts_total", "counter", "restarts", "Workers of a lane that took the place of another."),
)

SERVERS: Final = (
    _server("there", "gauge", "there", "Whether a server that runs networks for this daemon gets segments."),
    _server("busy_segments", "gauge", "busy", "Segments that a server has now."),
    _server("failures_total", "counter", "failures", "Times that a server failed, and rested."),
    _server("returns_total", "counter", "returns", "Times that a server came back."),
)

DEVICES: Final = (
    Metric("stemd_device_working", "gauge", "Whether a sound device is there.", _working, ("direction",)),
    _device("xruns_total", "counter", "xruns", "Callbacks of a sound device before which frames were lost."),
    _device("lost_frames_total", "counter", "lost", "Captured frames for which there was no room."),
    _device("broken_blocks_total", "counter", "broken", "Captured blocks with NaN or infinity, which became gaps."),
    _device(
        "underruns_total", "counter", "underruns", "Callbacks of a playing device for which frames were not there."
    ),
    _device("late_frames_total", "counter", "late", "Frames that came after a device had asked for them."),
    _device("clipped_frames_total", "counter", "clipped", "Frames over full scale that were played."),
    _device("limited_frames_total", "counter", "limited", "Frames that the limiter turned down."),
    _device("resyncs_total", "counter", "resyncs", "Times that the delay was lost, and put right with a click."),
    _device("delay_error_seconds", "gauge", "delay_error", "By how much frames play later than declared."),
    _device("buffer_seconds", "gauge", "device_latency", "The latency that a sound device has by its own account."),
)

METRICS: Final = (*DAEMON, *STREAMS, *SUBSCRIPTIONS, *WORKERS, *SERVERS, *DEVICES)
