"""Packages that are not in the base install, imported when they are needed."""

from typing import Any

from stemd.errors import ConfigError, DeviceError


def soundfile() -> Any:
    """The module soundfile.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import soundfile as module  # noqa: PLC0415 - not in the base install
    except ImportError as exc:
        raise ConfigError("sound files need the package 'soundfile': pip install 'stemd[daemon]'") from exc
    return module


def sounddevice() -> Any:
    """The module sounddevice.

    Raises:
        ConfigError: it is not installed.
        DeviceError: PortAudio, which it needs, is not.
    """
    try:
        import sounddevice as module  # noqa: PLC0415 - not in the base install
    except ImportError as exc:
        raise ConfigError("playing needs the package 'sounddevice': pip install 'stemd[daemon]'") from exc
    except OSError as exc:
        text = "playing needs PortAudio: apt-get install libportaudio2 (or write a file with -o)"
        raise DeviceError(text) from exc
    return module
