"""How `stemd bench latency` measures, in words, and its tables."""

from typing import Final

from stemd_bench.latency.blocks import STAGES

TITLES: Final = {name: name.replace("overlap_add", "overlap-add").replace("stft", "STFT") for name in STAGES}
"""Of the stages, as people read them."""

METHOD: Final[tuple[str, ...]] = (
    "Each case has a daemon process of its own, and differs from the base in one thing (a network that copies also in "
    "its plan, live). A process beside it plays a made-up song in blocks of 256 frames at 44.1 kHz (stereo, float32), "
    "each sent when its last frame would have been captured, by the monotonic clock; a thread of that process listens "
    "to one stem of each stream and notes the time of every receive call. It shares the machine's cores. Plan auto "
    "keeps the hop that it chose in the first case.",
    "latency: from the daemon's time base of a block's first frame to the receive call. late: that less the declared "
    "latency. The first two seconds, blocks flushed at the end, and blocks without an estimate are not counted in "
    "these; blocks heard, degraded and lost are of all that was played. Means, over the blocks of a run and then over "
    "the repeats, of the stages add up to the mean latency but for rounding; `slowest` is the mean over the hundredth "
    "of the blocks that took longest.",
    "buffering: until the input that the network has to see is there. STFT: and resampling, until the network begins. "
    "queue: until a worker is free. network. inverse: masks and inverse STFT. overlap-add: back on the event loop, "
    "joined with what came before. pacing: until the block is due, which is what time there was to spare. socket: from "
    "the hand-over to the daemon's socket to the client's receive call.",
    "load: compute time of a hop over its duration, all streams together. How high it may rise is tried with a network "
    "that multiplies matrices, as many as its input is loud: the daemon times it with a quiet segment and promises a "
    "latency, and then the stream grows louder in steps. What is called degraded is played dry.",
    "GStreamer's rule: what its element `demucs` (gst-plugins-rs 0.15) answers to a latency query, computed and not "
    "run: (ceil(1 / (1 - overlap)) + 1) pieces of 3 s, at overlap 0 one piece, and 1 s for computing. Its defaults are "
    "pieces of 3 s and an overlap of 25 %.",
)

OVERVIEW: Final[dict[str, str]] = {
    "hop": "ms\nhop",
    "declared": "latency\ndeclared",
    "latency:p50": "\np50",
    "latency:p95": "\np95",
    "latency:p99": "\np99",
    "latency:high": "\nmax",
    "late:p99": "late\np99",
    "load": "load\n%",
    "blocks": "blocks\nheard",
    "degraded": "\ndegraded",
    "lost": "\nlost",
    "others": "% of a core\nothers",
}
MEANS: Final[dict[str, str]] = {
    "latency_mean:mean": "mean ms\nlatency",
    **{f"{name}_mean:mean": f"\n{title}" for name, title in TITLES.items()},
}
SLOWEST: Final[dict[str, str]] = {
    f"{name}_slowest:mean": f"{'slowest 1 %, ms' if n == 0 else ''}\n{title}"
    for n, (name, title) in enumerate(TITLES.items())
}
LOADS: Final[dict[str, str]] = {"load_clean": "load %\nlast clean", "load_degrading": "\nfirst degraded"}
