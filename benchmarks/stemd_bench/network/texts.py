"""What the report of `stemd bench network` says about itself."""

from collections.abc import Mapping, Sequence
from typing import Final

from stemd_bench.results import Better

METHOD: Final = (
    "Each row runs the same segment of one song, in turn with all others and again; times are medians. The network is "
    "HT-Demucs as published (with --quick: a narrow one) with seeded weights, which cost what trained ones cost. Rows "
    "of stemd run as the daemon runs them, both transforms included, threads spinning; a row that begins with `...` "
    "differs from `stemd in onnxruntime` in that one respect. A bag is four specialists, one after another.",
    "times eager, times compiled, times peer: how many times as fast as PyTorch as it is, as PyTorch compiled, and as "
    "the graph that demucs-onnx makes of the same network; medians of the ratios within each repeat. Bags are held "
    "against PyTorch's bag; times one: how many times as long as one specialist.",
    "GFLOP: what the products in the row's own graph take (Conv, ConvTranspose, Gemm, MatMul, Attention). times floor: "
    "the time over that of the GFLOP of `stemd in onnxruntime` at the best rate of any sgemm row (products of large "
    "square float32 matrices).",
    "parity: how far the difference to PyTorch's stem lies below that stem. load: seconds from file to network. peak: "
    "the most memory that a fresh process ever held that loads the row and runs it twice: interpreter, libraries, "
    "network, working memory, and for the compiled row the compiler. cpu: processor time of all threads. others: what "
    "other processes used while it ran.",
    "joined: half a minute of song by stemd's plan `studio` (hop 75 % of the segment) and the article's way (hop 25 %, "
    "Hann-weighted), with the network of `stemd in onnxruntime` and equal code otherwise, once. How far the two lie "
    "apart says little with seeded weights.",
)
UNITS: Final[Mapping[str, str]] = {
    "seconds": "s",
    "cpu": "s",
    "others": "% of a core",
    "eager": "times",
    "compiled": "times",
    "peer": "times",
    "one": "times",
    "floor": "times",
    "load": "s",
    "peak": "MB",
    "megabytes": "MB",
    "nodes": "nodes",
    "gflop": "GFLOP",
    "rate": "GFLOP/s",
    "largest": "of the peak",
    "snr": "dB",
    "per_second": "s",
    "runs": "runs",
    "apart": "dB",
}
# Parity is held by tests, what others use is not ours, and the rate is the machine's.
BETTER: Final[Mapping[str, Better]] = {
    **dict.fromkeys(("eager", "compiled", "peer"), "higher"),
    **dict.fromkeys(("seconds", "cpu", "floor", "load", "peak", "megabytes", "per_second"), "lower"),
}
HEADINGS: Final[Sequence[Mapping[str, str]]] = (
    {
        "seconds": "\nseconds",
        "seconds:low": "\nlowest",
        "seconds:quartiles": "\nquartiles",
        "eager": "times\neager",
        "compiled": "times\ncompiled",
        "peer": "times\npeer",
        "one": "times\none",
        "floor": "times\nfloor",
        "cpu": "cpu\nseconds",
        "others": "% of a core\nothers",
    },
    {
        "snr": "parity\ndB",
        "gflop": "work\nGFLOP",
        "nodes": "graph\nnodes",
        "megabytes": "file\nMB",
        "load": "load\ns",
        "peak": "peak\nMB",
    },
    {"rate": "GFLOP/s", "per_second": "s per s of audio", "runs": "network runs", "apart": "apart by dB"},
)
