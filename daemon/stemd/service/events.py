"""What a stream tells those around it."""

from typing import TYPE_CHECKING, Protocol

from stemd.errors import StemdError
from stemd.service.subscription import Subscription

if TYPE_CHECKING:
    from stemd.service.stream import Stream


class Events(Protocol):
    """What a stream tells the server."""

    def unread(self, stream: "Stream") -> bool:
        """Whether something that the stream's source may have said has come in, and was not looked at yet."""

    def granted(self, stream: "Stream", until: int) -> None:
        """More input may come."""

    def failed(self, stream: "Stream", fault: StemdError) -> None:
        """The owner should know."""

    def moved(self, stream: "Stream", position: int) -> None:
        """The stream went on without its source, which should go on at a position."""

    def dropped(self, subscription: Subscription, fault: StemdError) -> None:
        """A subscription was ended by force."""

    def ended(self, stream: "Stream", *, cut: bool) -> None:
        """The last block has left."""
