"""What scripts/evaluate measures: a module a kind, each with `figures(folder)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    """What was measured, on what."""
    seen: float
    """A share, or a ratio."""
    of: int
    """How many cases it is of."""
    wanted: float | None = None
    """What it should be; None where it is only told."""
    most: bool = False
    """Whether it should be at most that, not at least."""
    errors: tuple[str, ...] = ()
    """What was wrong, the worst first, a line each."""

    @property
    def met(self) -> bool | None:
        """Whether it is what it should be."""
        if self.wanted is None:
            return None
        return self.seen <= self.wanted if self.most else self.seen >= self.wanted


def lines_of(path: Path) -> list[str]:
    """Return the lines of a file; other line breaks than line feeds are part of a text."""
    return path.read_text("utf-8").rstrip("\n").split("\n")
