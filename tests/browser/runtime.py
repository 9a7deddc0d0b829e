"""The two files of onnxruntime-web that a page loads, from the npm registry once, checked by the lock file's hashes."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache" / "browser"
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
SETTINGS = ("package.json", "package-lock.json", ".npmrc")


def runtime() -> dict[str, bytes]:
    """The files by their names."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SETTINGS)).hexdigest()[:16]
    folder = CACHE / digest
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            _install(Path(work)).rename(folder)
    return {name: (folder / name).read_bytes() for name in FILES}


def _install(work: Path) -> Path:
    for name in SETTINGS:
        shutil.copy(HERE / name, work)
    done = subprocess.run(["npm", "ci"], cwd=work, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        raise RuntimeError(f"npm ci failed; the tests in a browser need the npm registry\n{done.stdout}{done.stderr}")
    kept = work / "kept"
    kept.mkdir()
    for name in FILES:
        shutil.copy(work / "node_modules" / "onnxruntime-web" / "dist" / name, kept)
    return kept
