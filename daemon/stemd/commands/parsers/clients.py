"""The parsers of commands about clients."""

from stemd.commands.parsers import jack_arguments, obs_arguments, top_arguments, web_arguments
from stemd.commands.parsers.words import Commands, address, command


def stream(commands: Commands) -> None:
    """`stemd stream`."""
    parser = command(commands, "stream", "stemd.commands.clients:stream", "play a file through a running daemon")
    parser.add_argument("file", help="WAV, FLAC, OGG or MP3")
    parser.add_argument("--name", default="file", help="the stream's name (default: file)")
    parser.add_argument("--timing", choices=("realtime", "free"), default="realtime", help="free: as fast as it goes")
    parser.add_argument("--plan", help="window plan: live, studio, one of the configuration, or S,H,O,L in frames")
    parser.add_argument("--model", help="model (default: the daemon's)")
    parser.add_argument("--block-ms", type=float, default=20.0, help="length of a block (default: 20)")
    address(parser)


def listen(commands: Commands) -> None:
    """`stemd listen`."""
    parser = command(commands, "listen", "stemd.commands.clients:listen", "hear a stem, or write it to a file")
    parser.add_argument("stream", help="the stream's name")
    parser.add_argument("stem", help="vocals, instrumental, mix, out, ...")
    parser.add_argument("-o", "--output", metavar="FILE", help="WAV or FLAC to write; without it the sound card plays")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it is there")
    parser.add_argument("--format", choices=("f32le", "s16le"), default="f32le", help="on the wire (default: f32le)")
    parser.add_argument(
        "--delivery", choices=("live", "lossless"), help="live drops what is read late (default: lossless into a file)"
    )
    address(parser)


def jack(commands: Commands) -> None:
    """`stemd jack`."""
    parser = command(commands, "jack", "stemd.commands.jack:run", "be stems in JACK or PipeWire, for a workstation")
    jack_arguments.jack(parser)
    address(parser)


def web(commands: Commands) -> None:
    """`stemd web`."""
    parser = command(commands, "web", "stemd.commands.web:run", "serve a page with meters, mixer and Listen")
    web_arguments.web(parser)
    address(parser)


def obs(commands: Commands) -> None:
    """`stemd obs`."""
    parser = command(commands, "obs", "stemd.commands.obs:setup", "bring a stem into OBS Studio, and set its delays")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    run = "stemd.commands.obs"
    text = "put a script into OBS' folder: a stem with its own meter and fader"
    obs_arguments.install_script(command(actions, "install-script", f"{run}:install_script", text))
    text = "delete the script again"
    obs_arguments.remove_script(command(actions, "remove-script", f"{run}:remove_script", text))
    text = "make a browser source and hold the picture back, in a running OBS"
    setup = command(actions, "setup", f"{run}:setup", text)
    obs_arguments.setup(setup)
    address(setup)
    obs_arguments.undo(command(actions, "undo", f"{run}:undo", "take away what `stemd obs setup` made"))


def status(commands: Commands) -> None:
    """`stemd status`."""
    parser = command(commands, "status", "stemd.commands.clients:status", "see what a running daemon does")
    parser.add_argument("--json", action="store_true", help="for scripts")
    address(parser)


def top(commands: Commands) -> None:
    """`stemd top`."""
    parser = command(commands, "top", "stemd.commands.top:run", "watch a running daemon, and turn its mixers")
    top_arguments.top(parser)
    address(parser)
