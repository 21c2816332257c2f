"""The languages that a project teaches by example: schema/languages/TAG.txt, a sentence a line.

What is taught stands in the cache's keys by its digest; each process reads it for itself.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import TYPE_CHECKING

from imprint import rules
from imprint.errors import Fault, ImprintError, ProjectError
from imprint.places import decode

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = "schema/languages"
SUFFIX = ".txt"

LEAST = 50
"""Sentences of a language from which it can be taught. Chosen: with 50 each for twelve languages of
Indonesia 0.95 of the sentences of NusaX (train) that were held out are told, with 500 0.99."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lesson:
    """One language, and all that decides what is learnt of it."""

    name: str
    """Its BCP 47 tag."""
    root: str
    """The project's folder."""
    sha256: str
    """Of the file."""

    @property
    def place(self) -> str:
        """Return the file, relative to the project."""
        return f"{FOLDER}/{self.name}{SUFFIX}"

    def sentences(self) -> list[str]:
        """Read the sentences.

        Raises:
            ProjectError: the file is no longer the one that was looked at.
        """
        try:
            content = (pathlib.Path(self.root) / self.place).read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != self.sha256:
            seen, fix = "changed while it was read", "wait until whatever writes it is done"
            raise ProjectError(Fault(self.place, seen, "a file that stays as it is", fix))
        return _sentences(decode(content, self.place))


def is_lesson(name: str) -> bool:
    """Tell whether a file of schema/ teaches a language."""
    folder, _, file = name.rpartition("/")
    return folder == FOLDER and file.endswith(SUFFIX)


def read_lessons(
    root: pathlib.Path, names: Iterable[str]
) -> tuple[tuple[Lesson, ...], list[Fault]]:
    """Look at the files that teach languages.

    Args:
        root: the project's folder.
        names: the files, by their paths from `root`.

    Returns:
        The lessons in the order of their tags, and what is wrong with the files.
    """
    lessons, faults = [], []
    for name in sorted(names):
        tag = name.rpartition("/")[2].removesuffix(SUFFIX)
        broken = rules.language(tag)
        if broken or tag == "und":
            wanted, fix = broken or ("a language", "name the file by its language")
            fix = fix.replace("write ", "name it ").replace('"', "")
            faults.append(Fault(name, f"the name {tag}", wanted, f"{fix}, with {SUFFIX} behind it"))
            continue
        try:
            content = (root / name).read_bytes()
            found = len(_sentences(decode(content, name)))
        except ImprintError as error:
            faults += error.faults
            continue
        except OSError as error:
            seen = error.strerror or str(error)
            faults.append(Fault(name, seen, "a file", "give the right to read it"))
            continue
        if found < LEAST:
            seen = f"lines that differ: {found}"
            fix = "add more, a few hundred are good, or take the file out"
            faults.append(Fault(name, seen, f"{LEAST} or more, one a line", fix))
        lessons.append(Lesson(tag, str(root.absolute()), hashlib.sha256(content).hexdigest()))
    return tuple(lessons), faults


def _sentences(text: str) -> list[str]:
    """Return the lines that are not empty, each once."""
    lines = (line.strip() for line in text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))
