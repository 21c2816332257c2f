"""Sift the records: take out what must not be published and what others say already; bind the rest.

Everything is decided on texts: what holds for one record holds for all that have its text.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING

from imprint import found, near, removals
from imprint.pairs import together
from imprint.rooms import dedup
from imprint.rooms.dedup import alike

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

    from imprint.engine import Engine
    from imprint.parts import Part
    from imprint.project import Project


OF_TEXTS = (
    *("record", "id", "text_digest", "released", "raw_bytes", "file", "raw_index"),
    *("raw_file", "source", "words", "hashes"),
)
"""What is asked of the record that stands for a text; without sketches not all of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sifted:
    """What is left, and what became of the rest."""

    facts: pl.DataFrame
    """Of the records that are kept, with their groups."""
    ledger: list[pl.DataFrame]
    """The ledger's lines on those that are not."""
    cut: tuple[str, ...]
    """What is to be said of groups that were cut."""
    fingerprints: Mapping[int, Sequence[str]]
    """Of texts that were taken out, by the number of the removal that does not have them yet."""


def sift(
    facts: pl.DataFrame, parts: Sequence[Part], folder: Path, project: Project, processes: Engine
) -> Sifted:
    """Take out removed records, what is like them, and duplicates; bind what is similar.

    Args:
        facts: a row for each accepted record, as settle has them.
        parts: what prepare left.
        folder: where they are.
        project: what it declares on removals, duplicates and splits.
        processes: what runs the search for near-duplicates.

    Raises:
        RawError: a source would lose too much, or a group is too large.
    """
    import polars as pl

    settings = project.settings
    least, similar, share = (
        Fraction(repr(each))
        for each in (settings.dedup.near, settings.splits.similar, settings.dedup.max_group)
    )
    top = max(least, similar)
    removed = least or removals.NEAR
    if settings.dedup.near_action == "group":
        least, similar = Fraction(0), min(least or similar, similar or least)
    facts = removals.named(facts, project.removals, declared=bool(settings.read.id))
    wanted = [each for each in (least, similar, removed * bool(project.removals)) if each]
    search = _Search(parts, folder, min(wanted, default=Fraction(0)), processes)
    search.find(facts)
    gone = facts.filter(pl.col("removal").is_not_null())
    prints = removals.fingerprints(gone, parts, folder, project.removals) if len(gone) else {}
    facts, ledger = _taken_out(facts, search, project, removed)
    texts = gone["text_digest"]
    known = removals.recognised(facts, texts, parts, folder, project.removals, removed)
    facts, held = _held_back(facts, known, project)
    facts, exact = _exact(facts, settings.dedup.exact)
    facts, nearly = _nearly(facts, search, least)
    ledger += [held, exact, nearly]
    cut: tuple[str, ...] = ()
    if similar:
        pairs = search.among(facts)
        facts, cut = alike.bind(facts, pairs, (similar, top), share)
    return Sifted(facts, ledger, cut, prints)


class _Search:
    """The search for texts that are alike, and what it has found so far."""

    def __init__(
        self, parts: Sequence[Part], folder: Path, least: Fraction, processes: Engine
    ) -> None:
        self.given = parts, folder
        self.least = least
        self.processes = processes
        self.pairs = near.none()

    def find(self, facts: pl.DataFrame) -> None:
        """Look for pairs of texts that are alike, if any similarity matters."""
        if self.least:
            texts = _texts(facts)
            self.pairs = found.find(*self.given, texts, self.least, self.processes)

    def among(self, facts: pl.DataFrame) -> pl.DataFrame:
        """Return the pairs whose texts are both among these records.

        Pairs are of the one record of each text that would be kept; it goes with the others.
        """
        import polars as pl

        left = facts["record"].implode()
        return self.pairs.filter(pl.col("left").is_in(left) & pl.col("right").is_in(left))

    def through(self, stars: pl.DataFrame, facts: pl.DataFrame) -> bool:
        """Hold what is like a record that is left out to what stands for it; say if there was any.

        Args:
            stars: `record` and `star` of what is left out.
            facts: the records that take part.
        """
        import polars as pl

        new = alike.through(stars, self.among(facts))
        if new.is_empty():
            return False
        pairs = together(new["left"].to_numpy(), new["right"].to_numpy())
        counted = near.count(*self.given, pairs, self.least, self.processes)
        told = new.join(counted, on=["left", "right"], how="left").with_columns(
            # What is not alike is kept too, so that it is not asked again: it shares nothing.
            pl.col("shared").fill_null(0),
            pl.col("left_has", "right_has").fill_null(1),
        )
        self.pairs = pl.concat([self.pairs, told.select(self.pairs.columns)])
        return True


def _texts(facts: pl.DataFrame) -> pl.DataFrame:
    """Return what is asked of the record that stands for each text."""
    return dedup.firsts(facts.select(name for name in OF_TEXTS if name in facts.columns))


def _taken_out(
    facts: pl.DataFrame, search: _Search, project: Project, least: Fraction
) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Take out the records that removals name, and those that are nearly the same."""
    import polars as pl

    gone = facts.filter(pl.col("removal").is_not_null())
    if gone.is_empty():
        return facts.drop("removal"), []
    number = gone.select("record", "removal")
    while True:
        close = search.pairs.filter(alike.jaccard(least)).with_columns(alike.similarity())
        like = pl.concat(
            close.join(number, left_on=one, right_on="record").select(
                "removal", "similarity", record=other, star=one
            )
            for one, other in (("left", "right"), ("right", "left"))
        ).sort("record", "removal", -pl.col("similarity"), "star")
        like = like.join(number, on="record", how="anti")
        like = like.unique("record", keep="first", maintain_order=True)
        if not search.through(like, facts):
            break
    facts = facts.filter(pl.col("removal").is_null()).drop("removal")
    texts = facts.select("record", "text_digest").join(like.drop("star"), on="record")
    facts = dedup.beside(facts, texts.drop("record"), "text_digest")
    close_by = facts.filter(pl.col("removal").is_not_null())
    named = lines(gone, "removed", _reason(project, "named by {}"))
    nearly = _reason(project, "nearly the text that is named by {}")
    told = lines(close_by, "removed", nearly, "similarity")
    told = told.with_columns(rule=pl.lit(alike.NEAR))
    facts = facts.filter(pl.col("removal").is_null()).drop("removal", "similarity")
    return facts, [named, told]


def _nearly(
    facts: pl.DataFrame, search: _Search, least: Fraction
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out the records that nearly repeat another one."""
    import polars as pl

    texts = _texts(facts)
    while True:
        pairs = search.among(facts)
        told = alike.drop(texts, pairs.filter(alike.jaccard(least)) if least else pairs.clear())
        stars = told.filter(pl.col("star").is_not_null()).select("record", "star")
        if not search.through(stars, facts):
            break
    alike.refuse_lost_sources(told)
    copies = told.select("text_digest", "duplicate_of", "similarity")
    facts = dedup.beside(facts, copies, "text_digest")
    line = _duplicates(facts, alike.NEAR, "its published text is nearly that of another record")
    kept = facts.filter(pl.col("duplicate_of").is_null()).drop("duplicate_of", "similarity")
    return kept, line


def _held_back(
    facts: pl.DataFrame, known: pl.DataFrame, project: Project
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Hold back the records whose texts are like one that was taken out earlier."""
    import polars as pl

    if known.is_empty():
        return facts, facts.clear().select("file", "id")
    facts = dedup.beside(facts, known, "text_digest")
    held = facts.filter(pl.col("removal").is_not_null())
    told = (
        "like a text that was taken out by {}; a person has to decide: name it there, or allow it"
    )
    line = lines(held, "held-back", _reason(project, told))
    return facts.filter(pl.col("removal").is_null()).drop("removal"), line


def _exact(facts: pl.DataFrame, leave_out: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out the records that repeat the text of another one, or bind them to it."""
    import polars as pl

    if not leave_out:
        return dedup.tie(facts, "text_digest"), facts.clear().select("file", "id")
    facts = dedup.exact(facts).with_columns(similarity=1.0)
    line = _duplicates(facts, dedup.EXACT, "its published text is that of another record")
    kept = facts.filter(pl.col("duplicate_of").is_null()).drop("duplicate_of", "similarity")
    return kept, line


def _reason(project: Project, told: str) -> pl.Expr:
    """Return what the ledger says of each record by its `removal`."""
    import polars as pl

    details = [
        told.format(f"removal {number + 1} of schema/removals.toml ({each.why})")
        for number, each in enumerate(project.removals)
    ]
    return pl.col("removal").replace_strict(range(len(details)), details, return_dtype=pl.String)


def lines(facts: pl.DataFrame, reason: str, detail: str | pl.Expr, *more: str) -> pl.DataFrame:
    """Return the ledger's lines on records that are not published.

    Args:
        facts: a row for each of them.
        reason: the code.
        detail: in words, of all or of each.
        more: columns that the ledger has of them, too.
    """
    import polars as pl

    words = pl.lit(detail) if isinstance(detail, str) else detail
    columns = ("file", "id", "raw_file", "raw_index", *more)
    return facts.select(*columns, reason=pl.lit(reason), detail=words)


def _duplicates(facts: pl.DataFrame, rule: str, detail: str) -> pl.DataFrame:
    """Return the ledger's lines on the duplicates that a rule found."""
    import polars as pl

    repeated = facts.filter(pl.col("duplicate_of").is_not_null())
    found = lines(repeated, "duplicate", detail, "duplicate_of", "similarity")
    return found.with_columns(rule=pl.lit(rule))
