"""Sidecars: `FILE.meta.toml` beside a raw file gives fields to all of its records."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from typing import TYPE_CHECKING, Any

from imprint.declare import nearest, toml
from imprint.errors import Fault, ProjectError
from imprint.places import decode, read_toml
from imprint.records import json_type
from imprint.rules import language

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from imprint.places import Located
    from imprint.project import Project
    from imprint.records import RecordSchema
    from imprint.rooms.read import RawFile

SUFFIX = ".meta.toml"

OWN = ("id", "source", "language")
"""Columns of imprint's own that a sidecar may give."""

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
"""What a value of TOML has to be for a property of a JSON type."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says."""

    raw_file: str
    """Its path under raw/, as records carry paths."""
    bytes: int
    sha256: str
    values: dict[str, Any]
    """By the name of the column: the same value for all records of the file."""


def read_sidecars(project: Project, files: Iterable[RawFile]) -> dict[str, Sidecar]:
    """Read the sidecars of raw files, by the names of these.

    They are small, so they are read each time, as a part of what is listed.

    Args:
        project: whose raw files they are.
        files: as raw/ lists them.

    Raises:
        ProjectError: everything that is wrong with them, with file and line.
    """
    found, faults = {}, list[Fault]()
    for file in files:
        if not file.sidecar:
            continue
        name, path = f"{file.raw_file}{SUFFIX}", pathlib.Path(file.sidecar)
        try:
            if project.store is not None:
                path = project.store.fetch(path.relative_to(project.root).as_posix())
            found[file.raw_file] = read_sidecar(path.read_bytes(), name, project.record)
        except ProjectError as error:
            faults += error.faults
        except OSError as error:
            fix = "restore it or give the right to read it, then run the same command again"
            said = error.strerror or str(error)
            faults.append(Fault(f"raw/{name}", said, "a file that can be read", fix))
    if faults:
        raise ProjectError(faults)
    return found


def read_sidecar(data: bytes, raw_file: str, record: RecordSchema) -> Sidecar:
    """Read a sidecar, and hold it to what record.json says of the columns.

    Args:
        data: its bytes.
        raw_file: its path under raw/.
        record: the columns.

    Raises:
        ProjectError: everything that is wrong with it, with file and line.
    """
    located = read_toml(decode(data, f"raw/{raw_file}"), f"raw/{raw_file}")
    faults = list(_faults(located, record))
    if faults:
        raise ProjectError(faults)
    return Sidecar(raw_file, len(data), hashlib.sha256(data).hexdigest(), located.value)


def _faults(located: Located, record: RecordSchema) -> Iterator[Fault]:
    """Yield what is wrong with a sidecar."""
    columns = (*OWN, *record.extras)
    for name, value in located.value.items():
        place = located.at((name,))
        shown = f"{name} = {toml(value)}" if isinstance(value, str | int | float) else name
        if name not in columns:
            near = nearest(name, columns)
            fix = f'write "{near}"' if near else f'add "{name}" to schema/record.json'
            yield Fault(place, f'the key "{name}"', f"one of {', '.join(columns)}", fix)
            continue
        kind = json_type(record.document["properties"][name])
        right = KINDS.get(kind, ())
        if not isinstance(value, right) or (isinstance(value, bool) and bool not in right):
            wanted = f"a value of type {kind}" if right else "a column of single values"
            yield Fault(place, shown, wanted, "mend it, or take it out")
        elif isinstance(value, str) and name == "language" and (broken := language(value)):
            yield Fault(place, shown, *broken)
        elif isinstance(value, str) and name in OWN and not value.strip():
            yield Fault(place, shown, "a value", "write it, or take it out")
