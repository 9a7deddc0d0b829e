"""Laws of what others published: the rows that count, the bytes that are known, and no others under their name."""

import hashlib

import msgspec
import pytest

from stemd.errors import ModelError
from stemd.separation.manifest import load_manifest
from stemd.store import pulling
from stemd.store.catalogue import Published, PublishedFile, catalogue
from stemd.store.folder import Store
from stemd.store.published import HT_DEMUCS_SEGMENT
from stemd.store.pulling import Order, pull
from tests.store.graphs import graph
from tests.store.hub_server import COMMIT, Hub
from tests.store.listener import Listener
from tests.store.states import models, names


def publish(hub: Hub, monkeypatch: pytest.MonkeyPatch, stems: tuple[str, ...]) -> Published:
    """Graphs of HT-Demucs' form on the hub, and in the catalogue as `demucs`."""
    rows = {stem: [0.1, 0.2, 0.3, 0.4] for stem in stems}
    hub.files = {f"d_{stem}.onnx": graph(gains, HT_DEMUCS_SEGMENT) for stem, gains in rows.items()}
    hub.files |= {"README.md": b"A card", "LICENSE": b"MIT, says the publisher"}
    files = tuple(
        PublishedFile(stem=stem, file=f"d_{stem}.onnx", size=len(content), sha256=hashlib.sha256(content).hexdigest())
        for stem in stems
        for content in [hub.files[f"d_{stem}.onnx"]]
    )
    known = catalogue()
    published = msgspec.structs.replace(
        known.models["htdemucs_ft"], repository=hub.repository, revision=COMMIT, files=files
    )
    own = msgspec.structs.replace(known, models={"demucs": published})
    monkeypatch.setattr(pulling, "catalogue", lambda: own)
    return published


def test_published_graphs_get_a_manifest_with_the_rows_that_count(
    hub: Hub, store: Store, talk: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, monkeypatch, ("drums", "vocals"))
    folder = pull(Order("demucs"), store, talk)
    manifest = load_manifest(folder)
    assert [(entry.stems, entry.rows, entry.outputs) for entry in manifest.specialists] == [
        (("drums",), (0,), 4),
        (("vocals",), (3,), 4),
    ]
    assert manifest.studio.window().hop == 257_985
    assert COMMIT in manifest.origin.weights
    assert "The model weights are not covered by the MIT license" in talk.asked[0]
    assert names(folder) == [
        *("LICENSE", "LICENSE.publisher", "d_drums.onnx", "d_vocals.onnx", "manifest.toml", "receipt.toml")
    ]
    # Row 3 of the vocals' graph is four times row 0 of the drums': 12 dB.
    drums, vocals = levels(talk.said[-1])
    assert vocals - drums == pytest.approx(12, abs=1.1)


def levels(report: str) -> tuple[float, float]:
    first, second = report.removeprefix("self-test: ").partition(";")[0].split(", ")
    return float(first.split()[1]), float(second.split()[1])


def test_a_pinned_digest_that_the_hub_contradicts_is_refused(
    hub: Hub, store: Store, talk: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(hub, monkeypatch, ("vocals",))
    hub.declared = {"d_vocals.onnx": "0" * 64}
    with pytest.raises(ModelError, match=r"is not the file that stemd knows .* do not trust it"):
        pull(Order("demucs"), store, talk)
    assert hub.fetched("d_vocals.onnx") == []


def test_the_same_revision_with_other_bytes_is_refused_later(
    hub: Hub, store: Store, talk: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = publish(hub, monkeypatch, ("vocals",))
    elsewhere = msgspec.structs.replace(published, revision="0" * 40)
    own = msgspec.structs.replace(catalogue(), models={"demucs": elsewhere})
    monkeypatch.setattr(pulling, "catalogue", lambda: own)
    pull(Order("demucs", revision="main"), store, talk)
    assert "its digests are the hub's own word" in talk.said[0]
    before = models(store)
    hub.files["d_vocals.onnx"] = graph([0.5] * 4, HT_DEMUCS_SEGMENT)
    with pytest.raises(ModelError, match=r"declares another d_vocals\.onnx than it did for the same revision"):
        pull(Order("demucs", revision="main"), store, talk)
    assert models(store) == before
