"""The daemon's state as text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stemd_client.figures import duration_text, gain_text

_COUNTS = ("blocks", "degraded", "gaps", "late", "refused")


def state_as_text(state: Mapping[str, Any], address: str) -> str:
    """What `status` answered, for people. Keys that are not known here are left out, missing ones left blank."""
    lines = [
        f"stemd {state.get('version', '')} at {address}, up {duration_text(state.get('uptime', 0))}, "
        f"{state.get('clients', '?')} clients, load {state.get('load', 0):.2f}, "
        f"models {', '.join(state.get('models', ())) or 'none'}"
    ]
    streams = state.get("streams", ())
    lines += ["", *_table([_stream(each) for each in streams])] if streams else ["no streams"]
    rows = [_subscription(stream, each) for stream in streams for each in stream.get("subscriptions", ())]
    rows += [
        {"subscription": f"{each.get('stream')}/{each.get('stem')}", "state": "pending"} for each in _pending(state)
    ]
    lines += ["", *_table(rows)] if rows else ["no subscriptions"]
    return "\n".join(lines)


def mixer_as_text(stream: str, controls: Mapping[str, Any]) -> str:
    """The controls of a stream's `out`, for people."""
    muted, solo = controls.get("mute", ()), controls.get("solo", ())
    rows = [
        {
            "part": part,
            "gain": gain_text(gain).strip(),
            "": " ".join(word for word, names in (("muted", muted), ("solo", solo)) if part in names),
        }
        for part, gain in controls.get("gains", {}).items()
    ]
    state = "BYPASS: the mixture as it came" if controls.get("bypass") else f"{controls.get('wet', 1):.0%} wet"
    return "\n".join([f"stream {stream}, out: {state}", *_table(rows)])


def _pending(state: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    found: Iterable[Mapping[str, Any]] = state.get("pending", ())
    return found


def _stream(stream: Mapping[str, Any]) -> dict[str, str]:
    rate = stream.get("rate") or 1
    return {
        "stream": str(stream.get("stream", "")),
        "timing": str(stream.get("timing", "")),
        "format": f"{stream.get('rate', '')}/{stream.get('channels', '')}",
        "model": str(stream.get("model", "")),
        "latency": f"{1000 * stream.get('latency', 0) / rate:.0f} ms",
        "played": f"{stream.get('given', 0) / rate:.1f} s",
        "load": f"{stream.get('load', 0):.2f}",
        **{count: str(stream.get(count, "")) for count in _COUNTS},
    }


def _subscription(stream: Mapping[str, Any], subscription: Mapping[str, Any]) -> dict[str, str]:
    return {
        "subscription": f"{stream.get('stream')}/{subscription.get('stem')}",
        "state": str(subscription.get("delivery", "")),
        "sent": str(subscription.get("sent", "")),
        "dropped": str(subscription.get("dropped", "")),
        "waiting": str(subscription.get("waiting", "")),
    }


def _table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([row.get(column, "") for column in columns] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
