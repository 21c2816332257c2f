"""The first pass: raw files to part files, through every room that looks at single records.

The part of a partition holds its records, cleaned, tagged, corrected and checked, with a digest of
each. Parts are kept by content: the key of a partition is made of all that decides what its part
holds, so a part that is there under its key is the part that would be made.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from imprint import timing
from imprint.digests import hash64, place_keys, placed_digests, row_digests, text_digests
from imprint.errors import Fault, RawError
from imprint.parts import (
    BEFORE,
    PLACED,
    ROW,
    TEXT,
    Part,
    Sink,
    by_file,
    digest_files,
    with_sketches,
    write_sketches,
)
from imprint.rooms.check import check
from imprint.rooms.choose import choose
from imprint.rooms.clean import clean
from imprint.rooms.correct import correct
from imprint.rooms.language import expect, language, teach
from imprint.rooms.read import (
    RawFile,
    Reading,
    Unreadable,
    Want,
    is_small_text,
    look,
    read,
    read_many,
)
from imprint.rooms.sketch import sketch
from imprint.rooms.source import licensed, require, source
from imprint.rooms.step import note, take
from imprint.swap import machine_faults, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from imprint.lessons import Lesson
    from imprint.partitions import Partition, Recipe, Stretch
    from imprint.records import RecordSchema
    from imprint.rooms.language import Taught
    from imprint.rooms.sketch import Sketched

BATCH_BYTES = 8_000_000
"""Text in one batch. Measured: smaller ones pay for each call, larger ones leave the cache."""


def prepare(partition: Partition) -> Part:
    """Make the part of a partition.

    Raises:
        RawError: a raw file changed while it was read, or cannot be opened.
        MachineError: the disk is full or cannot be written to.
    """
    folder, key = partition.folder, partition.key()
    folder.mkdir(parents=True, exist_ok=True)
    with machine_faults(folder), timing.collected() as stages:
        part = _make(partition, key)
    write_file(folder / f"{key}.json", msgspec.json.encode(part))
    return msgspec.structs.replace(part, stages=tuple(stages.values()))


def _make(partition: Partition, key: str) -> Part:
    """Read, press and write the records of a partition."""
    import pyarrow.compute as pc

    readings: list[Reading] = []
    records: Counter[str] = Counter()
    sketches: list[Sketched] = []
    part = Part(key, (), (), "")
    folder, recipe = partition.folder, partition.recipe
    with Sink(part.accepted(folder)) as accepted, Sink(part.rejected(folder)) as rejected:
        for batch, unit in batches(partition, readings):
            pressed = press(batch, recipe, paragraphs=unit == "paragraph")
            records += by_file(pressed)
            refused = pc.is_valid(pressed["_reason"])
            with _stage("digests", pressed):
                kept_rows = _with_digests(pressed.filter(pc.invert(refused)), recipe.record)
            if recipe.shingled:
                with _stage("shingles", pressed):
                    sketches.append(sketch(kept_rows["text"], accepted.rows))
                    kept_rows = with_sketches(kept_rows, sketches[-1])
            with _stage("parts", pressed):
                accepted.write(kept_rows)
                rejected.write(_ledger(pressed.filter(refused)))
    write_sketches(part, folder, sketches)
    counts = tuple(records[each.raw_file] for each in readings)
    digest = digest_files(part, folder)
    return Part(key, tuple(readings), counts, digest, accepted.rows, recipe.errata)


def press(batch: pa.RecordBatch, recipe: Recipe, *, paragraphs: bool) -> pa.RecordBatch:
    """Take a batch through the rooms, in their order.

    Returns:
        The same records with every published column and `_reason` on those that are rejected. A
        paragraph that is empty once the attribution is taken out is no record: it is left out.
    """
    with _stage("clean", batch):
        batch = clean(batch)
    with _stage("language", batch):
        found = "languages_found" in recipe.record.names
        taught = _taught(recipe.lessons)
        batch = language(batch, recipe.detector, recipe.languages, taught, found=found)
        if recipe.reject_unexpected:
            batch = expect(batch, recipe.languages)
    with _stage("correct", batch):
        before = batch["text"]
        batch = _clean_corrected(correct(batch, recipe.errata))
    with _stage("source", batch):
        batch = source(batch, recipe.publishers, recipe.strip, recipe.record.names)
    for each in recipe.steps:
        with _stage(each.run, batch):
            taken = take(batch, each, recipe.record.names)
            taken = taken if taken["text"].equals(batch["text"]) else clean(taken)
            batch = note(batch, taken, each, recipe.record.names)
    if recipe.steps:
        batch = licensed(batch, recipe.publishers, recipe.record.names)
    if recipe.steps and recipe.reject_unexpected:
        batch = expect(batch, recipe.languages)
    with _stage("check", batch):
        if recipe.require_source:
            batch = require(batch)
        batch = batch.append_column(BEFORE, before)
        return check(_without_text(batch, paragraphs=paragraphs), recipe.record)


@functools.cache
def _taught(lessons: tuple[Lesson, ...]) -> Taught | None:
    """Learn the languages that are taught by example, once in a process."""
    return teach({each.name: each.sentences() for each in lessons}) if lessons else None


def _stage(name: str, batch: pa.RecordBatch) -> AbstractContextManager[None]:
    """Time a stage on a batch."""
    return timing.stage(name, batch["text"].nbytes, len(batch))


def _clean_corrected(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Clean the texts that were corrected, as a correction may bring defects of its own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    corrected = pc.greater(pc.list_value_length(batch["corrections"]), 0)
    if not pc.any(corrected).as_py():
        return batch
    texts = batch["text"].filter(corrected)
    again = clean(pa.record_batch({"text": texts}))["text"]
    if again.equals(texts):
        return batch
    text = pc.replace_with_mask(batch["text"], corrected, again)
    return batch.set_column(batch.schema.get_field_index("text"), "text", text)


def batches(partition: Partition, readings: list[Reading]) -> Iterator[tuple[pa.RecordBatch, str]]:
    """Read the files one after the other; small ones with the same unit share a batch."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    unit, size = "", 0
    found = _read_all(partition, readings)
    while True:
        with timing.stage("read"):
            batch, its_unit = next(found, (None, ""))
        if batch is None:
            break
        timing.note(timing.Stage("read", bytes=batch["text"].nbytes, rows=len(batch)))
        if waiting and (size >= BATCH_BYTES or unit != its_unit):
            yield pa.concat_batches(waiting), unit
            waiting, size = [], 0
        waiting.append(batch)
        unit, size = its_unit, size + batch["text"].nbytes
    if waiting:
        yield pa.concat_batches(waiting), unit


def _read_all(
    partition: Partition, readings: list[Reading]
) -> Iterator[tuple[pa.RecordBatch, str]]:
    """Yield the records of every file with its unit, small texts together."""
    want = partition.recipe.want
    for together in _runs(partition.stretches):
        batch, taken = None, list[Reading | None]([None] * len(together))
        if len(together) > 1:
            batch, taken = read_many([each.input.file for each in together], want)
        if batch is not None:
            yield _with_encoding(choose(batch, want.most), "", want), "document"
        for each, reading in zip(together, taken, strict=True):
            if reading is None:
                for one in _read_file(each, want, readings):
                    yield one, each.input.options.unit
            else:
                _refuse_changed(each.input.file)
                readings.append(reading)


def _runs(stretches: Sequence[Stretch]) -> Iterator[list[Stretch]]:
    """Yield files by themselves, and runs of small texts of about a batch."""
    run: list[Stretch] = []
    size = 0
    for each in stretches:
        small = not each.input.sidecar and is_small_text(each.input.file, each.input.options)
        if run and (not small or size >= BATCH_BYTES):
            yield run
            run, size = [], 0
        if small:
            run.append(each)
            size += each.bytes
        else:
            yield [each]
    if run:
        yield run


def _read_file(given: Stretch, want: Want, readings: list[Reading]) -> Iterator[pa.RecordBatch]:
    """Yield the records of one raw file or a range of it, and say afterwards how it was read."""
    file, options, survey = given.input.file, given.input.options, given.input.survey
    if given.input.sidecar is not None:
        want = dataclasses.replace(want, given=given.input.sidecar.values)
    reading = survey.reading if survey else look(file.path, file.raw_file, options)
    try:
        if reading.reason is None:
            for batch in read(file.path, reading, options, want, given.range):
                yield _with_encoding(choose(batch, want.most), reading.encoding, want)
    except Unreadable as fault:
        reading = dataclasses.replace(reading, reason=fault.reason, detail=fault.detail)
    _refuse_changed(file)
    readings.append(reading)


def _with_encoding(batch: pa.RecordBatch, encoding: str, want: Want) -> pa.RecordBatch:
    """Add the column `encoding` where it is asked for: null where the file was UTF-8."""
    import pyarrow as pa

    if "encoding" not in want.record.names:
        return batch
    told = None if encoding.replace("_", "-") in ("", "utf-8", "utf-8-sig", "ascii") else encoding
    return batch.append_column("encoding", pa.repeat(pa.scalar(told, pa.string()), len(batch)))


def _refuse_changed(file: RawFile) -> None:
    """Refuse a raw file that is no longer the one that was listed."""
    now = os.stat(file.place)  # noqa: PTH116 - a Path for each of many files takes a while
    if (now.st_size, now.st_mtime_ns, now.st_ino) != (file.bytes, file.mtime_ns, file.inode):
        raise RawError(
            Fault(
                f"raw/{file.raw_file}",
                "changed while it was read",
                "a raw file that stays as it is during a build",
                "wait until whatever writes it is done, then build again",
            )
        )


def _without_text(batch: pa.RecordBatch, *, paragraphs: bool) -> pa.RecordBatch:
    """Leave out paragraphs without text; reject documents without."""
    import pyarrow as pa
    import pyarrow.compute as pc

    nothing = pc.fill_null(pc.equal(batch["text"], ""), fill_value=False)
    empty = pc.and_(nothing, pc.is_null(batch["_reason"]))
    if paragraphs:
        return batch.filter(pc.invert(empty))
    for name, value in (
        ("_reason", "empty"),
        ("_detail", "nothing is left of the text once it is cleaned and its attribution taken out"),
    ):
        column = pc.if_else(empty, pa.scalar(value), batch[name])
        batch = batch.set_column(batch.schema.get_field_index(name), name, column)
    return batch


def _with_digests(batch: pa.RecordBatch, record: RecordSchema) -> pa.RecordBatch:
    """Return the published columns, and what settle needs to know of each record."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    published = batch.select(record.names).cast(record.arrow)
    texts = text_digests(published["text"])
    rows = row_digests(published, texts)
    changed = pc.not_equal(batch[BEFORE], published["text"])
    # Taken, as if_else leaves the bytes of what it makes null: half of what a part was.
    at = pc.if_else(changed, pa.array(np.arange(len(batch))), pa.scalar(None, pa.int64()))
    private = {
        BEFORE: batch[BEFORE].take(at),
        "_document": batch["_document"],
        "_raw_bytes": batch["_raw_bytes"],
        TEXT: texts,
        ROW: pa.array(rows, pa.binary()),
        PLACED: pa.array(placed_digests(rows, published), pa.binary()),
        "_hash": hash64(batch["_document"]),
        "_place": hash64(place_keys(batch)),
        "_text_bytes": pc.binary_length(published["text"]).cast(pa.int64()),
    }
    for name, column in private.items():
        published = published.append_column(name, column)
    return published


def _ledger(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return what the ledger says of rejected records."""
    import pyarrow as pa
    import pyarrow.compute as pc

    line = pc.fill_null(
        pc.binary_join_element_wise("line ", batch["_line"].cast(pa.string()), ": ", ""), ""
    )
    columns = {name: batch[name] for name in ("id", "raw_file", "raw_index", "_document")}
    columns[BEFORE] = batch[BEFORE]
    columns["reason"] = batch["_reason"]
    columns["detail"] = pc.binary_join_element_wise(line, batch["_detail"], "")
    return pa.record_batch(columns)
