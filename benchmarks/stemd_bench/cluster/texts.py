"""What `stemd bench cluster` says in words: how it measures, its tables, and what follows from them."""

from collections.abc import Mapping, Sequence
from typing import Final

from stemd_bench.cluster.costs import costs, counted
from stemd_bench.cluster.planning import Costs, Limits
from stemd_bench.cluster.statistics import STAGES
from stemd_bench.results import Variant

_MORE: Final = "What more streams would need: `stemd bench plan FILE` reckons it from this report, as an extrapolation."

METHOD: Final = (
    "Servers are tritonserver processes of this machine, with what `stemd models export-triton` writes, each held to "
    "one core of its own and one thread a run. Daemon, load and servers share the machine: figures of several servers "
    "are those of several cores, not of several machines, and there is no network but loopback. `here` is the local "
    "engine with one thread, in the same run: the baseline.",
    "Requests: one after the other, of one kind of segment. trip: from handing a segment to the pool to its estimate. "
    "compute: what the server says its network took, STFT included, which here has been done before. added: the trip "
    "less that. CPU: user + system of this process and of the server's, for a request. on the wire: bytes over the "
    "loopback interface, of whomever, with the headers of TCP, whose packets are larger there than on Ethernet. PSS: "
    "of the server with its backends, all models loaded.",
    "Where its time goes: queue, input, backend and output by the server's own count, backend less the network: the "
    "way to the backend's process and back. way: what is left of the trip, that is client, sockets and the server's "
    "gRPC. Means; they add up to the mean trip.",
    "Streams: as in `stemd bench streams`, stereo, 44.1 kHz, blocks of 20 ms, one listener to the vocals; held: how "
    "many can play at once with every block whole and 99 of 100 at most 10 ms late. Shared memory is off there, as it "
    "is between machines. Bytes by plan are computed from the shapes of the tensors: of one network; a bag of four "
    "sends four times as much.",
    "No peer is run beside: what serves models (Ray Serve, KServe, BentoML) knows neither streams nor deadlines, and "
    "what separates streams (GStreamer's element, plugins) knows no servers.",
)
HEADINGS: Final[Sequence[Mapping[str, str]]] = (
    {
        "trip_p50": "trip ms\np50",
        "trip_p99": "\np99",
        "compute_p50": "compute\nms",
        "added_p50": "added ms\np50",
        "added_p99": "\np99",
        "times_here": "times\nhere",
        "own_cpu": "CPU ms\nhere",
        "server_cpu": "\nserver",
        "wire": "on the wire\nKiB",
        "server_memory": "PSS MiB\nserver",
    },
    {f"stage_{name}": f"{'ms of a request' if n == 0 else ''}\n{name}" for n, name in enumerate(STAGES)},
    {
        "admitted": "streams\nadmitted",
        "held": "\nheld",
        "times_one": "times\none server",
        "declared": "declared\nms",
        "late_p99": "late ms\np99",
        "cpu_per_stream": "% of a core\na stream",
        "daemon_cpu": "\ndaemon",
        "client_cpu": "\nclient",
        "others": "\nothers",
        "memory": "RSS MiB\ndaemon",
    },
    {
        "hop_ms": "hop\nms",
        "sent": "KiB\nsent",
        "answered": "\nanswered",
        "sent_rate": "Mbit/s of a stream\nsent",
        "answered_rate": "\nanswered",
    },
)


def remarks(variants: Sequence[Variant]) -> tuple[str, ...]:
    """How near what planning reckons with comes to what was counted."""
    known = {cost.name: cost for cost in costs(variants)}
    told = [
        _beside_formula(v, known[name])
        for v in counted(variants)
        if (name := f"{v.parameters['network']}, {v.parameters['plan']}") in known
    ]
    return (*told, *([_MORE] if told else []))


def _beside_formula(variant: Variant, cost: Costs) -> str:
    servers, limits = int(variant.parameters["servers"]), Limits()
    reckoned = servers * cost.hop * limits.use / cost.trip
    held = variant.measures["held"].median
    return (
        f"{variant.name}: {held:.0f} held; by how long a segment takes there and back ({1e3 * cost.trip:.0f} ms of "
        f"every {1e3 * cost.hop:.0f} ms, {limits.use:.0%} of a server's time) it would be {reckoned:.1f}."
    )
