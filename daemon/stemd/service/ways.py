"""The ways of one stream's segments: what each went through when, until the blocks are given that waited for it."""

from collections.abc import Iterable
from dataclasses import astuple, replace
from typing import TypeAlias

from stemd.protocol import Way

Place: TypeAlias = tuple[int, int]  # a specialist, and the index of a segment


class Ways:
    """Told of every segment whose estimate came; holds few, for `forget` follows what the stream gives."""

    def __init__(self) -> None:
        self._known: dict[int, dict[int, Way]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._known.values()))

    def settled(self, place: Place, way: Way) -> None:
        """An estimate came; `ready` and `left` are not known yet."""
        specialist, segment = place
        self._known.setdefault(specialist, {})[segment] = way

    def joined(self, specialist: int, segments: range, last: int, now_ns: int) -> None:
        """A specialist's estimates of `segments` were joined to those before, now that the one of `last` has come.

        What overtook `last` waited for it: of each point in the two ways it has the later one. Where `last` was given
        up, it has its own.
        """
        known = self._known.get(specialist, {})
        awaited = known.get(last)
        for segment in segments:
            if way := known.get(segment):
                if awaited and segment != last:
                    way = Way(*map(max, astuple(way), astuple(awaited)))
                known[segment] = replace(way, ready=now_ns)

    def latest(self, places: Iterable[Place]) -> Way | None:
        """Of several, the one that was ready last; None where none is known. `left` is for others to fill in."""
        ways = (self._known.get(specialist, {}).get(segment) for specialist, segment in places)
        return max((way for way in ways if way), key=lambda way: (way.ready, way.ended), default=None)

    def forget(self, specialist: int, before: int | None = None) -> None:
        """No block will ask for a specialist's segments before this one any more; None: for none of them."""
        known = self._known.pop(specialist, {})
        if before is not None:
            self._known[specialist] = {segment: way for segment, way in known.items() if segment >= before}
