"""Spleeter's U-Net said once more, in PyTorch and straight from TensorFlow's names; and made-up weights for it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it

Tensors = dict[str, npt.NDArray[Any]]

DOWN = [(2, 16), (16, 32), (32, 64), (64, 128), (128, 256), (256, 512)]
UP = [(512, 256), (512, 128), (256, 64), (128, 32), (64, 16), (32, 1)]


def numbered(layer: str, number: int) -> str:
    return f"{layer}_{number}" if number else layer


def random_tensors(seed: int, networks: int = 2) -> Tensors:
    """A checkpoint of the published shapes, drawn so that magnitudes around 1 pass every layer and move the mask."""
    random = np.random.default_rng(seed)
    found: Tensors = {}

    def conv(name: str, shape: tuple[int, ...], inputs: int, outputs: int) -> None:
        scale = np.sqrt(2 / (shape[0] * shape[1] * inputs / 2))
        found[f"{name}/kernel"] = (random.standard_normal(shape) * scale).astype(np.float32)
        found[f"{name}/bias"] = (random.standard_normal(outputs) * 0.1).astype(np.float32)

    def norm(number: int, channels: int) -> None:
        name = numbered("batch_normalization", number)
        for key in ("gamma", "moving_variance"):
            found[f"{name}/{key}"] = random.uniform(0.5, 1.5, channels).astype(np.float32)
        for key in ("beta", "moving_mean"):
            found[f"{name}/{key}"] = (random.standard_normal(channels) * 0.2).astype(np.float32)

    for n in range(networks):
        for i, (inputs, outputs) in enumerate(DOWN):
            conv(numbered("conv2d", 7 * n + i), (5, 5, inputs, outputs), inputs, outputs)
            norm(12 * n + i, outputs)
        for i, (inputs, outputs) in enumerate(UP):
            conv(numbered("conv2d_transpose", 6 * n + i), (5, 5, outputs, inputs), inputs, outputs)
            norm(12 * n + 6 + i, outputs)
        conv(numbered("conv2d", 7 * n + 6), (4, 4, 1, 2), 1, 2)
    return found


def torch_mask(tensors: Tensors, network: int, magnitude: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mask (1, 2, frames, 1024) of network `network` for such magnitudes, by PyTorch in float64.

    "Same" padding is done here by padding before and cropping after, not by the operators' own attributes.
    """

    def at(name: str) -> torch.Tensor:
        return torch.from_numpy(tensors[name].astype(np.float64))

    def norm(flow: torch.Tensor, number: int) -> torch.Tensor:
        name = numbered("batch_normalization", 12 * network + number)
        mean, variance = at(f"{name}/moving_mean"), at(f"{name}/moving_variance")
        return F.batch_norm(flow, mean, variance, at(f"{name}/gamma"), at(f"{name}/beta"), training=False, eps=1e-3)

    flow, skips = torch.from_numpy(magnitude.astype(np.float64)), []
    for i in range(6):
        name = numbered("conv2d", 7 * network + i)
        kernel = at(f"{name}/kernel").permute(3, 2, 0, 1)
        skips.append(F.conv2d(F.pad(flow, (1, 2, 1, 2)), kernel, at(f"{name}/bias"), stride=2))
        if i < 5:  # the deepest output goes straight up, without norm and activation
            flow = F.leaky_relu(norm(skips[-1], i), 0.2)
    flow = skips.pop()
    for i in range(6):
        if i:
            flow = torch.cat([skips.pop(), flow], dim=1)
        name = numbered("conv2d_transpose", 6 * network + i)
        kernel = at(f"{name}/kernel").permute(3, 2, 0, 1)
        flow = F.conv_transpose2d(flow, kernel, at(f"{name}/bias"), stride=2)[:, :, 1:-2, 1:-2]
        flow = norm(F.relu(flow), 6 + i)
    name = numbered("conv2d", 7 * network + 6)
    kernel = at(f"{name}/kernel").permute(3, 2, 0, 1)
    logits = F.conv2d(F.pad(flow, (3, 3, 3, 3)), kernel, at(f"{name}/bias"), dilation=2)
    mask: npt.NDArray[np.float64] = torch.sigmoid(logits).numpy()
    return mask.astype(np.float32)


def torch_ratio(tensors: Tensors, magnitude: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The vocals' share of both networks' squared estimates, in Spleeter's own words but for the magnitude."""
    vocals, rest = (torch_mask(tensors, network, magnitude).astype(np.float64) for network in (0, 1))
    ratio: npt.NDArray[np.float64] = (vocals**2 + 1e-10 / 2) / (vocals**2 + rest**2 + 1e-10)
    return ratio.astype(np.float32)
