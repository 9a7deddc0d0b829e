"""Laws of fetching: whatever the hub does, the store holds whole models only, and no byte is fetched twice."""

from pathlib import Path

import huggingface_hub.constants
import pytest

from stemd.errors import ModelError
from stemd.store import pulling
from stemd.store.folder import Store
from stemd.store.pulling import Order, pull
from stemd.store.receipt import read_receipt
from tests.store.graphs import graph, model_folder
from tests.store.hub_server import COMMIT, Hub
from tests.store.listener import Listener
from tests.store.states import models, names

GRAPH = "x_vocals.onnx"
SIZE = 3_000_000


@pytest.fixture
def order(hub: Hub, tmp_path: Path) -> Order:
    """A model in stemd's own layout, on the hub."""
    folder = tmp_path / "published"
    model_folder(folder, weight=SIZE)
    hub.files = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.small = {"LICENSE", "manifest.toml"}
    return Order("tiny", hub.repository)


def test_a_repository_in_stemds_layout_is_pulled_as_it_is(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    folder = pull(order, store, talk)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "receipt.toml"} == hub.files
    receipt = read_receipt(folder)
    assert receipt
    assert (receipt.source, receipt.revision) == (hub.repository, COMMIT)
    assert names(store.root) == ["tiny"]
    assert models(store) == {"tiny": "imported"}
    assert "self-test: vocals -" in talk.said[-1]
    total = sum(map(len, hub.files.values()))
    assert [step for step in talk.steps if step[0] == "fetching"][-1] == ("fetching", total, total, "bytes")


def test_terms_are_shown_before_anything_large_comes_and_asked_once(
    hub: Hub, order: Order, store: Store, talk: Listener
) -> None:
    talk.answer = False
    with pytest.raises(ModelError, match="not agreed to; nothing was installed"):
        pull(order, store, talk)
    assert hub.fetched(GRAPH) == []
    assert names(store.root) == []
    talk.answer = True
    pull(order, store, talk)
    assert len(talk.asked) == 2
    assert "Commercial use: unclear" in talk.asked[0]
    pull(order, store, talk)
    assert len(talk.asked) == 2
    assert talk.said[-1] == f"tiny is there already, at {COMMIT[:12]} of {hub.repository}"


def test_a_damaged_model_is_mended_by_pulling_it_again(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    folder = pull(order, store, talk)
    (folder / GRAPH).write_bytes(b"damaged")
    assert pull(order, store, talk) == folder
    assert models(store) == {"tiny": "imported"}
    assert len(talk.asked) == 1


def test_a_line_that_is_cut_is_gone_on_with_at_once(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    hub.stop_at, hub.cuts = {GRAPH: 1_000_000}, 1
    pull(order, store, talk)
    assert hub.fetched(GRAPH) == ["", "bytes=1000000-"]


def test_the_next_run_fetches_only_the_rest(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    hub.stop_at = {GRAPH: 1_000_000}
    with pytest.raises(ModelError, match=r"cut off .* the same command goes on from there"):
        pull(order, store, talk)
    assert models(store) == {}
    assert store.resumable() == ["tiny"]
    hub.stop_at, hub.requests = {}, []
    folder = pull(order, store, talk)
    assert hub.fetched(GRAPH) == ["bytes=1000000-"]
    assert (folder / GRAPH).read_bytes() == hub.files[GRAPH]
    assert len(talk.asked) == 1


def test_a_line_that_is_cut_again_and_again_gets_there(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    hub.at_most = SIZE // 9
    pull(order, store, talk)
    assert len(hub.fetched(GRAPH)) == 10
    assert models(store) == {"tiny": "imported"}


def test_a_server_that_knows_no_ranges_costs_time_and_nothing_else(
    hub: Hub, order: Order, store: Store, talk: Listener
) -> None:
    hub.stop_at, hub.cuts, hub.ignore_range = {GRAPH: 1_000_000}, 1, True
    folder = pull(order, store, talk)
    assert (folder / GRAPH).read_bytes() == hub.files[GRAPH]


@pytest.mark.parametrize("claim", [-500_000, 500_000])
def test_a_false_content_length_does_no_harm(hub: Hub, order: Order, store: Store, talk: Listener, claim: int) -> None:
    hub.claim = claim
    folder = pull(order, store, talk)
    assert (folder / GRAPH).read_bytes() == hub.files[GRAPH]


@pytest.mark.parametrize("lie", [-500_000, 500_000])
def test_a_false_size_in_the_listing_installs_nothing(
    hub: Hub, order: Order, store: Store, talk: Listener, lie: int
) -> None:
    pull(order, store, talk)
    before = names(store.root / "tiny")
    (store.root / "tiny" / GRAPH).unlink()  # so that it is fetched again
    hub.sizes = {GRAPH: len(hub.files[GRAPH]) + lie}
    with pytest.raises(ModelError, match="not those declared" if lie < 0 else "cut off"):
        pull(order, store, talk)
    assert names(store.root / "tiny") == [name for name in before if name != GRAPH]
    hub.sizes = {}
    pull(order, store, talk)
    assert models(store) == {"tiny": "imported"}


def test_wrong_bytes_are_deleted(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    true = hub.files[GRAPH]
    hub.served = {GRAPH: true[:-1] + bytes([true[-1] ^ 1])}
    with pytest.raises(ModelError, match=f"{GRAPH}: the bytes that came are not those declared"):
        pull(order, store, talk)
    assert GRAPH not in "".join(names(store.half_fetched("tiny")))
    assert models(store) == {}
    hub.served = {}
    pull(order, store, talk)
    assert models(store) == {"tiny": "imported"}


def test_small_files_are_checked_too(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    hub.served = {"LICENSE": b"X" + hub.files["LICENSE"][1:]}
    with pytest.raises(ModelError, match="LICENSE: the bytes that came are not those declared"):
        pull(order, store, talk)
    assert models(store) == {}


def test_more_than_was_declared_is_not_written(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    hub.served = {GRAPH: hub.files[GRAPH] * 3}
    with pytest.raises(ModelError, match="not those declared"):
        pull(order, store, talk)
    assert GRAPH not in "".join(names(store.half_fetched("tiny")))
    assert max(done for _, done, _, unit in talk.steps if unit == "bytes") < 1.1 * len(hub.files[GRAPH])


def test_damage_from_a_run_before_is_found_out(hub: Hub, order: Order, store: Store, talk: Listener) -> None:
    hub.stop_at = {GRAPH: 1_000_000}
    with pytest.raises(ModelError, match="cut off"):
        pull(order, store, talk)
    (part,) = store.half_fetched("tiny").glob(f"{GRAPH}.*.part")
    part.write_bytes(bytes(900_000))
    hub.stop_at = {}
    with pytest.raises(ModelError, match="not those declared"):
        pull(order, store, talk)
    pull(order, store, talk)
    assert models(store) == {"tiny": "imported"}


def test_a_graph_that_the_manifest_does_not_name_is_refused_unfetched(
    hub: Hub, order: Order, store: Store, talk: Listener
) -> None:
    hub.files[GRAPH] = graph([0.1])
    with pytest.raises(ModelError, match="is not the file that its manifest"):
        pull(order, store, talk)
    assert hub.fetched(GRAPH) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Order("tiny", "someone/some-graphs", "feedbeef"), "has no revision 'feedbeef'"),
        (Order("tiny", "someone/nothing"), "has no someone/nothing, or it is private; check the name and HF_TOKEN"),
        (Order("tiny", "no name at all"), "such names look like owner/name"),
        (Order("other", "someone/some-graphs"), "is the model 'tiny'; pull it under that name"),
        (Order("../tiny", "someone/some-graphs"), "'../tiny' is no name for a model"),
        (Order(".tiny", "someone/some-graphs"), "dots not in front"),
        (Order("htdemucs"), r"no model 'htdemucs' in the catalogue \(did you mean 'htdemucs_ft'\?\)"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_had_is_said_in_one_line(
    hub: Hub, order: Order, store: Store, talk: Listener, change: Order, words: str
) -> None:
    with pytest.raises(ModelError, match=words) as fault:
        pull(change, store, talk)
    assert "\n" not in str(fault.value)
    assert models(store) == {}
    assert store.resumable() == []


def test_a_gated_repository_says_where_to_ask(
    hub: Hub, order: Order, store: Store, talk: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated = True
    with pytest.raises(ModelError, match=f"asks for consent; give it at {hub.url}/someone/some-graphs, then set HF_TO"):
        pull(order, store, talk)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pull(order, store, talk)
    assert models(store) == {"tiny": "imported"}


def test_no_network_says_what_to_do(
    hub: Hub, order: Order, store: Store, talk: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"http://127.0.0.1:9 cannot be reached \(.*\); check the network .*import"):
        pull(order, store, talk)


def test_a_full_disk_is_seen_before_anything_is_fetched(
    hub: Hub, order: Order, store: Store, talk: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("usage", (), {"free": SIZE})
    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ModelError, match="3 MB are to come and 3 MB are free; free some, or name another place with"):
        pull(order, store, talk)
    assert hub.fetched(GRAPH) == []


@pytest.mark.parametrize(
    ("gains", "words"),
    [((float("nan"),), "samples that are no numbers"), ((0.0,), "vocals is silent"), ((100.0,), "40 dB louder than")],
)
def test_what_fails_its_test_is_not_installed(
    hub: Hub, store: Store, talk: Listener, tmp_path: Path, gains: tuple[float, ...], words: str
) -> None:
    model_folder(tmp_path / "bad", gains=gains)
    hub.files = {path.name: path.read_bytes() for path in (tmp_path / "bad").iterdir()}
    with pytest.raises(ModelError, match=words):
        pull(Order("tiny", hub.repository), store, talk)
    assert models(store) == {}
