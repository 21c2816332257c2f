"""What drawing splits promises."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.rooms import split

SHARES = {"train": Fraction(8, 10), "validation": Fraction(1, 10), "test": Fraction(1, 10)}


def facts(
    groups: list[str], released: dict[str, str] | None = None, documents: list[str] | None = None
) -> pl.DataFrame:
    """Return the facts that a draw reads, a record a group unless documents are given."""
    fixed = [(released or {}).get(group) for group in documents or groups]
    columns = {"group": groups, "document": documents or groups, "released_split": fixed}
    return pl.DataFrame(columns, dict.fromkeys(columns, pl.String))


def assigned(table: pl.DataFrame, by: split.Draw, salt: str = "") -> pl.DataFrame:
    """Draw, with numbers in place of the names of the groups."""
    names = table["group"].unique().sort()
    numbers = dict(zip(names, range(len(names)), strict=True))
    table = table.with_columns(pl.col("group").replace_strict(numbers, return_dtype=pl.UInt32))
    return split.assign(table, names, SHARES, salt, by)


def drawn(table: pl.DataFrame, by: split.Draw, salt: str = "") -> dict[str, str | None]:
    """Return the split of each document."""
    result = assigned(table, by, salt)
    return dict(result.select("document", "split").iter_rows())


def test_quota_meets_the_shares_exactly() -> None:
    """Among few documents each split gets its share to the document."""
    counts = Counter(drawn(facts([f"d{i}" for i in range(50)]), "quota").values())
    assert counts == {"train": 40, "validation": 5, "test": 5}


def test_one_document_goes_to_train() -> None:
    """A single document is where the largest share is, and the first split comes first."""
    assert drawn(facts(["only"]), "quota") == {"only": "train"}


def test_hash_depends_on_nothing_but_the_key() -> None:
    """Above the quota, a document keeps its split whatever other documents there are."""
    few = drawn(facts([f"d{i}" for i in range(100)]), "hash")
    many = drawn(facts([f"d{i}" for i in range(3000)]), "hash")
    assert {key: many[key] for key in few} == few
    share = Counter(many.values())["train"] / len(many)
    assert 0.77 < share < 0.83


@pytest.mark.parametrize("by", ["quota", "hash"])
def test_salt_changes_the_draw(by: split.Draw) -> None:
    """Another salt gives another draw."""
    table = facts([f"d{i}" for i in range(100)])
    assert drawn(table, by, "one") != drawn(table, by, "two")


def test_mode_turns_at_two_thousand() -> None:
    """Below 2,000 documents by quota, from there on by hash."""
    assert (split.mode(1_999), split.mode(2_000)) == ("quota", "hash")


KEYS = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=40, unique=True)


@settings(deadline=None, max_examples=150)
@given(KEYS, KEYS, st.sampled_from(["quota", "hash"]), st.randoms())
def test_released_records_never_move(
    old: list[str], new: list[str], by: split.Draw, random: object
) -> None:
    """Whatever comes or goes, a record that was released keeps its split."""
    first = drawn(facts(old), by)
    assert None not in first.values()
    both = sorted({*old, *new}, key=lambda key: hash((key, random)))
    second = drawn(facts(both, {k: v for k, v in first.items() if v}), by)
    assert {key: second[key] for key in old} == first
    assert None not in second.values()


def test_shares_are_met_by_new_records() -> None:
    """What was released into one split is made up for by what is new."""
    released = {f"old{i}": "train" for i in range(10)}
    after = drawn(facts([*released, *(f"new{i}" for i in range(10))], released), "quota")
    assert Counter(after.values()) == {"train": 16, "validation": 2, "test": 2}


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=40), st.sampled_from(["quota", "hash"])
)
def test_groups_are_never_divided(groups: list[str], by: split.Draw) -> None:
    """All records of a group are in one split."""
    documents = [f"d{i}" for i in range(len(groups))]
    result = assigned(facts(groups, documents=documents), by)
    assert result.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1


def test_group_of_two_splits_holds_new_records_back() -> None:
    """A new record that would tie two splits together is placed in neither."""
    released = {"one": "train", "two": "test"}
    table = facts(["g", "g", "g"], released, ["one", "two", "three"])
    assert drawn(table, "quota") == {"one": "train", "two": "test", "three": None}


@given(st.integers(0, 10_000), st.lists(st.integers(1, 99), min_size=1, max_size=6))
def test_whole_parts_add_up(total: int, weights: list[int]) -> None:
    """The parts add up to the whole, and each is its share rounded up or down."""
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    parts = split.whole_parts(total, shares)
    assert sum(parts) == total
    assert all(abs(part - total * share) < 1 for part, share in zip(parts, shares, strict=True))
