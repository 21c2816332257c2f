"""Run the tasks of a project that lies on an object store.

Tasks read and write files. Each of them has a twin here that fetches what it reads, runs it, and
puts what it wrote on the store. The rest of a build works on a folder of this machine that stands
for the project: its declaration, its parts, its ledger; of shards it holds stubs, of their size and
without their bytes. An object cannot be renamed: shards have their digest in their name, and the
manifest, which lists them, is put there last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import re
from typing import TYPE_CHECKING, Any, TypeVar

from imprint.engine import LARGE
from imprint.errors import DatasetError
from imprint.inputs import Examine, Survey, examine
from imprint.loader import MANIFEST
from imprint.manifest import Manifest
from imprint.near import verify
from imprint.prepare import prepare
from imprint.propose import gather, propose
from imprint.rooms.read import RawFile
from imprint.rooms.write import join_groups, write_group
from imprint.sample import draw, prepare_sample
from imprint.store import LOCK, Object, Store
from imprint.swap import NEW, machine_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from imprint.engine import Engine
    from imprint.inputs import RawInput
    from imprint.partitions import Partition
    from imprint.parts import Part
    from imprint.project import Project
    from imprint.rooms.read import Range
    from imprint.rooms.write import JoinGroups, WriteGroup, Written
    from imprint.sample import Hashes

Argument = TypeVar("Argument")
Result = TypeVar("Result")

CACHE = "build/cache"
PARTS = (f"{CACHE}/parts/", f"{CACHE}/sample/")
"""Where the parts are of whole builds, and of samples."""

GROUPS = f"{CACHE}/groups"
DATA = "build/dataset/data"

MEMORIES = (
    *(f"{CACHE}/{name}.json" for name in ("shards", "built", "parts", "sample")),
    *(f"{CACHE}/{name}.pairs" for name in ("parts", "sample")),
)
"""What a machine remembers of the files that it has."""

OURS = (f"{DATA}/", f"{GROUPS}/", *MEMORIES, LOCK, "build/.lock")
"""Beginnings of names that are not the same here and there."""

PART_FILES = (".arrow", ".rejected.arrow", ".sketches", ".bands", ".json")
"""Files of a part; the last says that the others are whole."""


@dataclasses.dataclass(frozen=True, slots=True)
class There:
    """A task whose files lie on a store."""

    store: Store
    home: Path
    """What the paths in the argument are under, wherever it came from."""
    argument: Any
    names: tuple[str, ...] = ()
    """Objects of the row groups that it joins."""


class Away:
    """Runs the twins of tasks.

    Args:
        engine: where.
        store: where the project lies.
    """

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._store = store
        self._before: dict[str, str] = {}
        self._shards: dict[Path, str] = {}

    def run(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument], size: int = LARGE
    ) -> Iterator[Result]:
        """Yield `task(argument)` for each argument, in their order."""
        if task in AT_HOME:
            return map(task, arguments)
        return self._there(task, arguments, size)

    def _there(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument], size: int
    ) -> Iterator[Result]:
        """Yield what the twin of a task gives for each argument."""
        there = [
            There(self._store, self._store.home, each, self._names(each)) for each in arguments
        ]
        if isinstance(task, functools.partial):
            twin = functools.partial(TWINS[task.func], **task.keywords)
        else:
            twin = TWINS[task]
        results = self._engine.run(twin, there, size)
        for argument, result in zip(arguments, results, strict=True):
            self._arrive(argument, result)
            yield result

    def begin(self) -> None:
        """Make the folder of this machine what the store has."""
        store = self._store
        store.mirror("build", OURS)
        self._before = self._digests()
        there, listed = store.objects(DATA), {}
        with contextlib.suppress(DatasetError):
            for file in Manifest.open(store.home / "build" / "dataset").files:
                name = f"build/dataset/{file.path}"
                if name in there and there[name].bytes == file.bytes:
                    stub = re.sub(r"-[0-9a-f]{16}\.parquet$", ".parquet", name)
                    listed[store.home / stub] = name
        self._shards = listed
        for path in (store.home / DATA).rglob("*"):
            if path not in listed and not path.is_dir():
                path.unlink()

    def leave(self) -> None:
        """Put on the store what has changed here, the manifest last; then delete what is past."""
        store = self._store
        now = self._digests()
        last = f"build/dataset/{MANIFEST}"
        changed = [name for name, digest in now.items() if self._before.get(name) != digest]
        for name in sorted(changed, key=lambda name: (name == last, name)):
            store.keep(name, store.home / name)
        kept = [name for folder in PARTS for name in store.objects(folder.rstrip("/"))]
        past = [name for name in kept if name not in now]
        past += store.objects(GROUPS)
        if last in now:
            manifest = Manifest.open(store.home / "build" / "dataset")
            listed = {last, *(f"build/dataset/{file.path}" for file in manifest.files)}
            past += [name for name in store.objects("build/dataset") if name not in listed]
        store.remove(past)

    def _digests(self) -> dict[str, str]:
        """Return a digest of every file of build/ that is the same here and there."""
        home = self._store.home
        found = ((path.relative_to(home).as_posix(), path) for path in (home / "build").rglob("*"))
        return {
            name: self._digest(name)
            for name, path in sorted(found)
            if path.is_file() and not name.startswith(OURS) and NEW not in name
        }

    def _digest(self, name: str) -> str:
        """Return a digest of a file of build/; of those of parts the last tells of the others."""
        if name.startswith(PARTS) and not name.endswith(PART_FILES[-1]):
            return ""
        with (self._store.home / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _names(self, argument: object) -> tuple[str, ...]:
        """Return the objects of the row groups that a task joins."""
        sources = getattr(argument, "sources", ())
        return tuple(
            self._shards.get(each.path) or f"{GROUPS}/{each.path.name}" for each in sources
        )

    def _arrive(self, argument: Any, result: Any) -> None:
        """Bring home what the next pass needs of a task."""
        if hasattr(result, "readings"):
            for suffix in PART_FILES:
                name = f"{CACHE}/{argument.folder.name}/{result.key}{suffix}"
                self._store.bring(name)
                self._before[name] = self._digest(name)
        elif hasattr(argument, "path") and _shard(result.path, self._store.home):
            with machine_faults(result.path):
                result.path.parent.mkdir(parents=True, exist_ok=True)
                with result.path.open("wb") as stub:
                    stub.truncate(result.bytes)


@contextlib.contextmanager
def away(project: Project, processes: Engine) -> Iterator[Engine]:
    """Give an engine for a project wherever it lies, and leave there what was made.

    Args:
        project: on a store, or in a folder of this machine.
        processes: what runs the tasks.

    Raises:
        MachineError: another command is at work there, or the store refuses something.
    """
    store = project.store
    if store is None:
        yield processes
        return
    with store.locked():
        there = Away(processes, store)
        there.begin()
        yield there
        there.leave()


def examine_there(task: There) -> list[str] | Survey:
    """Fetch raw files, and hash or survey them."""
    argument: Examine = task.argument
    inputs = tuple(_fetched(task, each) for each in argument.inputs)
    return examine(dataclasses.replace(argument, inputs=inputs))


def prepare_there(task: There) -> Part:
    """Fetch the raw files of a partition, make its part, and keep it."""
    partition: Partition = task.argument
    kept = f"{CACHE}/{partition.folder.name}"
    with task.store.workshop() as folder:
        part = prepare(dataclasses.replace(_brought(task), folder=folder))
        for suffix in PART_FILES:
            task.store.keep(f"{kept}/{part.key}{suffix}", folder / f"{part.key}{suffix}")
    return part


def draw_there(task: There, number: int) -> Hashes:
    """Fetch the raw files of a partition, and find its documents for a sample."""
    return draw(_brought(task), number)


def write_group_there(task: There) -> Written:
    """Fetch the parts that a row group is gathered from, write it, and keep it."""
    argument: WriteGroup = task.argument
    parts: dict[Path, Path] = {}
    for piece in argument.group.pieces:
        if piece.part not in parts:
            parts[piece.part] = task.store.fetch(_name(task, piece.part))
    pieces = tuple(
        dataclasses.replace(piece, part=parts[piece.part]) for piece in argument.group.pieces
    )
    group = dataclasses.replace(argument.group, pieces=pieces)
    with task.store.workshop() as folder:
        path = folder / argument.path.name
        written = write_group(dataclasses.replace(argument, group=group, path=path))
        return _kept(task, written, argument.path)


def join_groups_there(task: There) -> Written:
    """Fetch row groups, join them to a shard, and keep it."""
    argument: JoinGroups = task.argument
    sources = tuple(
        source._replace(path=task.store.fetch(name))
        for source, name in zip(argument.sources, task.names, strict=True)
    )
    with task.store.workshop() as folder:
        path = folder / argument.path.name
        written = join_groups(dataclasses.replace(argument, path=path, sources=sources))
        return _kept(task, written, argument.path)


TWINS: dict[Any, Any] = {
    examine: examine_there,
    prepare: prepare_there,
    prepare_sample: prepare_there,
    draw: draw_there,
    write_group: write_group_there,
    join_groups: join_groups_there,
}
"""Each task, and what does the same for a project on a store."""

AT_HOME: tuple[Any, ...] = (propose, gather, verify)
"""Tasks that read nothing but parts, which are brought home before: they run there."""


def _brought(task: There) -> Partition:
    """Return a partition as it lies here once its raw files are fetched, and what steps read."""
    partition: Partition = task.argument
    stretches = tuple(
        dataclasses.replace(each, input=_fetched(task, each.input, each.range))
        for each in partition.stretches
    )
    recipe = partition.recipe
    if recipe.steps or recipe.lessons:
        beside = [each.beside for each in recipe.steps[:1]]
        root = _declaration(task.store.url, (*beside, *(each.sha256 for each in recipe.lessons)))
        steps = tuple(dataclasses.replace(each, root=root) for each in recipe.steps)
        lessons = tuple(dataclasses.replace(each, root=root) for each in recipe.lessons)
        recipe = dataclasses.replace(recipe, steps=steps, lessons=lessons)
    return dataclasses.replace(partition, stretches=stretches, recipe=recipe)


@functools.cache
def _declaration(url: str, made_of: tuple[str, ...]) -> str:  # noqa: ARG001 - others are fetched anew
    """Fetch schema/, once in a process as long as it stays as it is; return what it is under."""
    store = Store(url)
    store.mirror("schema")
    return str(store.home)


def _fetched(task: There, given: RawInput, within: Range | None = None) -> RawInput:
    """Return a raw file as it lies here once it is fetched; of JSON lines the range alone."""
    file, known = given.file, Object(given.file.bytes, given.file.mtime_ns)
    name = _name(task, file.path)
    if within is not None and given.survey and given.survey.reading.format == "jsonl":
        copy = task.store.fetch_range(name, known, within.start, within.end)
    else:
        copy = task.store.fetch(name, known)
    status = copy.stat()
    here = RawFile(copy, file.raw_file, status.st_size, status.st_mtime_ns, status.st_ino)
    return dataclasses.replace(given, file=here)


def _kept(task: There, written: Written, path: Path) -> Written:
    """Put a shard or a row group on the store; return it as its task named it."""
    shard = _shard(path.with_name(written.name_on_store), task.home)
    task.store.keep(f"{DATA}/{shard}" if shard else f"{GROUPS}/{path.name}", written.path)
    return dataclasses.replace(written, path=path)


def _shard(path: Path, home: Path) -> str:
    """Return where in data/ a shard of the dataset is; "" of a row group that is to be joined."""
    data = home / f"build/dataset{NEW}/data"
    return path.relative_to(data).as_posix() if path.is_relative_to(data) else ""


def _name(task: There, path: Path) -> str:
    """Return the name in the project of a path."""
    return path.relative_to(task.home).as_posix()
