"""CSV: rows of cells, read as text, and a row that is wrong costs only itself."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
from typing import TYPE_CHECKING, NamedTuple

from imprint.rooms.read.files import Unreadable
from imprint.rooms.read.lines import line_blocks
from imprint.rooms.read.rows import Found, Position, column_types, source_names, to_batch
from imprint.rooms.read.values import Mismatch, mismatch, parse_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    import pyarrow as pa

    from imprint.rooms.read.dialect import Dialect
    from imprint.rooms.read.rows import Want
    from imprint.settings import ReadOptions

BATCH_CHARACTERS = 4 * 2**20
"""Of the text in one batch. Source: measured, 8 MB; most characters are under 2 bytes."""

BATCH_ROWS = 65_536
"""Rows of one batch. Chosen: bounds what short texts cost."""

OTHER_CELLS_BYTES = 64 * 2**20
"""A row may be this much longer than limits.record_bytes: it has other cells too. Chosen."""

LOOK_LINES = 4096
"""After how many lines of one row its size is looked at. Chosen: rows have few lines."""


class _Overflow(Exception):  # noqa: N818
    """A row goes on for longer than is kept."""


class Feed:
    """Lines for a csv.reader, with what belongs to the row that is being read.

    Attributes:
        start: 1-based line on which the row begins.
        pending: the lines of the row so far.
    """

    def __init__(self, stream: Callable[[], Iterator[bytes]], cap: int, skip: int = 0) -> None:
        self.cap = cap
        self.start = skip + 1
        self.pending: list[str] = []
        self._lines = itertools.islice(_lines(stream(), cap), skip, None)

    def __iter__(self) -> Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.pending.append(line)
        if isinstance(line, _LongLine):
            raise _Overflow
        if len(self.pending) % LOOK_LINES == 0 and sum(map(len, self.pending)) > self.cap:
            raise _Overflow
        return line

    def done(self) -> None:
        """Begin with the next row."""
        self.start += len(self.pending)
        self.pending.clear()

    def pass_by(self, quote: str) -> bool:
        """Go to the end of a row that is too long; false where its mark is never closed."""
        if isinstance(self.pending[-1], _LongLine) or not quote:
            return True
        marks, count = sum(line.count(quote) for line in self.pending), len(self.pending)
        for line in self._lines:
            count += 1
            marks += line.count(quote)
            if marks % 2 == 0:
                self.start += count - len(self.pending)
                return True
        return False

    def digest(self) -> str:
        """Return the SHA-256 of the row as it stands, without its last line end."""
        if isinstance(self.pending[-1], _LongLine):
            return self.pending[-1].digest
        raw = "".join(self.pending).encode().removesuffix(b"\n").removesuffix(b"\r")
        return hashlib.sha256(raw).hexdigest()


class _LongLine(str):
    """Stands for a line that was not kept."""

    __slots__ = ("digest",)
    digest: str


def _lines(chunks: Iterator[bytes], cap: int) -> Iterator[str]:
    """Yield lines with their line ends: LF, CR LF or CR."""
    for block in line_blocks(chunks, cap, lone_cr=True):
        if block.overlong:
            line = _LongLine()
            line.digest = block.overlong
            yield line
        else:
            yield from io.StringIO(block.data.decode("utf-8"), newline="")


def read_csv(
    stream: Callable[[], Iterator[bytes]],
    layout: tuple[Dialect, Sequence[str]],
    position: Position,
    options: ReadOptions,
    want: Want,
) -> Iterator[pa.RecordBatch]:
    """Yield the records of a CSV file under its header.

    Args:
        stream: begins to read the file as UTF-8 without a mark, each time that it is called.
        layout: how it is cut into cells, and the names of the columns in its first row.
        position: the beginning of the file.
        options: how the file is read.
        want: the columns and the limits.

    Raises:
        Unreadable: `empty`, where there is no row under the header.
    """
    dialect, header = layout
    names = {c: n for c, n in source_names(options, want).items() if n in header}
    table = _Table(names, column_types(names, want), header)
    rows = read_rows(stream, dialect, len(header), want.record_bytes + OTHER_CELLS_BYTES)
    next(rows, None)
    for row in rows:
        table.add(row)
        if table.characters >= BATCH_CHARACTERS or len(table.lines) >= BATCH_ROWS:
            yield to_batch(table.take(), position, options, want)
    if table.lines:
        yield to_batch(table.take(), position, options, want)
    if not position.documents:
        raise Unreadable("empty", "there is no row under the header")


class Row(NamedTuple):
    """One row that is not blank."""

    line: int
    """1-based, on which it starts."""
    cells: list[str] | None = None
    """None where it cannot be read; then the rest says why."""
    reason: str | None = None
    detail: str | None = None
    digest: str | None = None
    """SHA-256 of the row as it stands."""


def read_rows(
    stream: Callable[[], Iterator[bytes]], dialect: Dialect, width: int, cap: int
) -> Iterator[Row]:
    """Yield every row that is not blank; what cannot be read costs one row.

    A quotation mark that is never closed costs the line on which it stands: the rest is read from
    the next line on. That happens at most once, as no lone mark can follow.

    Args:
        stream: begins to read the file as UTF-8, each time that it is called.
        dialect: how it is cut into cells.
        width: how many cells a row has.
        cap: about how many characters of one row are kept.
    """
    csv.field_size_limit(2**31 - 1)  # the default, 131,072, would refuse a long text
    feed: Feed | None = Feed(stream, cap)
    while feed is not None:
        unclosed = yield from _read_on(feed, dialect, width)
        feed = Feed(stream, cap, unclosed) if unclosed else None


def _read_on(feed: Feed, dialect: Dialect, width: int) -> Generator[Row, None, int]:
    """Yield rows; return the line of a mark that is never closed, else 0."""
    reader = dialect.reader(feed)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return 0
        except (csv.Error, _Overflow) as error:
            line, digest, first = feed.start, feed.digest(), feed.pending[0]
            over = isinstance(error, _Overflow)
            if not (feed.pass_by(dialect.quote) if over else UNCLOSED not in str(error)):
                own = hashlib.sha256(first.rstrip("\r\n").encode()).hexdigest()
                yield Row(line, None, "parse", "a quotation mark is opened and never closed", own)
                return line
            reason, detail = ("too-long", TOO_LONG) if over else ("parse", str(error))
            yield Row(line, None, reason, detail, digest)
            reader = dialect.reader(feed)
        else:
            if cells and not (len(cells) == 1 and cells[0].isspace()):
                yield _row(cells, feed, width)
        feed.done()


def _row(cells: list[str], feed: Feed, width: int) -> Row:
    """Return a row, rejected where it has another number of cells than the header."""
    if len(cells) == width:
        return Row(feed.start, cells)
    detail = f"{len(cells)} cells, wanted {width} as in the header"
    return Row(feed.start, None, "parse", detail, feed.digest())


UNCLOSED = "unexpected end of data"
"""What csv says at the end of a file inside a quoted cell. Source: CPython, Modules/_csv.c."""

TOO_LONG = "the row is longer than a row can be"
"""The detail of a row that is not kept in memory."""


class _Table:
    """The wanted cells of the rows since the last batch."""

    def __init__(
        self, names: Mapping[str, str], types: Mapping[str, pa.DataType], header: Sequence[str]
    ) -> None:
        self.names, self.types = names, types
        self.places = {column: header.index(name) for column, name in names.items()}
        self._clear()

    def _clear(self) -> None:
        """Forget the rows."""
        self.cells: dict[str, list[str | None]] = {column: [] for column in self.names}
        self.lines: list[int] = []
        self.bad: dict[int, tuple[str | None, str | None, str | None]] = {}
        self.characters = 0

    def add(self, row: Row) -> None:
        """Take a row over."""
        cells = row.cells
        if cells is None:
            self.bad[len(self.lines)] = row.reason, row.detail, row.digest
        self.lines.append(row.line)
        for column, place in self.places.items():
            self.cells[column].append(None if cells is None else cells[place])
        if cells is not None:
            self.characters += len(cells[self.places["text"]])

    def take(self) -> Found:
        """Return what was added since the last time."""
        import numpy as np
        import pyarrow as pa

        values = {column: self._column(column) for column in self.names}
        reasons, details, digests = (
            [self.bad.get(row, NOTHING)[part] for row in range(len(self.lines))]
            if self.bad
            else None
            for part in range(3)
        )
        lines = np.array(self.lines)
        arrays = {column: pa.array(cells, self.types[column]) for column, cells in values.items()}
        self._clear()
        return Found(arrays, lines, reasons, details, digests)

    def _column(self, column: str) -> Sequence[object]:
        """Return a column's values as its type takes them."""
        cells, kind = self.cells[column], self.types[column]
        if column == "text":
            return cells
        if column in ("language", "source"):
            return [cell or None for cell in cells]
        if str(kind) == "string" and column != "id":
            return cells
        values: list[object] = []
        for row, cell in enumerate(cells):
            try:
                values.append(None if cell is None else parse_cell(cell, kind, column))
            except Mismatch as error:
                values.append(None)
                detail = mismatch(self.names[column], cell or None, str(error))
                self.bad.setdefault(row, ("schema", detail, None))
        return values


NOTHING = (None, None, None)
"""What is wrong with a row that is good."""
