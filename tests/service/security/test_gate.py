"""The gate in pretended time: what passes, what does not, and who is told."""

from collections.abc import Callable, Sequence

import pytest

from stemd.config import Security
from stemd.errors import DeniedError, RateError, StemdError
from stemd.protocol import Open, Status
from stemd.service.security.bucket import Bucket
from stemd.service.security.gate import Gate
from stemd.service.security.keyring import Entry, Keyring

SECOND = 1_000_000_000
KEY, STRANGER = "1" * 40, "2" * 40
LISTENER = Keyring([Entry("desk", KEY, frozenset({"listen"}))])


class Gatehouse:
    """A gate, a clock that is set by hand, and what passed."""

    def __init__(self, **limits: int) -> None:
        self.now = 5 * SECOND
        self.passed: list[Sequence[bytes | memoryview]] = []
        self.told: list[StemdError] = []
        self.gate = Gate(Security(**limits), lambda: self.now)
        self.gate.let_in(LISTENER)
        self.take: Callable[..., None] = self.gate.guarding(
            lambda _, frames, __: self.passed.append(frames), lambda _, error: self.told.append(error)
        )

    def say(self, *sizes: int, key: str | None = KEY) -> bool:
        """Whether a message of frames of these sizes passes."""
        before = len(self.passed)
        self.take(b"peer", [bytes(size) for size in sizes], key)
        return len(self.passed) > before

    def counted(self) -> dict[str, object]:
        return dict(self.gate.state()["keys"][0])


@pytest.mark.parametrize("amounts", [[1.0] * 25, [2.5] * 10, [10.0, 0.1] * 3])
def test_a_bucket_gives_a_seconds_worth_and_then_as_much_as_flows_in(amounts: list[float]) -> None:
    bucket, now, taken = Bucket(10, 0), 0, 0.0
    for step, amount in enumerate(amounts * 20):
        now = step * SECOND // 50
        if bucket.take(amount, now):
            taken += amount
        assert taken <= 10 + 10 * now / SECOND
    assert taken > 10 * now / SECOND - max(amounts)


def test_a_full_bucket_runs_over() -> None:
    bucket = Bucket(10, 0)
    assert bucket.take(10, 1_000 * SECOND)
    assert not bucket.take(0.1, 1_000 * SECOND)


def test_messages_over_the_rate_are_dropped_counted_and_told_of_once_a_second() -> None:
    house = Gatehouse(messages_per_second=10)
    assert [house.say(1) for _ in range(100)] == [True] * 10 + [False] * 90
    assert len(house.told) == 1
    assert isinstance(house.told[0], RateError)
    assert house.counted() == {"key": "desk", "denied": 0, "dropped": 90}
    house.now += SECOND
    assert [house.say(1) for _ in range(100)].count(True) == 10
    assert len(house.told) == 2


def test_all_frames_of_a_message_count() -> None:
    house = Gatehouse(bytes_per_second=2**16, message_bytes=2**14)
    assert house.say(2**14, 2**14)
    assert house.say(2**14, 2**14)
    assert not house.say(1)


@pytest.mark.parametrize("key", [STRANGER, "", None])
def test_who_is_not_known_passes_nothing_and_is_told_nothing(key: str | None) -> None:
    house = Gatehouse()
    assert not house.say(1, key=key)
    assert (house.told, house.gate.state()["strangers"]) == ([], 1)


def test_what_was_counted_stays_while_others_come_and_rights_change() -> None:
    house = Gatehouse(messages_per_second=10)
    for _ in range(15):
        house.say(1)
    house.gate.let_in(Keyring([Entry("new", STRANGER, frozenset({"send"})), Entry("desk", KEY, frozenset({"send"}))]))
    assert house.gate.state()["keys"][1] == {"key": "desk", "denied": 0, "dropped": 5}
    assert not house.say(1), "who is allowed anew has not its bucket filled"
    house.gate.check(KEY, Open)
    with pytest.raises(DeniedError):
        house.gate.check(KEY, Status)


def test_limits_that_change_hold_at_once() -> None:
    house = Gatehouse(messages_per_second=10)
    house.gate.configure(Security(messages_per_second=100))
    house.now += SECOND
    assert [house.say(1) for _ in range(200)].count(True) == 100
    house.gate.configure(Security(messages_per_second=10))
    house.now += SECOND
    assert [house.say(1) for _ in range(200)].count(True) == 10


@pytest.mark.parametrize("other", [{}, {"max_streams": 3}, {"messages_per_second": 1_000}, {"bytes_per_second": 2**30}])
def test_a_reload_gives_nobody_anew_what_was_used_up(other: dict[str, int]) -> None:
    house = Gatehouse(messages_per_second=10)
    passed = 0
    for _ in range(20):
        passed += [house.say(1) for _ in range(50)].count(True)
        house.gate.configure(Security(**{"messages_per_second": 10, **other}))
    assert passed == 10


def test_a_right_that_is_missing_is_counted_and_who_was_not_asked_has_all() -> None:
    house = Gatehouse()
    with pytest.raises(DeniedError, match=r"has not the right to send, .*--rights listen,send"):
        house.gate.check(KEY, Open)
    assert house.counted()["denied"] == 1
    house.gate.check(None, Open)
