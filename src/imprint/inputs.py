"""The raw files of a project: which there are, what their bytes are, how each was read."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from imprint.errors import DatasetError, Fault, RawError
from imprint.rooms.read import RawFile, Reading, list_files
from imprint.swap import write_file

if TYPE_CHECKING:
    from pathlib import Path

    from imprint.project import Project, ReadOptions

SMALL = 4_000_000
"""Bytes of raw files below which starting processes costs more than it saves. Measured: a process
takes 0.6 s to start and import, in which one core presses some 10 MB."""

HashAll = Callable[[Sequence[tuple[RawFile, ...]]], Iterator[list[str]]]
"""Runs `hash_files` over groups of files, and gives the results in their order."""

HASHED_AT_ONCE = 256
"""Raw files that one task hashes. Chosen: a task should outlast what it costs to send it."""


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
class RawInput:
    """One raw file, and how it is to be read."""

    file: RawFile
    sha256: str
    options: ReadOptions


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
    hash_all: HashAll,
    cache: Path,
    *,
    trust: bool,
) -> list[RawInput]:
    """List and hash the raw files of a project, in order of their paths' bytes.

    Args:
        project: whose raw/ it is.
        hash_all: runs `hash_files` over groups of files.
        cache: where what is known of files is kept.
        trust: take the digest of a file whose size, time and inode are as they were.

    Raises:
        RawError: raw/ is empty, or a file cannot be read.
    """
    read = project.settings.read
    files = list_files(project.raw, read.include, read.exclude)
    if not files:
        raise RawError(
            Fault(
                "raw/",
                "no file that [read] in schema/dataset.toml includes",
                "at least one raw file",
                "put the raw text there",
            )
        )
    digests = _digests(files, hash_all, cache / "raw.json", trust=trust)
    return [
        RawInput(each, digests[each.raw_file], read.options_for(each.raw_file)) for each in files
    ]


def _digests(
    files: Sequence[RawFile], hash_all: HashAll, memory: Path, *, trust: bool
) -> dict[str, str]:
    """Return the SHA-256 of each file, and remember it for the next build."""
    known = _remembered(memory) if trust else {}
    digests = {
        file.raw_file: known[file.raw_file].sha256
        for file in files
        if file.raw_file in known and known[file.raw_file].is_still(file)
    }
    unknown = [file for file in files if file.raw_file not in digests]
    groups = [
        tuple(unknown[start : start + HASHED_AT_ONCE])
        for start in range(0, len(unknown), HASHED_AT_ONCE)
    ]
    few = len(groups) < 2 or sum(file.bytes for file in unknown) < SMALL
    hashes = map(hash_files, groups) if few else hash_all(groups)
    for group, hashed in zip(groups, hashes, strict=True):
        digests |= {file.raw_file: digest for file, digest in zip(group, hashed, strict=True)}
    if unknown:
        _remember(memory, files, digests)
    return digests


def hash_files(files: Sequence[RawFile]) -> list[str]:
    """Return the SHA-256 of each file, in hex.

    Raises:
        RawError: files that cannot be read, all of them at once.
    """
    digests, faults = [], []
    for file in files:
        try:
            with file.path.open("rb") as opened:
                digests.append(hashlib.file_digest(opened, "sha256").hexdigest())
        except OSError as error:
            faults.append(
                Fault(
                    f"raw/{file.raw_file}",
                    error.strerror or str(error),
                    "a file that can be read",
                    "restore it or give the right to read it, then run the same command again",
                )
            )
    if faults:
        raise RawError(faults)
    return digests


def merkle(inputs: Sequence[RawInput]) -> str:
    """Return one digest of all raw files: of their names and the digests of their bytes."""
    lines = (f"{each.sha256} {each.file.raw_file}\n" for each in inputs)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_read(
    inputs: Sequence[RawInput], readings: Sequence[Reading], records: Sequence[int]
) -> tuple[FileRead, ...]:
    """Return how each raw file was read, and how many records it gave; all in path order."""
    return tuple(
        FileRead(
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
        for each, reading, count in zip(inputs, readings, records, strict=True)
    )


def write_raw_table(path: Path, files: Sequence[FileRead]) -> None:
    """Write build/raw.parquet: a row a raw file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([dataclasses.asdict(each) for each in files]), sink)
    write_file(path, sink.getvalue().to_pybytes())


def read_raw_digests(path: Path) -> dict[str, str]:
    """Return `raw/FILE` -> SHA-256 as build/raw.parquet has them; empty where there is none.

    Raises:
        DatasetError: it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return {}
    try:
        table = pq.read_table(path, columns=["raw_file", "sha256"]).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(
            Fault(str(path), "damaged", "what the build wrote", 'run "imprint build" again')
        ) from error
    names = (f"raw/{name}" for name in table["raw_file"])
    return dict(zip(names, table["sha256"], strict=True))


def _remembered(path: Path) -> dict[str, Known]:
    """Return what is known of raw files; nothing where the memory is damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Known])
    except (OSError, msgspec.MsgspecError):
        return {}


def _remember(path: Path, files: Sequence[RawFile], digests: dict[str, str]) -> None:
    """Keep what is known of raw files for the next build."""
    known = {
        file.raw_file: Known(file.bytes, file.mtime_ns, file.inode, digests[file.raw_file])
        for file in files
    }
    write_file(path, msgspec.json.encode(known))
