"""Decide what becomes of records that are alike: which is left out, and which stay together.

Works on verified pairs and on the facts of all records at once, so nothing depends on which file or
worker a record came through.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from imprint.errors import Fault, RawError
from imprint.rooms.dedup import beside, preference, tie

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Numbers = npt.NDArray[np.int64]

NEAR = "near"
"""The rule by which a duplicate was found, as the ledger names it: shared shingles."""

CONTAINED = Fraction(8, 10)
"""Share of a text's shingles in another one from which it counts as quoted there. Chosen: a report
that was quoted whole, with a sentence or two exchanged."""

LOST, LOST_LEAST = Fraction(1, 2), 100
"""A source that would lose more than this share as near-duplicates, and at least so many records,
stops the build: more likely a template that all of its texts share. Chosen."""

SMALL_GROUP = 100
"""Records of a group that is never too large, however few there are in all. Chosen."""

STEP = 50
"""Thousandths by which the similarity is raised at a time to cut a group. Chosen."""

SAMPLES = 3
"""Examples in an error."""


def jaccard(least: Fraction) -> pl.Expr:
    """Say of each pair whether the similarity is at least so much, in whole numbers."""
    import polars as pl

    return pl.col("shared") * least.denominator >= _union() * least.numerator


def contained(least: Fraction) -> pl.Expr:
    """Say of each pair whether so much of the shorter text is in the other, in whole numbers."""
    import polars as pl

    smaller = pl.min_horizontal("left_has", "right_has")
    return pl.col("shared") * least.denominator >= smaller * least.numerator


def similarity() -> pl.Expr:
    """Return the similarity of each pair, rounded to thousandths: `similarity`."""
    import polars as pl

    rounded = (pl.col("shared") * 2000 + _union()) // (_union() * 2) / 1000
    return rounded.round(3).alias("similarity")


def drop(facts: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Say of each record which other one it nearly repeats.

    By star, so that nothing chains: in the order of preference (the one that was released, else the
    longest raw text, else the lowest id) a record is kept unless it is alike to one that is kept
    already; so each one that is left out was itself found alike to the one that stands for it.

    Args:
        facts: n rows with `record`, `id`, `released`, `raw_bytes`, `file`, `raw_index`.
        pairs: of records that are near-duplicates, as `near.find` gives them.

    Returns:
        The n rows in the same order with `duplicate_of` and `star`, id and record of the kept one,
        null on it, and `similarity`, rounded to thousandths.
    """
    import numpy as np

    ranked = facts.sort(preference()).select("record", "id").with_row_index("rank")
    places = ranked["record"].to_numpy()
    rank = np.zeros(places.max(initial=0) + 1, np.int64)
    rank[places] = ranked["rank"].to_numpy()
    left, right = (rank[pairs[name].to_numpy()] for name in ("left", "right"))
    better, worse = np.minimum(left, right), np.maximum(left, right)
    stars = pairs.select(similarity(), better=better, worse=worse)
    stars = stars.filter(_stars(better, worse)).sort("worse", "better")
    stars = stars.unique("worse", keep="first", maintain_order=True)
    ids, records = ranked["id"], ranked["record"]
    told = stars.select(
        "similarity",
        record=records.gather(stars["worse"]),
        star=records.gather(stars["better"]),
        duplicate_of=ids.gather(stars["better"]),
    )
    return beside(facts, told, "record")


def through(stars: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the pairs of a record and the one that stands for a record that it is like.

    Of many records that are alike not all pairs are proposed: one can be like a record that is left
    out, and not have been held to the one that stands for that.

    Args:
        stars: `record` and `star`: records that are left out, and what stands for each.
        pairs: as `near.find` gives them.

    Returns:
        `left` and `right` of each pair that is not among `pairs`, in ascending order; neither is
        left out.
    """
    import polars as pl

    ends = pl.concat(
        pairs.select(record=one, other=other)
        for one, other in (("left", "right"), ("right", "left"))
    )
    met = ends.join(stars.select("record", "star"), on="record")
    met = met.join(stars, left_on="other", right_on="record", how="anti")
    met = met.filter(pl.col("other") != pl.col("star"))
    met = met.select(
        left=pl.min_horizontal("other", "star"), right=pl.max_horizontal("other", "star")
    )
    return met.unique().join(pairs, on=["left", "right"], how="anti").sort("left", "right")


def refuse_lost_sources(facts: pl.DataFrame) -> None:
    """Refuse to leave out most of what a publisher has.

    Args:
        facts: rows with `source`, `duplicate_of`, `raw_file`, `similarity`.

    Raises:
        RawError: for each source that would lose more than its half.
    """
    import polars as pl

    lost = facts.filter(pl.col("duplicate_of").is_not_null() & pl.col("source").is_not_null())
    counts = lost.group_by("source").agg(
        pl.len().alias("lost"), pl.col("raw_file", "duplicate_of", "similarity").head(SAMPLES)
    )
    whole = facts.group_by("source").agg(pl.len().alias("records"))
    counts = counts.join(whole, on="source").sort("source")
    counts = counts.filter(
        (pl.col("lost") >= LOST_LEAST)
        & (pl.col("lost") * LOST.denominator > pl.col("records") * LOST.numerator)
    )
    faults = [
        Fault(
            f"source {each['source']}",
            f"{each['lost']} of {each['records']} records are near-duplicates, such as "
            + "; ".join(
                f"{raw_file} of {other} ({score})"
                for raw_file, other, score in zip(
                    each["raw_file"], each["duplicate_of"], each["similarity"], strict=True
                )
            ),
            "no more than half",
            "see whether they only share a template: raise dedup.near in schema/dataset.toml, or "
            'keep them with dedup.near_action = "group"',
        )
        for each in counts.iter_rows(named=True)
    ]
    if faults:
        raise RawError(faults)


def bind(
    facts: pl.DataFrame, pairs: pl.DataFrame, similar: tuple[Fraction, Fraction], share: Fraction
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Bind records that are similar, or one quoted in the other, into one group.

    A group that is too large is cut where it is weakest: the similarity that counts is raised for
    its records, step by step. Released records of different splits do not bind each other: what
    stands there already is not torn, and what is new is held to the one that it is like.

    Args:
        facts: n rows with `record`, `group`, `released_split`, `raw_file`.
        pairs: as `near.find` gives them.
        similar: the similarity from which two records are bound, and that up to which it is raised.
        share: of all records that a group may have.

    Returns:
        The n rows in the same order, `group` replaced; and what is to be said of groups that were
        cut.

    Raises:
        RawError: a group is too large even so.
    """
    import polars as pl

    kept = facts.select("record", "released_split")
    low, top = similar
    pairs = pairs.filter(jaccard(low) | contained(CONTAINED)).select(
        "left", "right", strength=_strength()
    )
    for side in ("left", "right"):
        split = pl.col("released_split").alias(f"{side}_split")
        pairs = pairs.join(kept.select(pl.col("record").alias(side), split), on=side)
    pairs = pairs.filter(~pl.col("left_split").ne(pl.col("right_split")).fill_null(value=False))
    most = max(SMALL_GROUP, int(facts.height * share))
    component, cut = _components(pairs, most, (int(low * 1000), int(top * 1000)), facts)
    bound = facts.select("record", "group").join(component, on="record", how="semi")
    some = facts.select("record", "group").join(bound, on="group", how="semi")
    some = some.join(component, on="record", how="left")
    some = tie(
        some.with_columns(pl.coalesce("component", "record").alias("component")), "component"
    )
    tied = some.select("record", tied="group")
    facts = beside(facts, tied, "record")
    return facts.with_columns(group=pl.coalesce("tied", "group")).drop("tied"), cut


def _union() -> pl.Expr:
    """Return how many shingles the two of a pair have together."""
    import polars as pl

    return pl.col("left_has") + pl.col("right_has") - pl.col("shared")


def _strength() -> pl.Expr:
    """Return how strongly a pair is bound, in thousandths: by its similarity, or as a quotation."""
    import polars as pl

    smaller = pl.min_horizontal("left_has", "right_has")
    quoted = pl.when(contained(CONTAINED)).then(pl.col("shared") * 1000 // smaller).otherwise(0)
    return pl.max_horizontal(pl.col("shared") * 1000 // _union(), quoted)


def _stars(better: Numbers, worse: Numbers) -> npt.NDArray[np.bool_]:
    """Say of each pair of ranks whether the better one is kept and the worse one is left out.

    All whose betters are decided are decided at once, round by round: what comes out is what comes
    out one after the other in the order of the ranks.
    """
    import numpy as np

    nodes, places = np.unique(np.concatenate([better, worse]), return_inverse=True)
    better, worse = places[: len(better)], places[len(better) :]
    out = np.zeros(len(nodes), bool)
    one, other = better, worse
    while len(one):
        waits = np.zeros(len(nodes), bool)
        waits[other] = True
        out[other[~waits[one]]] = True
        undecided = ~(out[one] | out[other])
        one, other = one[undecided], other[undecided]
    return ~out[better] & out[worse]


def _components(
    pairs: pl.DataFrame, most: int, steps: tuple[int, int], facts: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Return the group of each record that is bound, none larger than `most`; and what was cut."""
    import polars as pl

    low, top = steps
    found, said = connected(pairs), list[str]()
    while True:
        sizes = found.group_by("component").agg(pl.len().alias("records"))
        large = found.join(sizes.filter(pl.col("records") > most), on="component")
        if large.is_empty():
            return found, tuple(said)
        if low >= top:
            _refuse_large(large, facts, most)
        low = min(low + STEP, top)
        records = large["record"].implode()
        pairs = pairs.filter(pl.col("left").is_in(records), pl.col("strength") >= low)
        count = large["component"].n_unique()
        said = [*said, f"groups of over {most} records: {count} cut at similarity {low / 1000}"]
        rest = found.filter(~pl.col("record").is_in(records))
        found = pl.concat([rest, connected(pairs)])


def connected(pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the connected component of each record that is in a pair: its lowest record."""
    import numpy as np
    import polars as pl

    left, right = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    nodes, places = np.unique(np.concatenate([left, right]), return_inverse=True)
    left, right = places[: len(left)], places[len(left) :]
    label = np.arange(len(nodes))
    while True:
        low = np.minimum(label[left], label[right])
        new = label.copy()
        for each in (left, right, label[left], label[right]):
            np.minimum.at(new, each, low)
        new = new[new]
        if (new == label).all():
            return pl.DataFrame({"record": nodes, "component": nodes[label]})
        label = new


def _refuse_large(large: pl.DataFrame, facts: pl.DataFrame, most: int) -> None:
    """Refuse groups that are too large."""
    named = large.join(facts.select("record", "raw_file", "raw_index"), on="record")
    raise RawError(
        Fault(
            f"a group of {group.height} records",
            "all similar, through each other: " + "; ".join(_places(group)),
            f"at most {most} in a group",
            "look at what they share, and take it out with a step; or raise splits.similar or "
            "dedup.max_group in schema/dataset.toml",
        )
        for _, group in named.sort("record").group_by("component", maintain_order=True)
    )


def _places(group: pl.DataFrame) -> Iterator[str]:
    """Yield where some records of a group are."""
    for raw_file, index in group.select("raw_file", "raw_index").head(SAMPLES).iter_rows():
        yield f"{raw_file}, record {index}"
