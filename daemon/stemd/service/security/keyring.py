"""Whom the daemon lets in: public keys with names and rights. Pure: what is on disk is `allowing`'s."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from stemd.errors import ConfigError, nearest

Right = Literal["listen", "send", "control"]
RIGHTS: Final[tuple[Right, ...]] = get_args(Right)


@dataclass(frozen=True, slots=True)
class Entry:
    """A client that may come in: its name here, its public key in Z85, and what it may do."""

    name: str
    public: str
    rights: frozenset[Right]


class Keyring:
    """Entries, no two with the same name or the same key; never changed, but replaced.

    Raises:
        ConfigError: a key has two names.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_name = {entry.name: entry for entry in entries}
        self._by_key: dict[str, Entry] = {}
        for entry in self:
            other = self._by_key.setdefault(entry.public, entry)
            if other is not entry:
                raise ConfigError(f"{entry.name!r} has the same key as {other.name!r}")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def named(self, name: str) -> Entry:
        """The entry of a name.

        Raises:
            ConfigError: there is none.
        """
        if name not in self._by_name:
            raise ConfigError(f"no key {name!r} is allowed here{nearest(name, self._by_name)}")
        return self._by_name[name]

    def known(self, public: str) -> Entry | None:
        """The entry of a key, if it is allowed."""
        return self._by_key.get(public)

    def allowing(self, name: str, public: str | None, rights: frozenset[Right]) -> "Keyring":
        """The same with one more, or with other rights for one that is there.

        Args:
            name: of the key.
            public: the key; None: the one that has the name already.
            rights: what it may do from now on.

        Raises:
            ConfigError: the name belongs to another key, the key has another name, or there is none of the name.
        """
        known = self._by_name.get(name)
        if public is None and known is None:
            raise ConfigError(f"no key {name!r} is allowed here yet: stemd keys allow {name} 'ITS PUBLIC KEY'")
        if known and public not in (None, known.public):
            raise ConfigError(f"{name!r} is another key's name: choose another, or `stemd keys revoke {name}` first")
        entry = Entry(name, public or self.named(name).public, rights)
        return Keyring({**self._by_name, name: entry}.values())

    def without(self, name: str) -> "Keyring":
        """The same without one.

        Raises:
            ConfigError: there is none of this name.
        """
        self.named(name)
        return Keyring(entry for entry in self if entry.name != name)


def parse_rights(text: str) -> frozenset[Right]:
    """Rights as `listen,send`.

    Raises:
        ConfigError: one of them is none, or there is none.
    """
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    for word in wanted:
        if word not in RIGHTS:
            raise ConfigError(f"no right {word!r}{nearest(word, RIGHTS)}")
    if not wanted:
        raise ConfigError(f"which rights? Some of {','.join(RIGHTS)}; to take all away: stemd keys revoke NAME")
    return frozenset(right for right in RIGHTS if right in wanted)


def in_order(rights: Iterable[Right]) -> list[Right]:
    """Rights in the order in which people are told of them."""
    held = set(rights)
    return [right for right in RIGHTS if right in held]
