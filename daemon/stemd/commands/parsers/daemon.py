"""The parsers of commands about the daemon, its devices and its machine."""

from stemd.commands.parsers import bench_arguments, live_arguments
from stemd.commands.parsers.words import Commands, address, command, config, engine


def serve(commands: Commands) -> None:
    """`stemd serve`."""
    parser = command(commands, "serve", "stemd.commands.serve:run", "run the daemon until it is told to stop")
    config(parser)
    address(parser)
    parser.add_argument("--model", metavar="NAME", help="default model, instead of the configuration's")
    engine(parser)
    parser.add_argument("--verbose", "-v", action="store_true", help="say what engines and clients do")


def live(commands: Commands) -> None:
    """`stemd live`."""
    parser = command(commands, "live", "stemd.commands.live:run", "take stems out of what a sound device hears")
    live_arguments.live(parser)
    config(parser)
    address(parser)
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
