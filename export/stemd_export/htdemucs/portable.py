"""The portable flavour of the graph: samples in, samples out, for phones, browsers and stock servers."""

from collections.abc import Sequence
from typing import Final

from stemd.separation.manifest import CHANNELS, Storage
from stemd_export.graph import Graph
from stemd_export.htdemucs import transforms
from stemd_export.htdemucs.network import network
from stemd_export.htdemucs.weights import Network

# The first opset with a LayerNormalization operator, and old enough for the runtimes that phones and browsers carry.
PORTABLE_OPSET: Final = 17


def portable_graph(net: Network, wanted: Sequence[int], *, storage: Storage = "float32", doc: str = "") -> bytes:
    """One graph from `mix` (1, 2, frames) to `stems` (1, wanted, 2, frames), the STFT and its inverse inside.

    Args:
        net: the weights.
        wanted: indices into net.sources, in the order in which the stems come out; nothing else is computed.
        storage: of the large weights.
        doc: the model's doc string.

    Raises:
        ExportError: the network's STFT window is no power of two.
    """
    g = Graph(PORTABLE_OPSET, storage)
    count, window = len(wanted), 2 * net.bins
    spectrogram = transforms.spectrogram(g, "mix", net.frames, window)
    spectra, waves = network(g, net, spectrogram, "mix", wanted, "plain")
    stems = g.op(
        "Add",
        transforms.waveform(g, spectra, count, net.frames, window),
        g.reshape(waves, 1, CHANNELS * count, net.frames),
    )
    g.op("Reshape", stems, g.integers(1, count, CHANNELS, net.frames), output="stems")
    return g.model("htdemucs", {"mix": (1, CHANNELS, net.frames)}, {"stems": (1, count, CHANNELS, net.frames)}, doc)
