"""Tables, counts and paths as the command line shows them."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.errors import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SHOWN = 20
"""Lines of a table, or subsets, before the rest is only counted. Chosen: one screen."""

WIDEST = 64
"""Characters of one cell before it is cut. Chosen: a path and a sentence fit a terminal's line."""

WHOLE = 10_000
"""Characters of a cell that is not meant to be cut."""


def table(
    rows: Iterable[Sequence[object]],
    indent: str = "  ",
    widest: int = WIDEST,
    most: int = SHOWN,
) -> str:
    r"""Return rows as lines whose columns line up, wide characters counted as two.

    >>> print(table([["a", 1], ["中文", 22]], indent=""))
    a     1
    中文  22
    """
    cells = [[_cut(escape(str(cell)), widest) for cell in row] for row in rows]
    shown = cells[:most]
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    lines = [
        indent
        + "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        for row in shown
    ]
    if len(cells) > most:
        lines.append(f"{indent}and {len(cells) - most:,} more")
    return "\n".join(line.rstrip() for line in lines)


def pairs(counts: Mapping[str, int]) -> str:
    """Return names with their counts, the most frequent first where there are many."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def count(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def here(path: Path) -> str:
    """Return a path as it is shortest from here."""
    resolved, here = path.resolve(), Path.cwd()
    return str(resolved.relative_to(here)) if resolved.is_relative_to(here) else str(path)


def _cut(cell: str, widest: int) -> str:
    """Return a cell, cut where it is long."""
    return cell if len(cell) <= widest else cell[: widest - 3] + "..."


def _width(cell: str) -> int:
    """Return how many columns of a terminal a cell takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in cell)
    return len(cell) + wide - sum(unicodedata.combining(c) != 0 for c in cell)
