"""Read the publisher in the dateline with which a text begins: "LONDON (AP) — "."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imprint.rooms.source.lines import DASH, EDGE, WORD, Found
from imprint.rooms.source.names import trimmed

if TYPE_CHECKING:
    from imprint.rooms.source.names import Names

SITE = (
    r"[\w-]{2,24}(?:\.[\w-]{2,20})?"
    r"\.(?:com|co|co\.id|id|net|org|news|tv|vn|VN|ru|ua|az|kz|md|ro|gr|COM|CO|CO\.ID|ID|NET)"
)
"""An address that stands for the publisher in a dateline."""


TIGHT = re.compile(r"[\[［【](?P<inside>[^\[\]［］【】\n]{2,24})[\]］】]")
"""A bracket that opens a text, with the place and the agency in it."""


CHARACTERS = (
    (
        r"(?P<all>(?P<name>[新中央华華社网網通]{3}))[^\n，。,（(]{1,16}?\d{1,2}日[^\n，。]{0,12}?[电電]",
        False,
    ),
    (r"(?P<all>[（(](?P<name>[新中央华華社]{3})[^\n，。（）()]{1,24}[电電][)）])", False),
    (
        r"[(\[【](?P<place>[^=()\[\]\n]{1,14})(?P<all>=(?P<name>[^()\[\]【】\n]{2,14}))[)\]】]",
        False,
    ),
    (
        r"(?P<all>(?P<name>[^\n()\[\]（）,:]{2,40}?)[-\s]?\s?)(?=\d{1,2}月\d{1,2}日[电電讯訊])",
        False,
    ),
)
"""The forms in scripts without blanks: "新华社北京5月3日电", "(서울=연합뉴스)"."""


class Datelines:
    """Reads the dateline of one line."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._datelines = tuple((re.compile(form), bare) for form, bare in _datelines())

    def read(self, line: str) -> Found | None:
        """Return the publisher in the dateline with which a text begins."""
        match = TIGHT.match(line)
        if match:
            return self._tight(match)
        for pattern, bare in self._datelines:
            match = pattern.match(line)
            if match is None:
                continue
            place = match.groupdict().get("place") or ""
            if self.names.is_picture(place) or self.names.is_known(place):
                continue
            raw = trimmed(match["name"])
            names = self.names.listed(raw, among=self.names.shown if bare else None)
            if not names and re.fullmatch(SITE, raw):
                names = (self.names.canonical(raw),)
            if names and (not place or is_place(place, self.names.small)):
                return Found(names, *match.span("all"))
        return None

    def _tight(self, match: re.Match[str]) -> Found | None:
        """Return the agency at the end of a bracket without blanks: "【北京時事】"."""
        inside, start = match["inside"], match.start("inside")
        for at in range(len(inside) - 1):
            name = inside[at:]
            if self.names.is_known(name, exactly=True) and not self.names.is_picture(inside):
                cut = start + len(inside[:at].rstrip(" ="))
                span = (cut, match.end("inside")) if at else match.span()
                return Found((self.names.canonical(name),), *span)
        return None


def _datelines() -> tuple[tuple[str, bool], ...]:
    """Return the forms of datelines, each with `name`, `all` and mostly `place`.

    And whether a name that may be a word of a language is none there.
    """
    place = r"(?P<place>[^\n()\[\]/=]{2,60}?)"
    places = r"(?P<place>[^\n()=]{2,60}?)"
    dated = r"(?P<place>[^\n()=]{2,50}?\d[^\n()=]{0,12}?)"
    name = r"(?P<name>[^\n()\[\]（）,:]{2,40}?)"
    short = r"(?P<name>(?:[^\n()\[\]（）,:.\d]|\.(?=\w))+?)"
    stroke = rf"/\s?(?:[Кк]орр\.\s)?{name}\s?/"
    before = rf"{EDGE}(?P<all>{name}\s*["
    titled = r"[A-Z][\w]+(?: [A-Z]\w+)?"
    end = r"\s*(?:\n|$)"
    return (
        (rf"{places}(?P<all>\s*[(（]{name}[)）])\s*(?:\.?\s*{DASH}|[:：=।])", False),
        (rf"{dated}(?P<all>\s*[(（]{name}[)）])\.?\s+(?=\S)", True),
        (rf"(?P<place>[^\n()\[\]/=]{{2,40}}?\.)(?P<all> {stroke}\.) ", False),
        (rf"{place}(?P<all>\s*{stroke})\s*(?:\.|{DASH}|$)", False),
        (rf"{dated}(?P<all>\s*{stroke})\s", True),
        (rf"{EDGE}(?P<all>[(\[（]{name}[)\]）]\s*\.?\s*(?:{DASH}|[:：])\s*)", False),
        (
            rf"{EDGE}(?P<all>{name}\s*[,،]\s+)(?P<place>[^\n,،]{{2,40}}?)\s*(?:{DASH}|:)(?:\s|$)",
            False,
        ),
        (rf"{EDGE}(?P<all>(?P<name>{SITE}),\s+)(?P<place>{titled})(?=\s+\W?[A-Z]|\s*$)", False),
        (rf"{EDGE}(?P<all>{name}\s*[-–ـ]\s*)(?P<place>[^\n,:.]{{2,24}}?)\s*[:：]\s", False),
        (rf"{before}/]\s*)(?P<place>[\u0600-\u06ff ]{{2,24}}?)(?:\s*[:：]\s|{end})", False),
        (rf"{EDGE}(?P<all>{name}(?:\s+{DASH}|\.?{DASH}\s)\s*)(?=\S)", True),
        (rf"{place}(?P<all>\s*,\s*{short})(?=\s*{DASH}\s)", False),
        (
            rf"{place}(?P<all>\s*[,،/.]\s*{short})(?=\s*(?:{DASH}|[:：=،/])|{end}|\.\s|\s[|]\s)",
            True,
        ),
        (rf"{place}(?P<all>\s*{DASH}\s*{name})(?=\s*{DASH}|\s*[:：،]|\.\s|{end})", True),
        *CHARACTERS,
    )


def is_place(place: str, small: frozenset[str]) -> bool:
    """Say whether words can be the place and the date of a dateline, and no sentence."""
    words = WORD.findall(place)
    if not words:
        return False
    if not place.lstrip(" *_")[:1].isalnum():
        return False
    if all(word.lower() == word.upper() for word in words):
        return len(words) <= 5 and len(place) <= 40
    dated = bool(re.search(r"\d", place))
    named = all(word[0].isupper() or word in small for word in words)
    shouted = words[0].isupper() and len(words[0]) > 1
    most = 10 if shouted else 6
    begun = words[0][0].isupper() or place.lstrip()[0].isdigit()
    return begun and (named or dated) and len(words) <= most
