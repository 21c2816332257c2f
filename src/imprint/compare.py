"""Compare two releases: which records were added, are gone, were edited or moved, and why."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from imprint import releases
from imprint.history import past
from imprint.inputs import read_raw_digests
from imprint.manifest import Counts  # noqa: TC001 - a field of what is returned
from imprint.publish import by_count
from imprint.rooms.step import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl

    from imprint.history import Past
    from imprint.project import Project
    from imprint.releases import Change

EXAMPLES = 20
"""Records of a kind that are named; the others are counted."""

AROUND = 30
"""Characters of a text that are shown on either side of where it differs."""

UNTOLD = "not told: the ledger of the new release is not at hand"


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """One record that is not what it was."""

    what: str
    """"added", "gone", "edited", "moved" or "resplit"."""
    id: str
    """In the old release; of an added record in the new one."""
    place: str
    """Where it stood, or stands: RAW_FILE, record N."""
    why: str
    """Of one that is gone or edited; of one that moved, whereto."""
    before: str = ""
    """What stood there, where the text was edited, or the value of the column."""
    after: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Diff:
    """What differs between two releases."""

    old: str
    """Name and version."""
    new: str
    counts: Counts
    gone: dict[str, int]
    """Records that are gone, by the reason."""
    edited: dict[str, int]
    """Records that were edited, by what did it; one that several did counts for each."""
    columns_added: tuple[str, ...]
    columns_gone: tuple[str, ...]
    change: Change
    """How much that is: "nothing", "patch", "minor" or "major"."""
    wanted: str
    """The lowest version that such a change may have."""
    fits: bool
    """Whether the new release has that version, or a higher one."""
    examples: tuple[Example, ...]
    """At most `EXAMPLES` of each kind."""


def diff(old: Project | str | Path, new: Project | str | Path) -> Diff:
    """Compare two releases.

    Records are matched by id, then by place. Of one that is gone the ledger of the new release says
    why, where that was built here.

    Args:
        old: the earlier one: a project, a folder (a project's means its build/dataset), an
            installed dataset, the file of a data wheel, org/name@revision.
        new: the later one, likewise.

    Raises:
        UsageError: there is no such dataset.
        DatasetError: a file is missing, altered or was added.
        HubError: the Hub cannot be reached, or does not give the dataset out.
    """
    with past(old) as before, past(new) as after:
        return _compared(before, after)


def _compared(before: Past, after: Past) -> Diff:
    """Return what differs between two releases that are at hand."""
    import polars as pl

    columns, now = list(before.manifest.features), list(after.manifest.features)
    added = tuple(name for name in now if name not in columns)
    lost = tuple(name for name in columns if name not in now)
    matched = releases.changes(before.record(), after.record(columns if not lost else None))
    counts = releases.counted(matched)
    change = releases.change(counts, columns_added=bool(added))
    if lost:
        change = "major"
    gone = _gone(before, after, matched.filter(pl.col("id_new").is_null())["id"])
    edited = _edited(before, after, matched.filter(pl.col("edited")))
    version = before.manifest.version
    examples = [
        *_added(after, matched.filter(pl.col("id").is_null())["id_new"]),
        *(
            Example("gone", *each)
            for each in gone.head(EXAMPLES).select("id", "place", "why").iter_rows()
        ),
        *_shown(before, after, edited),
        *_elsewhere(before, after, matched.filter(pl.col("moved") & ~pl.col("edited")), "moved"),
        *_elsewhere(before, after, matched.filter(pl.col("resplit")), "resplit"),
    ]
    return Diff(
        str(before),
        str(after),
        counts,
        by_count(gone["why"]),
        by_count(edited["why"].explode().drop_nulls()),
        added,
        lost,
        change,
        releases.least(version, change),
        releases.fits(version, after.manifest.version, change),
        tuple(examples),
    )


def _rows(release: Past, ids: pl.Series, columns: Sequence[str | pl.Expr]) -> pl.DataFrame:
    """Return some columns of the records with these ids, and the split of each."""
    import polars as pl

    found = []
    for split, facts in release.manifest.splits.items():
        paths = [str(release.folder / path) for path in facts.files]
        scanned = pl.scan_parquet(paths, glob=False).filter(pl.col("id").is_in(ids.implode()))
        rows = scanned.select("id", *columns).collect(engine="streaming")
        found.append(rows.with_columns(split=pl.lit(split)))
    return pl.concat(found)


def _place() -> pl.Expr:
    """Return where a record stands, in words."""
    import polars as pl

    return pl.format("{}, record {}", "raw_file", "raw_index").alias("place")


def _added(after: Past, ids: pl.Series) -> Iterator[Example]:
    """Yield some of the records that were added."""
    rows = _rows(after, ids.sort().head(EXAMPLES), [_place()]).sort("id")
    for name, place in rows.select("id", "place").iter_rows():
        yield Example("added", name, place, "")


def _gone(before: Past, after: Past, ids: pl.Series) -> pl.DataFrame:
    """Return the records that are gone, with `id`, `place` and `why`."""
    import polars as pl

    rows = _rows(before, ids, ["raw_file", "raw_index", _place()]).sort("id")
    build = after.beside
    if build is None:
        return rows.with_columns(why=pl.lit(UNTOLD))
    ledger = _ledger(build)
    rows = rows.join(
        ledger.select("id", by_id="why").unique("id", keep="first"), on="id", how="left"
    )
    files = ledger.filter(pl.col("raw_index").is_null())
    for name, lines, keys in (
        ("by_place", ledger, ["raw_file", "raw_index"]),
        ("by_file", files, ["raw_file"]),
    ):
        told = lines.select(*keys, pl.col("why").alias(name)).unique(keys, keep="first")
        rows = rows.join(told, on=keys, how="left")
    there = [name.removeprefix("raw/") for name in read_raw_digests(build / "raw.parquet")]
    left = pl.when(pl.col("raw_file").is_in(pl.Series(there).implode()))
    rest = left.then(pl.lit("no longer in its raw file")).otherwise(pl.lit("raw file gone"))
    return rows.with_columns(why=pl.coalesce("by_id", "by_place", "by_file", rest)).sort("id")


def _ledger(build: Path) -> pl.DataFrame:
    """Return the ledger of a build: `id`, `raw_file`, `raw_index`, and `why` in words."""
    import polars as pl

    kinds = {"id": pl.String, "raw_file": pl.String, "raw_index": pl.Int64}
    kinds |= {"reason": pl.String, "duplicate_of": pl.String}
    with (build / "rejected.jsonl").open("rb") as file:
        lines = (json.loads(line) for line in file)
        found = pl.DataFrame([{key: line.get(key) for key in kinds} for line in lines], kinds)
    repeats = pl.format("now a duplicate of {}", "duplicate_of")
    why = pl.coalesce(repeats, pl.format("now {}", "reason"))
    return found.select("id", "raw_file", "raw_index", why=why)


def _edited(before: Past, after: Past, pairs: pl.DataFrame) -> pl.DataFrame:
    """Return the records that were edited: `id`, `id_new`, and all that did it in `why`."""
    import polars as pl

    shared = [name for name in before.manifest.features if name in after.manifest.features]
    told = [name for name in shared if name not in {"id", "raw_file", "raw_index", "text"}]
    text = pl.col("text").hash().alias("text")
    old = _rows(before, pairs["id"], [text, *told]).drop("split")
    new = _rows(after, pairs["id_new"], [text, *told]).drop("split").rename({"id": "id_new"})
    rows = pairs.select("id", "id_new").join(old, on="id").join(new, on="id_new", suffix="_new")
    raw = pl.col("raw_sha256") != pl.col("raw_sha256_new")
    differ = {
        name: ~pl.col(name).eq_missing(pl.col(f"{name}_new"))
        for name in ("text", *told)
        if name not in {"raw_sha256", "corrections"}
    }
    rules = pl.concat_list(
        pl.when(each).then(pl.lit(f"rules: {name}")) for name, each in differ.items()
    ).list.drop_nulls()
    rows = rows.with_columns(_corrected(rows))
    why = (
        pl.when(raw)
        .then(pl.lit(["raw text"], pl.List(pl.String)))
        .when(pl.col("by").list.len() > 0)
        .then("by")
        .otherwise(rules)
    )
    return rows.select("id", "id_new", why=why).sort("id")


def _corrected(rows: pl.DataFrame) -> pl.Series:
    """Return of each record the errata and steps that changed it in one release and not in both."""
    import polars as pl

    found = []
    for old, new in rows.select("corrections", "corrections_new").iter_rows():
        sides = [
            {(each["wrong"], each["right"], each["count"]) for each in side} for side in (old, new)
        ]
        found.append(sorted({_named(wrong, right) for wrong, right, _ in sides[0] ^ sides[1]}))
    return pl.Series("by", found, pl.List(pl.String))


def _named(wrong: str, right: str) -> str:
    """Return the name of an erratum or a step, as `corrections` has it."""
    if wrong.startswith(MARK):
        return f"step {wrong.removeprefix(MARK)}"
    return f"erratum {wrong} -> {right}"


def _shown(before: Past, after: Past, edited: pl.DataFrame) -> Iterator[Example]:
    """Yield some of the records that were edited, with what stood there and what stands there."""
    some = edited.head(EXAMPLES)
    columns: list[str | pl.Expr] = [
        *(name for name in before.manifest.features if name != "id"),
        _place(),
    ]
    old = {row["id"]: row for row in _rows(before, some["id"], columns).iter_rows(named=True)}
    kept = [name for name in after.manifest.features if name != "id"]
    new = {row["id"]: row for row in _rows(after, some["id_new"], kept).iter_rows(named=True)}
    for name, other, why in some.iter_rows():
        one, two = old[name], new[other]
        cut = _where(one, two)
        yield Example("edited", name, one["place"], "; ".join(why), *cut)


def _where(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, str]:
    """Return where two records differ, shortly: in their text, else in the first column."""
    one, two = old["text"], new["text"]
    if one != two:
        return _apart(one, two)
    for name, value in old.items():
        if name in new and value != new[name] and name not in {"raw_file", "raw_index", "split"}:
            return f"{name}: {value}", f"{name}: {new[name]}"
    return "", ""


def _apart(old: str, new: str) -> tuple[str, str]:
    """Return what differs in two texts, from the first difference to the last, and a little around.

    >>> _apart("the CTSO said", "the CSTO said")
    ('the CTSO said', 'the CSTO said')
    """
    least = min(len(old), len(new))
    start = next((n for n in range(least) if old[n] != new[n]), least)
    end = next((n for n in range(least - start) if old[-1 - n] != new[-1 - n]), least - start)
    return _cut(old, start, len(old) - end), _cut(new, start, len(new) - end)


def _cut(text: str, start: int, end: int) -> str:
    """Return a piece of a text with a little around it."""
    low, high = max(0, start - AROUND), min(len(text), min(end, start + 2 * AROUND) + AROUND)
    return f"{'...' * (low > 0)}{text[low:high]}{'...' * (high < len(text))}"


def _elsewhere(before: Past, after: Past, pairs: pl.DataFrame, what: str) -> Iterator[Example]:
    """Yield some of the records that moved: in the raw files, or to another split."""
    some = pairs.sort("id").head(EXAMPLES).select("id", "id_new")
    old = _rows(before, some["id"], [_place()])
    new = _rows(after, some["id_new"], [_place()]).rename({"id": "id_new"})
    rows = some.join(old, on="id").join(new, on="id_new", suffix="_new").sort("id")
    to = "place_new" if what == "moved" else "split_new"
    for row in rows.iter_rows(named=True):
        yield Example(what, row["id"], row["place"], f"now {row[to]}")
