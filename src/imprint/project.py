"""A project folder: what it declares, read once and held to every rule, all faults at once."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import shlex
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from imprint import relations, rules
from imprint.declare import declared, nearest, toml, written
from imprint.errors import Fault, ImprintError, ProjectError, UsageError
from imprint.lessons import Lesson, is_lesson, read_lessons
from imprint.places import decode, read_toml
from imprint.records import RecordSchema, json_type, parse_record_schema
from imprint.settings import (
    Decisions,
    Errata,
    Erratum,
    Publisher,
    Publishers,
    Read,
    ReadOptions,
    Rejected,
    Removal,
    Removals,
    Settings,
    SourceRule,
    SourcesFile,
    glob_matches,
)
from imprint.steps import StepCode, read_steps
from imprint.store import Store, is_url
from imprint.swap import machine_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from imprint.places import Located, Path

__all__ = [
    "Erratum",
    "Project",
    "Publisher",
    "Publishers",
    "Read",
    "ReadOptions",
    "Settings",
    "SourceRule",
    "glob_matches",
]

Declared = TypeVar("Declared", bound=msgspec.Struct)

DATASET = "schema/dataset.toml"
RECORD = "schema/record.json"
ERRATA = "schema/errata.toml"
SOURCES = "schema/sources.toml"
REMOVALS = "schema/removals.toml"
DECISIONS = "schema/decisions.toml"
CARD = "schema/card.md"
RELEASES = "schema/releases.toml"

KNOWN = (DATASET, RECORD, ERRATA, SOURCES, REMOVALS, DECISIONS, CARD, RELEASES)
"""What imprint reads there; other files are read by nobody but a step."""

LATER_KEYS: dict[Path, Any] = {
    ("limits", "archive_ratio"): None,
}
"""Keys that are planned and not there yet -> the one value that says what is done today."""


@dataclasses.dataclass(frozen=True)
class Project:
    """A project folder and everything that its schema/ declares."""

    root: pathlib.Path
    """The folder."""
    settings: Settings
    """schema/dataset.toml."""
    errata: tuple[Erratum, ...]
    """schema/errata.toml, in the order of the file."""
    publishers: Publishers
    """schema/sources.toml."""
    record: RecordSchema
    """schema/record.json."""
    card: str
    """schema/card.md; "" where there is none."""
    removals: tuple[Removal, ...] = ()
    """schema/removals.toml, in the order of the file."""
    rejected: tuple[Rejected, ...] = ()
    """schema/decisions.toml: proposals that are none."""
    steps: tuple[StepCode, ...] = ()
    """The functions that [[step]] in schema/dataset.toml names, in their order."""
    lessons: tuple[Lesson, ...] = ()
    """schema/languages/, in the order of the tags."""
    sample: int | None = None
    """How many documents a build is made from, to try things out; None: all. Not declared."""
    store: Store | None = None
    """Where the project lies, if that is no folder of this machine; `root` stands for it then."""

    @property
    def raw(self) -> pathlib.Path:
        """Return the folder of the raw text."""
        return self.root / "raw"

    @property
    def schema(self) -> pathlib.Path:
        """Return the folder of the declaration."""
        return self.root / "schema"

    @property
    def build(self) -> pathlib.Path:
        """Return the folder of everything that is made."""
        return self.root / "build"

    @property
    def dataset(self) -> pathlib.Path:
        """Return the folder of the finished dataset."""
        return self.build / "dataset"

    @property
    def url(self) -> str:
        """Return the URL of the project; "" where it is a folder of this machine."""
        return self.store.url if self.store else ""

    def declaration_digests(self) -> dict[str, str]:
        """Return the SHA-256 of every file of schema/, by its path, as it is now.

        Hidden files and the record of the releases are left out: they decide nothing of a build
        that is not on record elsewhere.
        """
        return {
            name: hashlib.sha256((self.root / name).read_bytes()).hexdigest()
            for name in _schema_files(self.root)
            if name != RELEASES and not name.startswith("schema/releases/")
        }

    @classmethod
    def open(cls, path: str | pathlib.Path = ".") -> Project:
        """Read the declaration of a project folder.

        Args:
            path: the folder that holds raw/ and schema/, or the URL of one on an object store.

        Raises:
            UsageError: there is no such folder, or no raw/ in it.
            MachineError: the store cannot be reached.
            ProjectError: schema/ is missing, or everything that is wrong in it.
        """
        root, store = _found(path)
        faults: list[Fault] = list(_file_faults(root))
        dataset = _read(root, DATASET, faults)
        errata = _read(root, ERRATA, faults)
        sources = _read(root, SOURCES, faults)
        removals = _read(root, REMOVALS, faults)
        decisions = _read(root, DECISIONS, faults)
        record = _gather(faults, lambda: parse_record_schema(_text(root, RECORD), RECORD))
        settings = _hold(dataset, Settings, faults)
        corrections = _hold(errata, Errata, faults)
        publishers = _hold(sources, SourcesFile, faults)
        taken_down = _hold(removals, Removals, faults)
        reviewed = _hold(decisions, Decisions, faults)
        steps = _steps(root, dataset, faults)
        faults += _rule_faults(dataset, errata, sources, removals, decisions, record)
        lessons = _lessons(root, dataset, faults)
        card = _gather(faults, lambda: _text(root, CARD) if (root / CARD).exists() else "")
        if faults or not (
            settings and record and corrections and publishers and taken_down and reviewed
        ):
            raise ProjectError(sorted(faults, key=_by_place))
        return cls(
            root=root,
            settings=settings,
            errata=corrections.erratum,
            publishers=Publishers(publishers.labels, publishers.source, publishers.rule),
            record=record,
            card=card or "",
            removals=taken_down.removal,
            rejected=reviewed.rejected,
            steps=steps,
            lessons=lessons,
            store=store,
        )


def _rule_faults(
    dataset: Located | None,
    errata: Located | None,
    sources: Located | None,
    removals: Located | None,
    decisions: Located | None,
    record: RecordSchema | None,
) -> Iterator[Fault]:
    """Yield what breaks a rule that is not one of a single value's form."""
    if dataset is not None:
        yield from relations.share_faults(dataset)
        yield from relations.language_faults(dataset)
    if dataset is not None and record is not None:
        properties = record.document["properties"].items()
        single = {name: json_type(each) not in ("array", "object") for name, each in properties}
        yield from relations.column_faults(dataset, single, record.extras)
    if errata is not None:
        yield from relations.expression_faults(errata)
    if sources is not None:
        yield from relations.publisher_faults(sources)
    if removals is not None:
        yield from relations.removal_faults(removals)
    if decisions is not None:
        yield from relations.decision_faults(decisions)


def _found(path: str | pathlib.Path) -> tuple[pathlib.Path, Store | None]:
    """Return the folder of a project, or the one that stands for it and the store that it is on."""
    store = Store(str(path)) if is_url(path) else None
    root = _mirrored(store) if store else pathlib.Path(path)
    _refuse_no_project(root)
    return root, store


def _mirrored(store: Store) -> pathlib.Path:
    """Bring home what a project on a store declares; return the folder that stands for it."""
    if not store.has_folder("raw"):
        fix = f"put the raw text there, under {store.url}/raw/"
        raise UsageError(Fault(store.url, "no raw/", "a folder with the raw text", fix))
    if not store.has_folder("schema"):
        fix = "run imprint init where the raw text is a folder, and copy its schema/ there"
        raise ProjectError(Fault(store.url, "no schema/", "the declaration of the dataset", fix))
    store.mirror("schema")
    with machine_faults(store.home):
        (store.home / "raw").mkdir(parents=True, exist_ok=True)
    return store.home


def _refuse_no_project(root: pathlib.Path) -> None:
    """Refuse a path that is no project folder, with the command that makes one."""
    here = "" if str(root) == "." else f" {shlex.quote(str(root))}"
    if not root.is_dir():
        seen = "a file" if root.exists() else "no such folder"
        raise UsageError(
            Fault(
                str(root), seen, "a project folder", "name the folder that holds raw/ and schema/"
            )
        )
    if not (root / "raw").is_dir():
        fix = f"put the raw text into {root / 'raw'}/, then run imprint init{here}"
        raise UsageError(Fault(str(root), "no raw/", "a folder with the raw text", fix))
    if not (root / DATASET).is_file():
        seen = "no schema/dataset.toml" if (root / "schema").is_dir() else "no schema/"
        fix = f"run imprint init{here}"
        raise ProjectError(Fault(str(root), seen, "the declaration of the dataset", fix))


def _schema_files(root: pathlib.Path) -> list[str]:
    """Return the files under schema/ by their path in the project, sorted, without hidden ones.

    What Python leaves there when a curator tries out a step is left out too.
    """
    found = (each.relative_to(root) for each in (root / "schema").rglob("*") if each.is_file())
    return sorted(
        each.as_posix()
        for each in found
        if not any(part.startswith(".") or part == "__pycache__" for part in each.parts)
    )


def _steps(
    root: pathlib.Path, dataset: Located | None, faults: list[Fault]
) -> tuple[StepCode, ...]:
    """Return the steps; a change in a file that nobody else reads counts as one in all of them."""
    if dataset is None:
        return ()
    others = [
        name
        for name in _schema_files(root)
        if name not in KNOWN and not name.startswith("schema/releases/") and not is_lesson(name)
    ]
    steps, found = read_steps(dataset, root, others)
    faults += found
    return steps


def _lessons(
    root: pathlib.Path, dataset: Located | None, faults: list[Fault]
) -> tuple[Lesson, ...]:
    """Return the languages that are taught by example."""
    lessons, found = read_lessons(root, filter(is_lesson, _schema_files(root)))
    faults += found
    if dataset is not None and lessons:
        faults += relations.lesson_faults(dataset, lessons[0].place)
    return lessons


def _file_faults(root: pathlib.Path) -> Iterator[Fault]:
    """Yield the files of schema/ that nothing would read."""
    for name in _schema_files(root):
        folder, _, file = name.rpartition("/")
        if folder == "schema" and name not in KNOWN and not file.endswith((".py", "~", ".bak")):
            near = nearest(file, [each.removeprefix("schema/") for each in KNOWN])
            if near and file.lower().endswith((".toml", ".json", ".md")):
                fix = f"rename it to {near}, or take it out"
                yield Fault(name, "a file that nothing reads", near, fix)


def _text(root: pathlib.Path, name: str) -> str:
    """Return a file of schema/ as text."""
    try:
        return decode((root / name).read_bytes(), name)
    except FileNotFoundError as error:
        fix = f"write it, or run imprint init in a new folder and copy its {name}"
        raise ProjectError(Fault(name, "no such file", "it", fix)) from error
    except OSError as error:
        fix = "give the right to read it"
        raise ProjectError(Fault(name, error.strerror or str(error), "a file", fix)) from error


Result = TypeVar("Result")


def _gather(faults: list[Fault], do: Callable[[], Result]) -> Result | None:
    """Return what `do` gives; keep its faults and return None where it fails."""
    try:
        return do()
    except ImprintError as error:
        faults += error.faults
        return None


def _read(root: pathlib.Path, name: str, faults: list[Fault]) -> Located | None:
    """Read a TOML file of schema/; the optional ones are empty where they are missing."""
    if name != DATASET and not (root / name).exists():
        return read_toml("", name)
    return _gather(faults, lambda: read_toml(_text(root, name), name))


def _hold(located: Located | None, struct: type[Declared], faults: list[Fault]) -> Declared | None:
    """Hold a file to its struct and to the rules of its single values."""
    if located is None:
        return None
    value, found = declared(located, struct, _later)
    told = {fault.place for fault in found}
    faults += found
    faults += [fault for fault in rules.value_faults(located) if fault.place not in told]
    return value


def _later(located: Located) -> Iterable[tuple[Path, Fault]]:
    """Yield the path and the fault of every key that is not there yet."""
    if located.place == DATASET:
        for path, harmless in LATER_KEYS.items():
            value = located.get(path)
            if value is not None and (value != harmless or isinstance(value, bool)):
                yield path, _not_there(located, path, value, harmless)
        privacy = located.get(("privacy",))
        for kind, value in privacy.items() if isinstance(privacy, dict) else ():
            if value in ("redact", "reject"):
                path = ("privacy", kind)
                yield path, _not_there(located, path, value, "keep")


def _not_there(located: Located, path: Path, value: Any, harmless: Any) -> Fault:
    """Return the fault of a key that is not there yet."""
    fix, wanted = f"take {path[-1]} out for now", f"no {path[-1]}"
    if harmless is not None:
        wanted = f"{path[-1]} = {toml(harmless)}"
        fix = f"write {wanted} for now, or take it out"
    return Fault(located.at(path), f"{written(path, value)}, which is not there yet", wanted, fix)


def _by_place(fault: Fault) -> tuple[int, str, int]:
    """Order faults by file, as the README lists the files, and by line."""
    name, _, line = fault.place.rpartition(":")
    if not line.isdigit():
        name, line = fault.place, "0"
    files = (DATASET, RECORD, ERRATA, SOURCES, REMOVALS, DECISIONS)
    return (files.index(name) if name in files else len(files), name, int(line))
