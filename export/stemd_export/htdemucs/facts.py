"""What the manifest and the licence file of an HT-Demucs export say, beside digests and figures."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stemd.separation.manifest import (
    Kind,
    Licence,
    Manifest,
    Origin,
    Parity,
    Segments,
    SpecialistEntry,
    Storage,
)
from stemd.store.published import plans
from stemd_export.htdemucs.parity import LEVELS, Bound, Row
from stemd_export.htdemucs.transformer import AttentionKind

PROJECT: Final = "https://github.com/adefossez/demucs"
PAPER: Final = (
    "S. Rouard, F. Massa, A. Défossez: Hybrid Transformers for Music Source Separation. ICASSP 2023. "
    "https://doi.org/10.1109/ICASSP49357.2023.10096956"
)
EVIDENCE: Final = (
    "The code of demucs is under the MIT licence. Its author says that the pre-trained weights are not covered by it: "
    "'The model weights are not covered by the MIT license, and are provided only for scientific purposes' "
    "(facebookresearch/demucs issue 327, May 2022; 508 says the same). Later his hub repositories of the same weights "
    "were labelled MIT; whether that is meant was not answered when this was written. Who trained weights of their own "
    "may say otherwise of them."
)
_METHOD: Final = (
    "largest difference over the peak, and power over that of the difference (the stem's or the mixture's, whichever "
    "is larger), on one segment of "
    f"music-like sound at {LEVELS[0][0]:g} and at {LEVELS[1][0]:g} of full scale with an offset; the worse of the two, "
    "of all stems. The export checks both and writes nothing otherwise"
)


@dataclass(frozen=True, slots=True)
class Flavour:
    """Which of the possible graphs is wanted."""

    portable: bool = False
    storage: Storage = "float32"
    attention: AttentionKind = "fused"

    @property
    def kind(self) -> Kind:
        """How the daemon runs it."""
        return "waveform" if self.portable else "hybrid"

    @property
    def lossy(self) -> bool:
        """Whether exactness is given up for size."""
        return self.storage == "int8"

    def model_name(self, bag: str) -> str:
        """The bag's name, and what tells this flavour from the daemon's own."""
        marks = [
            "portable" if self.portable else "",
            {"float32": "", "float16": "fp16", "int8": "int8"}[self.storage],
            "plain" if self.attention == "plain" and not self.portable else "",
        ]
        return "-".join([bag, *filter(None, marks)])

    @property
    def bound(self) -> Bound:
        """What parity must hold: the largest difference over the peak, and the SNR."""
        if self.storage != "float32":
            return Bound(snr_db=50, of_peak=1e-2)
        return Bound(snr_db=90, of_peak=1e-4) if self.portable else Bound(snr_db=110, of_peak=1e-5)


def manifest(
    name: str, flavour: Flavour, entries: Sequence[SpecialistEntry], rows: Sequence[Row], frames: int, rate: int
) -> Manifest:
    """The manifest of an export: its window plans are demucs' own (`studio`) and one with a smaller hop."""
    live, studio = plans(frames)
    return Manifest(
        name=name,
        version="1",
        kind=flavour.kind,
        storage=flavour.storage,
        lossy=flavour.lossy,
        sample_rate=rate,
        specialists=tuple(entries),
        segments=Segments(exact=(frames,)),
        live=live,
        studio=studio,
        plan="studio",
        licence=Licence(code="MIT", weights="for scientific purposes", evidence=EVIDENCE, commercial="unclear"),
        origin=Origin(
            weights="HT-Demucs checkpoints as demucs 4.1 loads them, exported by stemd",
            project=PROJECT,
            paper=PAPER,
        ),
        parity=Parity(
            reference="the stock network in PyTorch, float32, on the CPU",
            max_abs_diff=max(row.max_abs_diff for row in rows),
            snr_db=round(min(row.snr_db for row in rows), 1),
            method=_METHOD,
        ),
    )


def licence_text(name: str) -> str:
    """The licence file: what is known about the terms of the weights."""
    return f"""\
{name}: HT-Demucs networks, converted to ONNX by stemd.

Weights
-------
{textwrap.fill(EVIDENCE, 110)}

Please cite
-----------
{textwrap.fill(PAPER, 110)}
"""
