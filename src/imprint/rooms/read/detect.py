"""The code of text that is neither marked nor UTF-8: a detector proposes, rules accept.

A detector's confidence is no probability, and the codes of one region differ in a few characters.
So its first answer is taken only where it does not matter (the other likely codes give the same
text), or where the typography of the text tells: under a wrong code an opening quotation mark
becomes a letter before a capital ("ôRietvield"), a letter a sign inside a word ("sch”n"). Where
that does not tell either, the file is rejected, with the candidates named.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from imprint.rooms.read.files import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NEAR = 0.02
"""Candidates this close behind the first are as likely. Source: measured on 615 pieces."""

AGREE = 3
"""How many first candidates have to agree. Source: measured on 615 pieces in 20 codes."""

ODDER = 3
"""How many times as odd as the best reading every other has to be (and at least by two places).
Source: measured on 1,723 pieces of 60 to 30,000 characters, of 16 sets of sentences in the codes of
their regions: 1,476 are taken, 9 of them wrong; by agreement and lead alone 1,166 and 16."""

CONTROL_SHARE = 0.05
"""From which share of control characters on bytes are no text. Chosen: UTF-16 without a mark has
8 to 50 %, texts with stray NULs far less."""

CONTROLS_FEW = 2
"""So many control characters a text may have, however short it is. Chosen."""

CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b")) + b"\x7f"
"""What text does not hold: C0 controls but blanks, line ends and escape (of ISO 2022)."""

EVIDENCE = 3
"""How many characters beyond ASCII it takes to tell a code that leads. Chosen, and measured."""

ODD_SHARE = 0.1
"""How many of them may be odd. Chosen, and measured."""

CONTROL = re.compile("[\x80-\x9f]")
"""A reading that has these is of another code. Source: ISO/IEC 6429; text is without them."""

ODD = (
    r"[\p{Lu}\p{Ll}][^\x00-\x7F\p{L}\p{M}\p{N}\x{2019}\x{2018}\x{B7}\x{AD}][\p{Lu}\p{Ll}]",
    r"[\p{Ll}--a-z]\p{Lu}|\p{Ll}[\p{Lu}--A-Z]",
    r"(?m:^|[ ])[\p{L}--[\x00-\x7FàèòóáéíúýÀÈÒÓÁÉÍÚÝâêîôû]](?m: |$)",
    r"[A-Za-z][\p{Cyrillic}\p{Greek}\p{Hebrew}\p{Arabic}]|[\x{2500}-\x{259F}]",
    r"(?m:^|[ (])[”’»]\p{L}|\p{L}[“‘„](?m:$|[ .,;)])",
)
"""What writing seldom has: a sign inside a word; a capital behind a small letter, one of them not
ASCII; a rare letter alone; two scripts in a word, or a box; a quotation mark turned the wrong way.
Chosen; measured with `ODDER`."""


def is_binary(data: bytes) -> bool:
    r"""Say whether the bytes hold too many control characters to be text in UTF-8.

    >>> is_binary("halo".encode("utf-16-le")), is_binary(b"one stray NUL in a line\0 of text")
    (True, False)
    """
    head = data[: 2**20]
    controls = len(head) - len(head.translate(None, CONTROLS))
    return controls > max(CONTROLS_FEW, CONTROL_SHARE * len(head))


def detect(sample: bytes, remedy: str) -> tuple[str, str]:
    """Return the codec of a text, by Python's name, and a phrase on how it is known.

    Args:
        sample: of the file, at best all of it.
        remedy: what a person does where it cannot be told.

    Raises:
        Unreadable: `encoding`, with the candidates named.
    """
    import chardet

    answers = chardet.detect_all(sample, max_bytes=len(sample), compat_names=False)
    scores = {a["encoding"]: a["confidence"] for a in answers if a["encoding"]}
    names = list(scores)
    near = [n for n in names if scores[n] > scores[names[0]] - NEAR]
    texts = {n: _decode(sample, n) for n in {*names[:AGREE], *near}}
    shown = ", ".join(names[:AGREE])
    if not any(texts.values()):
        raise Unreadable("encoding", f"no text in UTF-8 or another code; {remedy}")
    name = _by_typography({n: texts[n] for n in near}) or _by_agreement(names, near, texts)
    if not name:
        detail = f"not UTF-8, and {shown} give different texts of which none is surely right"
        raise Unreadable("encoding", f"{detail}; {remedy}")
    if is_binary((texts[name] or "").encode("utf-8", "replace")):
        raise Unreadable("encoding", f"full of control characters, as binary files are; {remedy}")
    return codecs.lookup(name).name, f"detected (likely: {shown})"


def _decode(sample: bytes, codec: str) -> str | None:
    """Decode a sample that may end inside a character; None if it cannot be."""
    try:
        return codecs.getincrementaldecoder(codec)("strict").decode(sample)
    except (UnicodeError, LookupError):
        return None


def _by_typography(texts: Mapping[str, str | None]) -> str:
    """Return the code whose reading alone is like writing; "" where none is."""
    names: dict[str, str] = {}
    for name, text in texts.items():
        if text is not None and not CONTROL.search(text):
            names.setdefault(text, name)
    if len(names) < 2:
        return next(iter(names.values()), "") if all(map(_is_writing, names)) else ""
    odd = {text: _oddness(text) for text in names}
    best, second = sorted(odd, key=odd.__getitem__)[:2]
    if odd[second] - odd[best] < 2 or odd[second] < ODDER * odd[best]:
        return ""
    return names[best]


def _by_agreement(
    names: Sequence[str], near: Sequence[str], texts: Mapping[str, str | None]
) -> str:
    """Return the first code where it leads or the first three agree; else ""."""
    first = texts[names[0]]
    agree = all(texts[name] == first for name in names[:AGREE])
    if not first or not (agree or len(near) == 1):
        return ""
    return names[0] if _is_writing(first, 1 if agree else EVIDENCE) else ""


def _oddness(text: str) -> int:
    """Count the places that writing seldom has."""
    import polars as pl

    column = pl.Series([text])
    return sum(column.str.count_matches(odd)[0] for odd in ODD)


def _is_writing(text: str, least: int = EVIDENCE) -> bool:
    """Say whether a reading has enough beyond ASCII, and little that is odd."""
    beyond = sum(not character.isascii() for character in text)
    return beyond >= least and _oddness(text) <= ODD_SHARE * beyond
