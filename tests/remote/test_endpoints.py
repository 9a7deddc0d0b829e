"""Laws of whom a segment is given to, and who rests."""

from stemd.separation.pool import Lane, NetworkId
from stemd.separation.remote.endpoints import Endpoint, choose

NETWORK = NetworkId("voice@1", 0)
OTHER = NetworkId("voice@1", 1)
KIND = (NETWORK, 1_000)


def endpoint(address: str = "one:1", parallel: int = 1, busy: int = 0, seconds: float | None = None) -> Endpoint:
    made = Endpoint(address, parallel, {NETWORK})
    made.came_back()
    made.busy[NETWORK] = busy
    if seconds is not None:
        made.answered(KIND, seconds)
    return made


def chosen(*endpoints: Endpoint, lane: Lane = Lane.REALTIME, tried: tuple[Endpoint, ...] = ()) -> str | None:
    found = choose(endpoints, NETWORK, KIND, lane, tried)
    return found.address if found else None


def test_the_least_busy_is_chosen_and_of_these_the_quickest() -> None:
    assert chosen(endpoint("a:1", busy=1, seconds=0.1), endpoint("b:1", seconds=0.9)) == "b:1"
    assert chosen(endpoint("a:1", seconds=0.2), endpoint("b:1", seconds=0.1)) == "b:1"
    assert chosen(endpoint("a:1", parallel=4, busy=1), endpoint("b:1", parallel=1, busy=1)) == "a:1"


def test_only_who_has_the_network_does_not_rest_and_was_not_asked_yet() -> None:
    resting, without, asked = endpoint("a:1"), endpoint("b:1"), endpoint("c:1")
    resting.fell("killed", 0.0)
    without.networks = {OTHER}
    assert chosen(resting, without, asked, tried=(asked,)) is None
    assert chosen(resting, without, asked) == "c:1"


def test_the_last_place_is_kept_for_those_who_are_waited_for() -> None:
    full = endpoint(parallel=2, busy=2)
    assert chosen(full, lane=Lane.FREE) is None
    assert chosen(full, lane=Lane.REALTIME) == "one:1"
    full.busy[NETWORK] += 1
    assert chosen(full, lane=Lane.REALTIME) is None
    assert full.has_room(OTHER, Lane.FREE), "each network has places of its own"


def test_it_rests_longer_each_time_until_it_has_been_well() -> None:
    it, pauses = endpoint(), []
    for _ in range(9):
        it.fell("cut off", 100.0)
        pauses.append(it.pause(100.0))
        it.came_back()
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert (it.failures, it.returns) == (9, 9)
    it.is_well()
    it.fell("cut off", 200.0)
    assert it.pause(200.0) == 0


def test_one_that_falls_while_it_rests_has_not_failed_again() -> None:
    it = endpoint()
    for _ in range(3):
        it.fell("still cut off", 0.0)
    it.came_back()
    assert (it.failures, it.returns) == (1, 1)


def test_one_bad_answer_among_good_ones_is_forgiven() -> None:
    it = endpoint()
    for _ in range(5):
        assert not it.erred()
        assert not it.erred()
        it.answered(KIND, 0.1)
    assert [it.erred() for _ in range(3)] == [False, False, True]


def test_an_endpoint_that_nobody_has_asked_yet_gets_nothing() -> None:
    fresh = Endpoint("one:1", 1, {NETWORK})
    assert chosen(fresh) is None
    fresh.came_back()
    assert chosen(fresh) == "one:1"
    assert fresh.returns == 0
