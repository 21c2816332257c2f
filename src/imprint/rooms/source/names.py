"""Whom a credit names: known publishers, and words that can be a name and no sentence."""

from __future__ import annotations

import enum
import functools
import itertools
import re
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from imprint.settings import Publishers

NAME_CHARACTERS = 80
"""Characters of the longest name. Chosen: what is longer is a sentence."""

NAME_WORDS = 7
"""Words of the longest name: "Badan Meteorologi, Klimatologi, dan Geofisika" has five. Chosen."""

PLAIN_WORDS = 4
"""Words of the longest name in a script without capitals, or in Cyrillic, where names have small
words. Chosen."""

PLAIN_CHARACTERS = 14
"""Characters of the longest name in a script without blanks. Chosen."""

MARKS = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
"""Characters that set the direction of writing; cleaning keeps them."""

QUOTES = ("“”", "‘’", "«»", "„“", "„”", '""', "''", "「」", "『』", "《》")

DATE = re.compile(
    r"(?:[,،(（]\s*|\s[–—-]\s*|\s)(?=(?:[^\W\d]{1,12}[\s.]{1,2})?\d)[\w ./:-]{1,24}[)）]?$"
)
"""A date behind a name: ", 13 Januari 2022", "(13/1)", " 3.5.2021"."""

NOTE = re.compile(
    r",\s(?:em|en|in|à|di|w|v|aus)\s[^\W\d_a-zà-ÿ][^\n,]{2,30}$|\s[(（][^()（）]{12,}[)）]$"
)
"""A place or a note behind a name: "G1, em Brasília"."""

ADDRESS = re.compile(r"(?:https?://)?(?:www\.)?((?:[\w-]+\.)+[a-z]{2,})(?:/\S*)?", re.IGNORECASE)
"""A web address: its host names the publisher."""

HARD = re.compile(r"\s*[/|;+／、・=]\s*")
"""What stands between publishers and never inside the name of one."""

SOFT = re.compile(
    r"\s*[/|;+／、・=]\s*|\s*[,،，]\s*|\s*&\s*|\s*[-–—]\s*"
    r"|\s(?:dan|and|lan|y|e|et|und|en|og|och|ja|i|a|и|та|і|và|ve|και|و|con|com|avec|mit|with)\s"
    r"(?:(?:d[aoe]s?|del|di|la|the|der|von)\s|(?:dell|l)['’])?"
)
"""What stands between publishers, and may stand in the name of one as well."""

SHOWN = re.compile(r"[^\W\d_a-zà-ÿ].*[A-ZА-ЯΑ-ΩĐ.]|^[a-z]")
"""What a word of a language never looks like: "KOMPAS.com", "VnExpress", "g1"."""

INITIALS = re.compile(r"[^\W\d_]{1,4}\.?|(?:[^\W\d_]\.){1,3}")
"""The initials of an editor beside an agency: "dpa/mh"."""

DATED = re.compile(r"(?=.*\d)[\w .:/-]{1,20}")
"""A date or a number beside an agency."""


class Trust(enum.Enum):
    """How much speaks for it that what is read is the name of a publisher."""

    LABEL = enum.auto()
    """A label stands before it: any name will do."""
    OPENING = enum.auto()
    """Words that begin a credit: it has to have the capitals of a name."""
    KNOWN = enum.auto()
    """Words that begin many things: only a publisher that is known."""


class Names:
    """Knows publishers by the built-in lists and those of a project."""

    def __init__(self, publishers: Publishers) -> None:
        known = lists("publishers")
        labels = lists("labels")
        self._canonical: dict[str, str] = {}
        declared: set[str] = set()
        for publisher in publishers.sources:
            host = ADDRESS.fullmatch(publisher.url)
            for name in (publisher.name, *publisher.aliases, *(host.groups() if host else ())):
                self._canonical.setdefault(folded(name), publisher.name)
            declared |= {*publisher.aliases, publisher.name, publisher.name.upper()}
        self.agencies = frozenset(known["agencies"])
        self.written = self.agencies | frozenset(known["outlets"]) | declared
        self.shown = self.agencies | {name for name in self.written if SHOWN.search(name)}
        hints = known["hints"]
        self.hints = frozenset((*hints, *map(str.capitalize, hints), *map(str.upper, hints)))
        self._generic = frozenset(map(folded, labels["generic"]))
        self._pictures = frozenset(map(folded, labels["pictures"]))
        self.small = frozenset(labels["small"])

    def canonical(self, name: str) -> str:
        """Return the canonical name of a publisher, or the name as it stands."""
        return self._canonical.get(folded(name), name)

    def is_known(self, name: str, *, exactly: bool = False) -> bool:
        """Say whether a name is a publisher's that is listed, as it is written or in any case."""
        return name in self.written or (not exactly and folded(name) in self._canonical)

    def is_picture(self, words: str) -> bool:
        """Say whether one of some words makes a credit that of a picture."""
        return not self._pictures.isdisjoint(re.findall(r"[\w-]+", folded(words)))

    def credited(self, raw: str, trust: Trust) -> tuple[str, ...]:
        """Return the publishers that a credit names, in its order; none where it is not certain.

        Args:
            raw: what follows the label.
            trust: what stands before it.
        """
        name, exactly = trimmed(raw), trust is Trust.KNOWN
        if self.is_known(name, exactly=exactly):
            return (self.canonical(name),)
        if self.is_picture(name):
            return ()
        name = _undated(name)
        if self.is_known(name, exactly=exactly):
            return (self.canonical(name),)
        if folded(name) in self._generic:
            return ()
        address = ADDRESS.fullmatch(name)
        if address:
            return (self.canonical(address[1].lower() if "/" in name else name),)
        several = self._several(name, trust)
        if several is not None:
            return several
        if trust is Trust.KNOWN:
            return ()
        if not self._looks_like_a_name(name, plain=trust is Trust.LABEL):
            return ()
        return (self.canonical(name),)

    def listed(
        self, raw: str, *, among: Collection[str] | None = None, exactly: bool = True
    ) -> tuple[str, ...]:
        """Return the publishers of a list that holds known ones, initials and dates alone.

        >>> from imprint.settings import Publishers
        >>> Names(Publishers()).listed("ČTK, BBC, rm")
        ('ČTK', 'BBC')

        Args:
            raw: what stands alone, in a bracket or behind a dash, without any label.
            among: of which one has to be there; by default any known publisher.
            exactly: whether publishers of the project's count only as they are written.
        """
        name = trimmed(raw)
        for each in (name, _undated(name)):
            if self.is_known(each, exactly=exactly):
                return (self.canonical(each),) if among is None or each in among else ()
        parts = [trimmed(part) for part in SOFT.split(name)]
        found = [part for part in parts if self.is_known(part, exactly=exactly)]
        rest = [part for part in parts if not self.is_known(part, exactly=exactly)]
        pictures = self._pictures.intersection(map(folded, rest))
        if not found or pictures or not all(map(self._is_beside, rest)):
            return ()
        if among is not None and not any(part in among for part in found):
            return ()
        return tuple(dict.fromkeys(map(self.canonical, found)))

    def names_itself(self, name: str) -> bool:
        """Say whether a name says by itself that it is a publisher's: an address, a hint."""
        return bool(ADDRESS.fullmatch(name)) or self._is_hinted(name)

    def _several(self, name: str, trust: Trust) -> tuple[str, ...] | None:
        """Return the publishers of a list; None where it is no list."""
        listed = self.listed(name, exactly=trust is Trust.KNOWN)
        if listed:
            return listed
        hard = HARD.split(name)
        parts = [trimmed(part) for part in (hard if len(hard) > 1 else SOFT.split(name))]
        certain = [self.is_known(part) or bool(ADDRESS.fullmatch(part)) for part in parts]
        if len(parts) == 1 or not (any(certain) or len(hard) > 1):
            return None
        if trust is not Trust.LABEL:
            return ()
        found = []
        for number, (part, sure) in enumerate(zip(parts, certain, strict=True)):
            if not sure and self._is_beside(part):
                continue
            behind = number > 0 and certain[number - 1] and "/" in name
            if not sure and (
                (behind and " " in part and not self._is_hinted(part))
                or not self._looks_like_a_name(part, plain=True)
            ):
                return ()
            host = ADDRESS.fullmatch(part)
            found.append(self.canonical(host[1] if host and not self.is_known(part) else part))
        if not any(certain) and len(found) < len(parts):
            return ()
        return tuple(dict.fromkeys(found))

    def _is_beside(self, part: str) -> bool:
        """Say whether a part of a list names no publisher: initials, a date, "agencies"."""
        return bool(
            (INITIALS.fullmatch(part) and part.lower() != part.upper())
            or DATED.fullmatch(part)
            or folded(part) in self._generic
        )

    def _is_hinted(self, name: str) -> bool:
        """Say whether one of few words says that a name is a publisher's."""
        words = name.split()
        return (
            1 < len(words) <= PLAIN_WORDS
            and not self.hints.isdisjoint(words)
            and self._looks_like_a_name(name, plain=True)
        )

    def _looks_like_a_name(self, name: str, *, plain: bool) -> bool:
        """Say whether these words can be a name and no sentence.

        Args:
            name: the words.
            plain: whether it may be in a script that has no capitals to show that it is one.
        """
        words = name.split()
        if not words or len(words) > NAME_WORDS or not name[0].isalnum():
            return False
        if re.search(r"[:：!?؟。、，=<>@\n]|[.] [^\W\d_]|\d{5}", name):
            return False
        cased = [word for word in words if word.lower() != word.upper()]
        if not cased:
            return plain and "،" not in name and _is_short(words) and any(map(str.isalpha, name))
        if name[0].islower() and words[0] == words[0].lower():
            return False
        small = [
            word for word in cased if word == word.lower() and word.strip(",") not in self.small
        ]
        cyrillic = all("Ѐ" <= word[0] <= "ӿ" for word in small)
        return not small or (cyrillic and len(words) <= PLAIN_WORDS and "," not in name)


def _is_short(words: list[str]) -> bool:
    """Say whether words without capitals are few enough for a name."""
    longest = max(words, key=len)
    unspaced = "\u0e00" <= longest[0] <= "\u0eff" or longest[0] >= "\u3040"
    return len(words) <= PLAIN_WORDS and not (unspaced and len(longest) > 2 * PLAIN_CHARACTERS)


def _undated(name: str) -> str:
    """Return a name without the date, the place or the note behind it."""
    name = trimmed(DATE.sub("", name))
    return trimmed(NOTE.sub("", name)) if NOTE.search(name) else name


def trimmed(name: str) -> str:
    """Return a name without blanks, marks, closing punctuation and quotation marks around it."""
    name = re.sub(rf"^(?:[\s{MARKS}*_]|&nbsp;|<[^<>]*>)+", "", name)
    name = re.sub(rf"(?:[\s{MARKS}*_.。,،，;؛…]|&nbsp;|<[^<>]*>)+$", "", name)
    if name.endswith((")", "）")) and not re.search(r"[(（]", name):
        name = name[:-1].rstrip()
    if len(name) > 2 and name[0] + name[-1] in QUOTES:
        return name[1:-1].strip()
    return name


def folded(name: str) -> str:
    """Return a name as names are compared: composed, without case, blanks as one."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


@functools.cache
def lists(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the built-in lists of a data file, over all languages."""
    import toml_rs

    text = resources.files("imprint").joinpath(f"data/{name}.toml").read_text("utf-8")
    tables = toml_rs.loads(text).items()
    return {key: tuple(dict.fromkeys(itertools.chain(*by.values()))) for key, by in tables}


def unspaced(word: str) -> bool:
    """Say whether a word is in a script that sets no blanks between words, or not always."""
    return word[0] >= "\u2e80" or word[-1] >= "\u2e80" or "\u0e00" <= word[0] <= "\u0eff"


def any_of(words: Collection[str]) -> str:
    """Return an expression that finds any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))
