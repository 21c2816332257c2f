"""imprint itself: a project of a corpus, and its build as a whole process."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from peers import measure
from peers.tally import Tally

if TYPE_CHECKING:
    from pathlib import Path

ERRATUM = '\n[[erratum]]\nwrong = "CTSO"\nright = "CSTO"\nwhy = "transposed"\n'


def project(folder: Path, more: str = "") -> Path:
    """Declare what lies in `folder`/raw as `imprint init` does, with one erratum; return `folder`.

    Args:
        folder: holds raw/, and takes schema/ and build/.
        more: lines for dataset.toml.
    """
    given = ["--yes", "--name", "bench", "--license", "cc0-1.0", "--language", "id"]
    command = [sys.executable, "-m", "imprint", "init", str(folder), *given]
    measure.run(command, {}, folder / "init.log")
    for name, lines in (("errata.toml", ERRATUM), ("dataset.toml", more)):
        with (folder / "schema" / name).open("a", encoding="utf-8") as file:
            file.write(lines)
    return folder


def build(folder: Path, workers: int, *options: str) -> measure.Run:
    """Build a project as a whole process."""
    given = ["--workers", str(workers), "--json", *options]
    command = [sys.executable, "-m", "imprint", "build", str(folder), *given]
    return measure.run(command, {}, folder / "build.log")


def count(folder: Path) -> Tally:
    """Return what a build says that it did, in its manifest."""
    told = json.loads((folder / "build" / "dataset" / "imprint.json").read_text("utf-8"))
    languages = sorted(told["languages"].items(), key=lambda each: -each[1])
    return Tally(
        records=told["records"]["published"],
        languages=dict(languages[:5]),
        corrected=sum(erratum["records"] for erratum in told["errata"]),
        sources=sum(number for name, number in told["sources"].items() if name),
    )
