"""A client of stemd: feed streams, hear stems. `stemd_client.sync` has the same words without await."""

from stemd.errors import ConnectionLostError, Overloaded, StemdError, StreamClosed, SubscriberStalled
from stemd.protocol import Plan, Stem, Way
from stemd_client.client import Client
from stemd_client.clock import RoundTrip
from stemd_client.placing import daemons_of
from stemd_client.reconnecting import stay_connected
from stemd_client.stream import Stream
from stemd_client.subscription import StemBlock, Subscription

__all__ = [
    "Client",
    "ConnectionLostError",
    "Overloaded",
    "Plan",
    "RoundTrip",
    "Stem",
    "StemBlock",
    "StemdError",
    "Stream",
    "StreamClosed",
    "SubscriberStalled",
    "Subscription",
    "Way",
    "daemons_of",
    "stay_connected",
]
