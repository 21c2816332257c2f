"""Find the attribution of one text: whom it credits, and where that stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imprint.rooms.source.forms import CLOSING, OWN, Forms
from imprint.rooms.source.lines import AROUND, EDGE, END, OPEN, Found
from imprint.rooms.source.names import Names, any_of, unspaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import polars as pl

    from imprint.settings import Publishers

TAIL = 4
"""Lines at the end of a text among which an attribution may stand. Chosen: tags often follow it."""

HEAD = 3
"""Lines at the beginning: a headline and a date may stand before the dateline. Chosen."""

LAST, FIRST = 600, 260
"""Characters at the end and at the beginning of a text that are looked at. Chosen: what is further
from its edges credits a part of it."""

HEADLINE = 160
"""Characters of the longest line before a dateline. Chosen: what is longer is a paragraph."""

BELOW = 100
"""Characters of the longest line below a credit that is not labelled. Chosen."""

NEAR = 300
"""Characters at the end of a text in which a credit without a label stands. Chosen: what may stand
below it, and the longest line that is one."""

BULLET = re.compile(r" *[-–—•*·] *[^-–—*]")
"""How an entry of a list begins; where two stand together, neither names an agency."""

FURNITURE = re.compile(
    rf"{EDGE}(?:[^\s:：][^\n:：]{{0,30}}[:：].*|[#@(\[©].*|[^\n]{{1,40}}(?<![.!?。…]))"
)
"""A line below a credit that is no part of the text: who wrote it, tags, what to read next."""


class Tests(NamedTuple):
    """What a text with an attribution must contain, in Rust's syntax."""

    first: str
    """In its head: that its first line begins with a label."""
    label: str
    """In its tail: a label with its colon, where a credit can begin."""
    said: str
    """At either edge: a publisher, or words that begin a credit; an address."""
    ends: str
    """The same at the end of a line."""
    begins: str
    """The same in a dateline."""


class Reader:
    """Finds attributions, with what a project adds to the built-in lists."""

    def __init__(self, publishers: Publishers) -> None:
        self.names = Names(publishers)
        self._forms = Forms(publishers, self.names)
        self.canonical = self.names.canonical
        forms = self._forms
        begin = rf"(?:(?m:^){EDGE}(?:{OPEN})?|{OPEN}|[{re.escape(END)},|·–—-]){AROUND}"
        colon = r"(?:\s*[:：՝፦៖꞉=]|\.-|\s*[–—-]\s)"
        label = rf"(?i:{forms.labels}|{forms.weak}){AROUND}{colon}"
        self.tests = Tests(
            rf"\A[\n ]*{EDGE}(?:{OPEN})?{AROUND}{label}",
            rf"{begin}{label}",
            *_said_tests(self.names, forms),
        )

    def read(self, text: str) -> Found | None:
        """Return the attribution of a text, if it has one that can be told for certain."""
        return self.read_edges(text[:FIRST], text[-LAST:], len(text))

    def read_edges(self, head: str, tail: str, length: int) -> Found | None:
        """Return the attribution of a text.

        Args:
            head: its first `FIRST` characters; "": there is none at the beginning.
            tail: its last `LAST`; "": there is none at the end.
            length: how many it has.
        """
        found = self._at_the_end(tail, length) if tail else None
        return found or (self._at_the_beginning(head, length) if head else None)

    def _at_the_end(self, tail: str, length: int) -> Found | None:
        """Return the credit in the last lines, the last first."""
        below, forms = True, self._forms
        for number, (start, line) in enumerate(_last_lines(tail, length)):
            near = below and length - start - len(line) <= BELOW
            if near and not (BULLET.match(line) and _in_list(tail, number)):
                found = forms.own_line(line) or forms.ending(line)
            else:
                found = forms.labelled(line)
            if found is not None:
                return _shifted(found, start)
            below = near and len(line) <= BELOW and bool(FURNITURE.fullmatch(line))
        return None

    def _at_the_beginning(self, head: str, length: int) -> Found | None:
        """Return the credit in the first lines, the first first."""
        form: Callable[[str], Found | None] = self._forms.own_line
        for start, line, whole in _first_lines(head, length):
            found = self._forms.dateline(line) or (form(line) if whole else None)
            if found is not None:
                return _shifted(found, start)
            if len(line) > HEADLINE or line.rstrip().endswith((":", "：")):
                break  # what follows is a paragraph's, or a list's
            form = self._forms.signed
        return None


def picked(head: pl.Series, tail: pl.Series, reader: Reader) -> tuple[pl.Series, pl.Series]:
    """Say which texts could have an attribution at the beginning, and which at the end.

    Never false where one has.

    Args:
        head: the first `FIRST` characters of each.
        tail: the last `LAST`.
        reader: what is looked for.
    """
    import polars as pl

    tests = reader.tests
    likely = tail.str.contains(r"[:：=՝፦៖꞉]|[–—-]\s|\.-").arg_true()
    labelled = likely.filter(tail.gather(likely).str.contains(tests.label))
    last = pl.repeat(False, len(tail), dtype=pl.Boolean, eager=True).scatter(labelled, values=True)
    rest = (~last).arg_true()
    edge = tail.gather(rest).str.tail(NEAR)
    low = edge.str.tail(BELOW + 1).str.contains("\n", literal=True)
    said = _said(edge.str.tail(OWN), edge, low, (tests.said, tests.ends))
    high = head.str.contains("\n", literal=True)
    first = _said(head.str.head(CLOSING), head, high, (tests.said, tests.begins))
    first = first | head.str.contains(tests.first)
    return first, last.scatter(rest.filter(said), values=True)


def _said(near: pl.Series, far: pl.Series, deep: pl.Series, tests: tuple[str, str]) -> pl.Series:
    """Say which edges name a publisher, and where a credit does.

    Args:
        near: the characters nearest to the edge.
        far: more of them.
        deep: which are looked at so far.
        tests: what finds one fast, and what finds fewer of these.
    """
    found = near.str.contains(tests[0])
    rows = (deep & ~found).arg_true()
    rows = found.arg_true().append(rows.filter(far.gather(rows).str.contains(tests[0])))
    rows = rows.filter(far.gather(rows).str.contains(tests[1]))
    return (found & False).scatter(rows, values=True)


def _in_list(tail: str, number: int) -> bool:
    """Say whether the line above or below one of the last begins like an entry of a list, too."""
    lines = [line for line in reversed(tail.split("\n")) if line.strip()]
    beside = lines[max(0, number - 1) : number + 2]
    return sum(BULLET.match(line) is not None for line in beside) > 1


def _said_tests(names: Names, forms: Forms) -> tuple[str, str, str]:
    r"""Return what finds a publisher, an opening, an address, or a hint in a bracket: three times.

    Anywhere, with a class on either side in place of `\b`, which lets the engine run at several
    times the speed; then where it ends a line, but for what may stand behind it; and where it
    stands in a dateline, or alone.
    """
    tight = any_of([word for word in names.written if unspaced(word)])
    loose = any_of([word for word in names.written if not unspaced(word)])
    opened = any_of(forms.opening_words)
    hinted = rf"{OPEN}[^\n]{{0,60}}?(?:{any_of(names.hints)})"
    run = any_of([*forms.glued, *forms.run])
    bracket = r"(?:\A|\n) *[\[［【]"
    forms_of = (
        (r"(?:\PL|$)", "", ""),
        (r"(?:\PL[^\n]{0,70})?(?:\n|$)", r"[^\n]{0,70}(?:\n|$)", r"[^\n]{0,90}(?:\n|$)"),
        (r"(?:\s*[^\pL\pN\s]|\s+(?:\pL{1,4}|l['’]\pL+)\s|\s*(?:\n|$))", "", ""),
    )
    anywhere, ending, beginning = (
        rf"(?:\PL|^)(?:(?:{run})?(?:{loose}){behind}|(?:{run})?(?:{tight}){far}|(?:{opened}){wide})"
        rf"|[^\s.]\.[A-Za-z]{{2,6}}(?:\PL|$){far}|{hinted}{far}|{bracket}"
        for behind, far, wide in forms_of
    )
    return anywhere, ending, beginning


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


def _first_lines(head: str, length: int) -> Iterator[tuple[int, str, bool]]:
    """Yield the first lines that are not blank, with their offsets and whether they are whole.

    Args:
        head: the beginning of the text.
        length: characters of the whole text.
    """
    found = start = 0
    for line in head.split("\n"):
        end = start + len(line)
        if line.strip():
            indent = len(line) - len(line.lstrip(" "))
            yield start + indent, line[indent:], end < len(head) or length == len(head)
            found += 1
            if found == HEAD:
                break
        start = end + 1


def _shifted(found: Found, start: int) -> Found:
    """Return an attribution of a line as one of the text that it is in."""
    return Found(found.names, found.start + start, found.end + start)
