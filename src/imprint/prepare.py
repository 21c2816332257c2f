"""The first pass: raw files to part files, through every room that looks at single records.

A partition is a few raw files; its part holds their records, cleaned, tagged, corrected and
checked, with a digest of each. Parts are kept by content: the key of a partition is made of the
digests of its raw files, of the settings that matter here, of the tools and of this source, so a
part that is there under its key is the part that would be made.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from imprint.errors import Fault, RawError
from imprint.manifest import tools
from imprint.rooms.check import check
from imprint.rooms.choose import choose
from imprint.rooms.clean import clean
from imprint.rooms.correct import correct
from imprint.rooms.language import expect, language
from imprint.rooms.read import RawFile, Reading, Unreadable, Want, look, read
from imprint.rooms.source import require, source
from imprint.rooms.step import note, take
from imprint.rooms.write import row_digests, text_digests
from imprint.swap import NEW, machine_faults, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from imprint.inputs import RawInput
    from imprint.project import Erratum, Project, Publishers
    from imprint.records import RecordSchema
    from imprint.steps import StepCode

BATCH_BYTES = 8_000_000
"""Text in one batch. Measured: smaller ones pay for each call, larger ones leave the cache."""

PARTITION_LEAST = 4_000_000
"""Bytes of raw files that a partition has at least. Chosen: half a second of work."""

PARTITION_MOST = 64_000_000
"""Bytes past which a partition takes no further file."""

NO_RECORD = "the file holds no record"
"""What the ledger says of a file of which nothing is left. Of a sample this cannot be said."""

ENDS = 16
"""One file in so many may end a partition, by the hash of its path: so a file that comes or goes
moves the borders next to it and no others."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """All that the rooms are told: what, beside the raw bytes, decides what a part holds."""

    errata: tuple[Erratum, ...]
    publishers: Publishers
    record: RecordSchema
    detector: str
    languages: tuple[str, ...]
    reject_unexpected: bool
    strip: bool
    steps: tuple[StepCode, ...]
    require_source: bool
    want: Want

    @classmethod
    def of(cls, project: Project) -> Recipe:
        """Return what a project declares for this pass."""
        settings = project.settings
        return cls(
            errata=project.errata,
            publishers=project.publishers,
            record=project.record,
            detector=settings.language.detector,
            languages=tuple(settings.languages),
            reject_unexpected=settings.language.unexpected == "reject",
            strip=settings.source.strip,
            steps=project.steps,
            require_source=settings.source.required,
            want=Want(project.record, settings.limits.record_bytes, settings.limits.file_records),
        )

    def digest(self) -> str:
        """Return a digest of everything here."""
        plain = [
            [msgspec.to_builtins(each) for each in self.errata],
            msgspec.to_builtins(self.publishers),
            self.record.document,
            [self.detector, self.languages, self.reject_unexpected, self.strip],
            [each.digest() for each in self.steps],
            [self.require_source, self.want.record_bytes, self.want.file_records, self.want.most],
        ]
        return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Partition:
    """The work of one task."""

    inputs: tuple[RawInput, ...]
    recipe: Recipe
    folder: Path
    """Where parts are kept."""

    def key(self) -> str:
        """Return the name under which the part is kept."""
        files = [[each.file.raw_file, each.sha256] for each in self.inputs]
        options = [msgspec.to_builtins(each.options) for each in self.inputs]
        made_of = [files, options, self.recipe.digest(), tools(), own_digest()]
        return hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:32]


class Part(msgspec.Struct, frozen=True):
    """What a task leaves: the records, and the ledger of what became of the files."""

    key: str
    """Names the files of the part: KEY.arrow, the accepted records, and KEY.rejected.arrow."""
    readings: tuple[Reading, ...]
    """How each file was read; `reason` says why one gave no record."""
    records: tuple[int, ...]
    """How many records each of these files gave."""
    sha256: str
    """Digest of both files, checked before they are used again."""

    def accepted(self, folder: Path) -> Path:
        """Return the Arrow IPC file of the accepted records."""
        return folder / f"{self.key}.arrow"

    def rejected(self, folder: Path) -> Path:
        """Return that of the rejected ones: id, place, document, reason, detail."""
        return folder / f"{self.key}.rejected.arrow"


def partitions(inputs: Sequence[RawInput], recipe: Recipe, folder: Path) -> list[Partition]:
    """Group raw files into partitions, where the hashes of their paths say so.

    Args:
        inputs: in order of their paths' bytes.
        recipe: what the rooms are told.
        folder: where parts are kept.
    """
    groups: list[list[RawInput]] = []
    size = PARTITION_MOST
    for each in inputs:
        if size >= PARTITION_MOST:
            groups.append([])
            size = 0
        groups[-1].append(each)
        size += each.file.bytes
        ends = hashlib.sha256(each.file.raw_file.encode()).digest()[0] % ENDS == 0
        if ends and size >= PARTITION_LEAST:
            size = PARTITION_MOST
    return [Partition(tuple(group), recipe, folder) for group in groups]


def prepare(partition: Partition) -> Part:
    """Make the part of a partition, or find the one that was made before.

    Raises:
        RawError: a raw file changed while it was read, or cannot be opened.
        MachineError: the disk is full or cannot be written to.
    """
    folder, key = partition.folder, partition.key()
    kept = folder / f"{key}.json"
    part = kept_part(kept)
    if part is not None:
        return part
    folder.mkdir(parents=True, exist_ok=True)
    with machine_faults(folder):
        part = _make(partition, key)
    write_file(kept, msgspec.json.encode(part))
    return part


def kept_part(path: Path) -> Part | None:
    """Return a part that was made before, unless it is missing or damaged."""
    try:
        part = msgspec.json.decode(path.read_bytes(), type=Part)
        return part if digest_files(part, path.parent) == part.sha256 else None
    except (OSError, msgspec.MsgspecError):
        return None


def _make(partition: Partition, key: str) -> Part:
    """Read, press and write the records of a partition."""
    import pyarrow.compute as pc

    readings: list[Reading] = []
    records: Counter[str] = Counter()
    part = Part(key, (), (), "")
    folder, recipe = partition.folder, partition.recipe
    with Sink(part.accepted(folder)) as accepted, Sink(part.rejected(folder)) as rejected:
        for batch, unit in batches(partition, readings):
            pressed = press(batch, recipe, paragraphs=unit == "paragraph")
            for count in pc.value_counts(pressed["raw_file"]).to_pylist():
                records[count["values"]] += count["counts"]
            refused = pc.is_valid(pressed["_reason"])
            accepted.write(_with_digests(pressed.filter(pc.invert(refused)), recipe.record))
            rejected.write(_ledger(pressed.filter(refused)))
    whole = tuple(
        dataclasses.replace(reading, reason="empty", detail=NO_RECORD)
        if reading.reason is None and not records[reading.raw_file] and recipe.want.most is None
        else reading
        for reading in readings
    )
    counts = tuple(0 if each.reason else records[each.raw_file] for each in whole)
    return Part(key, whole, counts, digest_files(part, folder))


def press(batch: pa.RecordBatch, recipe: Recipe, *, paragraphs: bool) -> pa.RecordBatch:
    """Take a batch through the rooms, in their order.

    Returns:
        The same records with every published column and `_reason` on those that are rejected. A
        paragraph that is empty once the attribution is taken out is no record: it is left out.
    """
    batch = language(clean(batch), recipe.detector, recipe.languages)
    if recipe.reject_unexpected:
        batch = expect(batch, recipe.languages)
    corrected = correct(batch, recipe.errata)
    if not corrected["text"].equals(batch["text"]):
        corrected = clean(corrected)
    batch = source(corrected, recipe.publishers, recipe.strip)
    for each in recipe.steps:
        taken = take(batch, each, recipe.record.names)
        taken = taken if taken["text"].equals(batch["text"]) else clean(taken)
        batch = note(batch, taken, each, recipe.record.names)
    if recipe.steps and recipe.reject_unexpected:
        batch = expect(batch, recipe.languages)
    if recipe.require_source:
        batch = require(batch)
    batch = _without_text(batch, paragraphs=paragraphs)
    return check(batch, recipe.record)


@functools.cache
def own_digest() -> str:
    """Return a digest of imprint's own source and data, for whoever changes it between versions."""
    root = Path(__file__).parent
    paths = sorted([*root.rglob("*.py"), *(root / "data").rglob("*.*")])
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def batches(partition: Partition, readings: list[Reading]) -> Iterator[tuple[pa.RecordBatch, str]]:
    """Read the files one after the other; small ones with the same unit share a batch."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    unit, size = "", 0
    for each in partition.inputs:
        for batch in _read_file(each, partition.recipe.want, readings):
            if waiting and (size >= BATCH_BYTES or unit != each.options.unit):
                yield pa.concat_batches(waiting), unit
                waiting, size = [], 0
            waiting.append(batch)
            unit, size = each.options.unit, size + batch["text"].nbytes
    if waiting:
        yield pa.concat_batches(waiting), unit


def _read_file(given: RawInput, want: Want, readings: list[Reading]) -> Iterator[pa.RecordBatch]:
    """Yield the records of one raw file, and say afterwards how it was read."""
    file = given.file
    reading = look(file.path, file.raw_file, given.options)
    try:
        if reading.reason is None:
            for batch in read(file.path, reading, given.options, want):
                yield choose(batch, want.most)
    except Unreadable as fault:
        reading = dataclasses.replace(reading, reason=fault.reason, detail=fault.detail)
    _refuse_changed(file)
    readings.append(reading)


def _refuse_changed(file: RawFile) -> None:
    """Refuse a raw file that is no longer the one that was listed."""
    now = file.path.stat()
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
    import pyarrow as pa
    import pyarrow.compute as pc

    published = batch.select(record.names).cast(record.arrow)
    texts = text_digests(published["text"])
    places = pc.binary_join_element_wise(
        batch["raw_file"], batch["raw_index"].cast(pa.string()), "\0"
    )
    private = {
        "_document": batch["_document"],
        "_raw_bytes": batch["_raw_bytes"],
        "_text": texts,
        "_row": pa.array(row_digests(published, texts), pa.binary()),
        "_hash": _hash64(batch["_document"]),
        "_place": _hash64(places),
        "_text_bytes": pc.binary_length(published["text"]).cast(pa.int64()),
    }
    for name, column in private.items():
        published = published.append_column(name, column)
    return published


def _hash64(column: pa.Array) -> pa.Array:
    """Return the first 64 bits of the SHA-256 of each value."""
    import pyarrow as pa

    digests = (hashlib.sha256(each.as_buffer()).digest() for each in column)
    return pa.array([int.from_bytes(digest[:8], "big") for digest in digests], pa.uint64())


def _ledger(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return what the ledger says of rejected records."""
    import pyarrow as pa
    import pyarrow.compute as pc

    line = pc.fill_null(
        pc.binary_join_element_wise("line ", batch["_line"].cast(pa.string()), ": ", ""), ""
    )
    columns = {name: batch[name] for name in ("id", "raw_file", "raw_index", "_document")}
    columns["reason"] = batch["_reason"]
    columns["detail"] = pc.binary_join_element_wise(line, batch["_detail"], "")
    return pa.record_batch(columns)


def digest_files(part: Part, folder: Path) -> str:
    """Return one digest of the files of a part."""
    whole = hashlib.sha256()
    for path in (part.accepted(folder), part.rejected(folder)):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


class Sink:
    """An Arrow IPC file that comes into its place whole; without rows it is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._aside = path.with_name(path.name + NEW)
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        import pyarrow as pa

        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._aside), batch.schema)
        self._writer.write_batch(batch)

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
