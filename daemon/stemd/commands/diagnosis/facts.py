"""What is on this machine, as plain data. Nothing here judges, and nothing here may fail."""

from dataclasses import dataclass

# Each of them brings the module `onnxruntime`; two at once overwrite each other's files.
BUILDS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-silicon",
    "onnxruntime-training",
    "onnxruntime-rocm",
    "onnxruntime-migraphx",
    "onnxruntime-qnn",
    "onnxruntime-webgpu",
    "ort-nightly",
    "ort-nightly-gpu",
)


@dataclass(frozen=True, slots=True)
class Package:
    """A Python distribution; no version: it is not installed."""

    name: str
    version: str | None


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An engine: why it cannot be used (None: it can), and what it can be told to use."""

    name: str
    obstacle: str | None
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """A model on disk, or what is wrong with it."""

    name: str
    stems: tuple[str, ...] = ()
    fault: str | None = None
    shipped: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    """The default devices by name; `fault` is why no device can be used at all."""

    input: str | None = None
    output: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ClientFacts:
    """A client that needs more than the base install, by the name of its extra; why it cannot run (None: it can)."""

    name: str
    obstacle: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration asks for; `fault` is why it cannot be read."""

    engines: tuple[str, ...] = ("onnxruntime",)
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it."""

    stemd: str
    python: str
    system: str
    apt: bool  # system parts come by apt-get
    packages: tuple[Package, ...]  # those of the extra `daemon`
    builds: tuple[Package, ...]  # of onnxruntime
    engines: tuple[EngineFacts, ...]
    wanted: Wanted
    files: str | None  # why sound files cannot be read
    sound: Sound
    models: tuple[ModelFacts, ...]
    address: str
    daemon: str | None  # the version of the one that answers there
    clients: tuple[ClientFacts, ...]
    bench: bool  # `stemd demo` can run
