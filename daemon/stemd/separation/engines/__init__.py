"""Engines: what runs a graph. The default one comes first; `auto` means the fastest of those that work here."""

from typing import Final

from stemd.errors import ConfigError, nearest
from stemd.separation.engines.engine import Engine
from stemd.separation.engines.onnxruntime import OnnxRuntime
from stemd.separation.engines.openvino import OpenVino

AUTO: Final = "auto"
SERVERS: Final = "triton"
"""Runs networks on servers: in a daemon alone, and it loads no graphs; see `stemd.separation.remote`."""
ENGINES: Final[dict[str, Engine]] = {engine.name: engine for engine in (OnnxRuntime(), OpenVino())}


def engine_named(name: str) -> Engine:
    """The engine of that name.

    Raises:
        ConfigError: there is none.
    """
    if name == SERVERS:
        raise ConfigError(f"engine {name!r} runs networks for a daemon alone; here it takes --engine onnxruntime")
    if name not in ENGINES:
        raise ConfigError(f"no engine {name!r}{nearest(name, [*ENGINES, AUTO])}")
    return ENGINES[name]
