"""The two files of onnxruntime-web that a page loads, from the npm registry once, checked by the lock file's hashes."""

from pathlib import Path

from tests.npm import installed

HERE = Path(__file__).parent
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")


def runtime() -> dict[str, bytes]:
    """The files by their names."""
    folder = installed(HERE, "browser", tuple(f"node_modules/onnxruntime-web/dist/{name}" for name in FILES))
    return {name: (folder / name).read_bytes() for name in FILES}
