"""Laws of what crosses the network: the server sees the segment to the bit, and answers are what they should be."""

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

from stemd.audio import Float32Array
from stemd.dsp.plan import WindowPlan
from stemd.dsp.segmenter import Segment, Segmenter, on_grid
from stemd.errors import InferenceError, ModelLoadError
from stemd.separation.remote import wire
from stemd.separation.store import find
from tests.graphs import noise

MANIFEST = find("spleeter-vocals").manifest
WAVEFORM = msgspec.structs.replace(MANIFEST, kind="waveform")
ENTRY = MANIFEST.specialists[0]
PLANS = {
    "crossfaded": WindowPlan(32_768, 4_096, 1_024, 3_072),
    "shared out": on_grid(WindowPlan(32_768, 4_096, 0, 3_072)),
}


def segments(plan: WindowPlan, *, spectral: bool, length: int = 50_000) -> list[Segment]:
    """All of a stream, from those that begin before it to those that end after it."""
    segmenter, samples = Segmenter(plan, 2, spectral=spectral), noise(length)
    return [
        each for at in range(0, length, 777) for each in segmenter.push(samples[:, at : at + 777])
    ] + segmenter.flush()


@pytest.mark.parametrize("spectral", [True, False])
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_server_sees_what_the_daemon_sees(plan: WindowPlan, spectral: bool) -> None:
    for given in segments(plan, spectral=spectral):
        seen = wire.segment(wire.inputs(given, whole=False), spectral=spectral)
        assert seen.span == given.span
        assert np.array_equal(seen.mixture, given.mixture)
        if spectral:
            assert given.spectrum is not None
            assert np.array_equal(seen.spectrum, given.spectrum)
        else:
            assert seen.spectrum is None


def test_a_bare_graph_is_given_the_samples_alone() -> None:
    given = segments(PLANS["crossfaded"], spectral=False)[3]
    asked = wire.inputs(given, whole=True)
    assert asked.keys() == {wire.MIXTURE}
    assert np.array_equal(asked[wire.MIXTURE], given.mixture[np.newaxis])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({wire.SPAN: np.zeros(5, np.int64)}, "5 numbers"),
        ({wire.MIXTURE: np.zeros((1, 100), np.float32)}, r"shape \(1, 100\)"),
        ({wire.SPAN: np.array([2_048, 0, 0, 0, 99_999_999, -1])}, "does not lie within"),
        ({wire.SPAN: np.array([2_048, 0, 0, 8, 8, -1])}, "does not lie within"),
        ({wire.SPAN: np.array([2_048, 0, 0, -1, 8, -1])}, "does not lie within"),
        ({wire.SPAN: np.array([2_048, 0, 0, 0, 8, -2])}, "does not lie within"),
        ({wire.SPAN: np.array([-1, 0, 0, 0, 8, -1])}, "does not lie within"),
        ({wire.SPAN: np.array([1_024, 0, 0, 0, 8, -1])}, "1024 frames lead"),
    ],
)
def test_what_is_no_request_is_refused(change: dict[str, wire.Tensor], words: str) -> None:
    asked = wire.inputs(segments(PLANS["crossfaded"], spectral=True)[0], whole=False)
    with pytest.raises(InferenceError, match=words):
        wire.segment({**asked, **change}, spectral=True)


def test_the_trusted_stems_are_taken_from_either_kind_of_answer() -> None:
    given = segments(PLANS["crossfaded"], spectral=False)[3]
    entry = entry_of(rows=(2,), outputs=4)
    whole = noise(4 * given.mixture.shape[1]).reshape(2, 4, -1).swapaxes(0, 1)[np.newaxis].astype(np.float32)
    trusted = whole[0, 2:3, :, given.span.trusted]
    assert np.array_equal(wire.stems(whole, entry, given, whole=True), trusted)
    assert np.array_equal(wire.stems(trusted, entry, given, whole=False), trusted)
    assert wire.most_bytes(entry, given, whole=True) == whole.nbytes
    assert wire.most_bytes(entry, given, whole=False) == trusted.nbytes


def entry_of(**changes: Any) -> Any:
    return msgspec.structs.replace(ENTRY, **changes)


def good(given: Segment) -> Float32Array:
    return np.zeros((len(ENTRY.stems), 2, given.span.reach), np.float32)


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (lambda a: None, "gave nothing"),
        (lambda a: a[:, :, :-1], "where float32"),
        (lambda a: a.astype(np.float64), "gave float64"),
        (lambda a: a[0], "where float32"),
        (lambda a: a + np.float32("nan"), "no numbers"),
        (lambda a: a + np.float32("inf"), "no numbers"),
    ],
)
def test_an_answer_that_is_none_is_refused(spoilt: Any, words: str) -> None:
    given = segments(PLANS["shared out"], spectral=True)[1]
    assert np.array_equal(wire.stems(good(given), ENTRY, given, whole=False), good(given))
    with pytest.raises(InferenceError, match=words):
        wire.stems(spoilt(good(given)), ENTRY, given, whole=False)


def described(inputs: list[str], outputs: list[str], digest: str = wire.digest(MANIFEST)) -> tuple[Any, Any]:
    metadata = {"inputs": [{"name": name} for name in inputs], "outputs": [{"name": name} for name in outputs]}
    return metadata, {"parameters": {wire.DIGEST: {"string_value": digest}}}


def test_what_a_server_has_is_known_by_its_tensors() -> None:
    specialist = described([wire.MIXTURE, wire.SPAN], [wire.STEMS, wire.COMPUTE])
    assert not wire.offer(MANIFEST, 0, *specialist).whole
    graph = described([wire.MIXTURE], [wire.STEMS], wire.digest(WAVEFORM))
    assert wire.offer(WAVEFORM, 0, *graph).whole
    with pytest.raises(ModelLoadError, match="nothing that stemd exported"):
        wire.offer(MANIFEST, 0, *described([wire.MIXTURE], [wire.STEMS]))


def test_another_edition_is_refused_and_has_another_version() -> None:
    other = msgspec.structs.replace(MANIFEST, version="another")
    assert wire.version(other) != wire.version(MANIFEST)
    assert 0 < int(wire.version(MANIFEST)) < 2**63
    with pytest.raises(ModelLoadError, match="another edition"):
        wire.offer(other, 0, *described([wire.MIXTURE, wire.SPAN], [wire.STEMS, wire.COMPUTE]))
    with pytest.raises(ModelLoadError, match="no digest"):
        wire.offer(MANIFEST, 0, {}, {})


def test_a_segment_without_what_leads_is_still_a_segment() -> None:
    """Of a network that sees no spectrogram, or one made by hand."""
    given = dataclasses.replace(segments(PLANS["crossfaded"], spectral=False)[0], lead=None)
    assert wire.segment(wire.inputs(given, whole=False), spectral=False).span == given.span
