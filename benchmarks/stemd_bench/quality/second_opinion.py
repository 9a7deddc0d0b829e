"""BSSEval v4, as the package museval computes it: another measure than the SDR here, by other people's code."""

import importlib
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from stemd.audio import Float32Array


@cache
def missing() -> str:
    """Why there is none here; empty where there is. It takes a second the first time."""
    try:
        _museval()
    except ModuleNotFoundError:
        return "the package museval is not installed; pip install museval"
    except (ImportError, RuntimeError) as exc:  # without ffmpeg it cannot be loaded
        reason, *_ = [*str(exc).splitlines(), ""]
        return f"museval cannot be loaded: {reason}"
    return ""


def bsseval(true: Mapping[str, Float32Array], estimates: Mapping[str, Float32Array], rate: int) -> dict[str, float]:
    """SDR in dB of each stem, the median over seconds in which it is not silent.

    Args:
        true: all sources of a mixture, each (channels, frames).
        estimates: of the same, with the same names.
        rate: Hz.

    Returns:
        By stem; those that are silent throughout are left out. Nothing where an estimate is silent: BSSEval cannot
        tell then who took what.
    """
    audible = [name for name, stem in true.items() if np.any(stem)]
    if not audible or not all(np.any(estimates[name]) for name in audible):
        return {}
    museval = _museval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of silent seconds
        references = np.stack([true[name].T for name in audible]).astype(np.float64)
        guesses = np.stack([estimates[name].T for name in audible]).astype(np.float64)
        sdr, *_ = museval.evaluate(references, guesses, win=rate, hop=rate)
        medians = np.nanmedian(sdr, axis=1)
    return {name: float(value) for name, value in zip(audible, medians, strict=True) if np.isfinite(value)}


def _museval() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies
        return importlib.import_module("museval")  # not everybody has it, and it takes a second
