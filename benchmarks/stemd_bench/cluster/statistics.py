"""Where a request's time goes on a server, by the server's own count."""

from collections.abc import Mapping
from typing import Any, Final

STAGES: Final = ("way", "queue", "input", "backend", "network", "output")
"""In the order in which a request goes through them; `way` is there and back, with all that the daemon does for it."""
_THEIRS: Final = {"queue": "queue", "input": "compute_input", "backend": "compute_infer", "output": "compute_output"}


def spent(address: str, name: str, version: str) -> Mapping[str, float]:
    """Seconds that the requests of a model spent so far, by stage, and under `requests` how many there were.

    Of the backend's, the network's are a part.
    """
    from tritonclient.grpc import InferenceServerClient  # noqa: PLC0415 - an extra

    with InferenceServerClient(address) as client:
        answer: Any = client.get_inference_statistics(name, version, as_json=True)
    return counted(answer["model_stats"][0])


def counted(statistics: Mapping[str, Any]) -> Mapping[str, float]:
    """The same from what a server answers: durations are in nanoseconds there, and what is 0 is left out."""
    told = statistics.get("inference_stats", {})
    seconds = {stage: int(told.get(theirs, {}).get("ns", 0)) / 1e9 for stage, theirs in _THEIRS.items()}
    return {**seconds, "requests": float(told.get("success", {}).get("count", 0))}


def stages(before: Mapping[str, float], after: Mapping[str, float], trip: float, network: float) -> dict[str, float]:
    """Mean seconds of a request by stage; together they are the trip.

    Args:
        before: see `spent`.
        after: likewise, of the same model, some requests later.
        trip: mean seconds from asking to the answer.
        network: mean seconds that the network took of these.
    """
    requests = after["requests"] - before["requests"]
    theirs = {stage: (after[stage] - before[stage]) / requests for stage in _THEIRS}
    way = trip - sum(theirs.values())
    found = {**theirs, "backend": theirs["backend"] - network, "network": network, "way": way}
    return {stage: max(0.0, found[stage]) for stage in STAGES}
