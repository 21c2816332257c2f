"""Put files and folders in their place whole: a reader finds the old one or the new one.

A file is written beside its place and renamed. A folder cannot be renamed onto one that is not
empty, and two renames leave a gap that readers do hit; so the two are exchanged in one system call
where there is one (Linux renameat2, macOS renamex_np). Elsewhere two renames are made, and
`finish` completes them should the process have died between.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from typing import TYPE_CHECKING

from imprint.errors import Fault, MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEW = ".new"
"""Suffix of what is being written. Whatever carries it may be deleted by the next command."""

OLD = ".old"
"""Suffix of a folder that was moved aside, where the system cannot exchange two."""

_RENAME_EXCHANGE = 2
"""Source: linux/fs.h RENAME_EXCHANGE; RENAME_SWAP of macOS has the same value."""

_AT_FDCWD = -100
"""Source: linux/fcntl.h."""


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or as it was before.

    Raises:
        MachineError: the disk is full, or the folder cannot be written to.
    """
    aside = path.with_name(path.name + NEW)
    with machine_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def place_folder(new: Path, place: Path) -> None:
    """Make the folder `new` stand at `place`, and delete what stood there before.

    At any moment a reader finds the whole old folder or the whole new one.

    Raises:
        MachineError: the system refuses; what stood at `place` still does.
    """
    with machine_faults(place):
        finish(place)
        if not place.exists():
            new.rename(place)
            return
        if _exchange(new, place):
            shutil.rmtree(new)
            return
        old = place.with_name(place.name + OLD)
        place.rename(old)
        new.rename(place)
        shutil.rmtree(old)


def finish(place: Path) -> None:
    """Complete what `place_folder` began before its process died. Safe to call at any time."""
    old = place.with_name(place.name + OLD)
    if not old.exists():
        return
    if place.exists():
        shutil.rmtree(old)
    else:
        old.rename(place)


def sweep(folder: Path) -> None:
    """Delete whatever a killed command left half-written in `folder`, not deeper."""
    if not folder.is_dir():
        return
    for path in folder.glob(f"*{NEW}"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextlib.contextmanager
def machine_faults(place: Path) -> Iterator[None]:
    """Turn what the system refuses at `place` into an error that says what to do."""
    try:
        yield
    except OSError as error:
        fix = {
            errno.ENOSPC: "free some space, then run the same command again",
            errno.EDQUOT: "free some space, then run the same command again",
            errno.EACCES: "give yourself the right to write there",
            errno.EPERM: "give yourself the right to write there",
            errno.EROFS: "use a folder on a disk that can be written to",
        }.get(error.errno or 0, "look at the disk, then run the same command again")
        where = error.filename if isinstance(error.filename, str) else str(place)
        raise MachineError(
            Fault(where, (error.strerror or str(error)).lower(), "a disk that can be used", fix)
        ) from error


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the disk cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        status = libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    elif sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        status = libc.renamex_np(first, second, _RENAME_EXCHANGE)
    else:
        return False
    if status == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:
        return False
    raise OSError(code, os.strerror(code), str(other))
