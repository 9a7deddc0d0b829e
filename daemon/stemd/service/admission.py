"""Which realtime streams one worker can serve, or several, each within its own bound: decided before a promise is made.

Segments run one at a time and are not interrupted, earliest deadline first. A set of streams with compute C, hop T and
compute budget B (the time from a segment's last frame to its deadline) keeps every deadline if, for all t > 0,

    sum over B_i <= t of (floor((t - B_i) / T_i) + 1) * C_i  +  max over B_j > t of C_j  <=  t

(K. Jeffay, D. Stanat, C. Martel, "On non-preemptive scheduling of periodic and sporadic tasks", 1991; with deadlines
below periods: L. George, N. Rivierre, M. Spuri, 1996).

Where m workers take segments from one queue, a segment waits only while all of them are busy: at most for a m-th of the
work that goes before it (R. L. Graham, "Bounds on multiprocessing timing anomalies", 1969), and then takes its own C.
So each stream counts with C_i / m in the sum, its own run with C_i, and B_i is less by (1 - 1/m) * C_i.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from stemd.errors import Overloaded

HEADROOM: Final = 1.3
_STEPS: Final = 64
_SLOWER: Final = 1.05  # times as long, from which on it is worth a word
_EPSILON: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Demand:
    """What one stream asks of the workers, in seconds: `compute` every `hop`, done within `budget`.

    Attributes:
        place: where its segments run; demands at different places do not touch each other.
        parallel: how many segments run there at a time.
        networks: of `compute`, what each specialist takes.
    """

    compute: float
    hop: float
    budget: float
    place: str = ""
    parallel: int = 1
    networks: Mapping[int, float] = field(default_factory=dict)

    @property
    def load(self) -> float:
        """Compute time of a hop over the hop's duration, of all workers there together."""
        return self.compute / self.hop / self.parallel


def budget(
    compute: float, hop: float, others: Sequence[Demand], ahead: int, parallel: int = 1, pace: float = 1.0
) -> float:
    """The smallest compute budget at which a new stream and all others keep their deadlines.

    It leaves room for `ahead` segments of others. As many streams of a kind get this least budget; each that comes
    later gets as much more as it takes to break no promise, up to its hop.

    Args:
        compute: the p99 of the new stream's networks, together, for one segment, in seconds.
        hop: of the new stream, in seconds.
        others: what has been promised at the same place.
        ahead: how many segments of others may go first at this budget.
        parallel: how many segments run at a time.
        pace: how many times as long as was reckoned segments take now, where streams play. Their deadlines have room
            for that as long as there is not too much to do.

    Raises:
        Overloaded: no budget up to a hop holds; the text says what would.
    """
    load = pace * (sum(d.compute / d.hop for d in others) + compute / hop) / parallel
    if load * HEADROOM > 1:
        slower = "" if pace < _SLOWER else f" (segments take {pace:.1f} times as long now as by themselves)"
        raise Overloaded(
            f"the machine is at {load:.0%} load with this stream{slower}, more than {1 / HEADROOM:.0%}; "
            f"a hop of {_longer(pace * compute, others, parallel, pace):.2f} s would do"
        )
    # Which no hop and no budget can mend.
    if parallel == 1 and any(compute + d.compute > d.budget + _EPSILON for d in others):
        raise Overloaded(f"a segment takes {compute:.2f} s here, too long for another stream to wait")
    longest = max((d.compute for d in others), default=0.0)
    least = compute + ahead * max(longest, compute)
    for step in range(_STEPS + 1):
        candidate = least + (max(hop, least) - least) * step / _STEPS
        # Room is kept for one segment of a stream yet to come, or this would be the last that is admitted; with
        # `ahead` 0 that is what was asked for.
        demands = [*others, Demand(compute, hop, candidate)]
        if holds(demands, reserve=min(1, ahead) * max(longest, compute), parallel=parallel):
            return candidate
    raise Overloaded(f"{len(others)} streams leave no time for another within a hop of {hop:.2f} s")


def holds(demands: Sequence[Demand], *, reserve: float = 0.0, parallel: int = 1) -> bool:
    """Whether every deadline is kept, whatever the streams' phases (the condition above).

    Args:
        demands: all of one place.
        reserve: a segment of somebody else, in seconds, that may be running whenever one wants to start.
        parallel: how many segments run at a time.
    """
    shares = [
        _Share(d.compute / parallel, d.hop, d.budget - d.compute * (1 - 1 / parallel), d.compute) for d in demands
    ]
    load = sum(d.compute / d.hop for d in shares)
    if load >= 1:
        return False
    # Beyond this horizon the condition follows from the load.
    slack = sum(d.compute for d in shares) + max([reserve, *(d.run for d in shares)])
    horizon = max(max((d.budget for d in shares), default=0.0), slack / (1 - load))
    points = sorted({d.budget + n * d.hop for d in shares for n in range(int(horizon / d.hop) + 2)})
    # Between these points the left side is constant.
    return all(_wanted(shares, t, reserve) <= t + _EPSILON for t in points if t <= horizon)


@dataclass(frozen=True, slots=True)
class _Share:
    """A demand as one worker among several sees it: `run` is what a segment really takes."""

    compute: float
    hop: float
    budget: float
    run: float


def _wanted(shares: Sequence[_Share], t: float, reserve: float) -> float:
    done = sum((int((t - d.budget) / d.hop + _EPSILON) + 1) * d.compute for d in shares if d.budget <= t)
    return done + max([reserve, *(d.run for d in shares if d.budget > t)])


def _longer(compute: float, others: Sequence[Demand], parallel: int, pace: float) -> float:
    left = parallel / HEADROOM - pace * sum(d.compute / d.hop for d in others)
    return compute / left if left > 0 else float("inf")
