"""What a ping tells of the daemon's clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The four timestamps of a ping in ns: by this host's monotonic clock, by the daemon's twice, by this host's.

    The estimate is that of RFC 5905, section 8; its error is at most half the round trip.
    """

    sent_ns: int
    received_ns: int
    answered_ns: int
    arrived_ns: int

    @property
    def offset_ns(self) -> int:
        """The daemon's clock less this host's: add it to a local time to get the daemon's. Near 0 on one host."""
        return ((self.received_ns - self.sent_ns) + (self.answered_ns - self.arrived_ns)) // 2

    @property
    def round_trip_ns(self) -> int:
        """Time on the way, there and back, without what the daemon took to answer."""
        return (self.arrived_ns - self.sent_ns) - (self.answered_ns - self.received_ns)
