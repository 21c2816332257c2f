"""What has changed since a build, and since a release; and what that forbids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imprint import releases
from imprint.engine import Here
from imprint.errors import Fault, RefusedError
from imprint.inputs import merkle, raw_inputs, read_raw_digests
from imprint.manifest import Manifest

if TYPE_CHECKING:
    import polars as pl

    from imprint.project import Project


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
        now = {f"raw/{each.file.raw_file}": each.sha256 for each in inputs}
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


def refuse_version(project: Project, digest: str, record: pl.DataFrame) -> None:
    """Refuse a version that is taken, or that promises less change than there is.

    Raises:
        RefusedError: naming the version that the change asks for.
    """
    version = project.settings.version
    known = releases.recorded(project.schema)
    for release in known:
        if release.version == version:
            releases.refuse_taken(release, digest)
    before = releases.highest(known, version, final_below=True)
    if before is not None:
        old = releases.read_record(project.schema, before)
        releases.refuse_low_version(before, version, releases.change(old, record))


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
