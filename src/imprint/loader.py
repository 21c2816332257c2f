"""Open a dataset that imprint built, after checking its files against its manifest.

Needs `datasets` and nothing of imprint: this very file travels in every data wheel, and imprint
itself opens datasets with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datasets

MANIFEST = "imprint.json"
CARD = "README.md"

DEFAULT = "default"
"""The config that has all records, and that `datasets` loads where none is named."""

BEGIN, END = b"<!-- imprint:begin -->", b"<!-- imprint:end -->"
"""What our part of the card lies between; what stands outside is anyone's."""

PATTERN = re.compile(r"[*?]|\[.*\]|::")
"""What `datasets` takes for a pattern in a folder's name. Source: fsspec, glob and chained URLs."""

FRONT = re.compile(rb"\A---\r?\n.*?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
"""The YAML front matter of a card. Source: the Hub's dataset cards."""


class DatasetAlteredError(Exception):
    """A dataset is not what its manifest says.

    Attributes:
        found: a line for each file: its path, and whether it is gone, changed or new.
    """

    def __init__(self, found: list[str]) -> None:
        super().__init__("; ".join(found))
        self.found = found


class FolderNameError(ValueError):
    """A folder stands where `datasets` would take its name for a pattern."""


class NoSuchColumnError(KeyError):
    """A column was asked for that the dataset does not have, or none at all."""

    def __str__(self) -> str:
        return str(self.args[0])


class NoSuchSplitError(KeyError):
    """A split was asked for that the dataset does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


class NoSuchConfigError(KeyError):
    """A subset was asked for that the dataset does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


def open_dataset(
    folder: str | os.PathLike[str],
    split: str | None = None,
    columns: list[str] | None = None,
    streaming: bool = False,
    config: str | None = None,
) -> datasets.DatasetDict | datasets.Dataset:
    """Open the dataset in a folder, its files checked first.

    Args:
        folder: holds README.md, imprint.json and data/.
        split: one split; by default all, as a `DatasetDict`.
        columns: the columns to read; by default all.
        streaming: read while iterating, and copy nothing into the cache of `datasets`.
        config: one subset; by default all records.

    Raises:
        DatasetAlteredError: a file is missing, altered or was added.
        NoSuchConfigError: there is no such subset.
        NoSuchSplitError: there is no such split; says so where it was left out for being empty.
        NoSuchColumnError: there is no such column.
        FolderNameError: `datasets` cannot read from a folder of that name.
    """
    import datasets

    manifest = verify_files(folder)
    root = str(Path(folder).resolve())
    if PATTERN.search(root):
        raise FolderNameError(f"{root}: datasets takes *, ?, [...] and :: for a pattern")
    within = _known_config(config, manifest)
    splits = within["splits"]
    if split is not None and split not in splits:
        empty = split in within.get("empty_splits", ())
        where = "dataset" if config in {None, DEFAULT} else f"subset, {config}"
        why = "was left out because no record fell to it" if empty else f"is not in this {where}"
        raise NoSuchSplitError(f"split {split!r} {why}; there are {', '.join(splits)}")
    given: dict[str, Any] = {"split": split, "streaming": streaming}
    if config is not None:
        given["name"] = config
    if columns is not None:
        given["columns"] = _known_columns(list(columns), manifest.get("features"))
    return datasets.load_dataset(root, **given)


def verify_files(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Check every file of a dataset against its manifest, and return the manifest.

    A file is hashed once for each state (path, size, time, inode); that is remembered in the user's
    cache folder, where it can be written to.

    Raises:
        DatasetAlteredError: naming every file that is missing, altered or was added.
    """
    root = Path(folder).resolve()
    try:
        content = (root / MANIFEST).read_bytes()
        manifest: dict[str, Any] = json.loads(content)
        listed = {
            os.fspath(file["path"]): (file["bytes"], file["sha256"]) for file in manifest["files"]
        }
        manifest["splits"] = dict(manifest["splits"])
    except FileNotFoundError as error:
        raise DatasetAlteredError([f"{root / MANIFEST}: gone"]) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetAlteredError([f"{root / MANIFEST}: no manifest of a dataset"]) from error
    state = _state(root, content, listed)
    if not _is_remembered(state):
        found = altered(root, listed)
        if found:
            raise DatasetAlteredError(found)
        _remember(state)
    return manifest


def altered(root: Path, listed: dict[str, tuple[int, str]]) -> list[str]:
    """Return a line for each file that is not what was listed: its path, and what became of it.

    Args:
        root: the folder of the dataset.
        listed: the bytes and the SHA-256 of each file, by its path in the folder.
    """
    found = []
    for path, facts in listed.items():
        if not (root / path).is_file():
            found.append(f"{root / path}: gone")
        elif digest_of(root / path) != facts:
            found.append(f"{root / path}: changed")
    return found + [f"{root / path}: new" for path in sorted(_data_files(root) - listed.keys())]


def digest_of(path: Path) -> tuple[int, str]:
    """Return the bytes and the SHA-256 of a file as a manifest lists it.

    A card counts by its front matter and by what stands between the marks of imprint.
    """
    if path.name != CARD:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return path.stat().st_size, digest
    ours = front_and_block(path.read_bytes())
    return len(ours), hashlib.sha256(ours).hexdigest()


def front_and_block(card: bytes) -> bytes:
    r"""Return the part of a card that is ours: its front matter, and what lies between the marks.

    >>> front_and_block(b"---\na: b\n---\nx <!-- imprint:begin -->y<!-- imprint:end --> z")
    b'---\na: b\n---\n<!-- imprint:begin -->y<!-- imprint:end -->'
    """
    front = FRONT.match(card)
    behind = front.end() if front else 0  # a title in the front matter may hold the marks too
    start, end = card.find(BEGIN, behind), card.find(END, behind)
    block = card[start : end + len(END)] if 0 <= start < end else b""
    return card[:behind] + block


def _known_config(config: str | None, manifest: dict[str, Any]) -> dict[str, Any]:
    """Return what the manifest says of a subset that was asked for, or of the whole."""
    if config is None or config == DEFAULT:
        return manifest
    subsets: dict[str, dict[str, Any]] = manifest.get("subsets", {})
    if config not in subsets:
        known = ", ".join([DEFAULT, *subsets])
        raise NoSuchConfigError(f"config {config!r} is not in this dataset; there are {known}")
    return subsets[config]


def _known_columns(columns: list[str], features: dict[str, Any] | None) -> list[str]:
    """Return columns that were asked for, if there are any and all are in the dataset.

    `datasets` would say neither which one is missing nor which there are.
    """
    known = dict.fromkeys(columns) if features is None else features
    for name in columns or (None,):
        if name not in known:
            told = "no column was named" if name is None else f"column {name!r} is not there"
            raise NoSuchColumnError(f"{told}; there are {', '.join(known)}")
    return columns


def _data_files(root: Path) -> set[str]:
    """Return the files that `datasets` would read whether they are listed or not.

    Those in data/ but hidden ones, which it never reads and a file manager leaves behind; and the
    one that tells it to read others than the card says.
    """
    there = [path for path in (root / "data").rglob("*") if path.name[0] != "."]
    there.append(root / ".huggingface.yaml")
    return {path.relative_to(root).as_posix() for path in there if path.is_file()}


def _state(root: Path, manifest: bytes, listed: dict[str, tuple[int, str]]) -> str:
    """Return a digest of the manifest and of what the file system says of each file."""
    facts: list[list[Any]] = []
    for path in sorted({*listed, *_data_files(root)}):
        try:
            status = (root / path).stat()
            facts.append([path, status.st_size, status.st_mtime_ns, status.st_ino])
        except OSError:
            facts.append([path])
    return hashlib.sha256(json.dumps([str(root), facts]).encode() + manifest).hexdigest()


def _memory() -> Path:
    """Return the folder where checks are remembered."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "imprint" / "checked"


def _is_remembered(state: str) -> bool:
    """Say whether files in this state were found right before."""
    try:
        return (_memory() / state).exists()
    except (OSError, RuntimeError):
        return False


def _remember(state: str) -> None:
    """Remember that files in this state are right, where that can be written."""
    try:
        _memory().mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=_memory())
        os.close(handle)
        Path(aside).replace(_memory() / state)
    except (OSError, RuntimeError):  # a home that cannot be written to costs time, nothing else
        return
