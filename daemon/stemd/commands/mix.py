"""`stemd mix`: the mixer of a stream, from a shell."""

import argparse

from stemd.commands.gains import parse_gains
from stemd_client.commands import MixerControls, mix


def run(options: argparse.Namespace) -> int:
    """Move what is named, and print where all controls stand.

    Raises:
        StemdError: a gain cannot be read, or there is no such daemon, stream or stem.
    """
    bypass = True if options.panic else None if options.bypass is None else options.bypass == "on"
    controls = MixerControls(
        gains=parse_gains(options.gain or ()),
        mute=_names(options.mute),
        solo=_names(options.solo),
        wet=options.wet,
        bypass=bypass,
    )
    return mix(options.stream, controls, options.address, as_json=options.json)


def _names(text: str | None) -> tuple[str, ...] | None:
    """`vocals,drums` as names; an empty text is nobody, and none at all leaves things as they are."""
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())
