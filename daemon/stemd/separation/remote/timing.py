"""What a run takes on several servers, asked in turn."""

from collections.abc import Callable, Sequence
from typing import Final

from stemd.errors import InferenceError
from stemd.separation.pool import Timing
from stemd.separation.remote.endpoints import Endpoint
from stemd.separation.timing import enough, timing

_WARM_RUNS: Final = 2


def in_turn(run: Callable[[Endpoint], float], endpoints: Sequence[Endpoint]) -> Timing:
    """Of those that answer, warmed first, all together; one that fails is left out from then on.

    Args:
        run: asks an endpoint for a run; its seconds.
        endpoints: those to ask.

    Raises:
        InferenceError: nobody answers.
    """
    answering, fault = list(endpoints), InferenceError("there is no server to ask")

    def taken(endpoint: Endpoint, times: int) -> list[float]:
        nonlocal fault
        try:
            return [run(endpoint) for _ in range(times)]
        except InferenceError as exc:
            fault = exc
            answering.remove(endpoint)
            return []

    for endpoint in endpoints:
        taken(endpoint, _WARM_RUNS * endpoint.parallel)
    seconds: list[float] = []
    while answering and not enough(seconds):
        for endpoint in list(answering):
            seconds += taken(endpoint, 1)
    if not answering:
        raise fault
    return timing(seconds)
