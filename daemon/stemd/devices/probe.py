"""`python -m stemd.devices.probe`: print PortAudio's devices as this process, which is new, finds them."""

import sys

from stemd.devices.listing import device_lines
from stemd.errors import DeviceError


def main() -> int:
    """Print a line for each device."""
    try:
        print("\n".join(device_lines()))
    except DeviceError as exc:
        print(exc, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
