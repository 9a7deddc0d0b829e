"""A report of `stemd bench cluster` as a machine with many cores might give it: made of figures, not measured."""

from stemd_bench.cluster.names import GRPC, HERE, SHARED, WAYS
from stemd_bench.cluster.statistics import STAGES
from stemd_bench.results import Parameter, Report, Variant
from tests.bench.reports import report, variant

ADDED = {GRPC: 12.0, SHARED: 6.0}
NETWORK = "spleeter-vocals"
HOPS = {"live": 2_048, "roomy": 22_050}


def request(plan: str, way: str, **changes: float) -> Variant:
    of: dict[str, Parameter] = {
        "group": "request",
        "network": NETWORK,
        "plan": plan,
        "way": way,
        "segment": 230_400,
        "hop": HOPS[plan],
        "rate": 44_100,
    }
    figures = {"trip_p50": 30.0, "trip_p99": 33.0, "own_cpu": 30.0}
    if way != HERE:
        added = ADDED[way]
        figures |= {"trip_p50": 40.0 + added, "trip_p99": 45.0 + added, "compute_p50": 40.0, "added_p50": added}
        figures |= {"added_p99": 2 * added, "own_cpu": 5.0, "server_cpu": 50.0, "server_memory": 300.0}
        figures["wire"] = 2_010.0
        figures |= {f"stage_{stage}": 1.0 for stage in STAGES} | {"stage_network": 40.0, "stage_way": added - 4}
    return variant(f"{NETWORK}, {plan}, {way}", of, **{**figures, **changes})


def capacity(servers: int, held: float, admitted: float | None = None, plan: str = "roomy") -> Variant:
    of: dict[str, Parameter] = {"group": "capacity", "network": NETWORK, "plan": plan, "servers": servers}
    figures = {"admitted": held if admitted is None else admitted, "held": held, "cpu_per_stream": 3.0}
    return variant(f"{plan}, {servers} servers", of, declared=600.0, late_p99=2.0, **figures)


def traffic(plan: str) -> Variant:
    of: dict[str, Parameter] = {"group": "traffic", "network": NETWORK, "plan": plan, "segment": 230_400, "computed": 1}
    return variant(f"{plan}, in bytes", of, sent=1_800.0, answered=200.0, sent_rate=29.5, answered_rate=3.3, hop_ms=500)


def variants() -> list[Variant]:
    asked = [request(plan, way) for plan in HOPS for way in WAYS]
    return [*asked, capacity(0, 6), capacity(1, 7), capacity(2, 14), traffic("live"), traffic("roomy")]


def whole() -> Report:
    return report("cluster", *variants())
