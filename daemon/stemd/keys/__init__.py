"""Keys of CURVE, by which daemon and clients know each other over a network: what they are, and their files.

Nothing here needs more than the base install, for clients read their own keys with it.
"""

from stemd.keys.own import OwnKey, find_key, own_files, read_own, write_own
from stemd.keys.pair import Pair, check_name, check_public, daemon_file, read_pair, write_pair
from stemd.keys.private import as_owner, check_private, default_folder, make_folder, write_private

__all__ = [
    "OwnKey",
    "Pair",
    "as_owner",
    "check_name",
    "check_private",
    "check_public",
    "daemon_file",
    "default_folder",
    "find_key",
    "make_folder",
    "own_files",
    "read_own",
    "read_pair",
    "write_own",
    "write_pair",
    "write_private",
]
