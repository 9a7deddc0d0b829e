"""Which pool the configuration asks for."""

import re
from collections.abc import Mapping
from dataclasses import replace

from stemd.config import Engine
from stemd.config.tables import Triton
from stemd.errors import ConfigError
from stemd.separation.engines import SERVERS
from stemd.separation.engines.engine import EngineOptions
from stemd.separation.patience import Patience
from stemd.separation.pool import Pool
from stemd.separation.processes import ProcessPool
from stemd.separation.remote.link import Access, is_here
from stemd.separation.remote.pool import TritonPool
from stemd.separation.routing import RoutingPool
from stemd.separation.threads import ThreadPool


def new_pool(table: Engine) -> Pool:
    """A pool whose workers are what the configuration's table says.

    Raises:
        ConfigError: there are no such workers on this system, or no servers are named, or what they want is missing.
    """
    options, patience = EngineOptions.configured(table), Patience(table.realtime_hang_timeout, table.hang_timeout)
    access = access_of(table.triton) if SERVERS in (options.name, *options.models.values()) else None
    here = _here(table, _without_servers(options, table.triton.fallback), patience)
    if access is None:
        return here
    fallback = here if table.triton.fallback else None
    away = TritonPool(table.triton.endpoints, table.triton.parallel, access, patience, fallback)
    return RoutingPool(here, away, lambda model: options.engine_of(model) == SERVERS)


def _here(table: Engine, options: EngineOptions, patience: Patience) -> Pool:
    if table.workers == "processes":
        return ProcessPool(options, patience, standby=table.standby)
    return ThreadPool(options, patience)


def access_of(triton: Triton) -> Access:
    """How the servers are reached that a table names.

    Raises:
        ConfigError: there are none, or they cannot be meant.
    """
    _check(triton)
    return Access(triton.tls, triton.ca, triton.certificate, triton.key, triton.token_file, triton.shared_memory)


def _check(triton: Triton) -> None:
    if not triton.endpoints:
        raise ConfigError('engine "triton" wants servers: engine.triton.endpoints = ["10.0.0.7:8001"]')
    for address in triton.endpoints:
        if not re.fullmatch(r"unix:.+|(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}", address):
            raise ConfigError(f"engine.triton.endpoints: {address!r} is no `host:port`, as 10.0.0.7:8001")
        if triton.token_file and not triton.tls and not is_here(address):
            raise ConfigError(
                f"engine.triton.token_file: the token would go to {address} for all to read; set tls = true"
            )
    if (triton.ca or triton.certificate or triton.key) and not triton.tls:
        raise ConfigError("engine.triton: ca, certificate and key are for encrypted connections; set tls = true")
    if bool(triton.certificate) != bool(triton.key):
        raise ConfigError("engine.triton: certificate and key stand together or not at all")


def _without_servers(options: EngineOptions, fallback: str) -> EngineOptions:
    """How networks run here that would run there."""

    def here(engine: str) -> str:
        return fallback or "onnxruntime" if engine == SERVERS else engine

    models: Mapping[str, str] = {model: here(engine) for model, engine in options.models.items()}
    return replace(options, name=here(options.name), models=models)
