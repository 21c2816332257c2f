"""What becomes of records that are alike."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.errors import RawError
from imprint.rooms.dedup import alike

EDGES = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda e: e[0] < e[1]))


def facts(count: int, **columns: Any) -> pl.DataFrame:
    """Return the facts of so many records; those that come first are longest."""
    numbers = list(range(count))
    default = {
        "record": numbers,
        "id": [f"id{n:03}" for n in numbers],
        "released": [False] * count,
        "released_split": [None] * count,
        "raw_bytes": [1000 - n for n in numbers],
        "file": numbers,
        "raw_file": [f"{n}.txt" for n in numbers],
        "raw_index": [0] * count,
        "group": [f"g{n:03}" for n in numbers],
        "source": [None] * count,
    }
    kinds = {"released_split": pl.String, "source": pl.String}
    return pl.DataFrame(default | columns, schema_overrides=kinds)


def pairs(
    *edges: tuple[int, int], shared: int = 90, has: tuple[int, int] = (100, 100)
) -> pl.DataFrame:
    """Return verified pairs; by default with a similarity of 90/110."""
    kinds = dict.fromkeys(("left", "right", "shared", "left_has", "right_has"), pl.Int64)
    return pl.DataFrame([(*edge, shared, *has) for edge in edges], kinds, orient="row")


def test_similarity_is_compared_in_whole_numbers() -> None:
    """A similarity of exactly the least is enough; a hair under it is not."""
    told = pl.concat(
        [pairs((0, 1), shared=80, has=(80, 100)), pairs((0, 2), shared=79, has=(80, 99))]
    )
    assert told.select(alike.jaccard(Fraction(8, 10))).to_series().to_list() == [True, False]
    assert told.select(alike.contained(Fraction(1))).to_series().to_list() == [True, False]


def test_nothing_chains() -> None:
    """Of three, the second like both others: it is left out, and the third stays."""
    table = alike.drop(facts(3), pairs((0, 1), (1, 2)))
    assert table["duplicate_of"].to_list() == [None, "id000", None]
    assert table["similarity"].to_list() == [None, 0.818, None]


def test_released_record_stays() -> None:
    """One that was released is kept before a longer one, the lower id last of all."""
    table = facts(3, released=[False, True, False], raw_bytes=[9, 5, 9])
    dropped = alike.drop(table, pairs((0, 1), (0, 2)))
    assert dropped["duplicate_of"].to_list() == ["id001", None, None]


@given(EDGES, st.permutations(range(13)))
def test_star_is_what_one_after_the_other_gives(
    edges: set[tuple[int, int]], order: list[int]
) -> None:
    """In rounds comes out what taking the records one by one in their order gives."""
    table = facts(13, raw_bytes=[order[n] for n in range(13)])
    found = alike.drop(table, pairs(*sorted(edges)))
    kept: list[int] = []
    stands: dict[int, str | None] = {}
    for n in sorted(range(13), key=lambda n: -order[n]):
        like = [m for m in kept if (min(m, n), max(m, n)) in edges]
        stands[n] = f"id{like[0]:03}" if like else None
        kept += [] if like else [n]
    assert found["duplicate_of"].to_list() == [stands[n] for n in range(13)]


@given(EDGES)
def test_components_are_connected(edges: set[tuple[int, int]]) -> None:
    """Each record of a pair gets the lowest record that it is connected with."""
    lowest = {n: n for edge in edges for n in edge}
    for _ in lowest:
        for one, other in edges:
            lowest[one] = lowest[other] = min(lowest[one], lowest[other])
    found = alike.connected(pairs(*sorted(edges)))
    assert dict(found.select("record", "component").iter_rows()) == lowest


def test_similar_records_are_bound() -> None:
    """Records half alike, or quoted in one another, are one group; the rest stay by themselves."""
    told = pl.concat(
        [
            pairs((0, 1), shared=60, has=(90, 90)),
            pairs((1, 2), shared=24, has=(900, 26)),
            pairs((3, 4), shared=40, has=(90, 90)),
        ]
    )
    bound, cut = alike.bind(facts(5), told, (Fraction(1, 2), Fraction(8, 10)), Fraction(1, 100))
    assert bound["group"].to_list() == ["g000", "g000", "g000", "g003", "g004"]
    assert cut == ()


def test_groups_of_a_document_are_bound_whole() -> None:
    """Two documents of several records are bound by one pair of records."""
    table = facts(4, group=["a", "a", "b", "b"])
    bound, _ = alike.bind(table, pairs((1, 3)), (Fraction(1, 2), Fraction(1)), Fraction(1))
    assert bound["group"].to_list() == ["a"] * 4


def test_released_records_of_two_splits_do_not_bind() -> None:
    """A new record is held to the one that it is like, not to what that was like before."""
    table = facts(3, released_split=["train", "test", None])
    told = pairs((0, 1), (0, 2))
    bound, _ = alike.bind(table, told, (Fraction(1, 2), Fraction(1)), Fraction(1))
    assert bound["group"].to_list() == ["g000", "g001", "g000"]


def test_large_group_is_cut_where_it_is_weakest() -> None:
    """A chain of weak links between two strong groups is cut, and that is said."""
    strong = [(n, n + 1) for n in range(79)] + [(n, n + 1) for n in range(80, 159)]
    told = pl.concat([pairs(*strong), pairs((79, 80), shared=70)])
    bound, cut = alike.bind(facts(160), told, (Fraction(1, 2), Fraction(8, 10)), Fraction(1, 100))
    assert bound["group"].n_unique() == 2
    assert cut[-1] == "groups of over 100 records: 1 cut at similarity 0.55"


def test_group_that_cannot_be_cut_stops_the_build() -> None:
    """A group that is too large at the highest similarity is refused, with where it is."""
    told = pairs(*[(n, n + 1) for n in range(149)])
    with pytest.raises(RawError) as error:
        alike.bind(facts(150), told, (Fraction(1, 2), Fraction(8, 10)), Fraction(1, 100))
    (fault,) = error.value.faults
    assert fault.place == "a group of 150 records"
    assert "0.txt, record 0; 1.txt, record 0; 2.txt, record 0" in fault.seen


def test_source_that_would_be_lost_stops_the_build() -> None:
    """A publisher most of whose records are near-duplicates is told, with examples."""
    table = facts(220, source=["Antara"] * 210 + ["TASS"] * 10)
    dropped = alike.drop(table, pairs(*[(0, n) for n in range(1, 120)]))
    with pytest.raises(RawError) as error:
        alike.refuse_lost_sources(dropped)
    (fault,) = error.value.faults
    assert fault.place == "source Antara"
    assert fault.seen.startswith(
        "119 of 210 records are near-duplicates, such as 1.txt of id000 (0.818)"
    )
    alike.refuse_lost_sources(alike.drop(table, pairs(*[(0, n) for n in range(1, 100)])))
