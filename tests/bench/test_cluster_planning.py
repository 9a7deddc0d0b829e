"""What more streams would need: the laws of the reckoning, and that its places are enough where a hash spreads them."""

from collections import Counter
from dataclasses import replace
from math import comb
from pathlib import Path

import pytest

from stemd.cli import main
from stemd.errors import ConfigError
from stemd_bench.cluster.costs import costs
from stemd_bench.cluster.names import GRPC
from stemd_bench.cluster.planning import Costs, Limits, excess, most_of_daemon, need, servers_of
from stemd_bench.report import as_json
from stemd_client import daemons_of
from tests.bench.cluster_report import capacity, request, traffic, variants, whole
from tests.bench.reports import other

COSTS = Costs(name="a network", trip=0.06, compute=0.05, hop=0.5, sent=2e6, answered=2e5, daemon=0.02)
LIMITS = Limits(server_cores=4)


def test_servers_have_time_for_all_segments_and_one_fewer_has_not() -> None:
    for streams in (1, 7, 30, 31, 1_000):
        servers = servers_of(streams, COSTS, LIMITS)
        wanted = streams * COSTS.trip / COSTS.hop
        assert servers * LIMITS.server_cores * LIMITS.use >= wanted - 1e-9
        assert (servers - 1) * LIMITS.server_cores * LIMITS.use < wanted - 1e-9


def test_a_server_and_a_daemon_may_be_missing() -> None:
    found = need(10, COSTS, LIMITS)
    assert found.streams_each == 10, "one daemon is enough for all, and takes them all where the other is gone"
    assert found.daemons == 2
    assert found.servers_each == servers_of(10, COSTS, LIMITS) + 1
    assert found.servers == found.daemons * found.servers_each


@pytest.mark.parametrize("streams", [10, 1_000, 100_000])
def test_what_is_needed_is_within_every_limit(streams: int) -> None:
    found = need(streams, COSTS, LIMITS)
    each, audio = found.streams_each, COSTS.audio
    assert each * COSTS.daemon <= LIMITS.core
    assert each * (COSTS.sent / COSTS.hop + LIMITS.listeners * audio) <= LIMITS.link
    assert each * (COSTS.answered / COSTS.hop + audio) <= LIMITS.link
    assert each * 2 * (1 + LIMITS.listeners) <= LIMITS.descriptors
    places = (found.daemons - 1) * each
    assert places == streams if found.daemons == 2 else LIMITS.fill * places >= streams
    assert found.busy == pytest.approx(streams * 0.1)
    assert found.rate == pytest.approx(streams * 2.2e6 / 0.5)


@pytest.mark.parametrize(
    ("changes", "limits", "most", "limit"),
    [
        ({"daemon": 0.1}, {}, 10, "processor"),
        ({"sent": 2e8}, {}, 2, "network"),
        ({"answered": 2e8}, {}, 2, "network"),
        ({}, {"listeners": 50}, 40, "network"),
        ({"audio": 1.0}, {"descriptors": 100}, 25, "files"),
    ],
)
def test_what_bounds_a_daemon_is_named(
    changes: dict[str, float], limits: dict[str, float], most: int, limit: str
) -> None:
    found = most_of_daemon(replace(COSTS, **changes), replace(LIMITS, **limits))
    assert found[0] == most
    assert limit in found[1]


def test_a_plan_that_no_server_can_keep_up_with_is_refused_with_what_would_do() -> None:
    too_much = replace(COSTS, trip=0.51)
    with pytest.raises(ConfigError, match="longer hop"):
        need(1, too_much, LIMITS)
    assert need(1, replace(COSTS, trip=0.49), LIMITS).servers_each == 2


def test_a_stream_that_no_daemon_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="not even one stream, for its network"):
        need(1, replace(COSTS, sent=1e9), LIMITS)


def spread(streams: int, addresses: list[str], places: int) -> Counter[int]:
    """Put streams where their names lead them, in the order in which they come: which choice each got."""
    taken: Counter[str] = Counter()
    choices: Counter[int] = Counter()
    for n in range(streams):
        order = daemons_of(f"stream-{n}", addresses)
        at = next(address for address in order if taken[address] < places)
        taken[at] += 1
        choices[order.index(at)] += 1
    return choices


@pytest.mark.parametrize("streams", [200, 1_000, 5_000])
def test_places_are_enough_for_streams_that_find_theirs_by_their_names(streams: int) -> None:
    """By the function of the clients, with one daemon gone: each has a place, and few not at their first choice."""
    found = need(streams, COSTS, LIMITS)
    addresses = [f"tcp://stemd-0.stemd.cell-{n}.svc:7355" for n in range(found.daemons - 1)]
    choices = spread(streams, addresses, found.streams_each)
    assert sum(choices.values()) == streams
    elsewhere = 1 - choices[0] / streams
    # Who is put elsewhere takes a place of others, so it is some more than the binomial distribution says.
    assert elsewhere <= 2 * found.elsewhere + 0.02


def test_what_a_daemon_gets_too_much_is_what_its_binomial_share_is_beyond_its_places() -> None:
    def exact(streams: int, daemons: int, places: int) -> float:
        chance = 1 / daemons
        return sum(
            (x - places) * comb(streams, x) * chance**x * (1 - chance) ** (streams - x)
            for x in range(places + 1, streams + 1)
        )

    for streams, daemons, places in ((10, 2, 5), (60, 3, 22), (300, 10, 36)):
        assert excess(streams, daemons, places) == pytest.approx(exact(streams, daemons, places))
    assert excess(50, 1, 50) == 0, "one alone gets all, and no more than all"


def test_costs_are_those_that_were_measured() -> None:
    live, roomy = costs(variants())
    assert (live.name, roomy.name) == ("spleeter-vocals, live", "spleeter-vocals, roomy")
    assert roomy.trip == pytest.approx(0.057)
    assert roomy.compute == pytest.approx(0.05), "all that the server's processor does for it"
    assert roomy.hop == pytest.approx(0.5)
    assert (roomy.sent, roomy.answered) == (1_800 * 1_024, 200 * 1_024)


def test_what_a_stream_costs_the_daemon_beside_requests_is_the_same_by_every_plan() -> None:
    live, roomy = costs(variants())
    assert roomy.daemon == pytest.approx(0.03), "as it was counted: 3 % of a core"
    asking = 0.005 / roomy.hop
    assert live.daemon == pytest.approx(0.03 - asking + 0.005 / live.hop)
    uncounted = costs([request("roomy", GRPC), traffic("roomy"), capacity(0, 7), capacity(1, 0)])
    assert uncounted[0].daemon == pytest.approx(asking), "where no stream was held on servers"


def test_the_plan_is_shown_as_an_extrapolation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cluster.json"
    file.write_text(as_json(whole()))
    assert main(["bench", "plan", str(file), "--streams", "10,1000", "--server-cores", "4"]) == 0
    out = capsys.readouterr().out
    assert "An extrapolation: nothing of this size was run" in out
    assert "1 000" in out
    assert "no number of servers mends that" in out, "live: back after 57 ms, every 46 ms"
    assert "servers of 4 cores" in out


@pytest.mark.parametrize(
    "words",
    [["--streams", "many"], ["--streams", "0"], ["--server-cores", "0"], ["--link", "0"], ["--listeners", "-1"]],
)
def test_what_cannot_be_reckoned_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cluster.json"
    file.write_text(as_json(whole()))
    assert main(["bench", "plan", str(file), *words]) == 78
    assert words[0] in capsys.readouterr().err


def test_a_report_of_another_suite_is_refused_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "soak.json"
    file.write_text(as_json(other("soak")))
    assert main(["bench", "plan", str(file)]) == 78
    assert f"{file}: has no requests to a server" in capsys.readouterr().err
