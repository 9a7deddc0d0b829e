"""How fast the machine is, told by the streams that play: networks are measured when there may be less to do.

What measuring cannot know is what comes with the streams: the event loop that serves them, the programs that play them
on the same machine, and whatever else wants the processor by then.
"""

from collections.abc import Iterable, Mapping

from stemd.service.admission import Demand


def pace(playing: Iterable[tuple[Demand, Mapping[int, float]]]) -> float:
    """How many times as long as was reckoned segments take now, of all streams of a place together; 1 or more.

    Args:
        playing: of each stream what was promised, and the load of each specialist that ran lately.
    """
    taken = reckoned = 0.0
    for demand, loads in playing:
        for specialist in loads.keys() & demand.networks.keys():
            taken += loads[specialist]
            reckoned += demand.networks[specialist] / demand.hop
    return max(1.0, taken / reckoned) if reckoned else 1.0
