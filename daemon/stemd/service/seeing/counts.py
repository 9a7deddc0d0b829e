"""Metrics of streams: what each counts, and the same of all streams, those that have ended, too.

A stream's own series end with it, for clients make names for ever; the sums over all never go down.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from stemd.service.distribution import Distribution, Timings
from stemd.service.seeing.metric import Metric, Row, one
from stemd.service.seeing.view import View

# The names are those of `Stream.counts`.
_COUNTED: Final = {
    "blocks": ("blocks", "Blocks that left."),
    "degraded": (
        "degraded_blocks",
        "Blocks that left without a network's estimate in them, for it was late or failed.",
    ),
    "saturated": ("saturated_samples", "Samples of stems that did not fit into 16 bits and were clipped."),
    "failures": ("failed_segments", "Segments at which a network failed."),
    "gaps": ("gaps", "Stretches of input that never came."),
    "late": ("late_blocks", "Blocks of input that came after their time and were left out."),
    "refused": ("refused_blocks", "Blocks of input that could not be used: NaN, infinity, a wrong size, too fast."),
    "jumps": ("source_jumps", "Times that a source paused or skipped, so that its time base began anew."),
}
_TIMED: Final = {
    "latency": (
        "latency_seconds",
        "From a frame's capture to its block's hand-over to a subscriber's socket, in realtime streams.",
    ),
    "margin": (
        "deadline_margin_seconds",
        "How long before it was due a segment's estimate was there, in realtime streams; 0 or less: it was given up.",
    ),
}


def _counted() -> Iterator[Metric]:
    for key, (name, words) in _COUNTED.items():
        yield Metric(f"stemd_{name}_total", "counter", words, partial(_sum, key))
        yield Metric(f"stemd_stream_{name}_total", "counter", _of_a_stream(words), partial(_each, key), ("stream",))


def _timed() -> Iterator[Metric]:
    for key, (name, words) in _TIMED.items():
        yield Metric(f"stemd_{name}", "histogram", words, partial(_all_times, key))
        yield Metric(f"stemd_stream_{name}", "histogram", _of_a_stream(words), partial(_times, key), ("stream",))


def _of_a_stream(words: str) -> str:
    return f"By stream, while it is open: {words[0].lower()}{words[1:]}"


def _sum(name: str, view: View) -> list[Row]:
    return one(view.streams.past[name] + sum(stream.counts()[name] for stream in view.streams.open.values()))


def _each(name: str, view: View) -> Iterator[Row]:
    for stream in view.streams.open.values():
        yield (stream.name,), stream.counts()[name]


def _all_times(name: str, view: View) -> list[Row]:
    return one(_copy(view.streams.timings, name))


def _times(name: str, view: View) -> Iterator[Row]:
    for stream in view.streams.open.values():
        if stream.promise.realtime:
            yield (stream.name,), _copy(stream.outlet.timings, name)


def _copy(timings: Timings, name: str) -> Distribution:
    distribution: Distribution = getattr(timings, name)
    return distribution.copy()


def _timings(view: View) -> Iterator[Row]:
    for timing in ("realtime", "free"):
        yield (timing,), sum(stream.promise.request.timing == timing for stream in view.streams.open.values())


STREAMS: Final = (
    Metric("stemd_streams", "gauge", "Streams that are open.", _timings, ("timing",)),
    Metric(
        "stemd_streams_limit",
        "gauge",
        "Streams that may be open at once (server.max_streams).",
        lambda view: one(view.config().server.max_streams),
    ),
    Metric(
        "stemd_streams_opened_total",
        "counter",
        "Streams that were opened.",
        lambda view: [((timing,), view.streams.begun[timing]) for timing in ("realtime", "free")],
        ("timing",),
    ),
    Metric(
        "stemd_load_ratio",
        "gauge",
        "Compute time over time, as it is: above 1, the networks cannot keep up.",
        lambda view: one(sum(stream.load for stream in view.streams.open.values())),
    ),
    Metric(
        "stemd_promised_load_ratio",
        "gauge",
        "Compute time over time that realtime streams were promised.",
        lambda view: one(view.streams.load),
    ),
    Metric(
        "stemd_stream_load_ratio",
        "gauge",
        "By stream, while it is open: compute time over time.",
        lambda view: [((stream.name,), stream.load) for stream in view.streams.open.values()],
        ("stream",),
    ),
    Metric(
        "stemd_stream_declared_latency_seconds",
        "gauge",
        "By stream, while it is open: the latency that it was promised.",
        lambda view: [((s.name,), s.promise.latency / s.promise.request.rate) for s in view.streams.open.values()],
        ("stream",),
    ),
    Metric(
        "stemd_lateness_seconds",
        "histogram",
        "How much later than promised blocks were handed to subscribers' sockets, in realtime streams.",
        lambda view: one(view.streams.timings.lateness.copy()),
    ),
    *_timed(),
    *_counted(),
)
