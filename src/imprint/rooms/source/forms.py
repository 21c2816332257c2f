"""The forms that a credit has: on its own line, behind the last sentence, in the dateline."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from imprint.rooms.source.datelines import Datelines, is_place
from imprint.rooms.source.lines import AROUND, CLOSE, DASH, EDGE, END, ENDS, OPEN, WORD, Found
from imprint.rooms.source.names import (
    NAME_CHARACTERS,
    Names,
    Trust,
    any_of,
    lists,
    trimmed,
    unspaced,
)

if TYPE_CHECKING:
    from imprint.settings import Publishers

REMEMBERED = 4096
"""Lines whose credit is remembered: the same one stands under many texts."""

CLOSING = 110
"""Characters at the end of a line in which a credit behind its last sentence stands. Chosen: the
longest name, and what introduces it."""

OWN = 130
"""Characters of the longest line that is a credit: words that begin it, and the longest name."""

BYLINE = 80
"""Characters of the longest line that names who wrote a text. Chosen."""

GLUED = 3
"""Characters of a label that is told from the name that it ran into; a shorter one may be a part of
it. Chosen."""

BARE = 40
"""Characters of the longest list of agencies that stands alone. Chosen."""

COLON = r"(?:\s*[:：՝፦៖꞉]+-?|\.-|\s*=|\s*[–—-](?=\s))"
"""What stands between a label and the name."""

SIGNED = re.compile(r"\s*/?\s*\([^()\n]*\)[.]?$")
"""Who wrote and edited, behind an agency: "AGERPRES/(AS - autor: ...)"."""

COPYRIGHT = re.compile(
    r"(?:©|\([cCсС]\)|（[cC]）|&copy;|[Cc]opyright(?:\s*(?:©|\([cC]\)))?(?:\s+by)?)"
    r"\s*(?:\d{4})?[,:]?\s*"
)
RIGHTS = re.compile(
    r"[\s.,|–—-]*(?:\d{4})?[\s.,]*(?:[Aa]ll [Rr]ights [Rr]eserved|[Aa]lle Rechte vorbehalten"
    r"|[Tt]odos los derechos reservados|[Tt]ous droits réservés)?[\s.]*$"
)

BY = (
    r"(?:(?i:by|von|par(?: l['’])?|por(?: la)?|oleh|door|redacción|redação|redazione|from)"
    r"|Da|Do|Di|De|Av|Af|Fra|Från)"
)
"""What stands before the agency that wrote a text."""


class Forms:
    """Reads the credit of one line."""

    def __init__(self, publishers: Publishers, names: Names) -> None:
        known = lists("labels")
        self.names = names
        labels = (*known["labels"], *publishers.labels)
        self.labels = any_of(labels)
        self.weak = any_of(known["weak"])
        self.openings = any_of(known["openings"])
        self.opening_words = known["openings"]
        self.connectives = any_of(known["connectives"])
        name = rf"(?P<name>[^\n]{{1,{NAME_CHARACTERS}}})"
        ignore = re.IGNORECASE
        edge = rf"{EDGE}{OPEN}?{AROUND}"
        close = rf"{AROUND}{CLOSE}?[.。]?{AROUND}"
        lazy = name.replace("}})", "}}?)").replace("})", "}?)")
        self._contents = (
            (re.compile(rf"(?:{self.labels}){AROUND}{COLON}{AROUND}{name}", ignore), Trust.LABEL),
            (re.compile(rf"(?:{self.weak}){AROUND}{COLON}{AROUND}{name}", ignore), Trust.KNOWN),
            (re.compile(rf"(?:{self.openings}):? {name}"), Trust.OPENING),
            (re.compile(rf"(?:{self.connectives})(?:(?<=['’据綜合综])|:? ){name}"), Trust.KNOWN),
        )
        begins = f"(?i:{self.labels}|{self.weak})|{self.openings}|{self.connectives}"
        self._begins = re.compile(begins)
        self.glued = [each for each in labels if each[-1].islower() and len(each) > GLUED]
        self.run = [each for each in labels if unspaced(each)]
        self._glued = re.compile(
            rf"(?:(?i:{self.labels})\s|{any_of(self.glued)}(?=[^\W\d_a-z])|{any_of(self.run)}){name}"
        )
        self._own = re.compile(rf"{edge}{lazy}{close}")
        self._bracket = re.compile(
            rf"(?P<all>{OPEN}(?P<name>[^()\[\]（）【】〔〕［］{{}}\n]{{1,{CLOSING}}}?){CLOSE}?[.。]?{AROUND})$"
        )
        self._dash = re.compile(
            rf"(?P<before>[{re.escape(END)}]|^|\s)(?P<all>\s*(?:{DASH}|//?)\s*"
            rf"(?P<name>[^\n]{{2,40}}?)\s*(?:{DASH}|//?)?[.。]?{AROUND})$"
        )
        self._inside = re.compile(rf"(?:[,|·]|\s{DASH})\s*(?P<name>[^\n]+?)[.。]?{AROUND}$")
        self._by = re.compile(rf"{EDGE}{BY}[:]? (?P<name>[^\n]{{2,60}}?){AROUND}")
        self._byline = re.compile(
            rf"{EDGE}{BY} [^\n,|/–—]{{3,50}}?"
            r"(?P<all>\s*(?:[,|/–—]|\s-)\s*(?P<name>[^\n,|]{2,40}?))$"
        )
        self._pictured, self._picture, self._shown = _pictures()
        self.dateline = Datelines(names).read
        self.own_line = functools.lru_cache(maxsize=REMEMBERED)(self._own_line)

    def _own_line(self, line: str) -> Found | None:
        """Return the credit that a line is, in full or behind the one who wrote the text."""
        if len(line) > OWN:
            return None
        match = self._own.fullmatch(line)
        names = self._content(match["name"]) if match else ()
        if names:
            return Found(names, 0, len(line))
        return self.signed(line)

    def signed(self, line: str) -> Found | None:
        """Return the agency that stands alone on a line, or behind the one who wrote the text."""
        names = self._alone(line) if len(line) <= OWN else ()
        if names:
            return Found(names, 0, len(line))
        match = self._byline.fullmatch(line) if len(line) <= BYLINE else None
        names = self.names.listed(match["name"], among=self.names.agencies) if match else ()
        return Found(names, *match.span("all")) if match and names else None

    def labelled(self, line: str) -> Found | None:
        """Return the credit that a line is by its label."""
        match = self._own.fullmatch(line) if len(line) <= OWN else None
        names = self._content(match["name"], labelled=True) if match else ()
        return Found(names, 0, len(line)) if names else None

    def ending(self, line: str) -> Found | None:
        """Return the credit behind the last sentence of a line."""
        found = self._in_bracket(line) or self._behind(line) or self._dashed(line)
        if found is None:
            return None
        before = line[: found.start]
        if self._pictured.search(before, max(0, len(before) - 2 * CLOSING)):
            return None
        if len(before) <= BYLINE and self._picture.search(before):
            return None
        return None if self._shown.search(before, max(0, len(before) - 300)) else found

    def _content(self, text: str, *, labelled: bool = False) -> tuple[str, ...]:
        """Return whom a credit names that begins with a label or with words that open one."""
        for pattern, trust in self._contents[: 2 if labelled else None]:
            match = pattern.fullmatch(text)
            names = self.names.credited(match["name"], trust) if match else ()
            if names:
                return names
        match = None if labelled else self._glued.fullmatch(text)
        return self.names.listed(match["name"]) if match else ()

    def _alone(self, line: str) -> tuple[str, ...]:
        """Return the agencies that a line holds and nothing else."""
        bare = trimmed(line).strip(" *_•·>#[]（）【】/–—-")
        match = COPYRIGHT.match(bare.removeprefix("(")) or COPYRIGHT.match(bare)
        bare = match.string if match else bare.strip("() ")
        if match:
            return self.names.listed(RIGHTS.sub("", bare[match.end() :]))
        if len(bare) > BYLINE:
            return ()
        match = self._by.fullmatch(line)
        if match:
            names = self.names.listed(match["name"], among=self.names.agencies)
            if names:
                return names
        return self.names.listed(bare, among=self.names.agencies)

    def _in_bracket(self, line: str) -> Found | None:
        """Return what a bracket credits that closes a line, or is not closed at its end."""
        match = self._bracket.search(line, max(0, len(line) - CLOSING - 4))
        if match is None:
            return None
        inside, start = trimmed(match["name"]), match.start("all")
        before = line[:start].rstrip()
        names = self._content(inside)
        ended = not before or before[-1] in END or not before.strip(" *_•·>#–—-")
        if not names and ended:
            names = self._mentioned(inside)
        if not names and len(before) <= BARE and is_place(before, self.names.small):
            names = self.names.listed(inside)  # behind the name of who wrote the text
        if not names and _closed(match["all"]) and not _abbreviates(before, inside):
            names = self.names.listed(inside, among=self.names.agencies)
        return Found(names, *match.span("all")) if names else None

    def _mentioned(self, inside: str) -> tuple[str, ...]:
        """Return whom a bracket behind a sentence credits without any label."""
        names = self.names.listed(inside)
        match = COPYRIGHT.match(inside)
        if not names and match:
            names = self.names.listed(inside[match.end() :])
        if not names and self.names.names_itself(inside):
            names = self.names.credited(inside, Trust.LABEL)
        return names

    def _behind(self, line: str) -> Found | None:
        """Return what stands behind the last sentence: "Satu. Sumber: Antara", "Done. AFP"."""
        least = max(0, len(line) - CLOSING)
        ends = [match.start() for match in ENDS.finditer(line, least, max(0, len(line) - 1))]
        for at in reversed(ends):
            start = at + 1 + len(line[at + 1 :]) - len(line[at + 1 :].lstrip(" *_"))
            rest = line[start:]
            names = self._content(trimmed(rest)) if self._begins.match(rest) else ()
            names = names or self._bare(line[at], rest)
            if names:
                return Found(names, at + 1, len(line))
        match = self._inside.search(line) if len(line) <= BYLINE else None
        names = self._content(trimmed(match["name"])) if match else ()
        end = len(line) - (line[-1:] in ".。")
        return Found(names, match.start(), end) if match and names else None

    def _bare(self, before: str, rest: str) -> tuple[str, ...]:
        """Return the agency that stands alone behind a sentence."""
        if before in ")）" or len(SIGNED.sub("", rest)) > BARE:
            return ()
        bare = SIGNED.sub("", rest).strip(" *_./–—-")
        match = COPYRIGHT.match(bare)
        if match:
            return self.names.listed(RIGHTS.sub("", bare[match.end() :]))
        return self.names.listed(bare, among=self.names.agencies)

    def _dashed(self, line: str) -> Found | None:
        """Return the agency behind a dash or a stroke at the end of a line."""
        match = self._dash.search(line, max(0, len(line) - CLOSING))
        if match is None:
            return None
        among = None if match["before"] and match["before"] in END else self.names.agencies
        names = self.names.listed(match["name"], among=among)
        spaced = match["before"].isspace() and line[: match.start("all")].rstrip()[-1:] not in END
        if not names or (spaced and "/" not in match["all"] and not _is_long_dash(match["all"])):
            return None
        return Found(names, *match.span("all"))


def _pictures() -> tuple[re.Pattern[str], ...]:
    """Return what finds a label of pictures, a word for one, and what captions say."""
    known = lists("labels")
    word = rf"(?<!\w)(?:{any_of(known['pictures'])})(?!\w)"
    caption = rf"(?<!\w)(?:{any_of(known['captions'])})"
    forms = (
        rf"{word}\s*[.]?\s*[:：©|/=(（]|{caption}\s*[:：|©]",
        rf"{word}|{caption}(?!\w)",
        any_of(known["shown"]),
    )
    return tuple(re.compile(each, re.IGNORECASE) for each in forms)


def _closed(bracket: str) -> bool:
    """Say whether a bracket is closed."""
    return bool(re.search(CLOSE, bracket))


def _is_long_dash(text: str) -> bool:
    """Say whether a dash is one that sets off, no hyphen."""
    return bool(re.search(r"--|[–—]", text))


def _abbreviates(before: str, name: str) -> bool:
    """Say whether a name in a bracket may be short for the words before it, or repeat them.

    >>> _abbreviates("der Deutschen Presse-Agentur", "dpa"), _abbreviates("until spring", "Reuters")
    (True, False)
    """
    words = WORD.findall(before)[-len(name) - 2 :]
    letters = name.casefold()
    initials = iter(word[0].casefold() for word in words)
    agreeing = sum(letter in initials for letter in letters)
    return not words or agreeing >= max(2, len(letters) - 1) or name in before[-NAME_CHARACTERS:]
