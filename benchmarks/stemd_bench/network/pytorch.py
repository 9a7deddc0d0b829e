"""The stock networks in PyTorch: as they are, and compiled."""

import importlib.util
import os
import shutil
import warnings
from typing import Any

import numpy as np
import torch

from stemd.audio import Float32Array
from stemd.errors import StemdError
from stemd_bench.network.recipe import CHANNELS, Recipe


class Eager:
    """demucs' own modules, in inference mode. They give all sources, of which one is each specialist's own."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._models: list[Any] = []

    def obstacle(self) -> str | None:
        """See Contender."""
        if importlib.util.find_spec("demucs") is None:
            return "demucs is not installed: pip install 'stemd[export]'"
        return None

    def prepare(self) -> None:
        """See Contender."""
        torch.set_num_threads(self.recipe.threads)
        # Whole modules, which no other way of loading takes; this very run saved them, in a folder of its own.
        self._models = [torch.load(file, weights_only=False).eval() for file in self.recipe.files]

    def run(self, mixture: Float32Array) -> Float32Array:
        """See Contender."""
        with torch.inference_mode():
            samples = torch.from_numpy(mixture[np.newaxis])
            runs = zip(self._models, self.recipe.rows, strict=True)
            return np.stack([model(samples)[0, row].numpy() for model, row in runs])


class Compiled(Eager):
    """The same through `torch.compile`, which takes minutes unless the cache holds what it makes."""

    def obstacle(self) -> str | None:
        """See Contender."""
        if shutil.which(os.environ.get("CXX", "g++")) is None and shutil.which("clang++") is None:
            return "torch.compile needs a C++ compiler: apt-get install g++"
        return super().obstacle()

    def prepare(self) -> None:
        """See Contender."""
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = self.recipe.cache
        super().prepare()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._models = [torch.compile(model) for model in self._models]
                self.run(np.zeros((CHANNELS, self.recipe.frames), np.float32))
            except Exception as exc:  # the compiler's own classes come from many places
                said = (str(exc).strip().splitlines() or [""])[0]
                raise StemdError(f"torch.compile failed ({type(exc).__name__}: {said})") from exc
