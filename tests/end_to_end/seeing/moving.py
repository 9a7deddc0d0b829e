"""Which test moves which metric: declared where the test stands, and seen to be so when it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.end_to_end.process import Daemon
from tests.end_to_end.seeing.scraping import Key, Sample, Scrape


@dataclass
class Seen:
    """A daemon, and all that was ever scraped of it."""

    daemon: Daemon
    port: int
    scrapes: list[Scrape] = field(default_factory=list)

    def scrape(self) -> Scrape:
        """Look, and remember what was seen."""
        self.scrapes.append(Scrape(self.port))
        return self.scrapes[-1]


Mover = Callable[[Seen], None]
MOVERS: dict[str, tuple[frozenset[str], Mover]] = {}


def moves(*names: str) -> Callable[[Mover], Mover]:
    """Of a function that makes metrics move, and states for each by how much. That they do move is checked."""

    def declare(mover: Mover) -> Mover:
        def checked(seen: Seen) -> None:
            first = seen.scrape()
            at = len(seen.scrapes) - 1
            mover(seen)
            for name in names:
                values = [scrape.family(name) for scrape in seen.scrapes[at:]]
                assert any(value != first.family(name) for value in values[1:]), f"{name} has not moved"

        MOVERS[mover.__name__] = frozenset(names), checked
        return mover

    return declare


def tells(*names: str) -> Callable[[Mover], Mover]:
    """Of a function that compares what is the same for the life of a daemon with the truth."""

    def declare(mover: Mover) -> Mover:
        MOVERS[mover.__name__] = frozenset(names), mover
        return mover

    return declare


def unmoved(scrapes: list[Scrape]) -> set[Key]:
    """The samples, without regard to buckets, that had one value in all scrapes, and were there in the first."""

    def whole(sample: Sample) -> dict[Key, tuple[float, ...]]:
        found: dict[Key, list[float]] = {}
        for (name, labels), value in sample.items():
            key = (name.removesuffix("_bucket"), frozenset(label for label in labels if label[0] != "le"))
            found.setdefault(key, []).append(value)
        return {key: tuple(values) for key, values in found.items()}

    first, *later = [whole(scrape.samples) for scrape in scrapes]
    return {key for key, value in first.items() if all(scrape.get(key) == value for scrape in later)}
