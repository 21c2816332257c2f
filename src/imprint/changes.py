"""What has changed since a build, and since a release; and what that forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint import releases
from imprint.engine import Here
from imprint.errors import Fault, RefusedError
from imprint.inputs import digests, merkle, raw_inputs, read_raw_digests
from imprint.manifest import Manifest, Since

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from imprint.project import Project

    Recorded = Callable[[Sequence[str] | None], pl.DataFrame]


def changed_since(project: Project) -> list[str]:
    """Return the files of raw/ and schema/ that have changed since the build, with what happened.

    Raises:
        DatasetError: there is no build.
    """
    manifest = Manifest.open(project.dataset)
    changed = differences(manifest.declaration, project.declaration_digests())
    inputs = raw_inputs(project, Here(), project.build / "cache", trust=True, survey=False)
    if merkle(inputs) != manifest.raw.digest:
        before = read_raw_digests(project.build / "raw.parquet")
        now = {f"raw/{name}": sha256 for name, sha256 in digests(inputs).items()}
        changed += differences(before, now) or ["raw/: changed"]
    return changed


def refuse_stale(project: Project) -> None:
    """Refuse to publish a build that is no longer what raw/ and schema/ say.

    Raises:
        RefusedError: naming every file that changed.
    """
    changed = changed_since(project)
    if changed:
        raise RefusedError(
            Fault(name, what, "a build that is newer", 'run "imprint build" again')
            for name, _, what in (each.partition(": ") for each in changed)
        )


def since_release(project: Project, record: Recorded) -> Since | None:
    """Say what changed since the highest release below the version; None where there is none.

    Args:
        project: whose releases they are.
        record: gives the record of what is to be released, by the columns that count; None: all.
    """
    version = project.settings.version
    known = releases.recorded(project.schema)
    before = releases.highest(known, version, final_below=True)
    if before is None:
        return None
    added = set(before.columns) < set(project.record.names)
    new = record(before.columns if added else None)
    old = releases.read_record(project.schema, before)
    return Since(before.version, releases.counted(releases.changes(old, new)), added)


def refuse_version(project: Project, digest: str, record: Recorded) -> None:
    """Refuse a version that is taken, or that promises less change than there is.

    Args:
        project: whose version it is.
        digest: of all rows of what is to be released.
        record: as `since_release` takes it.

    Raises:
        RefusedError: naming the version that the change asks for.
    """
    version = project.settings.version
    for release in releases.recorded(project.schema):
        if release.version == version:
            releases.refuse_taken(release, digest)
    since = since_release(project, record)
    if since is not None:
        what = releases.change(since.counts, columns_added=since.columns_added)
        releases.refuse_low_version(since.version, version, what)


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """Say of each name whose digest differs what happened to it.

    >>> differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"})
    ['a: gone', 'b: changed', 'c: new']
    """
    return [
        f"{name}: {'gone' if name not in now else 'new' if name not in before else 'changed'}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
