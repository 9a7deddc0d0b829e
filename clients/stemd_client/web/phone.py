"""The address under which a phone in the same network finds the page, and its QR code."""

import io
import socket

import segno

# Of RFC 5737 and RFC 3849; nothing is sent there.
_ELSEWHERE = {socket.AF_INET: ("192.0.2.1", 9), socket.AF_INET6: ("2001:db8::1", 9)}


def lan_address(host: str) -> str:
    """The number of this machine in its network, where the server listens at all of them; else `host` itself."""
    if host not in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return host
    # Listening at `::` means IPv6 alone.
    family = socket.AF_INET6 if host == "::" else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(_ELSEWHERE[family])
            return str(probe.getsockname()[0])
    except OSError:  # no network
        return "::1" if family is socket.AF_INET6 else socket.gethostname()


def page_address(host: str, port: int, token: str | None) -> str:
    """The page's URL."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/" + (f"?token={token}" if token else "")


def qr_code(text: str) -> bytes:
    """An SVG of black on white, with the quiet zone that readers want."""
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return drawn.getvalue()
