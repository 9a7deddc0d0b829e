"""Which frame of JACK a position of the stream is."""

from dataclasses import dataclass


@dataclass(slots=True)
class _Stretch:
    first: int
    end: int | None
    offset: int


class Places:
    """From the stream's positions to JACK's frames and back, in stretches.

    There is one stretch as long as both clocks agree. Where JACK stood still for a while the daemon has gone on in
    silence; then the frames that JACK captures next belong to later positions, and what lies between belongs nowhere.
    """

    def __init__(self) -> None:
        self._stretches: list[_Stretch] = []

    @property
    def begun(self) -> bool:
        """Whether there is a first stretch."""
        return bool(self._stretches)

    def begin(self, position: int, frame: int, sent: int = 0) -> None:
        """A new stretch from a position of the stream on, which is that frame of JACK; the old one ends at `sent`."""
        if self._stretches:
            self._stretches[-1].end = sent
        self._stretches.append(_Stretch(position, None, frame - position))

    def position(self, frame: int) -> int:
        """The stream's position of a frame of JACK, by the last stretch."""
        return frame - self._stretches[-1].offset

    def frames(self, position: int, count: int) -> list[tuple[slice, int]]:
        """Where the frames [position, position + count) of a stem belong: parts of them, each with its first frame."""
        parts = []
        for stretch in self._stretches:
            first = max(position, stretch.first)
            end = position + count if stretch.end is None else min(position + count, stretch.end)
            if first < end:
                parts.append((slice(first - position, end - position), first + stretch.offset))
        return parts
