"""Parts: what the first pass leaves of each partition, kept under the partition's key.

A part is used again where the key is the same, the files are undamaged, and no erratum that came or
went since then stands in any of its texts. Files that are what the last build left are not read to
see whether they are undamaged; the texts that are taken out of them are held to their digests.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import msgspec

from imprint.digests import ascending
from imprint.errors import Fault, MachineError
from imprint.rooms.correct import pattern
from imprint.rooms.read import Reading  # noqa: TC001 - msgspec reads it
from imprint.settings import Erratum  # noqa: TC001
from imprint.swap import NEW, write_file
from imprint.timing import Stage  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl
    import pyarrow as pa

    from imprint.partitions import Partition
    from imprint.rooms.sketch import Sketched

BEFORE = "_before"
"""Column of the texts as they were before they were corrected, where they are others now; of
rejected records always."""

WORDS, HASHES, SKETCH = "_words", "_hashes", "_sketch"
"""Columns of how many words a text has, how many hashes its sketch, and these."""


TEXT, ROW, PLACED = "_text", "_row", "_placed"
"""Columns of the digests of a text, of what its record says, and of that with id and place."""


class Part(msgspec.Struct, frozen=True):
    """What a task leaves: the records, and the ledger of what became of the files."""

    key: str
    """Names the files of the part: KEY.arrow, KEY.rejected.arrow, KEY.sketches, KEY.bands."""
    readings: tuple[Reading, ...]
    """How each file was read; `reason` says why one gave no record."""
    records: tuple[int, ...]
    """How many records each of these files gave, of those that are read here."""
    digest: str
    """Of all files, checked before they are used again."""
    accepted_records: int = 0
    """How many rows the file of the accepted ones has."""
    errata: tuple[Erratum, ...] = ()
    """Those that were in force when the part was made."""
    stages: tuple[Stage, ...] = ()
    """What it took to make the part; of one that was there before, nothing."""

    def accepted(self, folder: Path) -> Path:
        """Return the Arrow IPC file of the accepted records."""
        return folder / f"{self.key}.arrow"

    def sketches(self, folder: Path) -> Path:
        """Return the file of the sketches of their texts: 64-bit numbers in ascending order."""
        return folder / f"{self.key}.sketches"

    def bands(self, folder: Path) -> Path:
        """Return the file of the bands of these, likewise."""
        return folder / f"{self.key}.bands"

    def rejected(self, folder: Path) -> Path:
        """Return that of the rejected ones: id, place, document, reason, detail."""
        return folder / f"{self.key}.rejected.arrow"

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return all of these files."""
        kinds = (Part.accepted, Part.rejected, Part.sketches, Part.bands)
        return tuple(kind(self, folder) for kind in kinds)


Stamp = tuple[int, int, int, int]
"""Size, times of the last change of content and of anything, and inode of a file."""

Seen = dict[str, tuple[Stamp, ...]]
"""By its key, what the files of a part were when a build took them for undamaged."""


def kept(partition: Partition, seen: Seen | None = None) -> Part | None:
    """Return the part that was made before, unless there is none, or it is not what it would be.

    Args:
        partition: whose part it is.
        seen: parts whose files need not be read where they still are what they were.
    """
    folder, errata = partition.folder, partition.recipe.errata
    path = folder / f"{partition.key()}.json"
    try:
        part = msgspec.json.decode(path.read_bytes(), type=Part)
        same = seen is not None and seen.get(part.key) == stamps(part, folder)
        if not same and digest_files(part, folder) != part.digest:
            return None
    except (OSError, msgspec.MsgspecError):
        return None
    if part.errata == errata:
        return part
    if any(each.input.options.unit == "paragraph" for each in partition.stretches):
        return None  # a line that is an attribution is in no part, and can be corrected
    changed = changed_errata(part.errata, errata)
    if changed is None or _stand_in(part, folder, changed):
        return None
    part = msgspec.structs.replace(part, errata=errata)
    write_file(path, msgspec.json.encode(part))
    return part


def recall_seen(folder: Path) -> Seen:
    """Return the parts in a folder that the last build took for undamaged."""
    try:
        return msgspec.json.decode(_memory(folder).read_bytes(), type=Seen)
    except (OSError, msgspec.MsgspecError):
        return {}


def remember_seen(parts: Sequence[Part], folder: Path) -> None:
    """Note what the files of parts are, so that the next build need not read them all."""
    seen = {part.key: stamps(part, folder) for part in parts}
    write_file(_memory(folder), msgspec.json.encode(seen))


def _memory(folder: Path) -> Path:
    """Return where it is noted what the parts of a folder were."""
    return folder.with_name(f"{folder.name}.json")


def stamps(part: Part, folder: Path) -> tuple[Stamp, ...]:
    """Return what the files of a part are; whatever writes to one changes that."""
    return tuple(_stamp(path) for path in part.files(folder))


def _stamp(path: Path) -> Stamp:
    """Return what a file is."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def changed_errata(before: Sequence[Erratum], now: Sequence[Erratum]) -> tuple[Erratum, ...] | None:
    """Return the errata that came or went; None where others changed their order, which matters."""
    stayed = [each for each in before if each in now]
    if stayed != [each for each in now if each in before]:
        return None
    return tuple(each for each in (*before, *now) if each not in stayed)


def _stand_in(part: Part, folder: Path, errata: Sequence[Erratum]) -> bool:
    """Say whether an erratum could stand in a text of a part, as it was before correction."""
    return any(
        texts.str.contains(pattern(erratum)).any()
        for texts in _texts_before(part, folder)
        for erratum in errata
    )


def _texts_before(part: Part, folder: Path) -> Iterator[pl.Series]:
    """Yield the texts of a part as they were before they were corrected."""
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    for path in (part.accepted(folder), part.rejected(folder)):
        if not path.stat().st_size:
            continue
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                text = batch[BEFORE]
                if "text" in batch.schema.names:
                    text = pc.coalesce(text, batch["text"])
                yield pl.Series(pl.from_arrow(text.drop_null()))


def by_file(batch: pa.RecordBatch) -> Counter[str]:
    """Return how many records of a batch each raw file gave."""
    import pyarrow.compute as pc

    counts = pc.value_counts(batch["raw_file"]).to_pylist()
    return Counter({each["values"]: each["counts"] for each in counts})


def files_of(parts: Sequence[Part], *, sample: bool = False) -> dict[str, tuple[Reading, int]]:
    """Return how each raw file was read, and how many records it gave, over all its ranges.

    A file is taken whole or not at all: where one range cannot be read, none counts.

    Args:
        parts: in the order of the raw files' paths.
        sample: the parts hold the chosen documents alone, so that none of a file says nothing.
    """
    found: dict[str, tuple[Reading, int]] = {}
    for part in parts:
        for reading, count in zip(part.readings, part.records, strict=True):
            before, counted = found.get(reading.raw_file, (reading, 0))
            whole = reading if before.reason is None else before
            found[reading.raw_file] = (whole, counted + count)
    for raw_file, (reading, count) in found.items():
        if reading.reason is not None:
            found[raw_file] = (reading, 0)
        elif not count and not sample:
            empty = dataclasses.replace(reading, reason="empty", detail="the file holds no record")
            found[raw_file] = (empty, 0)
    return found


def refuse_other_keys(tasks: Sequence[Partition], parts: Sequence[Part]) -> None:
    """Refuse parts that were made with other tools, or another imprint, than those of this machine.

    Raises:
        MachineError: there are some.
    """
    if any(task.key() != part.key for task, part in zip(tasks, parts, strict=True)):
        seen, wanted = "other versions of imprint or its tools", "the same everywhere"
        fix = "install on every node what is installed here, then run the same command again"
        raise MachineError(Fault("a node of the cluster", seen, wanted, fix))


def forget(used: Sequence[str], folder: Path) -> None:
    """Delete parts that are not used any more; and used ones where they leave the disk too little.

    The parts may take as much room as is left free beside them. Which are deleted does not matter
    to any build but for the time that it takes.

    Args:
        used: names of the parts of this build.
        folder: of the parts; a sample's and a whole build's are apart.
    """
    sizes: dict[str, int] = dict.fromkeys(used, 0)
    for path in folder.iterdir():
        name = path.name.split(".")[0]
        if name in sizes:
            sizes[name] += path.stat().st_size
        else:
            path.unlink()
    over = sum(sizes.values()) - shutil.disk_usage(folder).free
    for name in sorted(sizes, key=lambda each: -sizes[each]):
        if over <= 0:
            break
        over -= 2 * sizes[name]
        for path in folder.glob(f"{name}.*"):
            path.unlink()


def digest_files(part: Part, folder: Path) -> str:
    """Return one digest of the files of a part: against damage, so a fast one will do."""
    import pyarrow as pa
    import xxhash

    whole = xxhash.xxh3_128()
    for path in part.files(folder):
        if path.stat().st_size:
            with pa.memory_map(str(path)) as file:
                whole.update(file.read_buffer())
        whole.update(b"\0")
    return whole.hexdigest()


def with_sketches(batch: pa.RecordBatch, found: Sketched) -> pa.RecordBatch:
    """Return the records of a batch with how many words they have, and their sketches."""
    import numpy as np
    import pyarrow as pa

    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(found.counts)]).astype(np.int32)
    sketches = pa.ListArray.from_arrays(offsets, found.hashes)
    batch = batch.append_column(WORDS, pa.array(found.words, pa.uint32()))
    batch = batch.append_column(HASHES, pa.array(found.counts, pa.uint32()))
    return batch.append_column(SKETCH, sketches)


def write_sketches(part: Part, folder: Path, sketches: Sequence[Sketched]) -> None:
    """Write the sketches and bands of the texts of a part, which its batches gave."""
    import numpy as np

    none = np.zeros(0, np.uint64)
    for path, found in (
        (part.sketches(folder), [each.sketches for each in sketches]),
        (part.bands(folder), [each.bands for each in sketches]),
    ):
        write_file(path, ascending(np.concatenate([none, *found])).astype("<u8").tobytes())


class Sink:
    """An Arrow IPC file that comes into its place whole; without rows it is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(path.name + NEW)
        self._writer: Any = None
        self.rows = 0
        """That were written."""

    def __enter__(self) -> Self:
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        import pyarrow as pa

        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._aside), batch.schema)
        self._writer.write_batch(batch)
        self.rows += len(batch)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._writer is None:
            if kind is None:
                self._path.write_bytes(b"")
            return
        self._writer.close()
        if kind is None:
            self._aside.replace(self._path)
        else:
            self._aside.unlink(missing_ok=True)
