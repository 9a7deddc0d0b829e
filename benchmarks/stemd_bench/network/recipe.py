"""What a contender is made of, in words that can be sent to another process."""

from typing import Annotated, Final, Literal

import msgspec

Kind = Literal["eager", "compiled", "hybrid", "waveform"]
CHANNELS: Final = 2


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One or more specialists that one process loads and runs one after another.

    Attributes:
        kind: `eager` and `compiled` are stock networks in PyTorch; `hybrid` and `waveform` are graphs, as in manifests.
        files: one for each specialist, a module that PyTorch saved or an ONNX graph.
        rows: which of its outputs is each specialist's own.
        outputs: how many stems each file gives.
        frames: length of a segment.
        threads: of one run.
        engine: that runs the graphs.
        share: whether the networks of the process share their working memory (onnxruntime).
        cache: folder where compiled code is kept.
    """

    kind: Kind
    files: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    rows: tuple[int, ...]
    outputs: int
    frames: int
    threads: int
    engine: str = ""
    share: bool = True
    cache: str = ""
