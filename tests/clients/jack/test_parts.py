"""Laws of the parts of `stemd jack` that need no JACK."""

import asyncio
import time
from types import SimpleNamespace

import numpy as np
import pytest

from stemd.errors import ConfigError
from stemd.protocol import Opened, Plan
from stemd_client.jack.engine import Engine, Voice
from stemd_client.jack.latency import delay, gathered, through
from stemd_client.jack.passage import Counts, Passage, Terms
from stemd_client.jack.places import Places
from stemd_client.jack.wiring import Wish, meant, pairs, parse, unmet
from tests.waiting import until

NAMES = [
    "system:capture_1",
    "system:capture_2",
    "system:capture_3",
    "mic:in",
    "ardour:vocals/audio_in 1",
    "ardour:bass",
]


@pytest.mark.parametrize(
    ("word", "ports"),
    [
        ("system:capture_2", ["system:capture_2"]),
        ("system", ["system:capture_1", "system:capture_2"]),
        ("system:capture_", ["system:capture_1", "system:capture_2"]),
        ("system:capture_3,mic:in", ["system:capture_3", "mic:in"]),
        ("mic", ["mic:in"]),
        (".*voc.*", ["ardour:vocals/audio_in 1"]),
        ("voc", []),
    ],
)
def test_a_word_means_a_port_a_client_a_beginning_or_a_pattern(word: str, ports: list[str]) -> None:
    assert meant(word, NAMES) == ports


def test_one_port_goes_with_both_of_ours_and_two_with_one_each() -> None:
    assert pairs(["in_1", "in_2"], ["mic"]) == [("in_1", "mic"), ("in_2", "mic")]
    assert pairs(["in_1", "in_2"], ["a", "b"]) == [("in_1", "a"), ("in_2", "b")]


def test_wishes_are_read_as_typed_and_what_cannot_be_read_is_named() -> None:
    assert parse(["in=system:capture", "vocals = a=b"]) == (Wish("in", "system:capture"), Wish("vocals", "a=b"))
    for broken in ("vocals", "=x", "in=", "in=[x"):
        with pytest.raises(ConfigError, match="--connect"):
            parse([broken])


def test_a_wish_that_means_nothing_is_told_what_there_is() -> None:
    assert "system:capture_1" in unmet(Wish("in", "sytem:capture_1"), NAMES)
    assert "no port takes sound now" in unmet(Wish("vocals", "x"), [])


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("period", [16, 64, 256, 1_000, 1_024, 4_096])
def test_blocks_are_whole_periods_that_are_not_much_longer_than_5_ms_unless_a_period_is(period: int, rate: int) -> None:
    block = gathered(period, rate)
    assert block % period == 0
    assert block * 48_000 >= 256 * rate
    assert block == period or (block - period) * 48_000 < 256 * rate


@pytest.mark.parametrize("period", [64, 256, 1_000, 1_024])
@pytest.mark.parametrize("stream", [0, 1, 6_001, 48_000])
def test_no_frame_is_wanted_before_it_can_be_here(period: int, stream: int) -> None:
    """Block by block: when its last period was captured, then the stream's latency, then the margin; and no later."""
    rate, margin = 48_000, 0.015
    frames, block = delay(stream, period, rate, margin), gathered(period, rate)
    for begin in range(0, 20 * block, block):
        here = begin + block - period + stream + margin * rate  # in frames of JACK, by the callbacks' beginnings
        wanted = begin + frames
        assert wanted % period == 0, "a callback begins with it"
        assert here <= wanted < here + period + 1


def test_latencies_of_connected_ports_are_passed_on_with_our_own_on_top() -> None:
    assert through([(0, 100), (20, 300)], 1_000) == (1_000, 1_300)
    assert through([], 1_000) == (1_000, 1_000)


def test_positions_and_frames_are_one_to_one_while_both_clocks_agree() -> None:
    places = Places()
    places.begin(0, 512)
    assert places.position(600) == 88
    assert places.frames(88, 10) == [(slice(0, 10), 600)]


def test_where_jack_stood_still_the_silence_between_belongs_nowhere() -> None:
    places = Places()
    places.begin(0, 0)
    places.begin(5_000, 1_000, sent=1_000)  # the daemon went on for 4000 frames
    assert places.position(1_000) == 5_000
    assert places.frames(990, 20) == [(slice(0, 10), 990)]
    assert places.frames(2_000, 500) == []
    assert places.frames(4_990, 20) == [(slice(10, 20), 1_000)]


class Port:
    number_of_connections = 0

    def __init__(self, frames: int) -> None:
        self.buffer = np.ones(frames, np.float32)

    def get_array(self) -> np.ndarray:
        return self.buffer


def test_what_lacks_is_silence_and_counts_from_the_first_frame_that_was_due() -> None:
    voice = Voice("vocals", (Port(4), Port(4)), 64)
    out, song = np.zeros((4, 2), np.float32), np.arange(1, 9, dtype=np.float32)
    voice.put(6, np.stack([song, -song]))
    voice.expect(6)
    voice.play(4, out)
    assert voice.ports[0].buffer.tolist() == [0, 0, 1, 2]
    assert (voice.underruns, voice.missing) == (0, 0)
    voice.play(8, out)
    assert voice.ports[1].buffer.tolist() == [-3, -4, -5, -6]
    voice.play(12, out)
    assert voice.ports[0].buffer.tolist() == [7, 8, 0, 0]
    assert (voice.underruns, voice.missing) == (1, 2)
    voice.leave()
    voice.play(16, out)
    assert (voice.underruns, voice.missing) == (1, 2)


def test_nothing_is_asked_for_until_something_is_connected() -> None:
    voice = Voice("vocals", (Port(4), Port(4)), 64)
    assert not voice.asked_for()
    voice.ports[1].number_of_connections = 1
    assert voice.asked_for()


class Client:
    blocksize = 4

    def __init__(self) -> None:
        self.last_frame_time = 2**32 - 4  # the counter of 32 bit is about to begin anew


def test_frames_that_jack_skipped_are_missing_at_their_place_and_what_goes_out_keeps_its_delay() -> None:
    client, port = Client(), Port(4)
    engine = Engine(client, (port, port), 64)
    voice = Voice("mix", (Port(4), Port(4)), 64)
    voice.wanted, engine.voices, engine.delay = True, (voice,), 4
    voice.put(0, np.arange(1, 17, dtype=np.float32).repeat(2).reshape(-1, 2).T)
    played = []
    for now in (2**32 - 4, 0, 8):  # the last comes four frames late
        client.last_frame_time = now
        port.buffer[:] = now % 7
        engine.process(4)
        played.append(voice.ports[0].buffer.tolist())
    assert engine.lost == 4
    assert [engine.captured.read()[0] for _ in range(2)] == [0, 12]
    assert played == [[0, 0, 0, 0], [1, 2, 3, 4], [9, 10, 11, 12]]


async def test_a_stem_that_a_later_daemon_lacks_is_silent_and_neither_counted_nor_waited_for() -> None:
    client, port = Client(), Port(4)
    engine = Engine(client, (port, port), 64)
    voice = Voice("drums", (Port(4), Port(4)), 64)
    voice.always = voice.wanted = True  # as the daemon before left it
    voice.expect(0)
    engine.voices, engine.delay = (voice,), 0
    engine.freewheel(starting=True)
    passage = Passage(engine, Terms("jack", 48_000, "free", None, None), Counts())
    plan = Plan(65_536, 4_096, 0, 4_096)
    opened = Opened(1, "jack", "one", "voice", 44_100, plan, ("vocals", "mix"), 8_192, None)
    running = asyncio.create_task(passage.run(client, SimpleNamespace(opened=opened)))
    try:
        await until(lambda: engine.ready is not None, "it begins without that stem")
        began = time.monotonic()
        engine.process(4)
        assert time.monotonic() - began < 1, "a freewheeling JACK does not wait"
        assert voice.ports[0].buffer.tolist() == [0, 0, 0, 0]
        assert (voice.underruns, voice.missing) == (0, 0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
