"""The arguments of `stemd keys` and its actions; nothing is imported that only they need."""

import argparse

KEYS: str = """\
Over a network, daemon and clients know each other by keys, and all that they say is encrypted. Each has a pair: the
secret key stays where it was made, the public one is told to the other side. On the daemon's machine:
  stemd keys new
On each client's machine, with the daemon's public key:
  stemd keys new NAME --daemon 'PUBLIC KEY' --address tcp://HOST:7355
And on the daemon's machine again, with the client's:
  stemd keys allow NAME 'PUBLIC KEY' --rights listen
From then on the client needs no more than --address tcp://HOST:7355. A daemon that runs sees at once what is allowed
and revoked here."""
_RIGHTS: str = """\
rights:
  listen   hear stems, and see what the daemon does
  send     open streams and feed them; whoever wants to hear their stems needs `listen`, too
  control  turn the mixers of all streams, and have the daemon reload its configuration"""


def new(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd keys new`."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="of a client's pair; without it the daemon's own is made"
    )
    parser.add_argument("--daemon", metavar="KEY", help="the public key of the daemon that the client's pair is for")
    parser.add_argument("--address", metavar="WHERE", help="of that daemon: there the key is taken unasked")
    folder(parser)


def allow(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd keys allow`."""
    parser.epilog = _RIGHTS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("name", metavar="NAME", help="by which the client is known here")
    parser.add_argument(
        "public", nargs="?", metavar="KEY", help="its public key, in single quotes; without it other rights are given"
    )
    parser.add_argument("--rights", default="listen", help="some of listen,send,control (default: listen)")
    folder(parser)


def show(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd keys list`."""
    parser.add_argument("--json", action="store_true", help="for scripts")
    folder(parser)


def revoke(parser: argparse.ArgumentParser) -> None:
    """Add those of `stemd keys revoke`."""
    parser.add_argument("name", metavar="NAME")
    folder(parser)


def folder(parser: argparse.ArgumentParser) -> None:
    """Add what says where keys are."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--folder", metavar="DIR", help="of keys (default: security.keys of --config, else this user's)")
    where.add_argument("--config", metavar="FILE", help="of the daemon, for its security.keys")
