"""Ship what was built: as a wheel, or to the Hub. Both put the release on record."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from imprint import hub, releases, wheels
from imprint.changes import refuse_stale, refuse_version
from imprint.errors import DatasetError, Fault, RefusedError
from imprint.fingerprint import Fingerprint
from imprint.history import Past
from imprint.hub import StillOnline
from imprint.licences import refused
from imprint.manifest import Manifest, altered
from imprint.press import opened

if TYPE_CHECKING:
    from pathlib import Path

    from imprint.hub import Pushed
    from imprint.project import Project


def wheel(project: Project | str | Path) -> Path:
    """Press the data wheel of what was built, and put the release on record.

    Args:
        project: the project, or its folder.

    Returns:
        build/imprint_data_NAME-VERSION-py3-none-any.whl, the same bytes every time.

    Raises:
        RefusedError: it is a sample, raw/ or schema/ changed since the build, or the version does
            not fit, or its licence cannot carry that of a publisher.
        DatasetError: there is no build, or it was altered.
    """
    project = opened(project)
    manifest = _ready(project)
    path = wheels.press_wheel(project.dataset, manifest, project.build)
    _record(project, manifest, "wheel")
    return path


def push(project: Project | str | Path, repository: str, **options: Any) -> Pushed:
    """Publish what was built to the Hub, in one commit or not at all, and put it on record.

    A pull request is no release yet: a push after it was merged finds nothing to send, and puts
    the release on record.

    Args:
        project: the project, or its folder.
        repository: ORG/NAME.
        **options: as `hub.push` takes them.

    Raises:
        RefusedError: it is a sample, raw/ or schema/ changed since the build, the version does not
            fit, or what is online does not allow it. Nothing was changed.
        HubError: the token, the name or the network is at fault.
        DatasetError: there is no build, or it was altered.
    """
    project = opened(project)
    manifest = _ready(project)
    pushed = hub.push(project.dataset, manifest, repository, **options)
    proposed = pushed.pull_request and pushed.committed
    online = _still_online(project, repository)
    if not pushed.dry_run and not proposed:
        _record(project, manifest, f"{repository}@{pushed.revision}")
    return dataclasses.replace(pushed, still_online=online)


def _still_online(project: Project, repository: str) -> tuple[StillOnline, ...]:
    """Return the revisions on record that hold what was taken down since."""
    import polars as pl

    taken = {
        Fingerprint.parse(each).id for removal in project.removals for each in removal.fingerprints
    }
    with (project.build / "rejected.jsonl").open("rb") as file:
        lines = (json.loads(line) for line in file)
        taken |= {line["id"] for line in lines if line["reason"] == "removed"}
    found = []
    for release in releases.recorded(project.schema) if taken else ():
        ids = releases.read_record(project.schema, release)["id"]
        records = int(ids.is_in(pl.Series(sorted(taken)).implode()).sum())
        for where in release.where if records else ():
            name, _, revision = where.rpartition("@")
            if name == repository:
                found.append((release.version, revision, records))
    tags = hub.Remote(repository).tags() if found else {}
    return tuple(
        StillOnline(
            version, revision, records, tuple(tag for tag, at in tags.items() if at == revision)
        )
        for version, revision, records in found
    )


def _ready(project: Project) -> Manifest:
    """Return the manifest of a build that may be released."""
    import polars as pl

    manifest = Manifest.open(project.dataset)
    if manifest.sample is not None:
        seen = f"a sample, built from {manifest.sample} documents at most"
        fix = 'run "imprint build" without --sample'
        raise RefusedError(Fault("build/dataset", seen, "a whole build", fix))
    found = altered(project.dataset, manifest)
    if found:
        raise DatasetError(
            Fault(name, what, "what its manifest lists", 'run "imprint build" again')
            for name, _, what in (each.partition(": ") for each in found)
        )
    refuse_stale(project)
    uncarried = refused(manifest.license, project.publishers.sources, manifest.sources)
    if uncarried:
        raise RefusedError(uncarried)
    path = project.build / "release.parquet"
    try:
        record = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        seen, wanted = "missing or damaged", "what the build wrote"
        raise DatasetError(Fault(str(path), seen, wanted, 'run "imprint build" again')) from error
    whole = Past(manifest.name, project.dataset, manifest)
    refuse_version(
        project,
        manifest.digest,
        lambda columns: record if columns is None else whole.record(columns),
    )
    return manifest


def _record(project: Project, manifest: Manifest, where: str) -> None:
    """Put the release on record in schema/."""
    release = releases.Release(
        manifest.version, manifest.digest, manifest.draw, tuple(manifest.features), (where,)
    )
    releases.add(project.schema, release, (project.build / "release.parquet").read_bytes())
