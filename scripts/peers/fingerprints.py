"""Made records whose near-duplicates are looked for: what settle takes for a million of them.

The texts are of made words, so that millions come quickly; a twentieth repeats
an earlier one nearly.

    python -m peers.fingerprints make folder 1000000
    python -m peers.fingerprints settle folder 2
"""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from imprint.parts import Part

EACH = 100_000
"""Records of a part."""

WORDS, LENGTH = 40, 6
"""Words of a text, and bytes of a word with its blank."""

KNOWN = 60_000
"""Words that there are."""

NEAR, EXCHANGED = 20, 2
"""One record in so many repeats an earlier one, with so many other words: 0.6 alike and more."""


def main() -> None:
    """Make the records, or settle them."""
    what, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if what == "make":
        make(folder, number)
    else:
        print(json.dumps(settle(folder, number)))


def make(folder: Path, records: int) -> None:
    """Write the parts of so many records."""
    import numpy as np
    import pyarrow as pa

    from imprint.parts import Sink, with_sketches, write_sketches
    from imprint.rooms.sketch import sketch

    draw = np.random.default_rng(0)
    letters = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", np.uint8)
    known = letters[draw.integers(0, 26, (KNOWN, LENGTH))]
    known[:, -1] = ord(" ")
    before: npt.NDArray[np.int64] = np.zeros((0, WORDS), np.int64)
    for first in range(0, records, EACH):
        number = min(EACH, records - first)
        words = draw.integers(0, KNOWN, (number, WORDS))
        if len(before):
            again = np.arange(0, number, NEAR)
            words[again] = before[draw.integers(0, len(before), len(again))]
            for _ in range(EXCHANGED):
                places = draw.integers(0, WORDS, len(again))
                words[again, places] = draw.integers(0, KNOWN, len(again))
        else:
            before = words
        offsets = np.arange(number + 1, dtype=np.int32) * (WORDS * LENGTH)
        content = pa.py_buffer(known[words].tobytes())
        text = pa.StringArray.from_buffers(number, pa.py_buffer(offsets), content)
        part = _part(first, number)
        found = sketch(text, 0)
        with Sink(part.accepted(folder)) as sink:
            sink.write(with_sketches(pa.record_batch({"text": text}), found))
        write_sketches(part, folder, [found])


def settle(folder: Path, workers: int) -> dict[str, int]:
    """Find what is alike, leave out what is nearly the same, bind the rest; return the counts."""
    import polars as pl
    import pyarrow as pa

    from imprint import near
    from imprint.engine import engine
    from imprint.parts import HASHES
    from imprint.parts import WORDS as COUNT
    from imprint.rooms.dedup import alike

    firsts = sorted(int(path.stem) for path in folder.glob("*.arrow"))
    parts, frames = [], []
    for first in firsts:
        with pa.memory_map(str(folder / f"{first}.arrow")) as file:
            table = pa.ipc.open_file(file).read_all().select([COUNT, HASHES])
        frame = pl.DataFrame(pl.from_arrow(table))
        parts.append(_part(first, len(frame)))
        frames.append(frame.rename({COUNT: "words", HASHES: "hashes"}))
    facts = pl.concat(frames).with_row_index("record").with_columns(pl.col("record").cast(pl.Int64))
    with engine(workers) as processes:
        pairs = near.find(parts, folder, facts, Fraction(1, 2), processes)
    told = facts.select(
        "record",
        id=pl.col("record"),
        released=pl.lit(value=False),
        raw_bytes=pl.lit(WORDS * LENGTH),
        file=pl.lit(0),
        raw_index=pl.col("record"),
    )
    dropped = alike.drop(told, pairs.filter(alike.jaccard(Fraction(8, 10))))
    bound = alike.connected(pairs.filter(alike.jaccard(Fraction(1, 2))))
    return {
        "records": len(facts),
        "pairs": len(pairs),
        "left out": int(dropped["duplicate_of"].is_not_null().sum()),
        "bound": len(bound),
    }


def _part(first: int, records: int) -> Part:
    """Return the part of the records from a number on."""
    from imprint.parts import Part

    return Part(str(first), (), (), "", records)


if __name__ == "__main__":
    main()
