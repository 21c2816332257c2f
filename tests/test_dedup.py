"""What finding exact duplicates promises."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imprint.errors import RawError
from imprint.rooms import dedup


def facts(*rows: dict[str, Any]) -> pl.DataFrame:
    """Return the facts of records, each given by what matters of it."""
    default = {"released": False, "raw_bytes": 10, "raw_index": 0, "group": "g"}
    numbered = [
        default | {"record": n, "id": f"id{n}", "file": n, "raw_file": f"{n}.txt"} | row
        for n, row in enumerate(rows)
    ]
    return pl.DataFrame(numbered)


def kept(table: pl.DataFrame) -> list[str]:
    """Return the ids of the records that are kept."""
    return dedup.exact(table).filter(pl.col("duplicate_of").is_null())["id"].to_list()


def test_equal_texts_leave_one() -> None:
    """Of equal texts one stays, and the other says which."""
    table = facts({"text_digest": "x"}, {"text_digest": "y"}, {"text_digest": "x"})
    assert dedup.exact(table)["duplicate_of"].to_list() == [None, None, "id0"]


def test_longest_raw_text_is_kept() -> None:
    """Among equals the one with the longest raw text is kept."""
    assert kept(facts({"text_digest": "x"}, {"text_digest": "x", "raw_bytes": 11})) == ["id1"]


def test_released_is_kept_before_the_longest() -> None:
    """One that was released is kept, however short."""
    table = facts({"text_digest": "x", "raw_bytes": 99}, {"text_digest": "x", "released": True})
    assert kept(table) == ["id1"]


def test_lowest_id_decides_last() -> None:
    """Where nothing else differs, the lowest id."""
    table = facts({"text_digest": "x", "id": "b"}, {"text_digest": "x", "id": "a"})
    assert kept(table) == ["a"]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 3), st.booleans()), min_size=1))
def test_order_does_not_matter(rows: list[tuple[str, int, bool]]) -> None:
    """The same records are kept whatever order they come in, one for each text."""
    table = facts(*({"text_digest": t, "raw_bytes": n, "released": r} for t, n, r in rows))
    once = sorted(kept(table))
    assert once == sorted(kept(table.reverse()))
    assert len(once) == len({text for text, _, _ in rows})


def test_copies_get_numbers_in_path_order() -> None:
    """Equal ids become -2, -3 and so on by path, whatever order the rows are in."""
    table = facts(*[{"text_digest": "x", "id": "a"}] * 3).reverse()
    numbered = dedup.number_copies(table, declared=False)
    assert numbered.sort("file")["id"].to_list() == ["a", "a-2", "a-3"]


def test_declared_id_on_two_texts_is_refused() -> None:
    """An id that the input declares must be unique; both places are named."""
    table = facts({"text_digest": "x", "id": "a"}, {"text_digest": "y", "id": "a"})
    with pytest.raises(RawError) as error:
        dedup.number_copies(table, declared=True)
    assert [fault.place for fault in error.value.faults] == [
        "raw/0.txt, record 0",
        "raw/1.txt, record 0",
    ]


def test_documents_that_share_a_text_are_one_group() -> None:
    """Ties go on: a with b, b with c, so all three are one group."""
    table = facts(
        {"group": "a", "text_digest": "1"},
        {"group": "b", "text_digest": "1"},
        {"group": "b", "text_digest": "2"},
        {"group": "c", "text_digest": "2"},
        {"group": "d", "text_digest": "3"},
    )
    assert dedup.tie(table, "text_digest")["group"].to_list() == ["a", "a", "a", "a", "d"]
