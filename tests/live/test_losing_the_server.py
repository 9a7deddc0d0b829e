"""The sound server dies in mid-performance, and comes back."""

import asyncio

import numpy as np
import pytest

from stemd_client import StemBlock
from tests.devices.pulse import PulseServer
from tests.live.performing import RATE, SECONDS, listening, performing
from tests.waiting import until

pytestmark = [pytest.mark.needs("portaudio", "pulseaudio"), pytest.mark.timeout(180)]

_SOUND = np.random.default_rng(1).uniform(-0.3, 0.3, (60 * RATE, 2)).astype(np.float32)


def whole(block: StemBlock) -> bool:
    return "gap" not in block.header.flags and bool(block.samples.all())


@pytest.mark.slow
async def test_the_timeline_goes_on_and_the_sound_comes_back_and_q_ends_it(pulse: PulseServer) -> None:
    with performing(pulse, "--clock", "same") as live:
        await asyncio.to_thread(live.wait_until_it_plays)
        pulse.play("src", _SOUND)
        async with listening(live.address, "mix") as (mix,):
            await until(lambda: bool(mix.blocks[-1].samples.any()), "sound")
            await asyncio.to_thread(pulse.restart)
            await until(lambda: "gap" in mix.blocks[-1].header.flags, "a gap")
            lost = len(mix.blocks)
            pulse.play("src", _SOUND)
            recording = await asyncio.to_thread(pulse.record, "out")
            await until(lambda: all(whole(block) for block in mix.blocks[-20:]), "sound in the stream again")
            await until(lambda: bool(recording.so_far()[-4_800:].any()), "and played", SECONDS)
            live.press("q")
            assert await asyncio.to_thread(live.process.wait, SECONDS) == 0
            await until(lambda: mix.ended, "the end is told")
        at = mix.begin
        for block in mix.blocks:
            assert block.header.position == at, "nothing is missing, nothing comes twice"
            at += block.header.frames
        silent = [block for block in mix.blocks[lost - 1 :] if "gap" in block.header.flags]
        assert not any(block.samples.any() for block in silent[1:-1])
        assert live.as_it_was()
        assert "Traceback" not in live.errors()
        assert "the stream goes on in silence" in live.errors()
