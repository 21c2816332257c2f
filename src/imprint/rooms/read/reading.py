"""How a raw file is read."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How a file is read, decided on the file itself."""

    raw_file: str
    format: str
    """"txt", "jsonl", "csv", "parquet", or "" where nothing reads it."""
    compression: str = ""
    """"" or "gzip"."""
    encoding: str = ""
    """The codec, by Python's name; "" for Parquet."""
    delimiter: str = ""
    """Of a CSV file; "" also where it has one column."""
    quote: str = ""
    """The quotation mark of a CSV file; "" where it has none."""
    escape: str = ""
    """What takes a CSV delimiter's meaning away; "" where only doubled marks do."""
    columns: tuple[str, ...] = ()
    """Of CSV and Parquet."""
    why: str = ""
    """A sentence on how encoding and delimiter are known."""
    reason: str | None = None
    """Why the file gives no record, a code of the ledger; None where it gives some."""
    detail: str | None = None
