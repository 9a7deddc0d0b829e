"""How `stemd bench live` measures, in words, and its tables."""

from typing import Final

METHOD: Final[tuple[str, ...]] = (
    "Each stream has a daemon process of its own, whose network has a thread for each core. A process beside it plays "
    "a made-up song in blocks of 256 frames (stereo, float32), each sent when its last frame would have been captured, "
    "by the monotonic clock; a thread of that process listens to `instrumental`. It shares the machine's cores.",
    "latency: from the moment at which a block was captured (the daemon's time base, told from the arrivals) to its "
    "arrival at the listener. late: that less the declared latency. The first two seconds are not counted in these.",
    "load: compute time of a hop over its duration, as the daemon smooths it, looked at twice a second. A stream is "
    "opened once, and plan auto is chosen by timing each time: nothing is remembered from before.",
    "SDR: of the vocals over a whole song, of the plan that was opened, computed offline (to the bit what a stream "
    "gives: tests/separation), mean over the songs.",
)

HEADINGS: Final[dict[str, str]] = {
    "declared": "latency\ndeclared",
    "latency_p50": "\np50",
    "latency_p95": "\np95",
    "latency_p99": "\np99",
    "latency_max": "\nmax",
    "late_p99": "late\np99",
    "load": "load\nmean %",
    "load_max": "\nmax",
    "degraded": "blocks\ndegraded",
    "lost": "\nlost",
    "gaps": "\ngaps",
    "daemon_cpu": "% of a core\ndaemon",
    "others": "\nothers",
    "memory": "memory\nMiB",
}
