"""Somebody to talk to."""

from dataclasses import dataclass, field


@dataclass
class Listener:
    """Somebody who hears everything and answers `answer`."""

    answer: bool = True
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    steps: list[tuple[str, int, int, str]] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def agree(self, terms: str) -> bool:
        self.asked.append(terms)
        return self.answer

    def progress(self, label: str, done: int, total: int, unit: str) -> None:
        self.steps.append((label, done, total, unit))
