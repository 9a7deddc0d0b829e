"""One device in one stream both ways. PortAudio's calls are made by hand, a fake; the port and the line are real."""

import time

import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.devices.endpoints import Endpoint
from stemd.devices.ports import Duplex
from stemd.dsp.limiter import Limiter
from stemd.service.live.lines import DuplexLine, Ending
from tests.networks import noise

DEVICE = Endpoint("card", 0, 2, 2, 48_000, "ALSA")
LENGTH = 48_000
LATENCY = 1_500  # frames; what the line calls its delay: from a block's arrival to its being asked for


def through(period: int, block: int, sound: Float32Array, *, offset: int, limiter: Limiter | None = None) -> Duplex:
    """Play a sound through: what came goes out again, LATENCY after its block came; `port.heard` is what was played."""
    port = Duplex(DEVICE, DEVICE)
    line = DuplexLine(port, LATENCY + (limiter.delay if limiter else 0), block, Ending(limiter))
    waiting: list[tuple[int, Float32Array]] = []
    heard = []
    for at in range(0, LENGTH, period):
        came = np.ascontiguousarray(sound[:, at : at + period].T)
        goes = np.full_like(came, np.nan)
        port._callback(came, goes, len(came), None, None)
        heard.append(goes)
        while port.captured.filled >= block:
            position, samples = port.captured.read(block)
            line.captured(position + block + offset, time.monotonic_ns(), offset)
            waiting.append((position + offset, samples))
        while waiting and waiting[0][0] + block - offset + LATENCY - period <= port.frames:
            line.play(*waiting.pop(0))
    port.heard = np.concatenate(heard).T  # type: ignore[attr-defined]
    return port


@pytest.mark.parametrize("period", [64, 256, 480, 1_024])
@pytest.mark.parametrize(("block", "offset"), [(256, 0), (441, 12_345), (1_000, -7)])
def test_what_goes_out_is_what_came_in_a_constant_time_before_to_the_bit(period: int, block: int, offset: int) -> None:
    sound = noise(LENGTH)
    port = through(period, block, sound, offset=offset)
    delay = LATENCY + block + period
    heard = port.heard
    known = slice(np.flatnonzero(heard[0])[0], None)
    assert known.start <= delay + 2 * max(period, block)
    assert np.array_equal(heard[:, known], np.roll(sound, delay, axis=1)[:, known])
    assert (port.playing.underruns, port.playing.late) == (0, 0)


def test_a_limiter_in_the_way_is_counted_into_the_delay() -> None:
    sound = noise(LENGTH)
    limiter = Limiter(48_000, 2)
    port = through(256, 256, sound, offset=0, limiter=limiter)
    delay = LATENCY + limiter.delay + 512
    heard = port.heard
    known = slice(np.flatnonzero(heard[0])[0] + limiter.delay, None)
    assert np.allclose(heard[:, known], np.roll(sound, delay, axis=1)[:, known], atol=1e-7)
    assert limiter.limited == 0


def test_without_a_limiter_what_will_be_clipped_is_counted() -> None:
    port = Duplex(DEVICE, DEVICE)
    ending = Ending(None)
    sound = np.zeros((2, 100), np.float32)
    sound[0, 10:13], sound[1, 12:15] = 1.5, -1.01
    ending.write(port.playing, 0, sound)
    assert (ending.clipped, ending.limited) == (5, 0)
