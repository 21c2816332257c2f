"""Makes small projects for the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from imprint.records import default_record_schema

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = """\
name = "{name}"
version = "1.0.0"
license = "cc-by-4.0"
languages = ["id"]
date = "2026-11-24"
"""

CTSO = """
[[erratum]]
wrong = "CTSO"
right = "CSTO"
why = "letters transposed: Collective Security Treaty Organization"
"""


def make(
    root: Path,
    raw: dict[str, str | bytes],
    *,
    more: str = "",
    errata: str = CTSO,
    name: str = "small-news",
) -> Path:
    """Make a project of raw files; `more` is appended to dataset.toml."""
    for path, content in raw.items():
        file = root / "raw" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    schema = root / "schema"
    schema.mkdir(parents=True, exist_ok=True)
    (schema / "dataset.toml").write_text(DECLARED.format(name=name) + more)
    (schema / "errata.toml").write_text(errata)
    (schema / "sources.toml").write_text('[[source]]\nname = "Alhurra"\n')
    (schema / "record.json").write_text(default_record_schema())
    return root


def sentences(number: int, start: int = 0) -> dict[str, str | bytes]:
    """Return that many raw files of one short Indonesian text each."""
    return {
        f"{n:04}.txt": f"Pasukan CTSO nomor {n} meninggalkan kota itu pada hari Kamis bersama "
        f"kendaraan dan perlengkapannya.\nSumber: Alhurra.\n"
        for n in range(start, start + number)
    }


def rows(project: Path) -> list[dict[str, Any]]:
    """Return the published rows of a built project, by raw file and place."""
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = []
    for path in sorted((project / "build" / "dataset" / "data").rglob("*.parquet")):
        split = path.name.split("-")[0]
        found += [row | {"split": split} for row in pq.ParquetFile(path).read().to_pylist()]
    return sorted(found, key=lambda row: (row["raw_file"], row["raw_index"]))


def ledger(project: Path) -> list[dict[str, Any]]:
    """Return the lines of the ledger."""
    lines = (project / "build" / "rejected.jsonl").read_text("utf-8").strip()
    return [json.loads(line) for line in lines.split("\n") if line]


def imprint(
    *arguments: str | Path, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "imprint", *map(str, arguments)],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
