"""The raw files of a project: which there are, what their bytes are, how each was read."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from imprint.engine import compiled
from imprint.errors import DatasetError, Fault, RawError
from imprint.manifest import own_digest, tools
from imprint.rooms.read import (
    Range,
    RawFile,
    Reading,
    can_be_cut,
    content,
    cut,
    list_files,
    list_objects,
    look,
)
from imprint.sidecars import Sidecar, read_sidecars
from imprint.swap import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from imprint.engine import Engine
    from imprint.project import Project, ReadOptions

HASHED_AT_ONCE = 256
"""Raw files that one task hashes. Chosen: a task should outlast what it costs to send it."""

AT_ONCE = 2**18
"""Bytes of a file that is read at once to be hashed. Measured: for 20,000 small files the buffers
that `open` and `file_digest` make for each took as long as all else."""

QUICKER = 16
"""How much quicker a file is hashed and counted than it is read and pressed. Measured."""

BIG = 32 * 2**20
"""Bytes of a raw file from which it is cut into ranges, where it can be. Chosen: two of them."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What a raw file was when it was hashed."""

    bytes: int
    mtime_ns: int
    inode: int
    sha256: str

    def is_still(self, file: RawFile) -> bool:
        """Say whether size, time and inode are as they were."""
        now = (file.bytes, file.mtime_ns, file.inode)
        return now == (self.bytes, self.mtime_ns, self.inode)


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a big file before its records are read."""

    reading: Reading
    ranges: tuple[Range, ...]
    """Where it is cut; none where it cannot be."""


class Memory(msgspec.Struct, frozen=True):
    """What a build remembers of raw files for the next one."""

    files: dict[str, Known] = {}
    surveys: dict[str, Survey] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class RawInput:
    """One raw file, and how it is to be read."""

    file: RawFile
    sha256: str
    options: ReadOptions
    survey: Survey | None = None
    """Of a big file; a small one is looked at when it is read."""
    sidecar: Sidecar | None = None
    """What stands beside it for all of its records."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileRead:
    """How one raw file was read, as build/raw.parquet has it."""

    raw_file: str
    bytes: int
    sha256: str
    format: str
    encoding: str
    delimiter: str
    records: int
    why: str
    """Why it was read so, or why it gives no record."""
    reason: str | None
    """The code under which the ledger has a file that gives no record."""


def raw_inputs(
    project: Project,
    processes: Engine,
    cache: Path,
    *,
    trust: bool,
    survey: bool = True,
) -> list[RawInput]:
    """List and hash the raw files of a project, in order of their paths' bytes; survey big ones.

    Args:
        project: whose raw/ it is.
        processes: what runs the tasks.
        cache: where what is known of files is kept.
        trust: take the digest of a file whose size, time and inode are as they were.
        survey: whether the files are to be read.

    Raises:
        RawError: raw/ is empty, or a file cannot be read.
    """
    inputs = _listed(project)
    memory = cache / "raw.json"
    before = _remembered(memory) if trust else Memory()
    known = {
        each.file.raw_file: before.files[each.file.raw_file]
        for each in inputs
        if each.file.raw_file in before.files
        and before.files[each.file.raw_file].is_still(each.file)
    }
    tasks = list(_tasks(inputs, known, before.surveys if survey else None))
    size = sum(each.file.bytes for task in tasks for each in task.inputs) // QUICKER
    surveys: dict[str, Survey] = {}
    digests = {name: each.sha256 for name, each in known.items()}
    for task, found in zip(tasks, processes.run(examine, tasks, size), strict=True):
        names = [each.file.raw_file for each in task.inputs]
        if isinstance(found, Survey):
            surveys[names[0]] = found
        else:
            digests |= zip(names, found, strict=True)
    inputs = [_known(each, digests[each.file.raw_file], surveys, before) for each in inputs]
    if tasks:
        _remember(memory, inputs, before, forget=survey)
    return inputs


def _listed(project: Project) -> list[RawInput]:
    """Return the raw files of a project, of which nothing is known yet."""
    read = project.settings.read
    if project.store is None:
        files = list_files(project.raw, read.include, read.exclude)
    else:
        listed = project.store.objects("raw").items()
        named = {name.removeprefix("raw/"): each for name, each in listed}
        files = list_objects(project.raw, named, read.include, read.exclude)
    if not files:
        raise RawError(
            Fault(
                "raw/",
                "no file that [read] in schema/dataset.toml includes",
                "at least one raw file",
                "put the raw text there",
            )
        )
    beside = read_sidecars(project, files)
    options = read.options_for("") if not read.rule else None
    return [
        RawInput(
            file,
            "",
            options or read.options_for(file.raw_file),
            sidecar=beside.get(file.raw_file),
        )
        for file in files
    ]


@dataclasses.dataclass(frozen=True, slots=True)
class Examine:
    """The work of one task: to hash raw files, or to survey one."""

    inputs: tuple[RawInput, ...]
    survey: bool = False


@compiled(starts=True)
def examine(task: Examine) -> list[str] | Survey:
    """Return the SHA-256 of each file, in hex; or the survey of the one that there is.

    Raises:
        RawError: files that cannot be read, all of them at once.
    """
    if not task.survey:
        return hash_files([each.file for each in task.inputs])
    (each,) = task.inputs
    reading = look(each.file.path, each.file.raw_file, each.options)
    whole = not can_be_cut(reading, each.options.unit)
    return Survey(reading, () if whole else cut(each.file.path, reading))


def _tasks(
    inputs: Sequence[RawInput], known: Mapping[str, Known], surveys: Mapping[str, Survey] | None
) -> Iterator[Examine]:
    """Yield what has to be examined; nothing is surveyed where `surveys` is None."""
    if surveys is not None:
        for each in inputs:
            if each.file.bytes >= BIG:
                there = known.get(each.file.raw_file)
                if there is None or _survey_key(each.options, there.sha256) not in surveys:
                    yield Examine((each,), survey=True)
    unknown = [each for each in inputs if each.file.raw_file not in known]
    size, group = 0, []
    for each in unknown:
        group.append(each)
        size += each.file.bytes
        if len(group) == HASHED_AT_ONCE or size >= BIG:
            yield Examine(tuple(group))
            size, group = 0, []
    if group:
        yield Examine(tuple(group))


def _survey_key(options: ReadOptions, sha256: str) -> str:
    """Return the name under which a survey is remembered: of all that it depends on."""
    made_of = [sha256, msgspec.to_builtins(options), tools(), own_digest()]
    return hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()


def _known(given: RawInput, sha256: str, surveys: Mapping[str, Survey], before: Memory) -> RawInput:
    """Return a raw file with what is known of it."""
    survey = surveys.get(given.file.raw_file)
    if survey is None and given.file.bytes >= BIG:
        survey = before.surveys.get(_survey_key(given.options, sha256))
    return RawInput(given.file, sha256, given.options, survey, given.sidecar)


def hash_files(files: Sequence[RawFile]) -> list[str]:
    """Return the SHA-256 of each file, in hex.

    Raises:
        RawError: files that cannot be read, all of them at once.
    """
    digests, faults = [], []
    for file in files:
        try:
            if file.bytes <= AT_ONCE:
                found = hashlib.sha256(content(file))
            else:
                with file.path.open("rb") as opened:
                    found = hashlib.file_digest(opened, "sha256")
            digests.append(found.hexdigest())
        except OSError as error:
            faults.append(_unreadable(file.raw_file, error))
    if faults:
        raise RawError(faults)
    return digests


def _unreadable(raw_file: str, error: OSError) -> Fault:
    """Return the fault of a file that the system does not give out."""
    return Fault(
        f"raw/{raw_file}",
        error.strerror or str(error),
        "a file that can be read",
        "restore it or give the right to read it, then run the same command again",
    )


def digests(inputs: Sequence[RawInput]) -> dict[str, str]:
    """Return path under raw/ -> SHA-256 of every raw file, each with its sidecar behind it."""
    found = {}
    for each in inputs:
        found[each.file.raw_file] = each.sha256
        if each.sidecar is not None:
            found[each.sidecar.raw_file] = each.sidecar.sha256
    return found


def merkle(inputs: Sequence[RawInput]) -> str:
    """Return one digest of all raw files: of their names and the digests of their bytes."""
    lines = (f"{sha256} {name}\n" for name, sha256 in digests(inputs).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_read(
    inputs: Sequence[RawInput], readings: Mapping[str, tuple[Reading, int]]
) -> tuple[FileRead, ...]:
    """Return how each raw file was read, and how many records it gave; all in path order."""
    found = []
    for each in inputs:
        reading, count = readings[each.file.raw_file]
        file = FileRead(
            each.file.raw_file,
            each.file.bytes,
            each.sha256,
            " ".join(filter(None, (reading.format, reading.compression))),
            reading.encoding,
            reading.delimiter,
            count,
            reading.detail or reading.why,
            reading.reason,
        )
        found.append(file)
        if (beside := each.sidecar) is not None:
            why = f"gives {', '.join(beside.values) or 'nothing'} to the records of its file"
            told = (beside.raw_file, beside.bytes, beside.sha256, "sidecar", "utf-8", "")
            found.append(FileRead(*told, 0, why, None))
    return tuple(found)


def write_raw_table(path: Path, files: Sequence[FileRead]) -> None:
    """Write build/raw.parquet: a row a raw file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    names = [field.name for field in dataclasses.fields(FileRead)]
    columns = {name: [getattr(each, name) for each in files] for name in names}
    pq.write_table(pa.table(columns), sink)
    write_file(path, sink.getvalue().to_pybytes())


def read_raw_table(path: Path) -> tuple[FileRead, ...]:
    """Return how each raw file was read, as build/raw.parquet has it.

    Raises:
        DatasetError: it is damaged.
    """
    return tuple(itertools.starmap(FileRead, zip(*_columns(path, None).values(), strict=True)))


def read_raw_digests(path: Path) -> dict[str, str]:
    """Return `raw/FILE` -> SHA-256 as build/raw.parquet has them; empty where there is none.

    Raises:
        DatasetError: it is damaged.
    """
    if not path.exists():
        return {}
    table = _columns(path, ["raw_file", "sha256"])
    names = (f"raw/{name}" for name in table["raw_file"])
    return dict(zip(names, table["sha256"], strict=True))


def _columns(path: Path, names: list[str] | None) -> dict[str, list[Any]]:
    """Return columns of build/raw.parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=names)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            Fault(str(path), "damaged", "what the build wrote", 'run "imprint build" again')
        ) from error
    return {name: table[name].to_pylist() for name in table.column_names}


def _remembered(path: Path) -> Memory:
    """Return what is known of raw files; nothing where the memory is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return Memory()


def _remember(path: Path, inputs: Sequence[RawInput], before: Memory, *, forget: bool) -> None:
    """Keep what is known of raw files for the next build."""
    files = {
        each.file.raw_file: Known(each.file.bytes, each.file.mtime_ns, each.file.inode, each.sha256)
        for each in inputs
    }
    surveys = {
        _survey_key(each.options, each.sha256): each.survey for each in inputs if each.survey
    }
    kept = surveys if forget else {**before.surveys, **surveys}
    write_file(path, msgspec.json.encode(Memory(files, kept)))
