"""What of the last build the next one can take over: all of it, or shards, or row groups.

A build is known by a digest of all that it is made from; where nothing is new, and no file that it
left was touched, there is nothing to do. A row group is known by a key of all that decides its
bytes. The memory says which row groups each shard has, and what the file was when it was written;
one that is not that any more is not used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from typing import TYPE_CHECKING

import msgspec

from imprint import timing
from imprint.inputs import merkle
from imprint.manifest import own_digest, tools
from imprint.rooms.write import JoinGroups, WriteGroup, Written, join_groups, write_group
from imprint.rooms.write.footer import Source
from imprint.swap import write_file
from imprint.timing import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from imprint.engine import Engine
    from imprint.inputs import RawInput
    from imprint.project import Project
    from imprint.records import RecordSchema
    from imprint.rooms.write import Shard

QUICKER = 4
"""How much quicker text is written than it is read and pressed. Measured."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What a shard was when it was written."""

    bytes: int
    mtime_ns: int
    inode: int
    sha256: str
    groups: tuple[str, ...]
    """Keys of its row groups, in their order."""


class Whole(msgspec.Struct, frozen=True):
    """What a build was, as a whole."""

    state: str
    """Digest of all that it was made from."""
    stamps: dict[str, tuple[int, int, int]]
    """Size, time and inode of each file that it left, by its path under build/."""
    warnings: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Shelf:
    """Shards of the last build."""

    shards: dict[tuple[str, ...], Written]
    """By the keys of their row groups."""
    groups: dict[str, Source]
    """Each row group by its key."""


NOTHING = Shelf({}, {})

WHOLE = "cache/built.json"
"""Under build/: the memory of the last build."""

BESIDE = ("rejected.jsonl", "raw.parquet", "release.parquet")
"""Files that a build leaves beside the dataset."""


def state(project: Project, inputs: Sequence[RawInput]) -> str:
    """Return a digest of all that a build is made from."""
    released = (project.schema / "releases").glob("*")
    made_of = [
        [merkle(inputs), project.declaration_digests(), project.sample],
        sorted((path.name, _stamp(path)) for path in [*released, project.schema / "releases.toml"]),
        [tools(), own_digest()],
    ]
    return hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()


def unchanged(build: Path, now: str) -> Whole | None:
    """Return the last build, where it was made from the same and its files are as it left them.

    Args:
        build: the folder build/.
        now: the digest of all that a build would be made from.
    """
    try:
        whole = msgspec.json.decode((build / WHOLE).read_bytes(), type=Whole)
    except (OSError, msgspec.MsgspecError):
        return None
    same = whole.state == now and whole.stamps == _stamps(build)
    return whole if same else None


def remember_whole(build: Path, now: str, warnings: Sequence[str]) -> None:
    """Note what a build was made from, and what its files are."""
    whole = Whole(now, _stamps(build), tuple(warnings))
    write_file(build / WHOLE, msgspec.json.encode(whole))


def _stamps(build: Path) -> dict[str, tuple[int, int, int]]:
    """Return size, time and inode of every file that a build left."""
    beside = [build / name for name in BESIDE]
    found = (path for path in [*(build / "dataset").rglob("*"), *beside] if not path.is_dir())
    stamps = ((path.relative_to(build).as_posix(), _stamp(path)) for path in found)
    return {name: stamp for name, stamp in stamps if stamp is not None}


def recall(memory: Path, data: Path) -> Shelf:
    """Return the shards that are still what they were when they were written.

    Args:
        memory: what `remember` wrote.
        data: the folder of the shards.
    """
    try:
        known = msgspec.json.decode(memory.read_bytes(), type=dict[str, Known])
    except (OSError, msgspec.MsgspecError):
        return NOTHING
    shards: dict[tuple[str, ...], Written] = {}
    groups: dict[str, Source] = {}
    for name, each in known.items():
        path = data / name
        if _stamp(path) == (each.bytes, each.mtime_ns, each.inode):
            shards[each.groups] = Written(path, each.bytes, each.sha256)
            groups |= {key: Source(path, number) for number, key in enumerate(each.groups)}
    return Shelf(shards, groups)


def remember(memory: Path, data: Path, shards: Sequence[Shard], written: Sequence[Written]) -> None:
    """Note which row groups the shards of a build have, by their paths in the folder `data`."""
    known = {}
    for shard, each in zip(shards, written, strict=True):
        stamp = _stamp(each.path)
        if stamp is not None:
            keys = tuple(group.key for group in shard.groups)
            name = each.path.relative_to(data).as_posix()
            known[name] = Known(*stamp, each.sha256, keys)
    write_file(memory, msgspec.json.encode(known))


def write_shards(
    shards: Sequence[Shard], record: RecordSchema, scratch: Path, processes: Engine, shelf: Shelf
) -> Iterator[Written]:
    """Write shards, with all that is on the shelf taken as it is.

    Args:
        shards: what to write.
        record: what a record is.
        scratch: a folder for row groups of shards that have several.
        processes: what runs the tasks.
        shelf: what the last build left.

    Yields:
        What was written, in the order of the shards.
    """
    there = [shelf.shards.get(tuple(group.key for group in shard.groups)) for shard in shards]
    tasks: list[WriteGroup] = []
    joins: list[JoinGroups] = []
    for shard, known in zip(shards, there, strict=True):
        if known is not None:
            continue
        if len(shard.groups) == 1:
            tasks.append(WriteGroup(shard.path, shard.groups[0], record))
            continue
        sources: list[Source] = []
        for group in shard.groups:
            source = shelf.groups.get(group.key)
            if source is None:
                # Shards of two folders have one name: that of the folder tells them apart.
                name = f"{shard.path.parent.name}.{shard.path.stem}.{len(sources)}.parquet"
                source = Source(scratch / name, 0)
                tasks.append(WriteGroup(source.path, group, record))
            sources.append(source)
        joins.append(JoinGroups(shard.path, tuple(sources)))
    size = sum(task.group.bytes for task in tasks)
    alone = {each.path: each for each in processes.run(write_group, tasks, size // QUICKER)}
    seconds = sum(each.seconds for each in alone.values())
    timing.note(Stage("write", seconds, size, sum(len(task.group.ids) for task in tasks)))
    joined = processes.run(join_groups, joins, size // QUICKER**2)
    for shard, known in zip(shards, there, strict=True):
        yield _take(known, shard.path) if known else alone.get(shard.path) or _noted(next(joined))
    if scratch.exists():
        shutil.rmtree(scratch)


def _noted(joined: Written) -> Written:
    """Count what was joined among the stages."""
    timing.note(Stage("join", joined.seconds, joined.bytes))
    return joined


def _take(known: Written, path: Path) -> Written:
    """Give a shard of the last build its place in the new one, by a link where there are any."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(known.path, path)
    except OSError:
        shutil.copyfile(known.path, path)
    return dataclasses.replace(known, path=path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return size, time and inode of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino
