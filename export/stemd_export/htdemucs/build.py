"""The two flavours of the graph. Both compute what the stock network computes, for the wanted sources alone."""

from collections.abc import Sequence
from typing import Final

from stemd.separation.manifest import CHANNELS, Storage
from stemd_export.graph import Graph
from stemd_export.htdemucs.network import network
from stemd_export.htdemucs.transformer import AttentionKind
from stemd_export.htdemucs.weights import Network

# The first opset with an Attention operator.
FAST_OPSET: Final = 23


def hybrid_graph(
    net: Network,
    wanted: Sequence[int],
    *,
    storage: Storage = "float32",
    attention: AttentionKind = "fused",
    doc: str = "",
) -> bytes:
    """The fast flavour: the transforms stay outside.

    (spectrogram (1, 4, bins, steps), mixture (1, 2, frames)) ->
    (spectrogram_out (1, 4 * wanted, bins, steps), waveform_out (1, 2 * wanted, frames)); the estimate is the inverse
    transform of the first plus the second.

    Args:
        net: the weights.
        wanted: indices into net.sources; nothing else is computed.
        storage: of the large weights.
        attention: `fused` for runtimes with an Attention kernel, `plain` for the others.
        doc: the model's doc string.
    """
    g = Graph(FAST_OPSET, storage)
    count = len(wanted)
    spectrogram, waveform = network(g, net, "spectrogram", "mixture", wanted, attention)
    g.op("Identity", spectrogram, output="spectrogram_out")
    g.op("Reshape", waveform, g.integers(1, CHANNELS * count, net.frames), output="waveform_out")
    return g.model(
        "htdemucs",
        {"spectrogram": (1, 2 * CHANNELS, net.bins, net.steps), "mixture": (1, CHANNELS, net.frames)},
        {
            "spectrogram_out": (1, 2 * CHANNELS * count, net.bins, net.steps),
            "waveform_out": (1, CHANNELS * count, net.frames),
        },
        doc,
    )
