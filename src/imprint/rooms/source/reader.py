"""Find the attribution of one text: what it names, and where it stands."""

from __future__ import annotations

import functools
import itertools
import operator
import re
import tomllib
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import polars as pl

    from imprint.settings import Publishers

TAIL = 3
"""Lines at the end of a text among which an attribution may stand. Chosen: tags often follow it."""

REMEMBERED = 4096
"""Lines whose attribution is remembered: the same credit stands under many texts."""

LAST, FIRST = 600, 300
"""Characters at the end and at the beginning of a text that are looked at. Chosen: what is further
from its edges credits a part of it."""

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


class Tests(NamedTuple):
    """Patterns in Rust's syntax of what a text with an attribution must contain."""

    first: str
    """In its head: that its first line begins as one does."""
    dateline: str
    """In its head: an agency in the dateline."""
    line: str
    """In its tail: a label or an opening that begins a line, or a label in a bracket."""
    literals: tuple[str, ...]
    """What `line` is made of, of which one stands in the tail."""
    closing: str
    """In its tail: a bracket that closes it."""


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
        self._line_of = functools.lru_cache(maxsize=REMEMBERED)(self._own_line)
        begun = rf"{labels}{edge}(?:\s*[:：]|\s+[–—-])"
        opened = rf"{EDGE}(?:{self._openings}) "
        self.tests = Tests(
            first=rf"\A[\n ]*(?:(?i:{EDGE}(?:{OPEN}{edge})?{begun})|{opened})",
            dateline=rf"\A[\n ]*[^\n()/]{{2,60}} (?:{known_agency})",
            line=rf"(?i:(?:(?m:^){EDGE}|{OPEN}{edge}){begun})|(?m:^){opened}",
            literals=(r"[:：]|[–—-]\s", rf"(?:{self._openings}) "),
            closing=rf"{CLOSE}[.。]?\s*\z",
        )

    def canonical(self, name: str) -> str:
        """Return the canonical name of a publisher, or the name as it stands."""
        return self._canonical.get(_folded(name), name)

    def read(self, text: str) -> Found | None:
        """Return the attribution of a text, if it has one that can be told for certain."""
        return self.read_edges(text[:FIRST], text[-LAST:], len(text))

    def read_edges(self, head: str, tail: str, length: int) -> Found | None:
        """Return the attribution of a text.

        Args:
            head: its first `FIRST` characters.
            tail: its last `LAST`.
            length: how many it has.
        """
        last = None
        for start, line in _last_lines(tail, length):
            last = last or (start, line)
            found = self._line_of(line)
            if found is not None:
                return _shifted(found, start)
        found = self._closing(last[1]) if last else None
        if found is not None and last:
            return _shifted(found, last[0])
        first = head.lstrip("\n ").split("\n", 1)[0]
        found = self._line_of(first) or self._dateline(first)
        return None if found is None else _shifted(found, head.index(first))

    def _own_line(self, line: str) -> Found | None:
        """Return the attribution that a line is."""
        match = self._line.fullmatch(line)
        name = self._name(match["name"] or match["inner"]) if match else None
        if name is None:
            match = self._opening.fullmatch(line)
            name = self._name(match["name"], plain=False) if match else None
        return None if name is None else Found(name, 0, len(line))

    def _closing(self, line: str) -> Found | None:
        """Return the attribution in a bracket that closes a line."""
        return self._closing_label(line) or self._closing_agency(line)

    def _closing_label(self, line: str) -> Found | None:
        """Return what a label in a bracket names."""
        match = self._bracket.search(line)
        name = self._name(match["name"]) if match else None
        if match is None or name is None:
            return None
        return Found(name, *match.span("all"))

    def _closing_agency(self, line: str) -> Found | None:
        """Return the agency in a bracket behind the last sentence: "(dpa, 3.5.2021)"."""
        match = self._agency.search(line)
        if match is None:
            return None
        name, *rest = re.split(r"\s*[,/;]\s*", match["name"].strip())
        if name not in self._written or not all(re.fullmatch(r"[\w .:/-]{1,20}", x) for x in rest):
            return None
        return Found(self.canonical(name), *match.span("all"))

    def _dateline(self, line: str) -> Found | None:
        """Return the agency in the dateline of a text: "LONDON (AP) — "."""
        for number, pattern in enumerate(self._datelines):
            match = pattern.match(line)
            if match is None:
                continue
            words = re.findall(r"[^\W\d_]+", match["place"])
            shouted = bool(words) and words[0].isupper() and len(words[0]) > 1
            titled = number == 0 and all(word[0].isupper() or word in self._small for word in words)
            if words and (shouted or titled):
                return Found(self.canonical(match["name"]), *match.span("all"))
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


def picked(head: pl.Series, tail: pl.Series, reader: Reader) -> pl.Series:
    """Say which texts could have an attribution: never false where one has.

    Args:
        head: the first `FIRST` characters of each; their first line counts.
        tail: the last `LAST`. What takes the engine a look at each byte is left to those that hold
            the literals of which it is made, which are found much faster.
        reader: what is looked for.
    """
    tests = reader.tests
    found = head.str.contains(tests.first) | tail.str.contains(tests.closing)
    literals = (tail.str.contains(each) for each in tests.literals)
    likely = functools.reduce(operator.or_, literals).arg_true()
    lines = likely.filter(tail.gather(likely).str.contains(tests.line))
    likely = head.str.contains(" [/–—-]").arg_true()
    datelines = likely.filter(head.gather(likely).str.contains(tests.dateline))
    return found.fill_null(value=False).scatter(lines.append(datelines), values=True)


def _last_lines(tail: str, length: int) -> Iterator[tuple[int, str]]:
    """Yield the last lines that are not blank, the last first, with their offsets in the text.

    Args:
        tail: the end of the text; a line that is cut by its beginning is left out.
        length: characters of the whole text.
    """
    found, end = 0, length
    lines = tail.split("\n")
    for line in reversed(lines if len(tail) == length else lines[1:]):
        if line.strip():
            yield end - len(line), line
            found += 1
            if found == TAIL:
                break
        end -= len(line) + 1


def _shifted(found: Found, start: int) -> Found:
    """Return an attribution of a line as one of the text that it is in."""
    return Found(found.name, found.start + start, found.end + start)


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
