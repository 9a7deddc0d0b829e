"""Two real servers on machines of their own, the daemon on a third, and streams that play while servers fail.

What happens is told in `story`; `make cluster` prints it.
"""

import pytest

from stemd_bench.cluster.server import tritonserver
from stemd_bench.results import Skipped
from tests.cluster import laws, network
from tests.cluster.story import Account
from tests.cluster.variants import VARIANTS, Variant, perform

pytestmark = [pytest.mark.slow, pytest.mark.needs("iproute2", "haproxy"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=VARIANTS.values(), ids=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Variant:
    found: Variant = request.param
    return found


@pytest.fixture(scope="module")
def account(variant: Variant) -> Account:
    program = tritonserver()
    if reason := program.reason if isinstance(program, Skipped) else network.obstacle():
        pytest.skip(reason)
    account = perform(variant)
    if reason := laws.unfit(account):
        pytest.skip(f"this machine was too busy for this to show anything: {reason}")
    return account


def test_no_stream_loses_a_frame_of_its_timeline(account: Account) -> None:
    laws.every_frame_came_once_in_order_at_the_declared_latency(account)


def test_every_sample_is_the_networks_or_silent_and_flagged(variant: Variant, account: Account) -> None:
    laws.every_sample_is_the_networks_or_silent_and_flagged(account, variant.expected)


def test_streams_that_are_free_or_run_here_are_never_degraded(variant: Variant, account: Account) -> None:
    laws.only_streams_that_run_there_are_ever_degraded(account, variant.away)


def test_blocks_are_degraded_around_faults_alone_and_a_few_at_most(variant: Variant, account: Account) -> None:
    laws.blocks_are_degraded_around_faults_alone(account, variant.hop, variant.degraded)


def test_blocks_leave_when_they_are_due_whether_servers_answer_or_not(account: Account) -> None:
    laws.nobody_waits_for_what_is_late(account)


def test_both_servers_ran_segments_whenever_all_was_well(variant: Variant, account: Account) -> None:
    laws.both_run_segments_when_all_is_well(account)
