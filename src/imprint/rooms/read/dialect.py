"""The dialect of a CSV file: what parts its cells, what quotes them, and which columns it has."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING

from imprint.rooms.read.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DELIMITERS = (",", ";", "\t", "|")
"""What a file is tried with. Source: measured, 201 of 211 files right with these."""

SAMPLE_CHARACTERS = 64 * 1024
"""How much of a file is tried. Chosen: it takes 0.15 s."""

REMEDY = 'set delimiter = ";" (or what it is) for it in a [[read.rule]] of schema/dataset.toml'
"""What a person does about a file whose dialect is not known."""


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """How the text of a CSV file is cut into cells."""

    delimiter: str
    """"" where there is one column."""
    quote: str
    """"" where marks have no meaning."""
    escape: str = ""

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """Return an iterator over rows, strict about what follows a closing mark."""
        return csv.reader(
            lines,
            delimiter=self.delimiter or "\x1f",
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            escapechar=self.escape or None,
            strict=True,
        )


def find_dialect(text: str, delimiter: str, suffix: str) -> tuple[Dialect, str]:
    r"""Find the dialect of a file by its beginning.

    Args:
        text: the beginning.
        delimiter: "auto" or the one that is declared.
        suffix: of the file; a .tsv has tabs.

    Returns:
        The dialect, and a phrase on how it is known.

    Raises:
        Unreadable: `format`: nothing fits, and the delimiter has to be declared.

    >>> find_dialect("a;b\\n1;2\\n3;4\\n", "auto", ".csv")
    (Dialect(delimiter=';', quote='"', escape=''), "delimiter ';' detected")
    """
    sample = closed(text[:SAMPLE_CHARACTERS], whole=len(text) <= SAMPLE_CHARACTERS)
    if delimiter != "auto":
        quote = _quote(sample, delimiter) if delimiter == "\t" else '"'
        return Dialect(delimiter, quote), f"delimiter {delimiter!r} declared"
    if suffix == ".tsv":
        return Dialect("\t", _quote(sample, "\t")), "delimiter '\\t' by the suffix"
    import clevercsv

    found = clevercsv.Detector().detect(sample, delimiters=list(DELIMITERS))
    if found is None:
        raise Unreadable("format", f"its delimiter cannot be told; {REMEDY}")
    delimiter = found.delimiter or ""
    dialect = Dialect(
        delimiter, found.quotechar or _quote(sample, delimiter), found.escapechar or ""
    )
    if len(first_row(sample, dialect)) > 1:
        return dialect, f"delimiter {delimiter!r} detected"
    # A header without the delimiter has one column, whatever signs stand in the texts under it.
    return Dialect("", _quote(sample, "")), "one column detected"


def closed(text: str, *, whole: bool) -> str:
    r"""Cut a sample behind the last line at whose end no quotation mark is open.

    >>> closed('a,b\n"x\ny",c\n"open\n', whole=False)
    'a,b\n"x\ny",c\n'
    """
    if whole:
        return text
    cut = marks = at = 0
    for line in io.StringIO(text, newline=""):
        marks += line.count('"')
        at += len(line)
        if marks % 2 == 0 and line.endswith(("\n", "\r")):
            cut = at
    return text[:cut] or text


def _quote(sample: str, delimiter: str) -> str:
    """Return the mark that quotes; "" where the rows are even only without one."""

    def even(dialect: Dialect) -> bool:
        """Say whether all rows have as many cells."""
        try:
            lengths = {len(row) for row in dialect.reader(io.StringIO(sample, newline="")) if row}
        except csv.Error:
            return False
        return len(lengths) == 1

    return "" if even(Dialect(delimiter, "")) and not even(Dialect(delimiter, '"')) else '"'


def first_row(text: str, dialect: Dialect) -> tuple[str, ...]:
    """Return the names of the columns: the first row that is not blank.

    Raises:
        Unreadable: `empty`, or `format` where the row cannot be cut into cells.
    """
    try:
        for row in dialect.reader(io.StringIO(text, newline="")):
            if any(cell.strip() for cell in row):
                return tuple(row)
    except csv.Error as error:
        raise Unreadable("format", f"its first row cannot be read ({error}); {REMEDY}") from error
    raise Unreadable("empty", "the file holds nothing but blanks")


def hold_columns(columns: Iterable[str], wanted: dict[str, str]) -> None:
    """Refuse a file whose header lacks a column that is needed, or has it twice.

    Args:
        columns: the names that it has.
        wanted: setting -> name: {"read.text": "berita", "read.id": "nomor"}.

    Raises:
        Unreadable: `format`, with the names that are there.
    """
    have = list(columns)
    shown = ", ".join(f'"{name}"' for name in have[:12]) + (", ..." if len(have) > 12 else "")
    for setting, name in wanted.items():
        if have.count(name) > 1:
            raise Unreadable("format", f'it has the column "{name}" ({setting}) twice')
        if name not in have:
            detail = f'it has no column "{name}" ({setting}), but {shown or "none"}'
            remedy = (
                f"set {setting.removeprefix('read.')} in a [[read.rule]] of schema/dataset.toml"
            )
            raise Unreadable("format", f"{detail}; {remedy}")
