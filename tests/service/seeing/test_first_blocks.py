"""Who begins to listen amid a stream may get a first block without its first frames: its time is no evidence."""

import asyncio

from stemd.dsp import stft
from stemd.dsp.plan import WindowPlan
from stemd.protocol import Stem, Subscribe
from stemd.service.subscription import Subscription
from tests.networks import noise
from tests.service.pretence import LatePool, model_of, open_desk, pretend
from tests.service.test_overload import singer

PLAN = WindowPlan(32 * stft.HOP, 2 * stft.HOP, 0, 5 * stft.HOP)
RATE, BLOCK = 44_100, 4_410


def test_no_block_leaves_before_its_time_though_its_first_frames_are_missing() -> None:
    headers: list[Stem] = []

    def send(header: Stem, pcm: bytes) -> bool:
        headers.append(header)
        return True

    async def play() -> tuple[int, float]:
        desk = open_desk(
            LatePool([singer()], lambda: 0.01), model_of("mask", "vocals"), PLAN, ("vocals",), (), block=BLOCK
        )
        playing = asyncio.create_task(desk.play(noise(3 * RATE)))
        await desk.until(RATE)
        desk.stream.subscribe(Subscription(9, "me", Subscribe(1, "desk", "vocals", "f32le", "live", 64), send))
        await playing
        await desk.close()
        lateness = desk.stream.outlet.timings.lateness
        return sum(lateness.counts), lateness.total

    count, total = pretend(play())
    blocks = [header for header in headers if header.frames]
    assert 0 < blocks[0].frames < BLOCK, "else this shows nothing"
    assert (count, total >= 0) == (len(blocks) - 1, True)
