"""The limit: nothing but reading JSON Lines and writing Parquet, in as many processes.

python -m peers.bare corpus.jsonl out 2
"""

from __future__ import annotations

import itertools
import multiprocessing
from typing import TYPE_CHECKING

from peers import tally

if TYPE_CHECKING:
    from pathlib import Path


def borders(path: Path, parts: int) -> list[int]:
    """Return offsets that cut a file into parts at line breaks, its start and end among them."""
    size = path.stat().st_size
    found = {0, size}
    with path.open("rb") as file:
        for number in range(1, parts):
            file.seek(size * number // parts)
            file.readline()
            found.add(file.tell())
    return sorted(found)


def copy(path: Path, start: int, end: int, output: Path) -> None:
    """Read the lines between two offsets and write them as Parquet."""
    import pyarrow as pa
    import pyarrow.json
    import pyarrow.parquet as pq

    pa.set_cpu_count(1)  # as many threads as processes
    with path.open("rb") as file:
        file.seek(start)
        content = pa.BufferReader(file.read(end - start))
    options = pyarrow.json.ReadOptions(block_size=16 << 20)
    table = pyarrow.json.read_json(content, options)
    pq.write_table(table, output, compression="zstd", compression_level=1)


def main() -> None:
    """Give each process its part."""
    given = tally.arguments()
    cuts = borders(given.input, given.workers)
    parts = [
        (given.input, start, end, given.output / f"{start:012}.parquet")
        for start, end in itertools.pairwise(cuts)
    ]
    with multiprocessing.get_context("spawn").Pool(len(parts)) as pool:
        pool.starmap(copy, parts)
    tally.tell(given.output)


if __name__ == "__main__":
    main()
