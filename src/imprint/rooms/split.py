"""Draw the split of each group, and never move a record that was released.

A draw is by a hash of the group's key and the salt, so it depends on nothing else: not on the other
records where there are many, on their ranks alone where there are few.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from imprint.digests import hash64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from fractions import Fraction

    import polars as pl

    Draw = Literal["quota", "hash"]

FEW = 2_000
"""Documents below which the shares are met exactly, by quota. Chosen: with 2,000 independent draws
a tenth comes out between 0.087 and 0.113 (two standard deviations); with fewer it scatters more."""


def mode(documents: int) -> Draw:
    """Return how a dataset of that many documents is drawn, where no release fixed it."""
    return "quota" if documents < FEW else "hash"


def assign(
    facts: pl.DataFrame, names: pl.Series, shares: Mapping[str, Fraction], salt: str, by: Draw
) -> pl.DataFrame:
    """Give each record a split.

    A group that holds released records takes their split, whatever the draw would say. One whose
    released records stand in different splits is not torn: those stay, and its new records are held
    back, since on either side they would tie the two together.

    Args:
        facts: n rows with `group`, `document` and `released_split` (null: never released).
        names: of the groups, in ascending order: `group` is a number of one.
        shares: of each declared split, in the order of their declaration; they add up to 1.
        salt: changes the draw.
        by: "quota" or "hash".

    Returns:
        The n rows in the same order with `split`; null where the record is held back.
    """
    import polars as pl

    groups = (
        facts.group_by("group")
        .agg(
            pl.col("released_split").drop_nulls().unique().sort().alias("released"),
            pl.col("document").n_unique().alias("documents"),
        )
        .sort("group")
    )
    fixed = groups.with_columns(
        pl.when(pl.col("released").list.len() == 1)
        .then(pl.col("released").list.first())
        .alias("split")
    )
    drawn = fixed.filter(pl.col("released").list.len() == 0)
    drawn = _in_order(drawn, f"split\0{salt}\0" + names.gather(drawn["group"]))
    if by == "hash":
        splits = _by_hash(drawn["hash"], shares)
    else:
        splits = _by_quota(drawn["documents"].to_list(), _quotas(fixed, shares))
    drawn = drawn.with_columns(pl.Series("drawn", splits, pl.String)).select("group", "drawn")
    decided = fixed.join(drawn, on="group", how="left")
    decided = decided.select("group", pl.coalesce("split", "drawn").alias("split"))
    told = facts.select("group").join(decided, on="group", how="left", maintain_order="left")
    return facts.with_columns(split=pl.coalesce("released_split", told["split"]))


def whole_parts(total: int, shares: Sequence[Fraction]) -> list[int]:
    """Cut a whole number into parts by the largest remainder, the earlier first among equals.

    >>> from fractions import Fraction
    >>> whole_parts(24, [Fraction(8, 10), Fraction(1, 10), Fraction(1, 10)])
    [19, 3, 2]
    """
    exact = [total * share for share in shares]
    parts = [int(each) for each in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts


def _in_order(groups: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """Return groups by the hashes of their keys: the order in which they are drawn."""
    import polars as pl

    hashes = hash64(keys.to_arrow().cast("string"))
    return groups.with_columns(pl.Series("hash", hashes)).sort("hash", "group")


def _by_hash(hashes: pl.Series, shares: Mapping[str, Fraction]) -> list[str]:
    """Return the split in whose part of the 64-bit range each hash, in ascending order, lies."""
    ends, so_far = [], 0 * next(iter(shares.values()))
    for share in shares.values():
        so_far += share
        border = math.ceil(so_far * 2**64)
        ends.append(len(hashes) if border >= 2**64 else int(hashes.search_sorted(border)))
    starts = [0, *ends[:-1]]
    names = zip(shares, starts, ends, strict=True)
    return [name for name, start, end in names for _ in range(end - start)]


def _quotas(groups: pl.DataFrame, shares: Mapping[str, Fraction]) -> dict[str, int]:
    """Return how many documents each split still takes, given what was released into it."""
    from fractions import Fraction

    import polars as pl

    total = int(groups["documents"].sum())
    released = groups.filter(pl.col("split").is_not_null())
    there = dict(released.group_by("split").agg(pl.col("documents").sum()).iter_rows())
    new = int(groups.filter(pl.col("released").list.len() == 0)["documents"].sum())
    goals = whole_parts(total, list(shares.values()))
    missing = [max(0, goal - there.get(name, 0)) for name, goal in zip(shares, goals, strict=True)]
    if sum(missing) > new:
        missing = whole_parts(new, [Fraction(each, sum(missing)) for each in missing])
    missing[0] += new - sum(missing)
    return dict(zip(shares, missing, strict=True))


def _by_quota(documents: Sequence[int], quotas: Mapping[str, int]) -> list[str]:
    """Fill the splits one after the other; a group goes where its first document falls."""
    ends, so_far = [], 0
    for name, quota in quotas.items():
        so_far += quota
        ends.append((so_far, name))
    splits, position = [], 0
    for size in documents:
        splits.append(next(name for end, name in ends if position < end))
        position += size
    return splits
