"""Repositories, commits and objects in memory; knows nothing of HTTP."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ATTRIBUTES = b"".join(
    b"*.%s filter=lfs diff=lfs merge=lfs -text\n" % suffix
    for suffix in (b"arrow", b"bin", b"bz2", b"gz", b"npy", b"parquet", b"tar", b"zip", b"zst")
)
"""The `.gitattributes` that a new repository begins with: what goes to large file storage."""

REGULAR_BYTES = 10_000_000
"""The size above which a file goes to large file storage whatever its name."""


class StoreError(Exception):
    """A refusal, as the status and the error code that the client is told.

    Attributes:
        status: the HTTP status.
        code: the `X-Error-Code`, or "".
    """

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """What a token stands for."""

    name: str
    """The user."""
    role: str = "write"
    """"read", "write" or "fineGrained", as whoami tells it."""
    organizations: tuple[str, ...] = ()
    """Where the user is a member, and may write."""
    writable: tuple[str, ...] | None = None
    """Repositories that a fine-grained token may write to; None: all of the user's."""

    def may_write(self, repository: str) -> bool:
        """Tell whether this token may change `repository`."""
        if self.writable is not None:
            return repository in self.writable
        return self.role != "read" and repository.split("/")[0] in (self.name, *self.organizations)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One file of a commit."""

    content: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        """The digest that large file storage knows the content by."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self) -> str:
        """The git blob id: of the content, or of the pointer to it."""
        return git_blob(self.pointer if self.lfs else self.content)

    @property
    def pointer(self) -> bytes:
        """The text that git holds in place of a large file."""
        lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}")
        return ("\n".join(lines) + f"\nsize {len(self.content)}\n").encode()

    @property
    def oid(self) -> str:
        """What preupload and ETag call the content: sha256 for large files, else the blob."""
        return self.sha256 if self.lfs else self.blob


@dataclasses.dataclass(frozen=True, slots=True)
class Commit:
    """One state of a repository."""

    oid: str
    parent: str
    title: str
    message: str
    author: str
    number: int
    files: Mapping[str, Entry]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What one commit asks for: the files to put, and the paths to delete."""

    title: str
    author: str
    message: str = ""
    parent: str | None = None
    put: Mapping[str, Entry] = dataclasses.field(default_factory=dict)
    delete: tuple[str, ...] = ()


def git_blob(content: bytes) -> str:
    """Return the id that git gives to a file's content.

    >>> git_blob(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def upload_mode(path: str, size: int, sample: bytes) -> str:
    """Decide as the Hub does whether a file is a "regular" one or goes to "lfs"."""
    large = size > REGULAR_BYTES or f"*.{path.rsplit('.', 1)[-1]} ".encode() in ATTRIBUTES
    return "lfs" if large or b"\0" in sample else "regular"


def is_text(content: bytes) -> bool:
    """Tell whether git on the Hub would take `content` as a regular file."""
    try:
        return "\0" not in content.decode()
    except UnicodeDecodeError:
        return False


class Repository:
    """One dataset repository; a lock makes each commit atomic."""

    def __init__(self, name: str, *, private: bool, author: str) -> None:
        self.name = name
        self.private = private
        self.commits: dict[str, Commit] = {}
        self.references: dict[str, str] = {}
        self._lock = threading.RLock()
        first = {".gitattributes": Entry(ATTRIBUTES, lfs=False)}
        self._land("refs/heads/main", "", Change("initial commit", author, put=first))

    def resolve(self, revision: str) -> Commit:
        """Return the commit that a branch, a tag, a full reference or an id stands for."""
        for reference in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if reference in self.references:
                return self.commits[self.references[reference]]
        found = [oid for oid in self.commits if oid.startswith(revision)]
        if re.fullmatch("[0-9a-f]{7,40}", revision) and len(found) == 1:
            return self.commits[found[0]]
        raise StoreError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def commit(self, revision: str, change: Change) -> Commit:
        """Put one change on a branch, in one step with the look at its head.

        Raises:
            StoreError: 412 when `change.parent` is not the head; nothing is changed then.
        """
        reference = revision if revision.startswith("refs/") else f"refs/heads/{revision}"
        with self._lock:
            if reference not in self.references:
                raise StoreError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            head = self.references[reference]
            if change.parent is not None and not head.startswith(change.parent):
                text = "A commit has happened since. Please refresh and try again."
                raise StoreError(412, text)
            return self._land(reference, head, change)

    def propose(self, revision: str, change: Change) -> tuple[int, Commit]:
        """Put one change on a new pull request; return its number and the commit."""
        with self._lock:
            base = self.resolve(change.parent or revision).oid
            number = 1 + sum(name.startswith("refs/pr/") for name in self.references)
            return number, self._land(f"refs/pr/{number}", base, change)

    def refer(self, reference: str, revision: str) -> None:
        """Make a new branch or tag.

        Raises:
            StoreError: 409 when there is one of that name.
        """
        with self._lock:
            oid = self.resolve(revision).oid
            if reference in self.references:
                raise StoreError(409, f"Reference {reference} exists already")
            self.references[reference] = oid

    def unrefer(self, reference: str) -> None:
        """Take a branch or tag away."""
        with self._lock:
            if reference not in self.references:
                raise StoreError(404, f"Invalid rev id: {reference}", "RevisionNotFound")
            del self.references[reference]

    def history(self, revision: str) -> Iterable[Commit]:
        """Yield the commits that lead to a revision, newest first."""
        oid = self.resolve(revision).oid
        while oid:
            yield self.commits[oid]
            oid = self.commits[oid].parent

    def _land(self, reference: str, head: str, change: Change) -> Commit:
        files = dict(self.commits[head].files) if head else {}
        for path in change.delete:
            gone = [
                name for name in files if name == path or name.startswith(path.rstrip("/") + "/")
            ]
            if not gone:
                text = f"A file with this name doesn't exist: {path}"
                raise StoreError(404, text, "EntryNotFound")
            for name in gone:
                del files[name]
        files.update(change.put)
        number = len(self.commits)
        facts = f"{self.name}\n{head}\n{number}\n{change.title}\n" + "\n".join(
            f"{path} {entry.oid}" for path, entry in sorted(files.items())
        )
        oid = hashlib.sha1(facts.encode(), usedforsecurity=False).hexdigest()
        made = Commit(oid, head, change.title, change.message, change.author, number, files)
        self.commits[oid] = made
        self.references[reference] = oid
        return made
