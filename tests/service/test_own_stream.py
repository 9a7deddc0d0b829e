"""The daemon's own stream: its name is nobody else's, from the start."""

from typing import Any

import pytest

from stemd.config import Capture, Config
from stemd.errors import StreamExistsError
from stemd.protocol import Open
from stemd.service.sessions import Session, Sessions
from stemd.service.streams import Streams


def test_a_client_cannot_take_the_name_before_the_stream_is_open() -> None:
    anything: Any = None
    streams = Streams(
        Config(capture=Capture(device="default", stream="desk")), *[anything] * 2, Sessions(), *[anything] * 2
    )
    request = Open(1, "desk", 48_000, 2, "f32le", 256, "realtime", None, None, None)
    session: Session = anything
    with pytest.raises(StreamExistsError, match="'desk' is open already"):
        streams.begin(session, request)
