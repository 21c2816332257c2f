"""What a credit is made of: what stands around it, and where on its line it is."""

from __future__ import annotations

import re
from typing import NamedTuple

from imprint.rooms.source.names import MARKS

BLANK = rf"[ \t{MARKS}]|&nbsp;|&#160;|&#xa0;|&amp;nbsp;"
EDGE = rf"(?:{BLANK}|[*_•·>#»~|–—-]|</?\w{{1,6}}[^<>\n]{{0,30}}>)*"
"""What may stand before a credit on its line: blanks, entities, bullets, marks of emphasis."""

AROUND = rf"(?:{BLANK}|[*_]|</?\w{{1,6}}[^<>\n]{{0,30}}>)*"
"""What may stand around the parts of a credit."""

OPEN, CLOSE = r"[(\[（【〔［{]", r"[)\]）】〕］}]"

END = '.。!?…؟।"”’»)）』」'
"""What ends the sentence behind which a credit may stand."""

ENDS = re.compile(f"[{re.escape(END)}]")

DASH = r"(?:--?|[–—−ـ])"

WORD = re.compile(r"[^\W\d_]+")
"""A word."""


class Found(NamedTuple):
    """A credit in a text."""

    names: tuple[str, ...]
    """The publishers, the first first, by their canonical names where they have one."""
    start: int
    """Offset of the first character of the attribution."""
    end: int
    """Offset behind its last."""
