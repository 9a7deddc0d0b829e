"""With whose key each stream was opened, from the request on to its end: its session may be over before it is."""

from collections.abc import Collection


class Holders:
    """Keys by stream. Streams of those who were not asked for a key are not here."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def add(self, stream: str, key: str | None) -> None:
        """Note with whose key a stream is being opened."""
        if key is not None:
            self._keys[stream] = key

    def remove(self, stream: str) -> None:
        """Forget a stream that has ended, or was refused."""
        self._keys.pop(stream, None)

    def of(self, stream: str) -> str | None:
        """The key of a stream."""
        return self._keys.get(stream)

    def count(self, key: str) -> int:
        """How many streams a key has."""
        return sum(holder == key for holder in self._keys.values())

    def strip(self, keys: Collection[str]) -> list[str]:
        """Take their streams from all but these keys; the names of those streams."""
        lost = [stream for stream, key in self._keys.items() if key not in keys]
        for stream in lost:
            del self._keys[stream]
        return lost
