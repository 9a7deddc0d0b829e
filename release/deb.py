"""Makes a Debian package of what `release.dist` has made, for the system that it runs on (`make deb`).

dpkg-buildpackage gets a tree with the wheel, the wheels that the lock names, and debian/ with the units of systemd/.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from release.dist import LOCK, ROOT, epoch, write_sums

PYTHON = "/usr/bin/python3"  # the system's own, for which the package is
SYSTEMD = {
    "stemd.service": "debian/stemd.service",
    "stemd.socket": "debian/stemd.socket",
    "user/stemd.service": "debian/stemd.user.service",
    "sysusers.d/stemd.conf": "debian/stemd.sysusers",
    "tmpfiles.d/stemd.conf": "debian/stemd.tmpfiles",
    "stemd.toml": "etc/stemd/stemd.toml",
}


def main() -> int:
    """Build it; the exit status."""
    parser = argparse.ArgumentParser(description="Make a Debian package of the wheel in dist/.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the wheel is (default: dist/)")
    out = parser.parse_args().out.absolute()
    if shutil.which("dpkg-buildpackage") is None:
        print("stemd: dpkg-buildpackage is not here: apt-get install dpkg-dev debhelper", file=sys.stderr)
        return 1
    [wheel] = out.glob("stemd-*.whl")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "stemd"
        assemble(tree, wheel)
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch(ROOT))}
        command = ["dpkg-buildpackage", "--build=binary", "--no-sign"]
        subprocess.run(command, check=True, cwd=tree, env=environment, stdout=sys.stderr)
        [package] = Path(folder).glob("stemd_*.deb")
        shutil.move(package, out / package.name)
    write_sums(out)
    print(package.name)
    return 0


def assemble(tree: Path, wheel: Path) -> None:
    """Lay out the tree that the package is built from; the only step that fetches anything.

    Raises:
        subprocess.CalledProcessError: a wheel cannot be had, or has another hash than the lock says.
    """
    shutil.copytree(ROOT / "release" / "debian", tree / "debian")
    for name, place in SYSTEMD.items():
        target = tree / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / "systemd" / name, target)
    shutil.copytree(ROOT / "systemd" / "stemd.service.d", tree / "stemd.service.d")
    for text in (LOCK, *ROOT.glob("*.md")):
        shutil.copyfile(text, tree / text.name)
    wheels = tree / "wheels"
    locked = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement", str(LOCK)]
    pip = [PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", *locked, "--dest", str(wheels)], check=True)
    shutil.copyfile(wheel, wheels / wheel.name)


if __name__ == "__main__":
    sys.exit(main())
