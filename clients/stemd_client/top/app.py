"""The screen: textual around the views, no more."""

from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from stemd.errors import StemdError
from stemd_client.top.choice import Choice, chosen_part, chosen_stream, other_part, other_stream
from stemd_client.top.details import details
from stemd_client.top.knobs import PANIC, Turn, turn
from stemd_client.top.picture import Picture
from stemd_client.top.view import HELP, KEYS, headline, streams
from stemd_client.top.watch import Watch

_CHOOSE: Final = {"up": (0, -1), "k": (0, -1), "down": (0, 1), "j": (0, 1)} | {
    "left": (-1, 0), "h": (-1, 0), "right": (1, 0), "l": (1, 0), "tab": (1, 0), "shift+tab": (-1, 0)
}  # fmt: skip


class TopApp(App[StemdError | None]):
    """Shows pictures and hands on keys; its result is the fault that ended it, if one did.

    Args:
        picture: what to show first.
        interval: seconds between two looks at the daemon.
        stream: the name of the one to choose first, there or yet to come; None: the first.
    """

    ENABLE_COMMAND_PALETTE = False
    INLINE_PADDING = 0
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    Static { width: 100%; height: auto; background: ansi_default; color: ansi_default; }
    #below { height: 1fr; scrollbar-size-vertical: 1; background: ansi_default; }
    .old { text-style: dim; }
    #news { min-height: 1; max-height: 3; text-style: bold; }
    """
    BINDINGS: ClassVar = [("ctrl+c,q", "quit", "quit")]

    def __init__(self, picture: Picture, interval: float, stream: str | None = None) -> None:
        super().__init__(ansi_color=True)
        self.choice = Choice(stream)
        self.watch_daemon = Watch(picture, interval, self._refresh)
        self._drawn: dict[str, Text] = {}
        self._helping = False

    def compose(self) -> ComposeResult:
        """See textual."""
        yield Static(id="head")
        yield Static(id="streams")
        with VerticalScroll(id="below", can_focus=False):
            yield Static(id="details")
        yield Static(id="news")
        yield Static(id="keys")

    def on_mount(self) -> None:
        """Begin."""
        self._refresh()
        self.run_worker(self._watch())

    async def _watch(self) -> None:
        try:
            await self.watch_daemon.run()
        except StemdError as error:
            self.exit(error)

    def on_resize(self) -> None:
        """Lay out anew."""
        self._refresh()

    def on_key(self, event: events.Key) -> None:
        """Choose, turn, or scroll."""
        picture = self.watch_daemon.picture
        if self._helping or event.character == "?":
            self._helping = not self._helping
            self._refresh()
            if event.character not in PANIC:
                return
        if event.key in _CHOOSE:
            across, down = _CHOOSE[event.key]
            choose, step = (other_stream, across) if across else (other_part, down)
            self.choice = choose(picture.state, self.choice, step)
            self._refresh()
        elif event.key in ("pageup", "pagedown"):
            below = self.query_one("#below", VerticalScroll)
            (below.scroll_page_up if event.key == "pageup" else below.scroll_page_down)(animate=False)
        elif event.character and (stream := chosen_stream(picture.state, self.choice)):
            self._turn(event.character, stream["stream"], chosen_part(stream, self.choice))

    def _turn(self, key: str, name: str, part: str | None) -> None:
        def reckon(picture: Picture) -> Turn | None:
            stream = chosen_stream(picture.state, Choice(name))
            return turn(key, stream, part) if stream and stream["stream"] == name else None

        self.watch_daemon.order(name, reckon)

    def _refresh(self, _: Picture | None = None) -> None:
        picture, width = self.watch_daemon.picture, self.size.width
        if not (self.is_running and width):
            return
        below = [Text(line) for line in HELP.splitlines()] if self._helping else details(picture, self.choice, width)
        self._draw("head", headline(picture, width))
        self._draw("streams", [] if self._helping else streams(picture, self.choice, width, self.size.height // 3))
        self._draw("details", below)
        self._draw("news", [Text(picture.news)], wrapped=True)
        self._draw("keys", [Text(line) for line in KEYS])
        for each in ("head", "streams", "details"):
            self.query_one(f"#{each}").set_class(not picture.there and not self._helping, "old")

    def _draw(self, place: str, lines: list[Text], *, wrapped: bool = False) -> None:
        """Only what has changed: a quiet daemon costs nothing."""
        text = Text("\n", no_wrap=not wrapped).join(lines)
        if self._drawn.get(place) != text:
            self._drawn[place] = text
            self.query_one(f"#{place}", Static).update(text)
