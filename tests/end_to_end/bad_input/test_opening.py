"""Streams, stems and plans that cannot be had, and requests said twice."""

from collections.abc import Callable
from typing import Any

import pytest

from stemd.protocol import (
    MAX_BLOCK,
    Close,
    Closed,
    Fault,
    Opened,
    Plan,
    SetGain,
    SetMixer,
    Subscribe,
    Unsubscribe,
    Unsubscribed,
)
from tests.end_to_end.raw import BLOCK, Raw
from tests.end_to_end.reference import WIRE_PLAN, recording


def refused(reply: object, code: str, *words: str) -> None:
    assert isinstance(reply, Fault), reply
    assert reply.code == code, reply
    for word in words:
        assert word in reply.text, reply.text
    assert "\n" not in reply.text


# Names.


def test_a_second_open_of_a_name_is_refused_whoever_asks(raw: Raw, connect: Callable[[], Raw], name: str) -> None:
    opened = raw.opened(name)
    for client in (raw, connect()):
        refused(client.open(name), "stream-exists", repr(name), "choose another name")
    state = raw.stream(name)
    assert state
    assert state["incarnation"] == opened.incarnation


def test_of_two_opens_in_one_breath_the_first_wins(raw: Raw, name: str) -> None:
    # A plan of its own, whose networks have yet to be timed: the first is still opening when the second comes.
    plan = Plan(66_560, 22_528, 1_024, 8_192)
    first, second = (raw.opening(name, plan=plan, timing="realtime") for _ in range(2))
    refused(raw.answer(second), "stream-exists")
    assert isinstance(raw.answer(first), Opened)


def test_a_name_is_free_again_once_its_stream_has_ended(raw: Raw, name: str) -> None:
    incarnations = set()
    for _ in range(3):
        incarnations.add(raw.opened(name).incarnation)
        assert raw.answer(raw.closing(name)).position == 0
    assert len(incarnations) == 3


def test_a_name_is_free_again_once_its_opening_was_refused(raw: Raw, name: str) -> None:
    refused(raw.open(name, model="nonesuch"), "model-load")
    raw.opened(name)
    assert raw.stream(name)


# Stems.


def test_an_unknown_stem_is_refused_at_open(raw: Raw, name: str) -> None:
    refused(raw.open(name, stems=("vocals", "vocal")), "unknown-stem", "'vocal' (did you mean 'vocals'?)")
    refused(raw.open(name, stems=("mix",)), "unknown-stem", "'mix'")
    assert raw.stream(name) is None


def test_an_unknown_stem_is_refused_at_subscribe(raw: Raw, name: str) -> None:
    raw.opened(name)
    asked = {"stream": name, "format": "f32le", "delivery": "live", "credit": 4}
    refused(raw.ask(Subscribe, stem="drums", **asked), "unknown-stem", name, "'drums'", "instrumental")
    refused(raw.ask(Subscribe, stem="Vocals", **asked), "unknown-stem", "did you mean 'vocals'?")
    state = raw.stream(name)
    assert state
    assert (state["subscriptions"], state["running"]) == ([], [])


def test_an_unknown_stem_of_a_stream_yet_to_come_is_refused_when_it_comes(
    raw: Raw, connect: Callable[[], Raw], name: str
) -> None:
    listener = connect()
    right, wrong = listener.listen(name, "vocals"), listener.listen(name, "drums")
    raw.opened(name)
    fault = listener.fault("unknown-stem")
    assert (fault.subscription, fault.stream, fault.request) == (wrong, name, None)
    raw.feed(name, recording(30 * BLOCK, 44_100))
    raw.closing(name)
    [heard] = listener.take_until_end(right)
    assert heard.samples.shape == (2, 30 * BLOCK)
    assert listener.heard[wrong].end is None
    assert listener.state()["pending"] == []


def test_stems_that_were_not_asked_for_at_open_cannot_be_had(raw: Raw, name: str) -> None:
    assert raw.opened(name, stems=()).stems == ("mix", "out")
    asked = {"stream": name, "format": "f32le", "delivery": "live", "credit": 4}
    refused(raw.ask(Subscribe, stem="vocals", **asked), "unknown-stem")


# Plans.


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("shrot", ["no plan 'shrot'", "did you mean 'short'?"]),
        ("nonesuch", ["no plan 'nonesuch'", "live", "studio"]),
        (Plan(65_536, 60_416, 1_024, 8_192), ["hop + overlap + lookahead must not exceed segment"]),
        (Plan(65_536, 2**24, 0, 8_192), ["must not exceed segment"]),
        (Plan(65_536, 2_048, 3_072, 8_192), ["overlap must lie between 0 and hop"]),
        (Plan(65_536, 22_529, 1_024, 8_192), ["hop must be a multiple of 1024", "'mask'"]),
        (Plan(65_536, 22_528, 1_000, 8_192), ["overlap must be a multiple of 1024"]),
        (Plan(65_536, 22_528, 1_024, 8_191), ["lookahead must be a multiple of 1024"]),
        (Plan(65_536, 22_528, 1_024, 1_024), ["lookahead must be at least 2048"]),
        (Plan(65_536, 22_528, 1_024, 0), ["lookahead must be at least 2048"]),
        (Plan(32_768, 10_240, 1_024, 8_192), ["takes segments of multiples of 1024 from 65536"]),
        (Plan(65_537, 22_528, 1_024, 8_192), ["takes segments of multiples of 1024"]),
        (Plan(2**22, 22_528, 1_024, 8_192), ["takes segments of", "to 2097152 frames"]),
    ],
    ids=str,
)
def test_a_plan_that_cannot_be_run_is_refused(raw: Raw, name: str, plan: Plan | str, words: list[str]) -> None:
    for timing in ("free", "realtime"):
        refused(raw.open(name, plan=plan, timing=timing), "plan", *words)
    assert raw.stream(name) is None


def test_a_plan_that_the_machine_cannot_hold_is_refused_with_what_would(raw: Raw, name: str) -> None:
    fault = raw.open(name, plan=Plan(262_144, 1_024, 0, 8_192), timing="realtime")
    refused(fault, "overloaded", "This plan would hold: 262144,", "'free'")
    state = raw.state()
    assert (raw.stream(name), state["load"]) == (None, 0)


def test_who_asks_for_what_is_known_does_not_wait_for_what_is_being_measured(raw: Raw, name: str) -> None:
    slow = raw.opening(f"{name}-slow", plan=Plan(263_168, 90_112, 1_024, 8_192), timing="realtime")
    raw.opened(name)
    assert slow not in [getattr(message, "request", None) for message in raw.passed], "it was to be the slow one"
    assert isinstance(raw.answer(slow), Opened)


def test_the_longest_block_may_be_announced(raw: Raw, name: str) -> None:
    assert raw.opened(name, block=MAX_BLOCK).until


# Requests about what is not there, or not there any more.


SETTINGS: dict[type, dict[str, Any]] = {
    SetGain: {"gains": {}},
    SetMixer: {"mute": None, "solo": None, "wet": None, "bypass": None},
}


@pytest.mark.parametrize("kind", [Close, SetGain, SetMixer])
def test_a_request_about_no_stream_is_refused(raw: Raw, kind: type) -> None:
    reply = raw.ask(kind, stream="nobody", **SETTINGS.get(kind, {}))
    refused(reply, "unknown-stream", "'nobody'", "open it first")
    assert raw.stream("nobody") is None


def test_a_gain_of_no_stem_is_refused_and_moves_none(raw: Raw, name: str) -> None:
    raw.opened(name)
    reply = raw.ask(SetGain, stream=name, gains={"vocals": 0.0, "vocal": 0.5})
    refused(reply, "unknown-stem", "'vocal' (did you mean 'vocals'?)")
    state = raw.stream(name)
    assert state
    assert state["gains"] == {"vocals": 1.0, "rest": 1.0}


@pytest.mark.parametrize("key", ["mute", "solo"])
@pytest.mark.parametrize("wrong", ["vocal", "mix", "instrumental", "out"])
def test_a_mixer_without_such_a_part_refuses_and_changes_nothing(raw: Raw, name: str, key: str, wrong: str) -> None:
    raw.opened(name)
    asked: dict[str, Any] = {"mute": ("rest",), "solo": ("vocals",), "wet": 0.5, "bypass": True}
    reply = raw.ask(SetMixer, stream=name, **{**asked, key: ("vocals", wrong)})
    refused(reply, "unknown-stem", f"{wrong!r}", "'vocals'" if wrong == "vocal" else "known: rest, vocals")
    state = raw.stream(name)
    assert state
    assert [state[each] for each in ("mute", "solo", "wet", "bypass")] == [[], [], 1.0, False]


def test_only_its_owner_closes_a_stream(raw: Raw, connect: Callable[[], Raw], name: str) -> None:
    raw.opened(name)
    thief = connect()
    refused(thief.answer(thief.closing(name)), "unknown-stream", "belongs to another client")
    assert raw.stream(name) is not None
    number = raw.closing(name)
    assert isinstance(raw.answer(number), Closed)


def test_a_close_that_was_refused_is_never_answered_later(raw: Raw, connect: Callable[[], Raw], name: str) -> None:
    refused(raw.answer(raw.closing(name)), "unknown-stream")
    thief = connect()
    refused(thief.answer(thief.closing(name)), "unknown-stream")
    raw.opened(name)
    held = raw.listen(name, "mix", credit=1)
    raw.feed(name, recording(8 * BLOCK, 44_100))
    number = raw.closing(name)
    raw.state()
    refused(thief.answer(thief.closing(name)), "unknown-stream")
    raw.credit(held, 100)
    closed = raw.until(lambda message: isinstance(message, Closed))
    assert (closed.request, closed.cut) == (number, False)


def test_closing_twice_answers_both_and_ends_once(raw: Raw, name: str) -> None:
    raw.opened(name)
    held = raw.listen(name, "mix", credit=1)
    raw.feed(name, recording(8 * BLOCK, 44_100))
    first, second = raw.closing(name), raw.closing(name)
    raw.state()
    raw.credit(held, 100)
    raw.take_until_end(held)
    assert raw.stream(name) is None
    answers = {getattr(message, "request", None): message for message in raw.passed}
    assert isinstance(answers.get(first), Closed), "who asked first must hear of the end"
    assert second in answers
    refused(raw.answer(raw.closing(name)), "unknown-stream")


def test_unsubscribing_twice_is_answered_twice(raw: Raw, connect: Callable[[], Raw], name: str) -> None:
    raw.opened(name)
    number = raw.listen(name, "vocals")
    for _ in range(2):
        reply = raw.ask(Unsubscribe, subscription=number)
        assert isinstance(reply, Unsubscribed)
        assert reply.subscription == number
    state = raw.stream(name)
    assert state
    assert state["subscriptions"] == []


def test_another_clients_subscription_cannot_be_ended_or_paid_for(
    raw: Raw, connect: Callable[[], Raw], name: str
) -> None:
    raw.opened(name)
    number, thief = raw.listen(name, "mix", credit=2), connect()
    thief.ask(Unsubscribe, subscription=number)
    thief.credit(number, 1_000)
    raw.feed(name, recording(8 * BLOCK, 44_100))
    thief.state()
    state = raw.stream(name)
    assert state
    [subscription] = state["subscriptions"]
    assert (subscription["sent"], subscription["waiting"]) == (2, 1)


def test_a_default_plan_serves_who_names_none(raw: Raw, name: str) -> None:
    assert raw.opened(name, plan=None).plan == WIRE_PLAN
