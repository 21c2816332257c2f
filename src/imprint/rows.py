"""Read values of some records back from the parts that they are in."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from imprint.digests import DIGEST_BYTES, said
from imprint.rooms.sketch import ROW_BITS
from imprint.rooms.write import taken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl
    import pyarrow as pa

    from imprint.parts import Part
    from imprint.rooms.shingles import Hashes, Numbers


def said_in(parts: Sequence[Path], kept: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Return of each published record what it says in some of its columns.

    Args:
        parts: the part files, in the order of their numbers.
        kept: n published records with `part` and `part_row`.
        columns: those that count.
    """
    import polars as pl
    import pyarrow as pa

    found = []
    for number, path in enumerate(parts):
        if path.stat().st_size == 0:
            continue
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            batches = map(reader.get_batch, range(reader.num_record_batches))
            rows = pl.concat(pl.DataFrame({"row": said(batch, columns)}) for batch in batches)
        found.append(rows.with_row_index("part_row").with_columns(part=pl.lit(number, pl.Int64)))
    places = kept.select("part", "part_row")
    on = ["part", "part_row"]
    return places.join(pl.concat(found), on=on, how="left", maintain_order="left")["row"]


def digests_in(parts: Sequence[Path], records: pl.DataFrame, name: str) -> npt.NDArray[np.uint8]:
    """Return a digest of some records, read from their parts: n rows of 32 bytes.

    Args:
        parts: the part files, in the order of their numbers.
        records: n with `part` and `part_row`.
        name: of the column.
    """
    import numpy as np
    import pyarrow as pa

    found = np.zeros((records.height, DIGEST_BYTES), np.uint8)
    numbers, rows = records["part"].to_numpy(), records["part_row"].to_numpy()
    order = np.argsort(numbers, kind="stable")
    borders = np.searchsorted(numbers[order], np.arange(len(parts) + 1))
    for path, (low, high) in zip(parts, itertools.pairwise(borders), strict=True):
        if low == high:
            continue
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            batches = map(reader.get_batch, range(reader.num_record_batches))
            digests = [
                np.frombuffer(batch[name].buffers()[2], np.uint8, len(batch) * DIGEST_BYTES)
                for batch in batches
            ]
            whole = np.concatenate(digests).reshape(-1, DIGEST_BYTES)
        found[order[low:high]] = whole[rows[order[low:high]]]
    return found


def numbered(parts: Sequence[Part]) -> tuple[tuple[int, ...], int]:
    """Return the number of the first accepted record of each part, and how many there are."""
    ends = list(itertools.accumulate((part.accepted_records for part in parts), initial=0))
    return tuple(ends[:-1]), ends[-1]


def column(parts: Sequence[Path], firsts: Sequence[int], needed: Numbers, name: str) -> pa.Array:
    """Return a column of some records, read from their parts.

    Args:
        parts: the files of the accepted records of each part.
        firsts: the number of the first record of each part.
        needed: numbers of records, in ascending order; one at least.
        name: of the column.
    """
    import numpy as np
    import pyarrow as pa

    found: list[pa.Array] = []
    borders = np.searchsorted(needed, [*firsts, np.iinfo(np.int64).max])
    for path, first, (low, high) in zip(parts, firsts, itertools.pairwise(borders), strict=True):
        if low == high:
            continue
        found += (batch[name] for batch, _ in taken(path, needed[low:high] - first, [name]))
    return pa.concat_arrays(found)


def sketched(path: Path) -> Hashes:
    """Return the entries of a file of sketches or bands, mapped and not read."""
    import numpy as np

    if not path.stat().st_size:
        return np.zeros(0, np.uint64)
    return np.memmap(path, "<u8", mode="r")


def entry_rows(entries: Hashes) -> Numbers:
    """Return the row in its part of each entry of a sketch."""
    import numpy as np

    return (entries & np.uint64((1 << ROW_BITS) - 1)).astype(np.int64)


def having(path: Path, hashes: Hashes) -> tuple[Numbers, Numbers]:
    """Return which of some hashes a file of sketches or bands has: places of these, and rows."""
    import numpy as np

    entries, low = sketched(path), hashes << np.uint64(ROW_BITS)
    starts = np.searchsorted(entries, low)
    sizes = np.searchsorted(entries, low | np.uint64((1 << ROW_BITS) - 1), "right") - starts
    return np.repeat(np.arange(len(hashes)), sizes), entry_rows(entries[runs(starts, sizes)])


def runs(starts: Numbers, sizes: Numbers) -> Numbers:
    """Return the numbers from each start on, so many of each."""
    import numpy as np

    skipped = np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return np.asarray(skipped + np.arange(len(skipped)))
