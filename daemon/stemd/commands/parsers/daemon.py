"""The parsers of commands about the daemon, its devices and its machine."""

import argparse

from stemd.commands.parsers import bench_arguments, keys_arguments, live_arguments
from stemd.commands.parsers.words import Commands, address, bare_address, command, config, engine


def serve(commands: Commands) -> None:
    """`stemd serve`."""
    parser = command(commands, "serve", "stemd.commands.serve:run", "run the daemon until it is told to stop")
    config(parser)
    bare_address(parser)
    parser.add_argument("--model", metavar="NAME", help="default model, instead of the configuration's")
    engine(parser)
    parser.add_argument("--verbose", "-v", action="store_true", help="say what engines and clients do")
    parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"], help="the least that is logged")
    parser.add_argument(
        "--log-format",
        choices=["auto", "human", "json", "journald"],
        help="lines for people, JSON, or systemd's journal; auto: the journal where it reads what is written anyway",
    )


def live(commands: Commands) -> None:
    """`stemd live`."""
    parser = command(commands, "live", "stemd.commands.live:run", "take stems out of what a sound device hears")
    live_arguments.live(parser)
    config(parser)
    bare_address(parser)
    engine(parser)


def mix(commands: Commands) -> None:
    """`stemd mix`."""
    parser = command(commands, "mix", "stemd.commands.mix:run", "turn the mixer of a stream, or see where it stands")
    live_arguments.mix(parser)
    address(parser)


def measure(commands: Commands) -> None:
    """`stemd measure`."""
    parser = command(commands, "measure", "stemd.commands.measure:run", "measure the latency that is heard")
    live_arguments.measure(parser)
    address(parser)


def devices(commands: Commands) -> None:
    """`stemd devices`."""
    parser = command(commands, "devices", "stemd.commands.devices:run", "list the sound devices")
    live_arguments.devices(parser)


def check_config(commands: Commands) -> None:
    """`stemd check-config`."""
    parser = command(commands, "check-config", "stemd.commands.serve:check_config", "check a configuration file")
    parser.add_argument("file", nargs="?", help="TOML file")
    parser.add_argument("--defaults", action="store_true", help="print every key with its default")


def reload(commands: Commands) -> None:
    """`stemd reload`."""
    parser = command(
        commands, "reload", "stemd.commands.reload:run", "have the daemon read its configuration and models again"
    )
    address(parser)


def keys(commands: Commands) -> None:
    """`stemd keys`."""
    run = "stemd.commands.keys"
    text = "make keys for a network, and say who may come in"
    parser = command(commands, "keys", f"{run}:show", text)
    parser.epilog = keys_arguments.KEYS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    keys_arguments.new(command(actions, "new", f"{run}:new", "make a pair of keys: the daemon's own, or a client's"))
    keys_arguments.allow(command(actions, "allow", f"{run}:allow", "let a client in, or give it other rights"))
    keys_arguments.show(command(actions, "list", f"{run}:show", "list the keys that are here, and who is let in"))
    keys_arguments.revoke(command(actions, "revoke", f"{run}:revoke", "let a client in no more, at once"))


def doctor(commands: Commands) -> None:
    """`stemd doctor`."""
    parser = command(commands, "doctor", "stemd.commands.doctor:run", "see what is here, what is missing, what to do")
    parser.add_argument("--json", action="store_true", help="for scripts")
    config(parser)
    address(parser)


def tune(commands: Commands) -> None:
    """`stemd tune`."""
    parser = command(commands, "tune", "stemd.commands.tune:run", "see what each window plan costs on this machine")
    bench_arguments.tune(parser)
    config(parser)


def install_service(commands: Commands) -> None:
    """`stemd install-service`."""
    run = "stemd.commands.install:install"
    parser = command(commands, "install-service", run, "write the files that make stemd a service of systemd")
    _service(parser)
    parser.add_argument(
        "--with",
        dest="additions",
        action="append",
        default=[],
        metavar="NAME",
        help="let it touch more: sound, openvino, nvidia or network; may be given again",
    )
    parser.add_argument("--print", action="store_true", help="print the files instead of writing them")


def uninstall_service(commands: Commands) -> None:
    """`stemd uninstall-service`."""
    run = "stemd.commands.install:uninstall"
    _service(command(commands, "uninstall-service", run, "remove what install-service wrote, but for what was edited"))


def _service(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--user", action="store_true", help="a service of yours, as desktops need it; not the machine's"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--root", metavar="DIR", default="/", help="a folder that stands for /, as for a package")
