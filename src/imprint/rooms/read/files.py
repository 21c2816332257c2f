"""The files under raw/: which there are, what their names say, and how their bytes are opened."""

from __future__ import annotations

import contextlib
import dataclasses
import operator
import os
import pathlib
import stat
from typing import IO, TYPE_CHECKING, TypeVar

from imprint.errors import Fault, ImprintError, ProjectError, RawError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

What = TypeVar("What")

FORMATS = {".txt": "txt", ".jsonl": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet"}
"""Suffix -> format. Source: README, "Make one of your own"."""

CHUNK_BYTES = 8 * 2**20
"""How much is read at a time. Source: measured, 8 to 16 MB are fastest."""

BLOCK_BYTES = 2 * 2**20
"""How much of JSON lines is read at a time. Source: measured, 1 to 4 MB stay in the cache."""

MAX_BYTES = 2**63 - 1
"""More than any file has. Source: off_t is 64 bits."""


SIDECAR = ".meta.toml"
"""What the name of a sidecar has behind that of its file."""


class Unreadable(Exception):  # noqa: N818  (it is an outcome that goes to the ledger)
    """A file as a whole gives no record.

    Attributes:
        reason: a code of the ledger: `empty`, `encoding`, `format` or `unreadable`.
        detail: the sentence that goes with it.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclasses.dataclass(frozen=True, slots=True)
class RawFile:
    """One file under raw/, as the folder lists it."""

    place: str | Path
    """Where it is; a Path is made of it where one is needed, which for many files takes a while."""
    raw_file: str
    """Its path under raw/, '/'-separated and escaped: the name that records carry."""
    bytes: int
    mtime_ns: int
    inode: int
    sidecar: str | Path = ""
    """Where `FILE.meta.toml` is; "" where there is none."""

    @property
    def path(self) -> Path:
        """Return where it is."""
        return pathlib.Path(self.place)


def content(file: RawFile) -> bytes:
    """Return all bytes of a file, without the Path and the buffer that take longer for a small one.

    Raises:
        OSError: it cannot be read.
    """
    with open(file.place, "rb", buffering=0) as opened:  # noqa: PTH123 - no Path is made
        return opened.read()


def escape_path(path: bytes) -> str:
    r"""Return a path as records carry it: with `\xNN` for what is not UTF-8.

    >>> print(escape_path(b"a\xff/b\\c"))
    a\xff/b\\c
    """
    return path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def list_files(raw: Path, include: Sequence[str], exclude: Sequence[str]) -> list[RawFile]:
    """List the files under `raw`, in order of their path's bytes.

    Hidden files and folders are left out, and links that lead out of `raw`.

    Args:
        raw: the folder.
        include: globs, of which one must fit the escaped path.
        exclude: globs, of which none may fit.

    Raises:
        RawError: folders that cannot be listed, links that lead nowhere.
        ProjectError: sidecars of files that are not there.
    """
    faults: list[Fault] = []
    found, sidecars = _wanted(_walk(raw, faults), include, exclude)
    if faults:
        raise RawError(sorted(faults, key=lambda fault: fault.place))
    return [
        RawFile(
            path, name, each.st_size, each.st_mtime_ns, each.st_ino, sidecars.get(key, ("",))[0]
        )
        for key, name, (path, each) in found
    ]


def list_objects(
    raw: Path,
    objects: Mapping[str, tuple[int, int]],
    include: Sequence[str],
    exclude: Sequence[str],
) -> list[RawFile]:
    """List raw files that lie on a store, in order of their path's bytes.

    Args:
        raw: the folder that stands for raw/.
        objects: by name under raw/, the size and a number for the version.
        include: globs, of which one must fit the escaped path.
        exclude: globs, of which none may fit.

    Raises:
        ProjectError: sidecars of files that are not there.
    """
    names = (name for name in objects if not any(part[:1] == "." for part in name.split("/")))
    listed = ((name.encode(), objects[name]) for name in names)
    found, sidecars = _wanted(listed, include, exclude)
    return [
        RawFile(
            raw / key.decode(),
            name,
            *each,
            inode=0,
            sidecar=raw / f"{key.decode()}{SIDECAR}" if key in sidecars else "",
        )
        for key, name, each in found
    ]


def _wanted(
    found: Iterable[tuple[bytes, What]], include: Sequence[str], exclude: Sequence[str]
) -> tuple[list[tuple[bytes, str, What]], dict[bytes, What]]:
    """Return the files that are included, in order, with their names; and sidecars by their files.

    A sidecar goes with its file: what includes that includes it, unless it is excluded itself.

    Raises:
        ProjectError: sidecars of files that are not there.
    """
    from imprint.settings import glob_matches

    def fits(path: str) -> bool:
        """Say whether a file is included."""
        included = any(glob_matches(glob, path) for glob in include)
        return included and not any(glob_matches(glob, path) for glob in exclude)

    every = "**/*" in include and not exclude
    wanted, sidecars, there = [], dict[bytes, What](), set[bytes]()
    for path, what in found:
        name = escape_path(path)
        if path.endswith(SIDECAR.encode()):
            if every or not any(glob_matches(glob, name) for glob in exclude):
                sidecars[path.removesuffix(SIDECAR.encode())] = what
            continue
        there.add(path)
        if every or fits(name):
            wanted.append((path, name, what))
    _refuse_lone(sorted(sidecars.keys() - there))
    return sorted(wanted, key=operator.itemgetter(0)), sidecars


def _walk(raw: Path, faults: list[Fault]) -> Iterator[tuple[bytes, tuple[str, os.stat_result]]]:
    """Yield (path under raw, (path, status)) of every file that is not hidden, in no order."""
    root = raw.resolve()
    waiting: list[tuple[bytes, str, tuple[Path, ...]]] = [(b"", str(raw), (root,))]
    while waiting:
        prefix, folder, above = waiting.pop()
        try:
            with os.scandir(folder) as listed:
                entries = [each for each in listed if not each.name.startswith(".")]
        except OSError as error:
            faults.append(_cannot_read(escape_path(prefix) or ".", error))
            continue
        for entry in entries:
            path, relative = entry.path, prefix + os.fsencode(entry.name)
            if entry.is_symlink() and not pathlib.Path(path).resolve().is_relative_to(root):
                continue
            try:
                status = entry.stat()
            except OSError as error:
                faults.append(_cannot_read(escape_path(relative), error))
                continue
            if stat.S_ISREG(status.st_mode):
                yield relative, (path, status)
            elif stat.S_ISDIR(status.st_mode):
                own = pathlib.Path(path).resolve()
                if own not in above:
                    waiting.append((relative + b"/", path, (*above, own)))


def _refuse_lone(files: Sequence[bytes]) -> None:
    """Refuse a sidecar whose file is not there: what it says would be lost."""
    faults = [
        Fault(
            f"raw/{escape_path(each)}{SIDECAR}",
            "a sidecar of a file that is not there",
            f"{escape_path(each)} beside it",
            "rename it after its file, or take it out",
        )
        for each in files
    ]
    if faults:
        raise ProjectError(faults)


def _cannot_read(raw_file: str, error: OSError) -> Fault:
    """Return the fault of a file that the system does not give out."""
    return Fault(
        f"raw/{raw_file}",
        error.strerror or str(error),
        "a file that can be read",
        "restore it or give the right to read it, then run the same command again",
    )


def name_format(raw_file: str) -> tuple[str, str, str]:
    """Return what a file's name says: (format, compression, suffix).

    The format is "" where nothing reads it.

    >>> name_format("a/b.TSV.gz"), name_format("a.b/c.pdf")
    (('csv', 'gzip', '.tsv'), ('', '', '.pdf'))
    """
    name, compression = raw_file.rpartition("/")[2].lower(), ""
    if name.endswith(".gz"):
        name, compression = name[:-3], "gzip"
    suffix = os.path.splitext(name)[1]  # noqa: PTH122  (a name, no path)
    return FORMATS.get(suffix, ""), compression, suffix


@contextlib.contextmanager
def opened(path: Path, raw_file: str, compression: str) -> Iterator[IO[bytes]]:
    """Open a raw file for reading its bytes, decompressed.

    Raises:
        RawError: the system does not give the file out.
        Unreadable: it cannot be decompressed (raised by the reads inside the block, too).
    """
    import pyarrow as pa

    try:
        with path.open("rb") as plain:
            _read_ahead(plain)
            if not compression:
                yield plain
            else:
                with pa.CompressedInputStream(plain, compression) as stream:
                    yield stream
    except (ImprintError, Unreadable, UnicodeError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise RawError(_cannot_read(raw_file, error)) from error
        detail = f"it cannot be decompressed to its end ({error})"
        raise Unreadable("unreadable", detail) from error


def _read_ahead(plain: IO[bytes]) -> None:
    """Tell the system that a file is read from its beginning to its end, where it can be told."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(plain.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)


def chunks(
    path: Path,
    raw_file: str,
    compression: str,
    start: int = 0,
    end: int = MAX_BYTES,
    size: int = MAX_BYTES,
) -> Iterator[bytes]:
    """Yield a raw file's bytes, decompressed, about `CHUNK_BYTES` at a time.

    Args:
        path: the file.
        raw_file: its name.
        compression: "" or "gzip".
        start: first byte, of a file that is not compressed.
        end: byte behind the last.
        size: read less than `CHUNK_BYTES` at a time.
    """
    size = min(size, CHUNK_BYTES)
    with opened(path, raw_file, compression) as stream:
        if start:
            stream.seek(start)
        left = end - start
        while left and (chunk := stream.read(min(size, left))):
            left -= len(chunk)
            yield chunk
