"""What the tests of reading share: a file in, rows out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imprint.records import default_record_schema, parse_record_schema
from imprint.rooms.read import Unreadable, Want, look, read
from imprint.settings import ReadOptions

if TYPE_CHECKING:
    from imprint.rooms.read import Reading

SHARED = Path(__file__).parents[2] / "shared" / "corpora"

Rows = list[dict[str, Any]]


def want(record_bytes: int = 2**24, file_records: int = 10**7, **extras: Any) -> Want:
    """Return what to bring home: extra columns by their JSON Schema."""
    document = json.loads(default_record_schema())
    document["properties"] |= extras
    schema = parse_record_schema(json.dumps(document), "schema/record.json")
    return Want(schema, record_bytes, file_records)


def look_at(path: Path, **options: Any) -> Reading:
    """Look at a file that lies directly under raw/."""
    return look(path, path.name, ReadOptions(**options))


def rows_of(path: Path, wanted: Want | None = None, **options: Any) -> Rows:
    """Return every row of a file; what holds the file back as a whole is raised."""
    reading = look_at(path, **options)
    batches = list(read(path, reading, ReadOptions(**options), wanted or want()))
    return [row for batch in batches for row in batch.to_pylist()]


def lost(path: Path, **options: Any) -> tuple[str, str]:
    """Return the reason and the detail of a file that gives no record."""
    reading = look_at(path, **options)
    try:
        rows = list(read(path, reading, ReadOptions(**options), want()))
    except Unreadable as fault:
        return fault.reason, fault.detail
    raise AssertionError(f"it gave {sum(batch.num_rows for batch in rows)} rows")


def texts(rows: Rows) -> list[str | None]:
    """Return the texts."""
    return [row["text"] for row in rows]


def reasons(rows: Rows) -> list[str | None]:
    """Return the reasons."""
    return [row["_reason"] for row in rows]
