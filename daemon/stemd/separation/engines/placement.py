"""Where the nodes of a graph run, and whether that is what was asked for. Pure: facts in, words out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stemd.errors import ConfigError, nearest

CPU: Final = "CPUExecutionProvider"
# Nearly all of a separation network's time goes into these.
HEAVY: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "Attention", "MultiHeadAttention"})


@dataclass(frozen=True, slots=True)
class Taken:
    """The providers to ask for, the CPU's last, and those that were wanted but are not in this build."""

    providers: tuple[str, ...]
    absent: tuple[str, ...]


def take(wanted: Sequence[str], present: Sequence[str], known: Sequence[str]) -> Taken:
    """Choose among onnxruntime's providers.

    Args:
        wanted: in order of preference.
        present: what this build has.
        known: what onnxruntime knows of, in any build.

    Raises:
        ConfigError: a wanted one is not known at all.
    """
    for name in wanted:
        if name not in known:
            raise ConfigError(f"engine.providers: onnxruntime knows no provider {name!r}{nearest(name, known)}")
    there = [name for name in dict.fromkeys(wanted) if name in present and name != CPU]
    return Taken((*there, CPU), tuple(name for name in dict.fromkeys(wanted) if name not in present))


def count(nodes: Iterable[tuple[str, str]]) -> dict[str, int]:
    """How many nodes each provider took, of (provider, operator) pairs."""
    return dict(Counter(provider for provider, _ in nodes))


def fallen(nodes: Iterable[tuple[str, str]], taken: Sequence[str]) -> Mapping[str, int]:
    """The heavy operators that run on the CPU although another provider takes part, and how many nodes each has.

    Args:
        nodes: (provider, operator) of each node.
        taken: the providers of the session.
    """
    if set(taken) <= {CPU}:
        return {}
    return dict(Counter(operator for provider, operator in nodes if provider == CPU and operator in HEAVY))


def listed(numbers: Mapping[str, int]) -> str:
    """`88 on CPUExecutionProvider, 2 on ...`, the largest first."""
    ranked = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number} on {name}" for name, number in ranked) or "none"
