"""What the record of releases promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint import releases
from imprint.errors import ProjectError, RefusedError
from imprint.manifest import Counts

if TYPE_CHECKING:
    from pathlib import Path


def record(*rows: tuple[str, str, int, bytes]) -> pl.DataFrame:
    """Return a release record of rows (id, split, place, what it says)."""
    names = ("id", "split", "place", "row")
    columns: dict[str, Any] = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return pl.DataFrame(columns | {"key": [0] * len(rows)}).select(
        "id", "key", "split", "place", "row"
    )


OLD = record(("a", "train", 1, b"A"), ("b", "test", 2, b"B"))
RECORD = releases.record_bytes(OLD)


@pytest.mark.parametrize(
    ("new", "change"),
    [
        (OLD, "nothing"),
        (record(("a", "train", 9, b"A"), ("b", "test", 2, b"B")), "patch"),
        (
            record(*OLD.select("id", "split", "place", "row").rows(), ("c", "train", 3, b"C")),
            "minor",
        ),
        (record(("a", "train", 1, b"A!"), ("b", "test", 2, b"B")), "major"),
        (record(("a", "train", 1, b"A")), "major"),
        (record(("a", "test", 1, b"A"), ("b", "test", 2, b"B")), "major"),
    ],
    ids=["same", "moved", "added", "edited", "gone", "other split"],
)
def test_change(new: pl.DataFrame, change: releases.Change) -> None:
    """Same rows ask for nothing, moved ones for PATCH, more for MINOR, anything else for MAJOR."""
    counts = releases.counted(releases.changes(OLD, new))
    assert releases.change(counts) == change


def test_changes_match_by_id_then_by_place() -> None:
    """A record with another id where one stood that is gone was edited."""
    new = record(("c", "train", 1, b"C"), ("b", "test", 1, b"B"), ("d", "test", 9, b"D"))
    found = releases.counted(releases.changes(OLD, new))
    assert found == Counts(added=1, gone=0, edited=1, moved=1, resplit=0)


@given(st.data())
def test_changes_lose_no_record(data: st.DataObject) -> None:
    """Every record of either release is told of once, whatever ids and places there are."""
    some = st.tuples(
        st.sampled_from("abcdef"), st.sampled_from(["train", "test"]), st.integers(0, 5)
    )
    sides = [
        record(
            *(
                (*each, b"x")
                for each in data.draw(st.lists(some, unique_by=lambda r: r[0], min_size=1))
            )
        )
        for _ in range(2)
    ]
    found = releases.changes(*sides)
    for side, name in zip(sides, ("id", "id_new"), strict=True):
        assert sorted(found[name].drop_nulls()) == sorted(side["id"])
    same = found.filter(pl.col("id") == pl.col("id_new"))["id"]
    assert set(same) == set(sides[0]["id"]) & set(sides[1]["id"])


def release(version: str, digest: str = "d", where: str = "wheel") -> releases.Release:
    """Return a release."""
    return releases.Release(version, digest, "quota", ("id", "text"), (where,))


def test_recorded_is_what_was_added(tmp_path: Path) -> None:
    """What is put on record is read back, lowest version first, with its rows."""
    for version in ("1.1.0", "1.0.0", "1.1.0-rc.1"):
        releases.add(tmp_path, release(version), RECORD)
    found = releases.recorded(tmp_path)
    assert [each.version for each in found] == ["1.0.0", "1.1.0-rc.1", "1.1.0"]
    assert releases.read_record(tmp_path, found[0]).equals(OLD)


def test_second_place_is_added(tmp_path: Path) -> None:
    """A release that goes to a second place keeps the first."""
    for where in ("wheel", "org/x@1", "wheel"):
        releases.add(tmp_path, release("1.0.0", where=where), RECORD)
    assert releases.recorded(tmp_path)[0].where == ("wheel", "org/x@1")


def test_version_with_other_rows_is_refused(tmp_path: Path) -> None:
    """A version that is on record cannot be released with other rows."""
    releases.add(tmp_path, release("1.0.0"), RECORD)
    with pytest.raises(RefusedError, match="released with other rows"):
        releases.add(tmp_path, release("1.0.0", "other"), RECORD)


@pytest.mark.parametrize(
    ("version", "what", "wanted"),
    [("1.0.1", "major", "2.0.0"), ("1.1.0", "major", "2.0.0"), ("1.0.1", "minor", "1.1.0")],
)
def test_low_version_is_refused(version: str, what: releases.Change, wanted: str) -> None:
    """A version that promises too little is refused, and the one that fits is named."""
    with pytest.raises(RefusedError, match=f"wanted {wanted} or higher"):
        releases.refuse_low_version("1.0.0", version, what)


@pytest.mark.parametrize(
    ("version", "what"), [("2.0.0", "major"), ("1.1.0", "minor"), ("1.0.1", "patch")]
)
def test_fitting_version_passes(version: str, what: releases.Change) -> None:
    """A version that promises what there is passes."""
    releases.refuse_low_version("1.0.0", version, what)


def test_highest_not_above() -> None:
    """A build of 1.0.0 looks at 1.0.0, not at what was released later."""
    known = [release(v) for v in ("0.9.0", "1.0.0", "1.1.0-rc.1", "1.1.0")]
    assert releases.highest(known, "1.0.5") == release("1.0.0")
    assert releases.highest(known, "1.1.0-rc.2") == release("1.1.0-rc.1")
    assert releases.highest(known, "1.1.0", final_below=True) == release("1.0.0")
    assert releases.highest(known, "0.1.0") is None


VERSIONS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))


@given(VERSIONS, VERSIONS)
def test_order_is_that_of_semantic_versions(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """A candidate comes before its release, candidates by number; 0 stands for the release here."""

    def text(v: tuple[int, ...]) -> str:
        return f"{v[0]}.{v[1]}.{v[2]}" + (f"-rc.{v[3]}" if v[3] else "")

    def key(v: tuple[int, ...]) -> tuple[int, ...]:
        return (*v[:3], v[3] or 99)

    assert (releases.order(text(one)) < releases.order(text(other))) == (key(one) < key(other))


@pytest.mark.parametrize(
    "content", ["[[release]]\nversion = 1", "[[release", '[[release]]\nversion = "x"']
)
def test_damaged_table_is_one_line(tmp_path: Path, content: str) -> None:
    """A table that was changed by hand is said, with how to get it back."""
    (tmp_path / "releases.toml").write_text(content)
    with pytest.raises(ProjectError, match="restore it from version control"):
        releases.recorded(tmp_path)


def test_missing_record_is_one_line(tmp_path: Path) -> None:
    """A release whose rows are gone is said by file."""
    with pytest.raises(ProjectError, match=r"schema/releases/1\.0\.0\.parquet"):
        releases.read_record(tmp_path, release("1.0.0"))
