"""A sample: the parts of a build from N documents, to try things out on a large raw/.

The documents with the N lowest hashes are chosen. To find them every raw file is read; only the
chosen ones go through the rooms. Where the part of a whole build is there, the sample is taken out
of it; a sample keeps its own parts elsewhere, so the two never take each other's place.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from imprint.parts import Part, Sink, by_file, digest_files, kept, write_sketches
from imprint.prepare import batches, prepare
from imprint.rooms.choose import choose, document_hashes
from imprint.rooms.sketch import sketch
from imprint.swap import machine_faults, write_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from imprint.partitions import Partition
    from imprint.rooms.sketch import Sketched

    Hashes = npt.NDArray[np.uint64]

PARTS = "sample"
"""Folder of the parts of a sample, beside those of whole builds."""


def draw(partition: Partition, number: int) -> Hashes:
    """Return the lowest hashes of the documents of a partition.

    Args:
        partition: whose raw files are read.
        number: how many at most.

    Raises:
        RawError: a raw file changed while it was read, or cannot be opened.
    """
    import numpy as np

    found = [document_hashes(batch["_document"]) for batch, _ in batches(partition, [])]
    return np.unique(np.concatenate([np.array([], np.uint64), *found]))[:number]


def narrowed(
    partitions: Sequence[Partition], drawn: Iterable[Hashes], number: int, folder: Path
) -> list[Partition]:
    """Return the partitions of a sample.

    Args:
        partitions: those of the whole build.
        drawn: what `draw` gave for each.
        number: how many documents are chosen.
        folder: where the parts of the sample are kept.
    """
    import numpy as np

    lowest = np.unique(np.concatenate(list(drawn)))[:number]
    recipe = partitions[0].recipe
    want = dataclasses.replace(recipe.want, most=int(lowest[-1]) if len(lowest) else 0)
    recipe = dataclasses.replace(recipe, want=want)
    return [dataclasses.replace(each, recipe=recipe, folder=folder) for each in partitions]


def prepare_sample(partition: Partition) -> Part:
    """Make the part of a partition of a sample, out of that of the whole build where it is there.

    Raises:
        RawError: a raw file changed while it was read, or cannot be opened.
        MachineError: the disk is full or cannot be written to.
    """
    want = dataclasses.replace(partition.recipe.want, most=None)
    recipe = dataclasses.replace(partition.recipe, want=want)
    folder = partition.folder.parent / "parts"
    whole = dataclasses.replace(partition, recipe=recipe, folder=folder)
    part = kept(whole)
    if part is None:
        return prepare(partition)
    with machine_faults(partition.folder):
        partition.folder.mkdir(parents=True, exist_ok=True)
        part = _taken_out(part, whole.folder, partition)
    write_file(partition.folder / f"{part.key}.json", msgspec.json.encode(part))
    return part


def _taken_out(whole: Part, folder: Path, partition: Partition) -> Part:
    """Write the records of a sample that are in the part of a whole build, which is in `folder`."""
    import pyarrow as pa

    part = Part(partition.key(), (), (), "")
    records: Counter[str] = Counter()
    sketches: list[Sketched] = []
    accepted = 0
    for place in (Part.accepted, Part.rejected):
        source = place(whole, folder)
        with Sink(place(part, partition.folder)) as sink:
            if not source.stat().st_size:
                continue
            with pa.memory_map(str(source)) as file:
                reader = pa.ipc.open_file(file)
                for number in range(reader.num_record_batches):
                    batch = choose(reader.get_batch(number), partition.recipe.want.most)
                    records += by_file(batch)
                    if place is Part.accepted and partition.recipe.shingled:
                        sketches.append(sketch(batch["text"], sink.rows))
                    sink.write(batch)
            if place is Part.accepted:
                accepted = sink.rows
    counts = tuple(records[each.raw_file] for each in whole.readings)
    write_sketches(part, partition.folder, sketches)
    digest = digest_files(part, partition.folder)
    return Part(part.key, whole.readings, counts, digest, accepted, whole.errata)
