"""The published architecture with seeded weights, in a folder that demucs reads: for tests and benchmarks.

Such a network separates nothing. Its graph, its cost and its parity are those of the real one.
"""

import json
import random
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import torch
from demucs.htdemucs import HTDemucs
from demucs.states import save_with_checksum
from demucs.transformer import LayerScale

FT_SIGNATURES: Final = ("f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d")
FT_WEIGHTS: Final = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
SOURCES: Final = ("drums", "bass", "other", "vocals")

# What htdemucs_ft was trained with, where it is not the class's default.
PUBLISHED: Final[dict[str, Any]] = {
    "sources": list(SOURCES),
    "channels": 48,
    "depth": 4,
    "bottom_channels": 512,
    "dconv_mode": 3,
    "t_layers": 5,
    "t_heads": 8,
    "segment": Fraction(39, 5),
    "use_train_segment": True,
}
# The same in every respect but width and length: seconds become milliseconds.
NARROW: Final[dict[str, Any]] = {
    **PUBLISHED,
    "channels": 8,
    "bottom_channels": 32,
    "t_heads": 4,
    "segment": Fraction(4, 5),
}


def seeded_model(architecture: dict[str, Any], seed: int) -> Any:
    """A network whose LayerScales and norms have the sizes that training gives: else parity would say nothing."""
    state = random.getstate(), torch.get_rng_state()
    random.seed(seed)
    torch.manual_seed(seed)
    model = HTDemucs(**architecture).eval()
    with torch.no_grad():
        for module in model.modules():
            _season(module)
    random.setstate(state[0])
    torch.set_rng_state(state[1])
    # As published checkpoints are: rounded to half precision.
    model.load_state_dict({key: value.half().float() for key, value in model.state_dict().items()})
    return model


def write_bag(
    folder: Path,
    name: str = "htdemucs_ft",
    architecture: dict[str, Any] | None = None,
    signatures: tuple[str, ...] = FT_SIGNATURES,
    weights: tuple[tuple[float, ...], ...] | None = FT_WEIGHTS,
) -> Path:
    """Write `<name>.yaml` and one checkpoint per signature into `folder`, in half precision as demucs saves them."""
    folder.mkdir(parents=True, exist_ok=True)
    bag: dict[str, Any] = {"models": list(signatures)}
    if weights is not None:
        bag["weights"] = [list(row) for row in weights]
    (folder / f"{name}.yaml").write_text(json.dumps(bag))  # which is YAML
    for seed, signature in enumerate(signatures):
        model = seeded_model(architecture or PUBLISHED, seed)
        args, kwargs = model._init_args_kwargs
        state = {key: value.half() for key, value in model.state_dict().items()}
        content = {"klass": HTDemucs, "args": args, "kwargs": kwargs, "state": state}
        save_with_checksum(content, folder / f"{signature}.th")  # type: ignore[no-untyped-call]
    return folder


def _season(module: Any) -> None:
    """Give a freshly made module the sizes of a trained one."""
    if isinstance(module, LayerScale):
        module.scale.copy_(0.1 + 0.3 * torch.rand_like(module.scale))
    elif isinstance(module, torch.nn.GroupNorm | torch.nn.LayerNorm):
        module.weight.copy_(1 + 0.2 * torch.randn_like(module.weight))
        module.bias.copy_(0.1 * torch.randn_like(module.bias))
    elif isinstance(module, torch.nn.MultiheadAttention):
        module.in_proj_bias.copy_(0.05 * torch.randn_like(module.in_proj_bias))
