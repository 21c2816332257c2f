"""The press: prepare, settle, publish, and the exchange of the old dataset for the new."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
from typing import TYPE_CHECKING, Protocol, TypeVar

from imprint import releases, removals, reuse, swap, timing
from imprint.away import away
from imprint.changes import refuse_version
from imprint.engine import chosen
from imprint.errors import Fault, ImprintError, MachineError, UsageError
from imprint.history import record_since
from imprint.inputs import (
    FileRead,
    RawInput,
    files_read,
    raw_inputs,
    read_raw_table,
    write_raw_table,
)
from imprint.manifest import Alike, Manifest, Records
from imprint.partitions import Recipe, partitions
from imprint.parts import (
    files_of,
    forget,
    kept,
    recall_seen,
    refuse_other_keys,
    remember_seen,
)
from imprint.prepare import prepare
from imprint.project import Project
from imprint.publish import counts, describe, reasons, refused_licences, shards, unknown, warnings
from imprint.sample import PARTS, draw, narrowed, prepare_sample
from imprint.settle import Settled, settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from imprint.engine import Engine
    from imprint.timing import Stage

Result = TypeVar("Result")


class Progress(Protocol):
    """What is told how far a build is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note that `done` of `total` tasks of a stage are finished."""


@dataclasses.dataclass(frozen=True, slots=True)
class Build:
    """What a build left."""

    folder: Path
    """The dataset: build/dataset."""
    manifest: Manifest
    rejected: Path
    """The ledger, build/rejected.jsonl: a JSON object for each record that is not published."""
    reasons: dict[str, int]
    """How many records and files were rejected, by reason."""
    files: tuple[FileRead, ...]
    """How each raw file was read, in path order."""
    warnings: tuple[str, ...]
    stages: tuple[Stage, ...] = ()
    """What each stage took, in the order in which they ran."""
    url: str = ""
    """The dataset, where the project lies on a store; `folder` holds only its manifest then."""


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """What a build would say."""

    problems: tuple[str, ...]
    """What stands in the way of a release."""
    warnings: tuple[str, ...]
    records: Records
    reasons: dict[str, int]
    alike: Alike
    """What is left out because another record says it, and what is held together."""
    files: tuple[FileRead, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Pressed:
    """The records of a project once they are prepared and settled."""

    inputs: list[RawInput]
    files: tuple[FileRead, ...]
    settled: Settled
    held: bool
    """Whether some parts are of an earlier build."""


def build(
    project: Project | str | Path,
    *,
    workers: int | None = None,
    fresh: bool = False,
    sample: int | None = None,
    progress: Progress | None = None,
    engine: str = "local",
    address: str | None = None,
    since: str | Path | None = None,
) -> Build:
    """Make build/ from raw/ and schema/.

    The old dataset stays in its place, whole, until the new one takes it.

    Args:
        project: the project, its folder, or its URL on an object store.
        workers: processes; by default one for each core. The bytes do not depend on it.
        fresh: hash every raw file and press every record anew.
        sample: build from so many documents, chosen by hash, to try things out; None: from all.
        progress: is told how far it is.
        engine: "local", processes of this machine; or "ray", whose nodes all reach the project.
        address: of the Ray cluster, HOST:PORT; by default the one that Ray finds, or a new one.
        since: an earlier release that is not on record yet (a built folder, an installed dataset,
            the file of a data wheel, org/name@revision): it is put on record in schema/ first, so
            that its records keep their splits.

    Raises:
        ImprintError: with every fault that was found; nothing was changed.
    """
    _refuse_no_sample(sample)
    project = dataclasses.replace(opened(project, anywhere=True), sample=sample)
    if since is not None:
        record_since(opened(project), since)
    with (
        timing.collected() as stages,
        locked(project),
        chosen(engine, workers, address) as processes,
        away(project, processes) as there,
    ):
        return _built(project, there, stages, fresh=fresh, progress=progress)


def _built(
    project: Project,
    processes: Engine,
    stages: Mapping[str, Stage],
    *,
    fresh: bool,
    progress: Progress | None,
) -> Build:
    """Make build/, unless it is there and nothing has changed; then no stage took anything."""
    with timing.stage("list"):
        inputs = raw_inputs(project, processes, project.build / "cache", trust=not fresh)
    state = reuse.state(project, inputs)
    before = None if fresh else reuse.unchanged(project.build, state)
    if before is not None:
        return _as_it_was(project, before.warnings)
    place = project.build
    built, pressed = press(project, inputs, place, processes, fresh=fresh, progress=progress)
    parts = pressed.settled.parts
    forget([path.stem for path in parts], parts[0].parent)
    if not pressed.settled.fingerprints:  # else schema/ is another now
        reuse.remember_whole(project.build, state, built.warnings)
    return dataclasses.replace(built, stages=tuple(stages.values()))


def _as_it_was(project: Project, warnings: tuple[str, ...]) -> Build:
    """Return the build that is there."""
    manifest = Manifest.open(project.dataset)
    files = read_raw_table(project.build / "raw.parquet")
    ledger = project.build / "rejected.jsonl"
    url = project.url and f"{project.url}/build/dataset"
    return Build(project.dataset, manifest, ledger, manifest.rejected, files, warnings, url=url)


def _refuse_no_sample(sample: int | None) -> None:
    """Refuse a sample of no document."""
    if sample is not None and sample < 1:
        fix = "give a number of documents"
        raise UsageError(Fault("imprint build --sample", f"{sample}", "1 or more", fix))


def opened(project: Project | str | Path, *, anywhere: bool = False) -> Project:
    """Return the project that is meant; only `anywhere` may it be on a store."""
    found = project if isinstance(project, Project) else Project.open(project)
    if found.store is not None and not anywhere:
        fix = f"copy {found.url} to a folder, and name that"
        raise UsageError(Fault(found.url, "a URL", "a folder of this machine", fix))
    return found


def check(
    project: Project | str | Path,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Tell all that a build would refuse or warn of, and whether the version fits what changed.

    Fills the cache and writes nothing else.

    Args:
        project: the project, its folder, or its URL on an object store.
        workers: processes; by default one for each core.
        progress: is told how far it is.

    Raises:
        ImprintError: what makes a build impossible.
    """
    project = opened(project, anywhere=True)
    with (
        locked(project),
        chosen("local", workers, None) as processes,
        away(project, processes) as there,
    ):
        cache = project.build / "cache"
        inputs = raw_inputs(project, there, cache, trust=True)
        pressed = decided(project, inputs, cache, there, fresh=False, progress=progress)
    settled = pressed.settled
    problems: list[str] = []
    try:
        refuse_version(project, settled.digest, settled.record)
    except ImprintError as error:
        problems += error.lines()
    problems += [str(each) for each in unknown(project, settled)]
    problems += [str(each) for each in refused_licences(project, settled)]
    return Checked(
        tuple(problems),
        warnings(project, pressed.settled),
        counts(settled),
        reasons(settled),
        settled.alike,
        pressed.files,
    )


def press(
    project: Project,
    inputs: list[RawInput],
    place: Path,
    processes: Engine,
    *,
    fresh: bool,
    progress: Progress | None,
) -> tuple[Build, Pressed]:
    """Press a project into the folder `place`, which may be another than its build/.

    Args:
        project: what to press.
        inputs: its raw files.
        place: where dataset/, the ledger and the cache belong.
        processes: what runs the tasks.
        fresh: trust no cache.
        progress: is told how far it is.
    """
    cache = place / "cache"
    pressed = decided(project, inputs, cache, processes, fresh=fresh, progress=progress)
    if place == project.build and project.sample is None and project.store is None:
        removals.keep(project.schema, pressed.settled.fingerprints)
    new = place / f"dataset{swap.NEW}"
    with swap.machine_faults(place):
        data = new / "data"
        tasks = shards(pressed.settled, project, data, held=pressed.held)
        memory = cache / "shards.json"
        shelf = reuse.NOTHING if fresh else reuse.recall(memory, place / "dataset" / "data")
        scratch = place / f"groups{swap.NEW}"
        run = reuse.write_shards(tasks, project.record, scratch, processes, shelf)
        written = list(_told(run, "write", len(tasks), progress))
        with timing.stage("describe"):
            manifest = describe(project, pressed.settled, pressed.inputs, written, new)
        reuse.remember(memory, data, tasks, written)
    _leave_ledger(place, pressed)
    swap.place_folder(new, place / "dataset")
    ledger, url = place / "rejected.jsonl", project.url and f"{project.url}/build/dataset"
    settled = pressed.settled
    faults = [*unknown(project, settled), *refused_licences(project, settled)]
    told = tuple(f"{each.place}: {each.seen}" for each in faults)
    told += warnings(project, pressed.settled)
    said = reasons(pressed.settled), pressed.files, told
    return Build(place / "dataset", manifest, ledger, *said, url=url), pressed


def decided(
    project: Project,
    inputs: list[RawInput],
    cache: Path,
    processes: Engine,
    *,
    fresh: bool,
    progress: Progress | None,
) -> Pressed:
    """Prepare and settle.

    Args:
        project: what to press.
        inputs: its raw files.
        cache: where the parts are kept.
        processes: what runs the tasks.
        fresh: trust no cache.
        progress: is told how far it is.
    """
    folder = cache / ("parts" if project.sample is None else PARTS)
    if fresh and folder.exists():
        shutil.rmtree(folder)
    tasks, task = partitions(inputs, Recipe.of(project), folder), prepare
    if project.sample is not None:
        size = sum(each.bytes() for each in tasks)
        drawn = processes.run(functools.partial(draw, number=project.sample), tasks, size)
        drawn = _told(drawn, "draw", len(tasks), progress)
        tasks = narrowed(tasks, drawn, project.sample, folder)
        task = prepare if fresh else prepare_sample
    seen = {} if fresh else recall_seen(folder)
    parts = [kept(each, seen) for each in tasks]
    missing = [each for each, part in zip(tasks, parts, strict=True) if part is None]
    made = processes.run(task, missing, sum(each.bytes() for each in missing))
    new = list(_told(made, "read", len(missing), progress))
    refuse_other_keys(missing, new)
    timing.note(*(stage for part in new for stage in part.stages))
    rest = iter(new)
    whole = [part or next(rest) for part in parts]
    remember_seen(whole, folder)
    files = files_of(whole, sample=project.sample is not None)
    with timing.stage("settle"):
        settled = settle(whole, files, folder, project, processes)
    held = len(missing) < len(tasks)
    return Pressed(inputs, files_read(inputs, files), settled, held)


def _leave_ledger(place: Path, pressed: Pressed) -> None:
    """Write what a build leaves beside the dataset."""
    import io

    lines = io.BytesIO()
    pressed.settled.ledger.write_ndjson(lines)
    swap.write_file(place / "rejected.jsonl", lines.getvalue())
    write_raw_table(place / "raw.parquet", pressed.files)
    record = releases.record_bytes(pressed.settled.record())
    swap.write_file(place / "release.parquet", record)


def _told(
    results: Iterator[Result], stage: str, total: int, progress: Progress | None
) -> Iterator[Result]:
    """Pass results on, and tell how many there were."""
    for done, result in enumerate(results, 1):
        if progress is not None:
            progress(stage, done, total)
        yield result


@contextlib.contextmanager
def locked(project: Project) -> Iterator[None]:
    """Keep other commands away from build/, and clear away what a killed one left there.

    Raises:
        MachineError: another command is at work there.
    """
    import filelock

    with swap.machine_faults(project.build):
        project.build.mkdir(exist_ok=True)
        lock = filelock.FileLock(project.build / ".lock", blocking=False)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise MachineError(
                Fault(
                    f"{project.build}",
                    "another command of imprint is at work",
                    "one at a time",
                    "wait until it is done, then run the same command again",
                )
            ) from None
    try:
        with swap.machine_faults(project.build):
            swap.finish(project.dataset)
            swap.sweep(project.build)
            for name in ("parts", PARTS):
                swap.sweep(project.build / "cache" / name)
        yield
    finally:
        lock.release()
