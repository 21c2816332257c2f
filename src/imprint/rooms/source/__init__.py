"""Read the publisher that a text credits, and take the attribution out of the text.

Precise before complete: a wrong source is worse than none. What counts is a line of its own among
the last or the first ("Sumber: Alhurra."), a bracket that closes the text ("(Source: AFP)"), and an
agency that is known, in a bracket behind the last sentence or in the dateline. Credits of pictures,
labels in the middle of a sentence and words that name nobody are none.

A compiled search over the whole column picks the texts that could have one; only these are looked
at in Python.
"""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING

from imprint.rooms.source.reader import FIRST, LAST, Reader, picked
from imprint.settings import glob_matches
from imprint.timing import slow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import polars as pl
    import pyarrow as pa

    from imprint.rooms.source.lines import Found
    from imprint.settings import Publishers, SourceRule


def source(
    batch: pa.RecordBatch, publishers: Publishers, strip: bool, columns: Collection[str] = ()
) -> pa.RecordBatch:
    """Fill `source` where it is null or empty, and take the attribution out of `text`.

    A source that the input gives outranks the rule by path, and that what the text says. Rows of
    one document (paragraphs) have one source; the row that is the attribution becomes empty. It is
    taken out wherever the source came from. Rejected records are passed over.

    Args:
        batch: n records. Reads `text`, `source`, `raw_file`, `_document_index`, `_reason`.
        publishers: canonical names with their aliases, further labels, rules by path.
        strip: whether the attribution is taken out.
        columns: those that are published; of `sources`, `source_evidence` and `source_license`
            those are made that are among them.

    Returns:
        n records in the same order; only `text` and `source` differ. A clean text stays clean.
    """
    import numpy as np
    import polars as pl
    import pyarrow as pa
    import pyarrow.compute as pc

    reader = _reader(publishers)
    open_rows = pl.Series(pl.from_arrow(batch["_reason"])).is_null()
    text = pl.Series("text", pl.from_arrow(batch["text"]))
    found = list(_attributions(batch, text, open_rows, reader))
    read = {row: each.names[0] for rows, each in found for row in rows}
    given = pl.Series("source", pl.from_arrow(batch["source"]))
    names = _named(given, pl.Series("path", pl.from_arrow(batch["raw_file"])), publishers, reader)
    silent = (names == "").to_numpy()
    rows = [row for row in read if silent[row]]
    names = names.scatter(rows, [read[row] for row in rows])
    names = names.replace({"": None}).zip_with(open_rows, given)
    batch = _replaced(batch, "source", names.to_arrow().cast(pa.string()))
    batch = _with_evidence(batch, text, found, set(rows), columns)
    batch = licensed(batch, publishers, columns)
    if not strip or not found:
        return batch
    cut, texts = _without_all(text, found)
    mask = np.zeros(len(batch), dtype=bool)
    mask[cut.to_numpy()] = True
    column = pc.replace_with_mask(batch["text"], mask, texts.to_arrow().cast(pa.string()))
    return _replaced(batch, "text", column)


def licensed(
    batch: pa.RecordBatch, publishers: Publishers, columns: Collection[str]
) -> pa.RecordBatch:
    """Make the column `source_license`, where it is published: what the texts are under.

    Args:
        batch: n records. Reads `source`.
        publishers: with their licences.
        columns: those that are published.
    """
    import polars as pl
    import pyarrow as pa

    if "source_license" not in columns:
        return batch
    known = {each.name: each.license for each in publishers.sources if each.license}
    names = pl.Series(pl.from_arrow(batch["source"]), dtype=pl.String)
    found = names.replace_strict(
        list(known), list(known.values()), default=None, return_dtype=pl.String
    )
    return _replaced(batch, "source_license", found.to_arrow().cast(pa.string()))


def _with_evidence(
    batch: pa.RecordBatch,
    text: pl.Series,
    found: Iterable[tuple[list[int], Found]],
    said: set[int],
    columns: Collection[str],
) -> pa.RecordBatch:
    """Make the columns `sources` and `source_evidence`, where they are published.

    Args:
        batch: n records with their `source`.
        text: their texts, the attributions still in them.
        found: the attributions by the rows of their documents.
        said: the rows whose source is what the text says.
        columns: those that are published.
    """
    import pyarrow as pa

    if "sources" in columns:
        several = [[name] if name else [] for name in batch["source"].to_pylist()]
        for rows, each in found:
            for row in rows:
                if row in said:
                    several[row] = list(each.names)
        batch = _replaced(batch, "sources", pa.array(several, pa.list_(pa.string())))
    if "source_evidence" in columns:
        evidence: list[str | None] = [None] * len(batch)
        for rows, each in found:
            whole = text[rows[0]] if len(rows) == 1 else "\n".join(text.gather(rows))
            for row in rows:
                evidence[row] = whole[each.start : each.end].strip()
        batch = _replaced(batch, "source_evidence", pa.array(evidence, pa.string()))
    return batch


def require(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Reject the records that have no source.

    Args:
        batch: n records that went through `source`.
    """
    import pyarrow.compute as pc

    without_one = pc.and_(pc.is_null(batch["source"]), pc.is_null(batch["_reason"]))
    said = "neither a field, nor a rule, nor the text gives it a source"
    for name, value in (("_reason", "source"), ("_detail", said)):
        batch = _replaced(batch, name, pc.if_else(without_one, value, batch[name]))
    return batch


def without(text: str, start: int, end: int) -> str:
    r"""Return a clean text without the characters from start to end, as clean as it was.

    >>> without("Satu.\n\nSumber: Alhurra.\n\nDua.", 7, 23)
    'Satu.\n\nDua.'
    >>> without("LONDON (AP) — The bank", 6, 11)
    'LONDON — The bank'
    """
    before, after = text[:start], text[end:]
    if not after and before.endswith("\n"):
        return before.strip("\n")
    if before in {"", "\n"} or before.endswith("\n"):
        breaks = max(len(side) - len(side.strip("\n")) for side in (before, after[:2]))
        if after.startswith("\n") or not after:
            return (before.rstrip("\n") + "\n" * min(2, breaks) + after.lstrip("\n")).strip("\n")
    if before.endswith((" ", "\n")) or not before:
        after = after.lstrip(" ")
    if not after or after.startswith(("\n", " ")):
        before = before.rstrip(" ")
    return (before + after).strip("\n ")


def _attributions(
    batch: pa.RecordBatch, text: pl.Series, open_rows: pl.Series, reader: Reader
) -> Iterator[tuple[list[int], Found]]:
    """Yield the rows of every document that has an attribution, and where it is in their text."""
    import polars as pl

    place = pl.DataFrame(pl.from_arrow(batch.select(["raw_file", "_document_index"])))
    rows = pl.DataFrame({"text": text, "document": place.to_struct().rle_id()}).with_row_index(
        "row"
    )
    rows = rows.filter(open_rows & text.is_not_null())
    if rows["document"].is_unique().all():
        documents = rows.select(pl.concat_list("row"), "text")
    else:
        grouped = rows.group_by("document", maintain_order=True)
        documents = grouped.agg("row", pl.col("text").str.join("\n")).drop("document")
    text = documents["text"]
    head, tail = text.str.head(FIRST), text.str.tail(LAST)
    first, last = picked(head, tail, reader)
    numbers, none = (first | last).arg_true(), pl.Series([""])
    edges = pl.DataFrame(
        {
            "rows": documents["row"].gather(numbers),
            "head": head.gather(numbers).zip_with(first.gather(numbers), none),
            "tail": tail.gather(numbers).zip_with(last.gather(numbers), none),
            "length": text.gather(numbers).str.len_chars(),
        }
    )
    slow(len(edges))
    for numbers, *edge in edges.iter_rows():
        found = reader.read_edges(*edge)
        if found is not None:
            yield numbers, found


@functools.lru_cache(maxsize=8)
def _reader(publishers: Publishers) -> Reader:
    """Return the reader of a project, made once a process."""
    return Reader(publishers)


def _without_all(
    text: pl.Series, found: Iterable[tuple[list[int], Found]]
) -> tuple[pl.Series, pl.Series]:
    """Return the rows that an attribution is taken out of, in order, and their texts without it.

    Most stand at the end of a long text: of these only the end is cut in Python.
    """
    import polars as pl

    found = list(found)
    rows = list(itertools.chain.from_iterable(rows for rows, _ in found))
    lengths = dict(zip(rows, text.gather(rows).str.len_chars(), strict=True))
    places = [(*_place(lengths, numbers, each.start), each) for numbers, each in found]
    cut = pl.Series([row for row, _, _ in places], dtype=pl.UInt32)
    order = cut.arg_sort()
    whole = text.gather(cut)
    head, tail = whole.str.head(-LAST), whole.str.tail(LAST).to_list()
    far: dict[int, str] = {}
    for number, (row, start, each) in enumerate(places):
        end, before = start + each.end - each.start, max(0, lengths[row] - LAST)
        if tail[number][: max(0, start - before)].strip("\n "):
            edge = f"|{tail[number]}"  # what is before is not the beginning of a text
            tail[number] = without(edge, start - before + 1, end - before + 1)[1:]
        else:
            far[number] = without(whole[number], start, end)
    texts = (head + pl.Series(tail, dtype=pl.String)).scatter(list(far), list(far.values()))
    return cut.gather(order), texts.gather(order)


def _place(lengths: Mapping[int, int], rows: list[int], start: int) -> tuple[int, int]:
    """Return the row, of a document's rows joined by line breaks, in which an offset lies."""
    for row in rows:
        length = lengths[row]
        if start <= length:
            return row, start
        start -= length + 1
    raise AssertionError(start)


def _named(given: pl.Series, path: pl.Series, publishers: Publishers, reader: Reader) -> pl.Series:
    """Return the sources that fields and rules give, canonical; "" where neither gives one."""
    names = given.fill_null("").str.strip_chars()
    if publishers.rules:
        distinct = path.unique()
        ruled = {each: _by_path(publishers.rules, each) for each in distinct}
        rules = path.replace_strict(list(ruled), list(ruled.values()))
        names = names.zip_with(names != "", rules)
    canonical = {name: reader.canonical(name) for name in names.unique()}
    return names.replace(canonical)


def _by_path(rules: Iterable[SourceRule], raw_file: str) -> str:
    """Return the source that the last fitting rule gives a file, or ""."""
    fitting = [rule.source for rule in rules if glob_matches(rule.files, raw_file)]
    return fitting[-1] if fitting else ""


def _replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """Return the batch with another column of that name, or with one more."""
    if name not in batch.schema.names:
        return batch.append_column(name, column)
    return batch.set_column(batch.schema.get_field_index(name), name, column)
