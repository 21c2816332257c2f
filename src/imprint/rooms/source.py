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
import re
import tomllib
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from imprint.settings import glob_matches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    import polars as pl
    import pyarrow as pa

    from imprint.settings import Publishers, SourceRule

TAIL = 3
"""Lines at the end of a text among which an attribution may stand. Chosen: tags often follow it."""

NAME_CHARACTERS = 80
"""Characters of the longest name. Chosen: what is longer is a sentence."""

NAME_WORDS = 7
"""Words of the longest name: "Badan Meteorologi, Klimatologi, dan Geofisika" has five. Chosen."""

PLAIN_WORDS = 4
"""Words of the longest name in a script without capitals, or in Cyrillic, where names have small
words. Chosen."""

MARKS = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
"""Characters that set the direction of writing; cleaning keeps them."""

EDGE = rf"[ {MARKS}*_•·>#-]*"
"""What may stand before an attribution on its line: blanks, bullets, marks of emphasis."""

OPEN, CLOSE = r"[(\[（【]", r"[)\]）】]"

QUOTES = ("“”", "‘’", "«»", "„“", '""', "''", "「」", "『』", "《》")

END = r"[.。!?…؟\"”’»]"
"""What ends the sentence behind which an agency may stand in a bracket."""

DATE = re.compile(r"(?:[,،(（]|\s[–—-])\s*(?=\D{0,12}\d)[\w ./:-]{1,24}[)）]?$")
"""A date behind a name: ", 13 Januari 2022", "(13/1)"."""

ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?((?:[\w-]+\.)+[a-z]{2,})(?:/\S*)?", re.IGNORECASE)
"""A web address: its host names the publisher."""


SEPARATOR = r"\s*[/|;]\s*|\s*[,،]\s+|\s(?:dan|and|lan)\s"
"""What stands between several publishers; the first that is named is the source."""


class Found(NamedTuple):
    """An attribution in a text."""

    name: str
    """The publisher, by its canonical name where it has one."""
    start: int
    """Offset of the first character of the attribution."""
    end: int
    """Offset behind its last."""


def source(batch: pa.RecordBatch, publishers: Publishers, strip: bool) -> pa.RecordBatch:
    """Fill `source` where it is null or empty, and take the attribution out of `text`.

    A source that the input gives outranks the rule by path, and that what the text says. Rows of
    one document (paragraphs) have one source; the row that is the attribution becomes empty. The
    attribution is taken out wherever the source came from. Rejected records are passed over.

    Args:
        batch: n records. Reads `text`, `source`, `raw_file`, `_document_index`, `_reason`.
        publishers: canonical names with their aliases, further labels, rules by path.
        strip: whether the attribution is taken out.

    Returns:
        n records in the same order; only `text` and `source` differ. A clean text stays clean.
    """
    import polars as pl
    import pyarrow as pa

    reader = Reader(publishers)
    open_rows = pl.Series(pl.from_arrow(batch["_reason"])).is_null()
    text = pl.Series("text", pl.from_arrow(batch["text"]))
    read: dict[int, str] = {}
    texts: dict[int, str] = {}
    for rows, found in _attributions(batch, text, open_rows, reader):
        read |= dict.fromkeys(rows, found.name)
        row, start = _place(text, rows, found.start)
        if strip:
            texts[row] = without(text[row], start, start + found.end - found.start)
    given = pl.Series("source", pl.from_arrow(batch["source"]))
    names = _named(given, pl.Series("path", pl.from_arrow(batch["raw_file"])), publishers, reader)
    silent = (names == "").arg_true()
    names = names.scatter(silent, [read.get(row, "") for row in silent])
    names = names.replace({"": None}).zip_with(open_rows, given)
    batch = _replaced(batch, "source", names.to_arrow().cast(pa.string()))
    if not texts:
        return batch
    text = text.scatter(list(texts), list(texts.values()))
    return _replaced(batch, "text", text.to_arrow().cast(pa.string()))


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
    if before in {"", "\n"} or before.endswith("\n"):
        breaks = max(len(side) - len(side.strip("\n")) for side in (before, after[:2]))
        if after.startswith("\n") or not after:
            return (before.rstrip("\n") + "\n" * min(2, breaks) + after.lstrip("\n")).strip("\n")
    if before.endswith((" ", "\n")) or not before:
        after = after.lstrip(" ")
    if not after or after.startswith(("\n", " ")):
        before = before.rstrip(" ")
    return (before + after).strip("\n ")


class Reader:
    """Finds attributions, with what a project adds to the built-in lists."""

    def __init__(self, publishers: Publishers) -> None:
        known = _lists()
        self._canonical: dict[str, str] = {}
        written = set(known["agencies"])
        for publisher in publishers.sources:
            host = ADDRESS.fullmatch(publisher.url)
            for name in (publisher.name, *publisher.aliases, *(host.groups() if host else ())):
                self._canonical.setdefault(_folded(name), publisher.name)
            written |= {*publisher.aliases, publisher.name, publisher.name.upper()}
        self._written = frozenset(written)
        self._generic = frozenset(map(_folded, known["generic"]))
        self._pictures = frozenset(map(_folded, known["pictures"]))
        self._small = frozenset(known["small"])
        labels = rf"(?:{_any((*known['labels'], *publishers.labels))})"
        self._openings = _any(known["openings"])
        agencies = _any(self._written)
        colon = r"(?:\s*[:：]|\s+[–—-]\s)"
        name = rf"(?P<name>[^\n]{{1,{NAME_CHARACTERS}}}?)"
        edge = rf"[ {MARKS}*_]*"
        labelled = rf"{labels}{edge}{colon}{name}"
        ignore = re.IGNORECASE
        inside = rf"{OPEN}{edge}{labelled.replace('<name>', '<inner>')}{CLOSE}"
        self._line = re.compile(rf"{EDGE}(?:{labelled}|{inside})[.。]?{edge}", ignore)
        self._bracket = re.compile(rf"(?P<all>{OPEN}{edge}{labelled}{CLOSE}[.。]?{edge})$", ignore)
        self._opening = re.compile(rf"{EDGE}(?:{self._openings}) {name}[.。]?{edge}")
        self._agency = re.compile(
            rf"(?:^{EDGE}|{END} ?)(?P<all>[(（](?P<name>[^()（）\n]{{2,60}})[)）][.。]?)$"
        )
        known_agency = rf"\((?:{agencies})\)|/(?:{agencies})/|[–—-] (?:{agencies})\."
        place = r"(?P<place>[^\n()/]{2,60}?)"
        self._datelines = (
            re.compile(rf"{place}(?P<all> \((?P<name>{agencies})\)) (?:--|[–—-]) "),
            re.compile(rf"{place}\.(?P<all> /(?P<name>{agencies})/\.) "),
            re.compile(rf"{place}(?P<all> [–—-] (?P<name>{agencies}))\. "),
        )
        self.tests = (
            rf"(?i){labels}{edge}(?:\s*[:：]|\s+[–—-])",
            rf"(?m:^{EDGE}(?:{self._openings}) )",
            rf"{CLOSE}[.。]?\s*\z",
            rf"\A\s*[^\n()/]{{2,60}} (?:{known_agency})",
        )

    def canonical(self, name: str) -> str:
        """Return the canonical name of a publisher, or the name as it stands."""
        return self._canonical.get(_folded(name), name)

    def read(self, text: str) -> Found | None:
        """Return the attribution of a text, if it has one that can be told for certain."""
        lines = [(m.start(), m.group()) for m in re.finditer(r"[^\n]*\S[^\n]*", text)]
        if not lines:
            return None
        last, first = lines[-1], lines[0]
        candidates: Iterable[Found | None] = itertools.chain(
            (self._own_line(*line) for line in reversed(lines[-TAIL:])),
            (each(*last) for each in (self._closing_label, self._closing_agency)),
            (each(*first) for each in (self._own_line, self._dateline)),
        )
        return next(filter(None, candidates), None)

    def _own_line(self, start: int, line: str) -> Found | None:
        """Return the attribution that a line is."""
        match = self._line.fullmatch(line)
        name = self._name(match["name"] or match["inner"]) if match else None
        if name is None:
            match = self._opening.fullmatch(line)
            name = self._name(match["name"], plain=False) if match else None
        return None if name is None else Found(name, start, start + len(line))

    def _closing_label(self, start: int, line: str) -> Found | None:
        """Return the attribution in a bracket that closes a line."""
        match = self._bracket.search(line)
        name = self._name(match["name"]) if match else None
        if match is None or name is None:
            return None
        return Found(name, start + match.start("all"), start + match.end("all"))

    def _closing_agency(self, start: int, line: str) -> Found | None:
        """Return the agency in a bracket behind the last sentence: "(dpa, 3.5.2021)"."""
        match = self._agency.search(line)
        if match is None:
            return None
        name, *rest = re.split(r"\s*[,/;]\s*", match["name"].strip())
        if name not in self._written or not all(re.fullmatch(r"[\w .:/-]{1,20}", x) for x in rest):
            return None
        return Found(self.canonical(name), start + match.start("all"), start + match.end("all"))

    def _dateline(self, start: int, line: str) -> Found | None:
        """Return the agency in the dateline of a text: "LONDON (AP) — "."""
        for number, pattern in enumerate(self._datelines):
            match = pattern.match(line)
            if match is None:
                continue
            words = re.findall(r"[^\W\d_]+", match["place"])
            shouted = bool(words) and words[0].isupper() and len(words[0]) > 1
            titled = number == 0 and all(word[0].isupper() or word in self._small for word in words)
            if words and (shouted or titled):
                span = (start + match.start("all"), start + match.end("all"))
                return Found(self.canonical(match["name"]), *span)
        return None

    def _name(self, raw: str, *, plain: bool = True) -> str | None:
        """Return the publisher that a label names, or None where it names nobody for certain.

        Args:
            raw: what follows the label.
            plain: whether a name may be in a script that has no capitals to show that it is one.
        """
        name = _trimmed(raw)
        if _folded(name) in self._canonical or name in self._written:
            return self.canonical(name)
        if not self._pictures.isdisjoint(re.findall(r"\w+", _folded(name))):
            return None
        name = _trimmed(DATE.sub("", name))
        address = ADDRESS.fullmatch(name)
        if address:
            return self.canonical(address[1].lower() if "/" in name else name)
        parts = [_trimmed(part) for part in re.split(SEPARATOR, name)]
        if all(self._is_known(part) for part in parts):
            return self.canonical(parts[0])
        if "/" in name or "|" in name or ";" in name:
            return None
        if _folded(name) in self._generic or not self._looks_like_a_name(name, plain=plain):
            return None
        return self.canonical(name)

    def _is_known(self, name: str) -> bool:
        """Say whether a name is a publisher's or an agency's."""
        return _folded(name) in self._canonical or name in self._written

    def _looks_like_a_name(self, name: str, *, plain: bool) -> bool:
        """Say whether these words can be a name and no sentence."""
        words = name.split()
        if not words or len(words) > NAME_WORDS or not name[0].isalnum():
            return False
        if re.search(r"[:：!?؟。、，=<>@\n]|[.] [^\W\d_]|\d{5}", name):
            return False
        cased = [word for word in words if word.lower() != word.upper()]
        if not cased:
            return (
                plain
                and len(words) <= PLAIN_WORDS
                and any(map(str.isalpha, name))
                and "،" not in name
            )
        if name[0].islower() and words[0] == words[0].lower():
            return False
        small = [
            word for word in cased if word == word.lower() and word.strip(",") not in self._small
        ]
        cyrillic = all("Ѐ" <= word[0] <= "ӿ" for word in small)
        return not small or (cyrillic and len(words) <= PLAIN_WORDS and "," not in name)


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
    for numbers, whole in documents.filter(picked(documents["text"], reader)).iter_rows():
        found = reader.read(whole)
        if found is not None:
            yield numbers, found


def picked(text: pl.Series, reader: Reader) -> pl.Series:
    """Say which texts could have an attribution: never false where one has."""
    first, *others = (text.str.contains(test) for test in reader.tests)
    return functools.reduce(lambda left, right: left | right, others, first).fill_null(value=False)


def _place(text: pl.Series, rows: list[int], start: int) -> tuple[int, int]:
    """Return the row, of a document's rows joined by line breaks, in which an offset lies."""
    for row in rows:
        length = len(text[row])
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


@functools.cache
def _lists() -> Mapping[str, tuple[str, ...]]:
    """Return the built-in lists, over all languages."""
    text = resources.files("imprint").joinpath("data/labels.toml").read_text("utf-8")
    tables = tomllib.loads(text).items()
    return {key: tuple(dict.fromkeys(itertools.chain(*by.values()))) for key, by in tables}


def _any(words: Collection[str]) -> str:
    """Return an expression that finds any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _trimmed(name: str) -> str:
    """Return a name without blanks, marks, closing punctuation and quotation marks around it."""
    name = re.sub(rf"^[\s{MARKS}*_]+|[\s{MARKS}*_.。,،;؛…]+$", "", name)
    if len(name) > 2 and name[0] + name[-1] in QUOTES:
        return name[1:-1].strip()
    return name


def _folded(name: str) -> str:
    """Return a name as names are compared: composed, without case, blanks as one."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    """Return the batch with another column of that name."""
    return batch.set_column(batch.schema.get_field_index(name), name, column)
