"""A project on an object store: what fsspec opens under a URL, and what lies here for it.

An object is there whole or not at all, and nothing can be renamed. A machine keeps copies of what
it fetched in its folder for temporary files, each under the name and the version of its object, so
a copy that is there is the object; those that nobody used for long make room for others.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import hashlib
import os
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imprint.errors import Fault, ImprintError, MachineError, RawError, UsageError
from imprint.swap import NEW, machine_faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

VERSIONS = ("ETag", "etag", "md5Hash", "checksum", "generation", "LastModified", "updated", "mtime")
"""Where the libraries of stores say which version of an object it is, the best first."""

ENDPOINT = "what fsspec reads: FSSPEC_S3_ENDPOINT_URL and its like"

UNUSED_SECONDS = 3600
"""How long a copy has to lie unused before it may make room. Chosen: no task takes that long."""

SPARE = 0.1
"""Share of the disk that copies leave free. Chosen."""

AT_ONCE = 8
"""Objects that are fetched at the same time. Chosen: a store answers late, not slowly."""

LOCK = "build/lock"
"""The object that says that a command is at work."""


class Object(NamedTuple):
    """What a store says of an object."""

    bytes: int
    version: int
    """A number that is another when the content is."""


class Store:
    """A folder on an object store.

    Args:
        url: its URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    @property
    def home(self) -> Path:
        """Return the folder of this machine that stands for it."""
        name = hashlib.sha256(self.url.encode()).hexdigest()[:16]
        return _own_folder(tempfile.gettempdir()) / name

    def has_folder(self, name: str) -> bool:
        """Say whether there is an object below a name; a bucket that is not there is a fault."""
        with self._faults(name):
            files, root = _opened(self.url)
            return files.isdir(f"{root}/{name}") or bool(files.find(f"{root}/{name}"))

    def objects(self, prefix: str) -> dict[str, Object]:
        """Return the objects below a name, by their names in the project.

        Raises:
            RawError: the name of one cannot be a path.
        """
        with self._faults(prefix):
            files, root = _opened(self.url)
            listed = files.find(f"{root}/{prefix}", detail=True)
        found, faults = {}, []
        for path, info in listed.items():
            name = path[len(root) + 1 :]
            if name.endswith("/") or info.get("type") == "directory":
                continue
            if Path(name).as_posix() != name or ".." in name.split("/"):
                wanted, fix = "a name that can be a path", "rename the object"
                faults.append(Fault(f"{self.url}/{name}", "an odd name", wanted, fix))
            found[name] = _object(info)
        if faults:
            raise RawError(faults)
        return found

    def look(self, name: str) -> Object:
        """Return what the store says of an object now."""
        with self._faults(name):
            files, root = _opened(self.url)
            return _object(files.info(f"{root}/{name}"))

    def fetch(self, name: str, known: Object | None = None) -> Path:
        """Return a copy of an object on this machine.

        Args:
            name: of the object, in the project.
            known: what it was when it was listed; by default it is looked at now.

        Raises:
            RawError: it is another by now.
        """
        known = known or self.look(name)

        def download(path: Path) -> None:
            files, root = _opened(self.url)
            files.get_file(f"{root}/{name}", str(path))

        return self._copy(name, known, (0, known.bytes), download)

    def fetch_range(self, name: str, known: Object, start: int, end: int) -> Path:
        """Return a file as long as an object in which some bytes are the object's."""

        def download(path: Path) -> None:
            files, root = _opened(self.url)
            content = files.cat_file(f"{root}/{name}", start=start, end=end)
            with path.open("wb") as file:
                file.seek(start)
                file.write(content)
                file.truncate(known.bytes)

        return self._copy(name, known, (start, end), download)

    def mirror(self, prefix: str, without: tuple[str, ...] = ()) -> None:
        """Make the files of this machine below a name those of the store.

        Args:
            prefix: the name, in the project.
            without: beginnings of names that are left as they are.
        """
        there = {n: o for n, o in self.objects(prefix).items() if not n.startswith(without)}
        with machine_faults(self.home):
            for path in list((self.home / prefix).rglob("*")):
                name = path.relative_to(self.home).as_posix()
                if path.is_file() and name not in there and not name.startswith(without):
                    path.unlink()
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self.bring, there, there.values()))

    def bring(self, name: str, known: Object | None = None) -> None:
        """Make the file of this machine what the object of its name is."""
        copy, path = self.fetch(name, known), self.home / name
        with machine_faults(path):
            _link(copy, path)

    def keep(self, name: str, path: Path) -> None:
        """Put a file on the store, and remember it as the copy of its object."""
        with self._faults(name):
            files, root = _opened(self.url)
            files.put_file(str(path), f"{root}/{name}")
        known = self.look(name)
        with machine_faults(path):
            _link(path, self._place(name, known, (0, known.bytes)))

    def remove(self, names: Iterable[str]) -> None:
        """Delete objects."""

        def delete(name: str) -> None:
            with self._faults(name):
                files, root = _opened(self.url)
                files.rm_file(f"{root}/{name}")

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(delete, names))

    @contextlib.contextmanager
    def workshop(self) -> Iterator[Path]:
        """Give a folder of this machine for a while; clear away those of tasks that were killed."""
        with machine_faults(self.home):
            self.home.mkdir(exist_ok=True)
            for left in self.home.glob(f"task-*{NEW}"):
                with contextlib.suppress(FileNotFoundError):
                    if left.stat().st_mtime < time.time() - UNUSED_SECONDS:
                        shutil.rmtree(left, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(dir=self.home, prefix="task-", suffix=NEW))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands away from build/, on whatever machine they run.

        Raises:
            MachineError: another command is at work there, or one was killed.
        """
        with self._faults(LOCK):
            files, root = _opened(self.url)
            holder = f"{socket.gethostname()}, process {os.getpid()}".encode()
            try:
                files.pipe_file(f"{root}/{LOCK}", holder, mode="create")
            except FileExistsError:
                holder = files.cat_file(f"{root}/{LOCK}")
                seen = f"another command of imprint is at work ({holder.decode(errors='replace')})"
                fix = f"wait until it is done; if it was killed, delete {self.url}/{LOCK}"
                where = f"{self.url}/build"
                raise MachineError(Fault(where, seen, "one at a time", fix)) from None
        try:
            yield
        finally:
            with contextlib.suppress(MachineError):
                self.remove([LOCK])

    def _copy(self, name: str, known: Object, span: tuple[int, int], download: Any) -> Path:
        """Return the copy of an object, or of some of its bytes, and note that it was used."""
        import filelock

        copy = self._place(name, known, span)
        with machine_faults(copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            if not _touched(copy):
                with filelock.FileLock(f"{copy}.lock"):
                    if not _touched(copy):
                        self._download(name, known, copy, download)
        return copy

    def _download(self, name: str, known: Object, copy: Path, download: Any) -> None:
        """Make a copy that is whole, or none."""
        _make_room(copy.parent, known.bytes)
        aside = copy.with_name(copy.name + NEW)
        try:
            with self._faults(name):
                download(aside)
            if self.look(name) != known or aside.stat().st_size != known.bytes:
                raise RawError(
                    Fault(
                        f"{self.url}/{name}",
                        "changed while it was read",
                        "an object that stays as it is during a build",
                        "wait until whatever writes it is done, then build again",
                    )
                )
            aside.replace(copy)
        finally:
            aside.unlink(missing_ok=True)

    def _place(self, name: str, known: Object, span: tuple[int, int]) -> Path:
        """Return where the copy of an object lies."""
        made_of = f"{name}\n{known.bytes} {known.version} {span}"
        return self.home / "copies" / hashlib.sha256(made_of.encode()).hexdigest()[:32]

    @contextlib.contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        """Turn what a store refuses into an error that says what to do."""
        try:
            yield
        except ImprintError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise  # the disk of this machine
            raise MachineError(_fault(f"{self.url}/{name}", error)) from error


def is_url(path: object) -> bool:
    """Say whether a path is a URL."""
    return URL.match(str(path)) is not None


@functools.cache
def _own_folder(temporary: str) -> Path:
    """Return this user's folder for what is fetched, which others cannot read.

    Raises:
        MachineError: it is another's.
    """
    folder = Path(temporary) / f"imprint-{os.getuid()}"
    with machine_faults(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.lstat().st_uid != os.getuid():
            wanted, fix = "a folder of this user", "set TMPDIR to a folder of your own"
            raise MachineError(Fault(str(folder), "another user's", wanted, fix))
    return folder


@functools.cache
def _opened(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Raises:
        MachineError: the library of this kind of store is not installed.
        UsageError: there is no such kind.
    """
    kind = url.partition("://")[0]
    try:
        import fsspec

        files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        extra = "imprint[s3]" if kind in ("s3", "s3a") else str(error).split(" ")[2]
        fix = f"run pip install '{extra}'"
        raise MachineError(Fault(url, f"nothing here reads {kind}://", "it", fix)) from error
    except ValueError as error:
        fix = "give one that fsspec knows, such as s3:// or gs://, or a folder"
        raise UsageError(Fault(url, f"no store is called {kind}", "a URL", fix)) from error
    return files, str(root)


def _object(info: dict[str, Any]) -> Object:
    """Return what is known of an object."""
    size = int(info.get("size") or 0)
    said = next((str(info[key]) for key in VERSIONS if info.get(key)), "")
    digest = hashlib.sha256(f"{size} {said}".encode()).digest()
    return Object(size, int.from_bytes(digest[:7], "big"))


def _fault(place: str, error: Exception) -> Fault:
    """Return what is wrong with a store, or with what it is asked for."""
    said = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if isinstance(error, FileNotFoundError):
        wanted, fix = "an object that is there", "give the URL of a bucket and a folder in it"
    elif isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
        wanted = "the right to do that"
        fix = "give credentials that have it, as the store's own library reads them"
    else:
        wanted = "a store that answers"
        fix = f"look at the network and at {ENDPOINT}, then run the same command again"
    return Fault(place, said, wanted, fix)


def _link(source: Path, path: Path) -> None:
    """Put a file at a second place, whole; by a link where there are any."""
    if path.exists() and path.samefile(source):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}{NEW}")
    try:
        aside.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, aside)
    aside.replace(path)
    aside.unlink(missing_ok=True)


def _touched(copy: Path) -> bool:
    """Note that a copy is used now; False where there is none."""
    try:
        os.utime(copy, ns=(time.time_ns(), copy.stat().st_mtime_ns))
    except FileNotFoundError:
        return False
    return True


def _make_room(folder: Path, size: int) -> None:
    """Delete copies that nobody used for long, the oldest first, until there is room for more."""
    disk = shutil.disk_usage(folder)
    missing = size + int(SPARE * disk.total) - disk.free
    if missing <= 0:
        return
    before = time.time() - UNUSED_SECONDS
    found = ((path.stat(), path) for path in folder.iterdir())
    for status, path in sorted(found, key=lambda each: each[0].st_atime):
        if missing <= 0 or status.st_atime > before:
            return
        path.unlink(missing_ok=True)
        missing -= status.st_size
