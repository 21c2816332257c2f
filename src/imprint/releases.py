"""What was released: which record, in which split, under which version.

`schema/releases.toml` lists the releases; `schema/releases/VERSION.parquet` holds a row a record:
its id, the hash of its document key, its split, the hash of its place and the hash of what it
says. No text stands in either. Both are written by push and wheel and belong in version control:
from them a fresh clone keeps every released record in its split, without asking anyone what was
released.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import msgspec

from imprint.errors import Fault, ProjectError, RefusedError
from imprint.manifest import Counts
from imprint.swap import machine_faults, write_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import polars as pl

    Change = Literal["nothing", "patch", "minor", "major"]

TABLE = "releases.toml"
FOLDER = "releases"

CHANGES: tuple[Change, ...] = ("nothing", "patch", "minor", "major")
"""How much a release differs from the one before, from least to most."""


class Release(msgspec.Struct, frozen=True):
    """One release as schema/releases.toml has it."""

    version: str
    digest: str
    """Of all rows, as the manifest has it."""
    draw: Literal["quota", "hash"]
    """How its splits were drawn; the first release fixes it for all that follow."""
    columns: tuple[str, ...]
    """The published columns."""
    where: tuple[str, ...] = ()
    """`org/name@REVISION` of each push, `wheel` where one was pressed."""


class _Table(msgspec.Struct, frozen=True):
    """schema/releases.toml."""

    release: tuple[Release, ...] = ()


def order(version: str) -> tuple[int, int, int, int, int]:
    """Return what versions are compared by; a candidate comes before its release.

    >>> order("1.0.0-rc.2") < order("1.0.0") < order("1.0.1")
    True
    """
    major, minor, patch, candidate = _parts(version)
    return major, minor, patch, candidate is None, candidate or 0


def recorded(schema: Path) -> tuple[Release, ...]:
    """Return the releases that are on record, lowest version first.

    Raises:
        ProjectError: schema/releases.toml was changed by hand so that it cannot be read.
    """
    import toml_rs

    path = schema / TABLE
    if not path.exists():
        return ()
    try:
        table = msgspec.convert(toml_rs.loads(path.read_text("utf-8")), _Table)
        return tuple(sorted(table.release, key=lambda release: order(release.version)))
    except (ValueError, AttributeError) as error:
        raise ProjectError(
            Fault(
                f"schema/{TABLE}",
                str(error).splitlines()[0],
                "what push and wheel wrote there",
                "restore it from version control",
            )
        ) from error


def highest(
    releases: Iterable[Release], version: str, *, final_below: bool = False
) -> Release | None:
    """Return the highest release not above a version, or the highest final one below it."""
    fitting = [
        release
        for release in releases
        if (
            order(release.version) < order(version) and "-" not in release.version
            if final_below
            else order(release.version) <= order(version)
        )
    ]
    return max(fitting, key=lambda release: order(release.version), default=None)


def read_record(schema: Path, release: Release) -> pl.DataFrame:
    """Return the record of a release: `id`, `key`, `split`, `place`, `row`.

    Raises:
        ProjectError: the file is missing or damaged.
    """
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = schema / FOLDER / f"{release.version}.parquet"
    try:
        return pl.DataFrame(pl.from_arrow(pq.read_table(path)))
    except (OSError, pa.ArrowException) as error:
        raise ProjectError(
            Fault(
                f"schema/{FOLDER}/{path.name}",
                "missing or damaged",
                f"the record of release {release.version}, which schema/{TABLE} lists",
                "restore it from version control",
            )
        ) from error


def record_bytes(record: pl.DataFrame) -> bytes:
    """Return the file of a record, which becomes that of a release once there is one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    table = record.sort("id").to_arrow()
    table = table.set_column(2, "split", table["split"].cast(pa.string()))
    pq.write_table(table, sink, compression="zstd", use_dictionary=["split"])
    content: bytes = sink.getvalue().to_pybytes()
    return content


def add(schema: Path, release: Release, record: bytes) -> None:
    """Put a release on record, or add where else it was published.

    Args:
        schema: the project's schema folder.
        release: with the one place where it was published now.
        record: the file of its record.

    Raises:
        RefusedError: the version is on record with other rows.
    """
    known = {each.version: each for each in recorded(schema)}
    before = known.get(release.version)
    if before is not None:
        refuse_taken(before, release.digest)
        where = dict.fromkeys((*before.where, *release.where))
        release = msgspec.structs.replace(before, where=tuple(where))
    if before == release and (schema / FOLDER / f"{release.version}.parquet").exists():
        return
    known[release.version] = release
    with machine_faults(schema):
        write_file(schema / FOLDER / f"{release.version}.parquet", record)
    ordered = sorted(known.values(), key=lambda each: order(each.version))
    write_file(schema / TABLE, "".join(_toml(each) for each in ordered).encode())


def refuse_taken(release: Release, digest: str) -> None:
    """Refuse rows that differ from those released under the same version."""
    if release.digest != digest:
        raise RefusedError(
            Fault(
                "schema/dataset.toml",
                f'version = "{release.version}", which was released with other rows',
                "a version of its own for what changed",
                'raise `version`, then run "imprint build" again',
            )
        )


def changes(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Match the records of two releases: by id, then by place.

    A record that is found by its id gives its place up to nobody: whatever stands there is new.

    Returns:
        A row for each record of either: `id` and `id_new`, null where there is none; `edited`,
        `resplit`, `moved`: what became of one that is in both.
    """
    import polars as pl

    columns = ("id", "split", "place", "row")
    old, new = old.select(columns), new.select(columns)
    same = old.join(new.with_columns(id_new="id"), on="id", how="inner", suffix="_new")
    gone = old.join(same, on="id", how="anti")
    came = new.join(same, on="id", how="anti")
    there = came.unique("place", keep="first", maintain_order=True).rename(
        {"id": "id_new", "split": "split_new", "row": "row_new"}
    )
    in_place = gone.unique("place", keep="first", maintain_order=True).join(there, on="place")
    matched = pl.concat([same, in_place.with_columns(place_new="place")], how="diagonal")
    matched = matched.select(
        "id",
        "id_new",
        edited=(pl.col("row") != pl.col("row_new")) | (pl.col("id") != pl.col("id_new")),
        resplit=pl.col("split") != pl.col("split_new"),
        moved=pl.col("place") != pl.col("place_new"),
    )
    lost = gone.join(matched, on="id", how="anti").select("id")
    fresh = came.join(matched, left_on="id", right_on="id_new", how="anti").select(id_new="id")
    return pl.concat([matched, lost, fresh], how="diagonal")


def counted(changes: pl.DataFrame) -> Counts:
    """Return how many records of each kind there are, as `changes` tells them."""
    import polars as pl

    counts = changes.select(
        added=pl.col("id").is_null(),
        gone=pl.col("id_new").is_null(),
        edited=pl.col("edited"),
        moved=pl.col("moved") & ~pl.col("edited"),
        resplit=pl.col("resplit"),
    ).sum()
    return Counts(**{name: int(n or 0) for name, n in counts.row(0, named=True).items()})


def change(counts: Counts, *, columns_added: bool = False) -> Change:
    """Say how much a release differs from the one before.

    Nothing: the same rows. Patch: rows that only moved in the raw files. Minor: records or columns
    were added. Major: a record was edited, is gone or changed its split.
    """
    if counts.edited or counts.gone or counts.resplit:
        return "major"
    if counts.added or columns_added:
        return "minor"
    return "patch" if counts.moved else "nothing"


def step(old: str, new: str) -> Change:
    """Return what a version promises against a lower one.

    >>> step("1.0.0", "1.1.0-rc.1")
    'minor'
    """
    before, after = _parts(old), _parts(new)
    if before[0] != after[0]:
        return "major"
    if before[1] != after[1]:
        return "minor"
    return "patch"


def fits(before: str, version: str, what: Change) -> bool:
    """Say whether a version promises as much change as there is since another one.

    >>> fits("1.0.0", "1.0.1", "minor"), fits("1.0.0", "1.0.0", "nothing")
    (False, True)
    """
    return CHANGES.index(what) <= CHANGES.index(step(before, version))


def refuse_low_version(before: str, version: str, what: Change) -> None:
    """Refuse a version that promises less change than there is.

    Args:
        before: the version of the release before.
        version: the version that was given.
        what: how much changed.

    Raises:
        RefusedError: `version` is too close to the release before it.
    """
    if fits(before, version, what):
        return
    wanted = least(before, what)
    why = {
        "major": "records were edited, are gone or changed their split",
        "minor": "records or columns were added",
        "patch": "records moved in raw/",
        "nothing": "",
    }[what]
    raise RefusedError(
        Fault(
            "schema/dataset.toml",
            f'version = "{version}" after {before}, though {why}',
            f"{wanted} or higher",
            f'set version = "{wanted}", then run "imprint build" again',
        )
    )


def least(version: str, what: Change) -> str:
    """Return the lowest version that promises so much change against another one.

    >>> least("1.2.3", "minor"), least("1.0.0-rc.1", "nothing")
    ('1.3.0', '1.0.0-rc.1')
    """
    major, minor, patch, _ = _parts(version)
    return {
        "nothing": version,
        "patch": f"{major}.{minor}.{patch + 1}",
        "minor": f"{major}.{minor + 1}.0",
        "major": f"{major + 1}.0.0",
    }[what]


def _parts(version: str) -> tuple[int, int, int, int | None]:
    """Return the numbers of a version that the settings have accepted."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(?:-rc\.(\d+))?", version)
    if found is None:
        raise ValueError(version)
    major, minor, patch, candidate = found.groups()
    return int(major), int(minor), int(patch), None if candidate is None else int(candidate)


def _toml(release: Release) -> str:
    """Return a release as a table of schema/releases.toml."""
    quoted = {
        name: "[" + ", ".join(f'"{each}"' for each in getattr(release, name)) + "]"
        for name in ("columns", "where")
    }
    return (
        f'[[release]]\nversion = "{release.version}"\ndigest = "{release.digest}"\n'
        f'draw = "{release.draw}"\ncolumns = {quoted["columns"]}\nwhere = {quoted["where"]}\n\n'
    )
