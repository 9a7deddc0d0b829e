"""What `stemd web` was told."""

import re
import secrets
from dataclasses import dataclass
from typing import Final

from stemd.address import is_loopback
from stemd.errors import ConfigError

MADE: Final = "made"
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]{12,128}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to serve, and which daemon.

    Attributes:
        address: of the daemon; None: the local one.
        host: name or number to listen at; `0.0.0.0` is every network that this machine is in.
        port: 0 lets the system choose.
        token: what browsers have to show; None: nothing, which is for loopback alone.
        browser: whether to open the page here.
    """

    address: str | None
    host: str
    port: int
    token: str | None
    browser: bool


def settings(*, address: str | None, host: str, port: int, token: str | None, browser: bool) -> Settings:
    """Check what was said, and make a token where one is needed.

    Raises:
        ConfigError: a port or a token that cannot be.
    """
    if not 0 <= port <= 65_535:
        raise ConfigError(f"--port {port} is not 0 to 65535")
    if token == MADE or (token is None and not is_loopback(host)):
        token = secrets.token_urlsafe(18)
    elif token is not None and not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"--token {token!r} is not 12 to 128 of A-Z a-z 0-9 . _ ~ -; `--token {MADE}` makes one that nobody guesses"
        )
    return Settings(address, host, port, token, browser)
