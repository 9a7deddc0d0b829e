"""`stemd models export-triton`."""

import argparse
from pathlib import Path

from stemd.commands.models import installed
from stemd.errors import ConfigError
from stemd.separation.remote.repository import Serving
from stemd.separation.store import Model, find
from stemd.store.triton import export


def export_triton(options: argparse.Namespace) -> int:
    """Write a model repository, and say what was checked, what was not, and how it is used."""
    root, serving = Path(options.folder).expanduser().absolute(), _serving(options)
    names, folders = installed(options)
    models = [find(name, folders) for name in dict.fromkeys(options.model or names)]
    backends = {model.manifest.name: serving.backend_of(model.manifest) for model in models}  # or nothing is written
    for model in models:
        export(root, model, serving, lambda line: print(line, flush=True))
    for backend in dict.fromkeys(backends.values()):
        print(f"not checked: no Triton with the {backend} backend was run")
    print(_usage(root, models, serving, python="python" in backends.values()))
    return 0


def _serving(options: argparse.Namespace) -> Serving:
    for option, least in (("instances", 1), ("threads", 0)):
        if not least <= getattr(options, option) <= 256:
            raise ConfigError(f"--{option} {getattr(options, option)}: must be from {least} to 256")
    return Serving(
        backend=None if options.backend == "auto" else options.backend,
        engine=options.engine,
        threads=options.threads,
        instances=options.instances,
        gpu=options.gpu,
    )


def _usage(root: Path, models: list[Model], serving: Serving, *, python: bool) -> str:
    """How a server is started with it, and how a daemon is told."""
    needs = "\nThe server's Python must have stemd (pip install 'stemd[daemon]')." if python else ""
    lines = "\n".join(f'  "{model.manifest.name}" = "triton"' for model in models)
    return f"""
Start a server (its gRPC on this machine alone; name another address for others, and TLS beyond a network of your own):
  tritonserver --model-repository={root} --grpc-address=127.0.0.1 --allow-http=false --allow-metrics=false{needs}

Tell the daemon, in its configuration:
  [engine.models]
{lines}
  [engine.triton]
  endpoints = ["127.0.0.1:8001"]
  parallel = {serving.instances}"""
