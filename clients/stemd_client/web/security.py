"""Who may talk to the server: checks of Host, Origin and token, and the headers that bind the browser."""

import hmac
import ipaddress
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from stemd.address import is_loopback

HEADERS: Final = {
    # The page loads from its own server alone, and nobody may show it inside another page.
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A page of an older stemd would not understand a newer server.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class Gate:
    """What is let in.

    Attributes:
        host: the name or number that the server is bound to.
        token: what every request has to show; None: nothing.
    """

    host: str
    token: str | None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    def serves(self, host: str | None) -> bool:
        """Whether a Host header names this server.

        A page of a stranger whose name was turned to this machine's number (DNS rebinding) still says its own name.
        """
        name = _hostname(host or "")
        if name is None:
            return False
        if self.loopback:
            return is_loopback(name)
        # A number is nobody's to turn, and which of this machine's numbers a network shows it under is not known here.
        return _number(name) is not None or name in {self.host.lower(), "localhost", *_own_names()}

    @staticmethod
    def same_origin(origin: str | None, host: str | None) -> bool:
        """Whether the page that speaks came from this server."""
        if not origin or not host:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()

    def admits(self, offered: str | None) -> bool:
        """Whether a token is the right one, told in the same time whatever it is."""
        # Bytes of a header that are not UTF-8 come as surrogates.
        shown = (offered or "").encode(errors="surrogatepass")
        return self.token is None or hmac.compare_digest(shown, self.token.encode())


def _number(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _hostname(host: str) -> str | None:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where it is no number
    except ValueError:
        return None
    return parts.hostname if parts.netloc == host and "@" not in host else None


def _own_names() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name}.local"}
