"""How long each stage took, on how much, and on how many rows the slow path was taken.

What is measured decides nothing of what is made. A stage counts for whoever collects in its
process; where nobody does, it costs nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclasses.dataclass(slots=True)
class Stage:
    """What a stage came to, over all batches and processes."""

    name: str
    seconds: float = 0.0
    """Of all processes together."""
    bytes: int = 0
    """That went through it: text, or files where it reads or writes them."""
    rows: int = 0
    slow: int = 0
    """Rows for which the fast path was not enough."""


Stages = dict[str, Stage]
"""By name, in the order in which they ran first."""

_collecting: list[Stages] = []
_running: list[Stage] = []


@contextlib.contextmanager
def collected() -> Iterator[Stages]:
    """Collect the stages that run meanwhile in this process."""
    stages: Stages = {}
    _collecting.append(stages)
    try:
        yield stages
    finally:
        _collecting.pop()


@contextlib.contextmanager
def stage(name: str, size: int = 0, rows: int = 0) -> Iterator[None]:
    """Time a stage.

    Args:
        name: of the stage.
        size: bytes that go through it.
        rows: how many.
    """
    if not _collecting:
        yield
        return
    found = _collecting[-1].setdefault(name, Stage(name))
    found.bytes += size
    found.rows += rows
    _running.append(found)
    start = time.perf_counter()
    try:
        yield
    finally:
        found.seconds += time.perf_counter() - start
        _running.pop()


def slow(rows: int) -> None:
    """Note that the stage that runs takes the slow path for so many rows."""
    if _running:
        _running[-1].slow += rows


def note(*others: Stage) -> None:
    """Add what was measured elsewhere to what is collected here."""
    if not _collecting:
        return
    for each in others:
        found = _collecting[-1].setdefault(each.name, Stage(each.name))
        found.seconds += each.seconds
        found.bytes += each.bytes
        found.rows += each.rows
        found.slow += each.slow
