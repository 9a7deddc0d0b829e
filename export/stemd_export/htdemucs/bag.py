"""Loads a bag of HT-Demucs networks with demucs itself, and says which network is trusted for which stems."""

import contextlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from stemd.errors import nearest
from stemd_export.errors import ExportError

NAMES: Final = ("htdemucs_ft", "htdemucs", "htdemucs_6s")


@dataclass(frozen=True, slots=True)
class Expert:
    """One network of a bag, and the sources (indices into its outputs) that the bag takes from it."""

    model: Any  # demucs.htdemucs.HTDemucs
    wanted: tuple[int, ...]

    @property
    def stems(self) -> tuple[str, ...]:
        """The names of those sources."""
        return tuple(self.model.sources[i] for i in self.wanted)

    @property
    def frames(self) -> int:
        """The length of its segments, in frames."""
        return int(self.model.segment * self.model.samplerate)


def load(name: str, repo: Path | None) -> tuple[Any, list[Expert]]:
    """Load a bag by name: from demucs' hub repository, or from a local folder in demucs' layout.

    Returns:
        demucs' own bag, for comparison, and its experts.

    Raises:
        ExportError: it cannot be had, is not one-hot, or holds a network that is no HT-Demucs as published.
    """
    bag = _fetch(name, repo)
    models = list(getattr(bag, "models", [bag]))
    sources = list(bag.sources)
    weights = getattr(bag, "weights", None) or [[1.0] * len(sources)] * len(models)
    experts = [Expert(model, rows) for model, rows in zip(models, one_hot(name, sources, weights), strict=True)]
    for expert in experts:
        check_supported(name, expert.model)
    return bag, experts


def one_hot(name: str, sources: Sequence[str], weights: Sequence[Sequence[float]]) -> list[tuple[int, ...]]:
    """For each network of a bag, the sources that it alone gives.

    Raises:
        ExportError: a source is a mean of several networks, so that no one network is the bag's estimate of it.
    """
    table = np.asarray(weights, float)
    for i, source in enumerate(sources):
        givers = np.flatnonzero(table[:, i])
        if len(givers) != 1:
            mixed = ", ".join(f"{weight:g}" for weight in table[:, i])
            raise ExportError(
                f"the bag {name!r} is not one-hot: {source!r} is a mean of {len(givers)} networks (weights {mixed}), "
                "so no single network gives it. Choose a bag such as htdemucs_ft, where each stem comes from one "
                "network, or export one network of the bag by its signature"
            )
    rows = [tuple(int(i) for i in np.flatnonzero(row)) for row in table]
    idle = [k for k, row in enumerate(rows) if not row]
    if idle:
        raise ExportError(f"the bag {name!r} has networks that no source is taken from (number {idle[0]})")
    return rows


def check_supported(name: str, model: Any) -> None:
    """Refuse what is built otherwise than the published HT-Demucs.

    Raises:
        ExportError: naming the setting.
    """
    kind = type(model).__name__
    if kind != "HTDemucs":
        raise ExportError(f"{name!r} is a {kind}, not an HTDemucs; stemd exports {', '.join(NAMES)} and their like")
    cross = model.crosstransformer
    if cross is None:
        raise ExportError(f"{name!r} has no transformer (t_layers = 0), which stemd's export cannot express")
    layers = [*cross.layers, *cross.layers_t]
    faults = {
        "cac": not model.cac,
        "audio_channels": model.audio_channels != 2,
        "multi_freqs": any(type(e).__name__ == "MultiWrap" for e in model.encoder),
        "norm_starts": any(type(e.norm1).__name__ != "Identity" for e in model.encoder),
        "freq_emb": model.freq_emb is None,
        "rewrite": any(layer.rewrite is None for layer in [*model.encoder, *model.decoder]),
        "time branch": any(layer.empty for layer in [*model.tencoder, *model.tdecoder])
        or len(model.tencoder) != len(model.encoder),
        "dconv_attn": any(len(part) != 7 for e in model.encoder if e.dconv for part in e.dconv.layers),
        "t_emb": cross.emb != "sin",
        "t_sin_random_shift": cross.sin_random_shift != 0,
        "t_norm_in": type(cross.norm_in).__name__ != "LayerNorm",
        "t_norm_first": not all(layer.norm_first for layer in layers),
        "t_norm_out": not all(layer.norm_out for layer in layers),
        "t_layer_scale": any(type(layer.gamma_1).__name__ != "LayerScale" for layer in layers),
        "t_sparse_attn": any(layer.sparse for layer in layers),
        "t_group_norm": any(type(layer.norm1).__name__ != "LayerNorm" for layer in layers),
        "t_gelu": any(layer.activation.__name__ != "gelu" for layer in layers),
        "t_cross_first": cross.classic_parity != 0,
    }
    wrong = [setting for setting, fault in faults.items() if fault]
    if wrong:
        raise ExportError(f"{name!r} differs from the published HT-Demucs in {', '.join(wrong)}: not supported")


def _fetch(name: str, repo: Path | None) -> Any:
    from demucs.pretrained import get_model  # noqa: PLC0415 - PyTorch takes seconds

    if repo is not None and not repo.is_dir():
        raise ExportError(f"--repo {repo}: no such folder; it must hold {name}.yaml and the checkpoints that it names")
    if repo is not None and not any(repo.glob(f"{name}.yaml")) and not any(repo.glob(f"{name}*.th")):
        known = [path.stem for path in repo.glob("*.yaml")]
        raise ExportError(f"--repo {repo}: holds no {name}.yaml{nearest(name, known)}")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            return get_model(name, repo)
    except (Exception, SystemExit) as exc:  # demucs ends the process itself where a folder is missing
        where = f"from {repo}" if repo else "from the hub; is there a network? With the checkpoints at hand, --repo DIR"
        raise ExportError(f"cannot load {name!r} {where} ({type(exc).__name__}: {exc})") from exc
