"""Releases in a row keep what imprint promises, whatever changes in between.

scripts/histories holds many more, and longer ones, to the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.histories import History

if TYPE_CHECKING:
    from pathlib import Path

RELEASES = 6


@pytest.mark.parametrize("seed", [*range(12), 5184])
def test_history(tmp_path: Path, seed: int) -> None:
    """Counts add up, splits stay, what is alike is on one side, a fresh clone gives the bytes."""
    history = History(tmp_path / "p", seed)
    for _ in range(RELEASES):
        history.release()
