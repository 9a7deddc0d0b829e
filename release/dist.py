"""Makes what is published of a version: sdist, wheel, lock and SBOM, the same bytes wherever it runs (`make dist`)."""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from release import sbom

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements-daemon.lock"
SUMS = "SHA256SUMS"
NO_COMMIT = 1_580_601_600  # 2 February 2020, which hatchling takes too where it is told nothing


def main() -> int:
    """Make everything; the exit status."""
    parser = argparse.ArgumentParser(description="Make sdist, wheel, lock, SBOM and SHA256SUMS.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where they go (default: dist/)")
    out = parser.parse_args().out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    if changed := _git(ROOT, "status", "--porcelain"):
        print(f"stemd: {len(changed.splitlines())} files differ from the commit: this is no release", file=sys.stderr)
    when = epoch(ROOT)
    wheel = packages(ROOT, out, when)
    shutil.copyfile(LOCK, out / LOCK.name)
    with tempfile.TemporaryDirectory() as folder:
        python = clean_environment(Path(folder) / "environment", wheel)
        sbom.write(python, ROOT, out / f"{'-'.join(wheel.name.split('-')[:2])}.cdx.json", when)
    print(write_sums(out), end="")
    return 0


def epoch(root: Path) -> int:
    """The time that all files made bear, in seconds since 1970: the commit's, so that a rebuild gives the same bytes.

    An unpacked sdist bears that time already. It is looked at first, for it may lie within another project's checkout.
    """
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    if (unpacked := root / "PKG-INFO").exists():
        return int(unpacked.stat().st_mtime)
    return int(_git(root, "log", "-1", "--format=%ct") or NO_COMMIT)


def packages(root: Path, out: Path, when: int) -> Path:
    """Build the sdist, and from it the wheel, with the hatchling that is locked; where the wheel is.

    Raises:
        subprocess.CalledProcessError: the build failed, and has said why.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, str(root)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(when)}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
        [wheel] = Path(folder).glob("*.whl")
        for made in Path(folder).iterdir():
            shutil.move(made, out / made.name)
    return out / wheel.name


def clean_environment(folder: Path, wheel: Path) -> Path:
    """An environment with what the lock names, checked against its hashes, and the wheel; its Python.

    Raises:
        subprocess.CalledProcessError: something could not be had, has another hash, or does not fit together.
    """
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--only-binary", ":all:", "--requirement", str(LOCK)]
    subprocess.run([*pip, "install", "--no-deps", *locked], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    subprocess.run([*pip, "check"], check=True, stdout=subprocess.DEVNULL)
    return python


def write_sums(folder: Path) -> str:
    """Write the digests of all files of a folder as `sha256sum -c` reads them; what was written."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    text = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)
    (folder / SUMS).write_text(text, "utf-8")
    return text


def _git(root: Path, *arguments: str) -> str:
    """What git answers; nothing, where there is no git or no checkout."""
    if shutil.which("git") is None or not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())
