"""Who is let in: no two with one name or one key, and rights as they were given."""

import pytest

from stemd.errors import ConfigError
from stemd.service.security.keyring import RIGHTS, Entry, Keyring, in_order, parse_rights

ALL = frozenset(RIGHTS)
ONE, OTHER = "1" * 40, "2" * 40


def test_a_key_that_is_allowed_is_known_by_name_and_by_key_until_it_is_taken_out() -> None:
    ring = Keyring().allowing("desk", ONE, frozenset({"listen"})).allowing("stage", OTHER, ALL)
    assert ring.known(ONE) == ring.named("desk") == Entry("desk", ONE, frozenset({"listen"}))
    left = ring.without("desk")
    assert (left.known(ONE), [entry.name for entry in left]) == (None, ["stage"])
    assert len(ring) == 2, "the ring that was is not changed"


def test_rights_are_replaced_and_the_key_stays() -> None:
    ring = Keyring().allowing("desk", ONE, ALL)
    for public in (None, ONE):
        assert ring.allowing("desk", public, frozenset({"send"})).known(ONE) == Entry("desk", ONE, frozenset({"send"}))


@pytest.mark.parametrize(
    ("name", "public", "words"),
    [
        ("desk", OTHER, "another key's name"),
        ("stage", ONE, "'stage' has the same key as 'desk'"),
        ("stage", None, "no key 'stage' is allowed here yet"),
    ],
)
def test_a_name_has_one_key_and_a_key_one_name(name: str, public: str | None, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Keyring().allowing("desk", ONE, ALL).allowing(name, public, ALL)


def test_who_is_not_there_cannot_be_taken_out() -> None:
    with pytest.raises(ConfigError, match="did you mean 'desk'"):
        Keyring().allowing("desk", ONE, ALL).without("dsek")


def test_rights_are_read_in_any_order_and_told_in_one() -> None:
    assert in_order(parse_rights(" send , listen")) == ["listen", "send"]
    assert parse_rights("control,send,listen") == ALL


@pytest.mark.parametrize(("text", "words"), [("lisen", "did you mean 'listen'"), ("", "which rights"), (",", "which")])
def test_what_is_no_right_is_refused(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_rights(text)
