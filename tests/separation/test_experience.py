"""Whether a segment is worth starting, judged by what its network took, and by how fast the machine is now."""

import pytest

from stemd.separation.experience import Experience

VOCALS, DRUMS = 0, 1  # which are also their ranks


def used(*networks: int, seconds: float = 0.04) -> Experience:
    """What is known after ten quick runs of each."""
    experience = Experience()
    for _ in range(10):
        for network in networks:
            experience.note(network, network, seconds)
    return experience


def refusals(experience: Experience, network: int, seconds: float, most: int = 1_000) -> int:
    """How often a network is refused before it is tried again."""
    return next(n for n in range(most) if experience.allows(network, network, seconds))


def test_what_nobody_knows_is_tried() -> None:
    assert Experience().allows(VOCALS, VOCALS, 0.0)
    assert used(VOCALS).allows(DRUMS, DRUMS, 0.0)


def test_what_was_ready_in_time_is_allowed_and_what_was_not_is_refused() -> None:
    for seconds, allowed in ((0.041, True), (0.039, False)):
        assert used(VOCALS).allows(VOCALS, VOCALS, seconds) is allowed


@pytest.mark.parametrize("network", [VOCALS, DRUMS])
def test_one_slow_run_changes_nothing(network: int) -> None:
    experience = used(VOCALS, DRUMS)
    experience.note(network, network, 3.0)
    assert experience.allows(VOCALS, VOCALS, 0.041)
    assert experience.allows(DRUMS, DRUMS, 0.041)


def test_a_network_alone_is_retried_before_long() -> None:
    experience = used(VOCALS, seconds=0.4)
    assert 1 <= refusals(experience, VOCALS, 0.05) <= 10
    experience.note(VOCALS, VOCALS, 0.04)
    assert experience.allows(VOCALS, VOCALS, 0.05), "the machine is quick again: what was before is over"


def test_a_retry_that_fails_is_not_repeated_at_once() -> None:
    experience = used(VOCALS, seconds=0.4)
    often = refusals(experience, VOCALS, 0.05)
    experience.note(VOCALS, VOCALS, 0.4)
    assert refusals(experience, VOCALS, 0.05) == often


def slow(experience: Experience, hops: int, factor: float, left: float) -> tuple[int, int]:
    """Hops at which vocals run so much slower, and drums are offered what is left: how often they run, and not."""
    ran = 0
    for _ in range(hops):
        experience.note(VOCALS, VOCALS, 0.04 * factor)
        if experience.allows(DRUMS, DRUMS, left):
            experience.note(DRUMS, DRUMS, 0.04 * factor)
            ran += 1
    return ran, hops - ran


def test_while_the_machine_is_slow_what_matters_less_is_hardly_tried() -> None:
    experience = used(VOCALS, DRUMS)
    slow(experience, 5, 2.0, left=0.06)
    ran, not_run = slow(experience, 100, 2.0, left=0.06)
    assert ran <= 4
    assert not_run >= 96


def test_it_is_back_within_a_few_hops_of_the_machines_recovery() -> None:
    experience = used(VOCALS, DRUMS)
    slow(experience, 20, 2.0, left=0.06)
    slow(experience, 3, 1.0, left=0.06)
    assert slow(experience, 50, 1.0, left=0.06) == (50, 0)


def test_even_if_the_others_tell_nothing_it_is_tried_in_the_end() -> None:
    experience = used(VOCALS, DRUMS)
    for _ in range(5):  # it alone was slow, for a reason of its own
        experience.note(DRUMS, DRUMS, 0.08)
    slow_for = 0
    while not experience.allows(DRUMS, DRUMS, 0.06):
        experience.note(VOCALS, VOCALS, 0.04)
        slow_for += 1
    assert 0 < slow_for <= 50
