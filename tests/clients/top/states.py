"""States of daemons as `status` tells them, for views."""

from typing import Any

GAINS = {"vocals": 0.5, "drums": 1.0, "bass": 1.0, "other": 0.0, "rest": 1.0}


def stream(name: str = "live", **changes: Any) -> dict[str, Any]:
    return {
        "stream": name,
        "incarnation": f"of-{name}",
        "timing": "realtime",
        "rate": 48_000,
        "channels": 2,
        "model": "htdemucs-ft",
        "latency": 24_960,
        "load": 0.421,
        "blocks": 1_234_567,
        "degraded": 12,
        "gaps": 3,
        "late": 0,
        "refused": 1,
        "gains": GAINS,
        "mute": ["drums"],
        "solo": [],
        "wet": 0.9,
        "bypass": False,
        "levels": {"vocals": -21.3, "mix": 0.2, "instrumental": -120.0, "out": -5.0},
        "subscriptions": [subscription("vocals"), subscription("out", dropped=4), subscription("mix", waiting=2)],
        **changes,
    }


def subscription(stem: str, **changes: Any) -> dict[str, Any]:
    known = {"subscription": 7, "stem": stem, "delivery": "live", "sent": 1_234_560, "dropped": 0, "waiting": 0}
    return {**known, **changes}


def devices(**capture: Any) -> dict[str, Any]:
    return {
        "capture": {
            "device": "pulse:src.monitor",
            "stream": "live",
            "trouble": None,
            "xruns": 2,
            "lost": 960,
            "broken": 0,
            "device_latency": 0.02,
            **capture,
        },
        "playback": {
            "device": "pulse:out",
            "trouble": None,
            "stem": "out",
            "delay": 27_000,
            "clock": "own",
            "rate": 48_000,
            "clipped": 0,
            "limited": 0,
            "underruns": 1,
            "late": 0,
            "xruns": 3,
            "resyncs": 0,
            "drift_ppm": 12.4,
        },
    }


def state(*streams: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0",
        "uptime": 11_530.0,
        "clients": 3,
        "models": ["htdemucs-ft"],
        "load": 0.57,
        "pending": [],
        "streams": list(streams),
        "devices": None,
        **changes,
    }
