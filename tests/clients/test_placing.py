"""Which daemon a stream is at: the same for everybody, and moved by nobody else's coming and going."""

from collections import Counter

from stemd_client import daemons_of

DAEMONS = [f"tcp://10.0.0.{n}:7355" for n in range(1, 9)]
STREAMS = [f"desk-{n}" for n in range(800)]


def test_everybody_finds_the_same_daemon_whatever_the_order_of_their_lists() -> None:
    for stream in STREAMS[:50]:
        assert daemons_of(stream, DAEMONS) == daemons_of(stream, [*reversed(DAEMONS), DAEMONS[3]])


def test_every_daemon_is_in_the_order_once() -> None:
    for stream in STREAMS[:50]:
        assert sorted(daemons_of(stream, DAEMONS)) == sorted(DAEMONS)
    assert daemons_of("desk", []) == []


def test_a_daemon_that_goes_moves_only_its_own_streams_and_each_to_its_next() -> None:
    left = DAEMONS[1:]
    for stream in STREAMS:
        before = daemons_of(stream, DAEMONS)
        assert daemons_of(stream, left) == [address for address in before if address != DAEMONS[0]]


def test_streams_are_spread_evenly() -> None:
    """800 over 8: a hundred each, and by the binomial distribution none is beyond four deviations (9.4) but by luck."""
    got = Counter(daemons_of(stream, DAEMONS)[0] for stream in STREAMS)
    assert all(100 - 38 <= got[address] <= 100 + 38 for address in DAEMONS), got


def test_the_order_is_the_one_that_other_languages_can_reckon() -> None:
    """By `printf 'desk tcp://10.0.0.N:7355' | sha256sum`: greatest first."""
    assert daemons_of("desk", DAEMONS[:3]) == [DAEMONS[2], DAEMONS[0], DAEMONS[1]]
