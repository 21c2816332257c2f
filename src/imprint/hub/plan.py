"""What one commit would do to a repository: our files, theirs, and the difference. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from imprint.errors import DatasetError, Fault, RefusedError
from imprint.loader import BEGIN, CARD, END, FRONT, MANIFEST, front_and_block
from imprint.manifest import File  # noqa: TC001 (msgspec reads the annotation)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from imprint.hub.remote import RemoteFile
    from imprint.manifest import Manifest

WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
"""What the wild cards of `data_files` stand for. Source: the documentation of datasets."""


class Listing(msgspec.Struct, frozen=True):
    """The part of a manifest that matters here, whichever imprint wrote it."""

    name: str
    version: str
    digest: str
    files: tuple[File, ...]


def read_listing(content: bytes) -> Listing:
    """Read a manifest.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(content, type=Listing)


@dataclasses.dataclass(frozen=True, slots=True)
class PushedFile:
    """One file, by its path in the repository."""

    path: str
    bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class OurFile:
    """One file of ours: its bytes where they are few, else where they lie."""

    path: str
    source: bytes | Path
    length: int
    sha256: str

    @classmethod
    def small(cls, path: str, content: bytes) -> OurFile:
        """Return a file whose bytes are kept."""
        return cls(path, content, len(content), hashlib.sha256(content).hexdigest())

    @property
    def content(self) -> bytes:
        """All bytes."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def equals(self, there: RemoteFile) -> bool:
        """Tell whether the Hub holds these bytes.

        It knows a large file by its SHA-256, a small one by its git id only.
        """
        if there.bytes != self.length:
            return False
        if there.sha256:
            return there.sha256 == self.sha256
        blob = hashlib.sha1(b"blob %d\0" % self.length + self.content, usedforsecurity=False)
        return there.blob == blob.hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What one commit would do to one head."""

    head: str
    """The commit that it was made for; "" where there is none yet."""
    files: tuple[OurFile, ...]
    """All that the commit is to hold of ours."""
    added: tuple[OurFile, ...]
    changed: tuple[OurFile, ...]
    deleted: tuple[PushedFile, ...]
    """Of an earlier push, no longer made."""
    unchanged: tuple[OurFile, ...]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.added or self.changed or self.deleted)

    def missing(self, there: Mapping[str, RemoteFile]) -> list[str]:
        """Return the paths that are not as planned in what a commit holds."""
        wrong = [f.path for f in self.files if f.path not in there or not f.equals(there[f.path])]
        return wrong + [file.path for file in self.deleted if file.path in there]


def our_files(folder: Path, manifest: Manifest | Listing) -> tuple[OurFile, ...]:
    """Return the files of a built dataset: what its manifest lists, and the manifest.

    Small ones are read now and held against the manifest. Of large ones it is taken at its word;
    what is uploaded is hashed on the way, and compared before anything is committed.

    Raises:
        DatasetError: a file is missing, or is not what the manifest says; all are named.
    """
    files, faults = [], []
    for path, digest in [(file.path, file.sha256) for file in manifest.files] + [(MANIFEST, "")]:
        try:
            file, found = _ours(folder / path, path, digest)
            if path == MANIFEST:
                found = "" if read_listing(file.content).digest == manifest.digest else "another"
        except OSError:
            faults.append(_fault(folder, path, "missing"))
            continue
        except msgspec.DecodeError:
            found = "damaged"
        files.append(file)
        if found != digest:
            faults.append(_fault(folder, path, "altered"))
    if faults:
        raise DatasetError(faults)
    return tuple(files)


def _ours(place: Path, path: str, digest: str) -> tuple[OurFile, str]:
    """Return a file, and what the manifest has to say of it."""
    if place.suffix == ".parquet":
        return OurFile(path, place, place.stat().st_size, digest), digest
    file = OurFile.small(path, place.read_bytes())
    if path == CARD:
        return file, hashlib.sha256(front_and_block(file.content)).hexdigest()
    return file, file.sha256


def _fault(folder: Path, path: str, told: str) -> Fault:
    return Fault(f"{folder.name}/{path}", told, "what was built", 'run "imprint build" again')


def plan(
    head: str, ours: Sequence[OurFile], there: Mapping[str, RemoteFile], before: Sequence[File]
) -> Plan:
    """Compare our files with those of a head.

    Args:
        head: the commit.
        ours: all files that it is to hold.
        there: all files that it holds.
        before: what the manifest that it holds lists: what an earlier push made.
    """
    paths = {file.path for file in ours}
    gone = [file.path for file in before if file.path not in paths and _made(there, file)]
    known = [file for file in ours if file.path in there]
    return Plan(
        head=head,
        files=tuple(ours),
        added=tuple(file for file in ours if file.path not in there),
        changed=tuple(file for file in known if not file.equals(there[file.path])),
        deleted=tuple(PushedFile(path, there[path].bytes) for path in sorted(gone)),
        unchanged=tuple(file for file in known if file.equals(there[file.path])),
    )


def refuse_foreign(
    name: str,
    ours: Sequence[OurFile],
    there: Mapping[str, RemoteFile],
    before: Sequence[File],
) -> None:
    """Refuse files of others in our way, or that readers would take for data.

    One such file makes the whole dataset unloadable, because the counts no longer hold.

    Raises:
        RefusedError: names every such file.
    """
    by_path = {file.path: file for file in ours}
    patterns = [
        _pattern(glob) for glob in data_globs(by_path[CARD].content if CARD in by_path else b"")
    ]
    listed = {file.path for file in before}
    made = {file.path for file in before if _made(there, file)}
    faults = []
    for path, file in sorted(there.items()):
        if path in by_path:
            foreign = path != CARD and path not in listed and not by_path[path].equals(file)
        else:
            foreign = path not in made and any(each.fullmatch(path) for each in patterns)
        if foreign:
            told = f"{path}, which imprint did not make (nothing was uploaded)"
            wanted = "no file of others in the way of the data"
            faults.append(Fault(name, told, wanted, f"move or delete {path} on the Hub"))
    if faults:
        raise RefusedError(faults)


def _made(there: Mapping[str, RemoteFile], listed: File) -> bool:
    """Tell whether a file is still the one that an earlier push made."""
    file = there.get(listed.path)
    if file is None or file.bytes != listed.bytes:
        return False
    return file.sha256 in ("", listed.sha256)


def data_globs(card: bytes) -> Iterator[str]:
    r"""Yield the patterns of the data files that a card's front matter names.

    >>> list(data_globs(b"---\nconfigs:\n- data_files:\n  - {split: a, path: d/*}\n---\n"))
    ['d/*']
    """
    import yaml

    front = FRONT.match(card)
    facts = yaml.safe_load(front[0].strip().removesuffix(b"---")) if front else None
    for config in (facts or {}).get("configs", []):
        for entry in config.get("data_files", []):
            paths = entry["path"]
            yield from [paths] if isinstance(paths, str) else paths


def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(WILD.get(part, re.escape(part)) for part in parts))


def merge_card(ours: bytes, theirs: bytes) -> bytes:
    r"""Put our front matter and part into a card; keep what others wrote there.

    A card without our markers keeps its text below our part. Doing it twice changes nothing more.

    >>> ours = b"---\na: 1\n---\n<!-- imprint:begin -->new<!-- imprint:end -->\n"
    >>> merge_card(ours, b"hello\n").splitlines()[3:]
    [b'<!-- imprint:begin -->new<!-- imprint:end -->', b'', b'hello']
    >>> merge_card(ours, merge_card(ours, b"hello\n")) == merge_card(ours, b"hello\n")
    True
    """
    front, body = _parted(ours)
    _, kept = _parted(theirs)
    first, last = _block(body)
    begin, end = _block(kept)
    if begin < end:
        return front + kept[:begin] + body[first:last] + kept[end:]
    if not kept.strip():
        return ours
    return front + body.rstrip(b"\n") + b"\n\n" + kept.lstrip(b"\r\n")


def _parted(card: bytes) -> tuple[bytes, bytes]:
    front = FRONT.match(card)
    cut = front.end() if front else 0
    return card[:cut], card[cut:]


def _block(text: bytes) -> tuple[int, int]:
    """Return where our part begins and ends, markers included; (0, 0) without it."""
    begin, end = text.find(BEGIN), text.find(END)
    return (begin, end + len(END)) if 0 <= begin < end else (0, 0)
