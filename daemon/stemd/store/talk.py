"""What fetching and importing say and ask; the command gives it a terminal, tests give it a list."""

from typing import Protocol


class Talk(Protocol):
    """The person, or nobody."""

    def say(self, text: str) -> None:
        """Tell a line or more."""
        ...

    def agree(self, terms: str) -> bool:
        """Show the terms, and ask whether they are agreed to.

        Raises:
            StoreError: nobody is there to be asked.
        """
        ...

    def progress(self, label: str, done: int, total: int, unit: str) -> None:
        """How far something has come: `done` of `total`, in `unit` (`bytes` or `segments`); often called."""
        ...
