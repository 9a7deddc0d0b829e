"""System parts that some tests use, and what installs them. `python tests/system_parts.py --install` does (Debian)."""

import shutil
import subprocess
import sys
from ctypes.util import find_library
from pathlib import Path

# part: (is it there, the packages of Debian and Ubuntu that bring it)
PARTS = {
    "portaudio": (lambda: find_library("portaudio") is not None, ["libportaudio2"]),
    "pulseaudio": (
        lambda: (
            shutil.which("pulseaudio") is not None
            and bool(list(Path("/usr/lib").rglob("libasound_module_pcm_pulse.so")))
        ),
        ["pulseaudio", "pulseaudio-utils", "libasound2-plugins"],
    ),
    "chromium": (lambda: shutil.which("chromium") is not None, ["chromium"]),
    "jackd": (lambda: shutil.which("jackd") is not None and find_library("jack") is not None, ["jackd2"]),
    "ecasound": (lambda: shutil.which("ecasound") is not None, ["ecasound"]),
    "ardour": (lambda: shutil.which("ardour7-lua") is not None, ["ardour"]),
    "obs": (
        lambda: all(shutil.which(program) for program in ("obs", "Xvfb", "xdotool", "ffmpeg", "ffprobe")),
        ["obs-studio", "obs-plugins", "xvfb", "xauth", "libgl1-mesa-dri", "xdotool", "ffmpeg"],
    ),
    "cc": (lambda: shutil.which("cc") is not None, ["gcc", "libc6-dev"]),
    "systemd": (
        lambda: all(shutil.which(program) for program in ("systemd-analyze", "systemd-socket-activate")),
        ["systemd"],
    ),
    "nspawn": (
        lambda: shutil.which("systemd-nspawn") is not None and Path("/sbin/init").exists(),
        ["systemd-container", "systemd-sysv", "dbus"],
    ),
    "debhelper": (
        lambda: (
            all(shutil.which(program) for program in ("dpkg-buildpackage", "dh", "lintian"))
            and bool(list(Path("/usr/lib").glob("python3.*/ensurepip")))
            and Path("/usr/lib/python3/dist-packages/pip").exists()
        ),
        ["dpkg-dev", "debhelper", "lintian", "python3-pip", "python3-venv"],
    ),
    "prometheus": (lambda: all(shutil.which(program) for program in ("prometheus", "promtool")), ["prometheus"]),
    "iproute2": (lambda: all(shutil.which(program) for program in ("ip", "tc")), ["iproute2"]),
    "haproxy": (lambda: shutil.which("haproxy") is not None, ["haproxy"]),
    "npm": (lambda: shutil.which("npm") is not None, ["nodejs", "npm"]),
}


def missing(parts: tuple[str, ...]) -> list[str]:
    """Which of the parts are not on this machine."""
    return [part for part in parts if not PARTS[part][0]()]


def install_line(parts: list[str]) -> str:
    """The command that installs parts."""
    packages = sorted({package for part in parts for package in PARTS[part][1]})
    return f"apt-get install -y --no-install-recommends {' '.join(packages)}"


def main() -> int:
    """List what is missing, or install it."""
    parts = missing(tuple(PARTS))
    if not parts:
        print("every system part is there")
        return 0
    if "--install" not in sys.argv:
        print(f"missing: {', '.join(parts)}\n{install_line(parts)}")
        return 1
    if shutil.which("apt-get") is None:
        print(f"stemd: no apt-get here; install by hand: {', '.join(parts)}", file=sys.stderr)
        return 1
    subprocess.run(["apt-get", "update", "-q"], check=True)
    subprocess.run(install_line(parts).split(), check=True)
    left = missing(tuple(PARTS))
    print(f"stemd: still missing: {', '.join(left)}" if left else "every system part is there")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
