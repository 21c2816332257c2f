"""Read the publisher that a text credits, and take the attribution out of the text.

Precise before complete: a wrong source is worse than none. Only a line of its own among the first
or last lines counts, a bracket that closes the text, or an agency in the dateline; a generic word
is no publisher, and a photo credit is none of the text's. A compiled search over the whole column
picks the texts that could have one; only they are looked at in Python.
"""

from __future__ import annotations

import functools
import itertools
import re
import tomllib
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from imprint.settings import glob_matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa

    from imprint.settings import Publishers, SourceRule

TAIL = 3
"""Lines at the end of a text in which an attribution may stand. Chosen: tags often follow it."""

NAME_CHARACTERS = 60
"""Characters of the longest name. Chosen: longer ones are sentences."""

NAME_WORDS = 6
"""Words of the longest name. Chosen likewise."""

OPEN, CLOSE = r"[(\[（【]", r"[)\]）】]"

DATE = re.compile(r"[\d.,/ -]+|\w{1,4}")
"""What may follow an agency in its bracket: a date, or the initials of a writer."""


class Found(NamedTuple):
    """An attribution in a text."""

    name: str
    """The publisher, by its canonical name where it has one."""
    start: int
    """Offset of the first character of the attribution."""
    end: int
    """Offset behind its last."""


def source(batch: pa.RecordBatch, publishers: Publishers, strip: bool) -> pa.RecordBatch:
    """Fill `source` where it is null, and take the attribution out of `text`.

    A source that the input gives outranks the rule by path, and that what the text says. Rows of
    one document (paragraphs) have one source; the row that is the attribution is left empty.

    Args:
        batch: n records. Reads `text`, `source`, `raw_file`, `_document_index`.
        publishers: canonical names with their aliases, further labels, rules by path.
        strip: whether the attribution is taken out.

    Returns:
        n records in the same order; only `text` and `source` differ.
    """
    import pyarrow as pa

    reader = _Reader(publishers)
    texts: dict[int, str] = {}
    read: dict[int, str] = {}
    for rows, found, (row, start) in _attributions(batch, reader):
        read |= dict.fromkeys(rows, found.name)
        if strip:
            end = start + found.end - found.start
            texts[row] = _without(batch["text"][row].as_py(), start, end)
    names: list[str | None] = batch["source"].to_pylist()
    if publishers.rules:
        paths = batch["raw_file"].to_pylist()
        ruled = (_by_path(publishers.rules, path) for path in paths)
        names = [name or rule for name, rule in zip(names, ruled, strict=True)]
    names = [name or read.get(row) for row, name in enumerate(names)]
    named = [None if name is None else reader.canonical(name) for name in names]
    return _with_texts(_replaced(batch, "source", pa.array(named, pa.string())), texts)


def require(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Reject the records that have no source."""
    import pyarrow as pa
    import pyarrow.compute as pc

    without = pc.and_(pc.is_null(batch["source"]), pc.is_null(batch["_reason"]))
    said = "no attribution, no field and no rule gives it a source"
    for name, value in (("_reason", "source"), ("_detail", said)):
        batch = _replaced(batch, name, pc.if_else(without, pa.scalar(value), batch[name]))
    return batch


def _attributions(
    batch: pa.RecordBatch, reader: _Reader
) -> Iterator[tuple[Sequence[int], Found, tuple[int, int]]]:
    """Yield the rows of each document with an attribution, and in which of them it stands where."""
    import polars as pl

    text = pl.Series("text", pl.from_arrow(batch["text"])).fill_null("")
    place = pl.DataFrame(pl.from_arrow(batch.select(["raw_file", "_document_index"])))
    rows = pl.DataFrame({"text": text, "document": place.to_struct().rle_id()}).with_row_index(
        "row"
    )
    if rows["document"].n_unique() < len(rows):
        grouped = rows.group_by("document", maintain_order=True)
        documents = grouped.agg("row", pl.col("text").str.join("\n"))
    else:
        documents = rows.with_columns(pl.concat_list("row"))
    documents = documents.filter(pl.col("text").str.contains(reader.test))
    lengths = text.str.len_chars()
    for numbers, whole in documents.select("row", "text").iter_rows():
        found = reader.read(whole)
        if found is not None:
            start = found.start
            for row in numbers:
                if start <= lengths[row]:
                    yield numbers, found, (row, start)
                    break
                start -= lengths[row] + 1


def _without(text: str, start: int, end: int) -> str:
    """Return a text without the characters from start to end, clean as it was."""
    before, after = text[:start], text[end:]
    begins_line = before == "" or before.endswith("\n")
    if begins_line and (after == "" or after.startswith("\n")):
        joined = before.rstrip("\n") + (
            "\n\n" if before.endswith("\n\n") or after.startswith("\n\n") else "\n"
        )
        text = joined + after.lstrip("\n")
    elif after[:1] in {"", "\n", " "}:
        text = before.rstrip(" ") + after
    else:
        text = before + after
    return text.strip("\n ")


def _by_path(rules: Sequence[SourceRule], raw_file: str) -> str | None:
    """Return the source that the last fitting rule gives a file."""
    fitting = [rule.source for rule in rules if glob_matches(rule.files, raw_file)]
    return fitting[-1] if fitting else None


class _Reader:
    """Finds attributions, with what a project adds to the built-in lists."""

    def __init__(self, publishers: Publishers) -> None:
        known = _known()
        self._canonical = {_folded(name): name for name in known["agencies"]}
        for publisher in publishers.sources:
            for name in (publisher.name, *publisher.aliases):
                self._canonical[_folded(name)] = publisher.name
        self._generic = frozenset(map(_folded, known["generic"]))
        labels = _alternation((*known["labels"], *publishers.labels))
        openings = _alternation(known["openings"])
        agencies = _alternation({*known["agencies"], *(each.name for each in publishers.sources)})
        label = rf"(?:{labels})(?:\s*[:：]\s*|\s+[–—-]\s+)"
        name = rf"(?P<name>[^\n]{{1,{NAME_CHARACTERS}}}?)"
        self._line = re.compile(rf"{OPEN}?\s*{label}{name}\s*{CLOSE}?[.。]?", re.IGNORECASE)
        self._bracket = re.compile(
            rf"(?P<all>{OPEN}\s*{label}{name}\s*{CLOSE})[.。]?$", re.IGNORECASE
        )
        self._opening = re.compile(rf"(?:{openings}) {name}\.?")
        self._agency = re.compile(r"\((?P<name>[^()\n]{2,40})\)\.?$")
        self._dateline = re.compile(
            rf"[^\n()a-zß-ÿ]{{2,40}}(?P<all> \((?P<name>{agencies})\))\s*[—–-] "
        )
        self.test = (
            rf"(?i:(?:^|\n|{OPEN})\s*{OPEN}?\s*(?:{labels})\s*[:：–—-])|(?:^|\n)(?:{openings}) "
            rf"|\([^()\n]{{2,40}}\)\.?\s*\z|\A[^\n]{{0,40}} \((?:{agencies})\)"
        )

    def canonical(self, name: str) -> str:
        """Return the canonical name of a publisher, or the name as it stands."""
        return self._canonical.get(_folded(name), name)

    def read(self, text: str) -> Found | None:
        """Return the attribution of a text, if it has one that can be told for certain."""
        lines = [(m.start(), m.group()) for m in re.finditer(r"[^\n]+", text) if m.group().strip()]
        for start, line in (*reversed(lines[-TAIL:]), *lines[:1]):
            found = self._read_line(start, line)
            if found is not None:
                return found
        if lines:
            return self._read_ends(lines)
        return None

    def _read_line(self, start: int, line: str) -> Found | None:
        """Return the attribution that a line is, or that a bracket at its end is."""
        whole = self._line.fullmatch(line)
        if whole is not None:
            name = self._name(whole["name"])
            return None if name is None else Found(name, start, start + len(line))
        bracket = self._bracket.search(line)
        if bracket is not None:
            name = self._name(bracket["name"])
            return (
                None
                if name is None
                else Found(name, start + bracket.start("all"), start + bracket.end("all"))
            )
        opening = self._opening.fullmatch(line)
        if opening is not None and all(word[:1].isupper() for word in opening["name"].split()):
            name = self._name(opening["name"])
            return None if name is None else Found(name, start, start + len(line))
        return None

    def _read_ends(self, lines: Sequence[tuple[int, str]]) -> Found | None:
        """Return the agency that closes a text in brackets, or stands in its dateline."""
        start, line = lines[-1]
        closing = self._agency.search(line)
        if closing is not None:
            name, *rest = re.split(r"\s*[,/;]\s*", closing["name"])
            if _folded(name) in self._canonical and all(map(DATE.fullmatch, rest)):
                return Found(self.canonical(name), start + closing.start(), start + len(line))
        start, line = lines[0]
        dateline = self._dateline.match(line)
        if dateline is not None:
            name = self.canonical(dateline["name"])
            return Found(name, start + dateline.start("all"), start + dateline.end("all"))
        return None

    def _name(self, name: str) -> str | None:
        """Return the publisher that a label names, or None where it names nobody."""
        name = re.sub(r"[\s.。,;)\]）】]+$", "", name.strip())
        first = re.split(r"\s*[/;|]\s*", name)[0]
        if _folded(first) in self._canonical:
            return self.canonical(first)
        if _folded(name) in self._generic or len(name.split()) > NAME_WORDS:
            return None
        if (
            not name
            or not name[0].isalnum()
            or name[0].islower()
            or re.search(r"[:!?。]|\. ", name)
        ):
            return None
        return first


@functools.cache
def _known() -> Mapping[str, tuple[str, ...]]:
    """Return the built-in lists."""
    text = resources.files("imprint").joinpath("data/attribution.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    return {
        table: tuple(dict.fromkeys(itertools.chain(*lists.values())))
        for table, lists in tables.items()
    }


def _alternation(words: Sequence[str] | set[str]) -> str:
    """Return an expression that finds any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _folded(name: str) -> str:
    """Return a name as names are compared: composed, without case, blanks as one."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """Return the batch with another column of that name."""
    return batch.set_column(batch.schema.get_field_index(name), name, column)


def _with_texts(batch: pa.RecordBatch, texts: Mapping[int, str]) -> pa.RecordBatch:
    """Return the batch with some texts replaced."""
    import polars as pl
    import pyarrow as pa

    if not texts:
        return batch
    text = pl.Series(pl.from_arrow(batch["text"])).scatter(list(texts), list(texts.values()))
    return _replaced(batch, "text", text.to_arrow().cast(pa.string()))
