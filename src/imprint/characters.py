"""What is known of characters."""

from __future__ import annotations

import re

BLANKLESS = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f"
    "\u2e80-\u2fdf\u3000-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\ua980-\ua9ff\uaa60-\uaadf"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
"""Characters of scripts that set no blanks between words: Thai, Lao, Tibetan, Myanmar, Khmer, Tai
Le and its like, Balinese, Han, Kana, Bopomofo, Yi, Javanese.

Source: blocks of the Unicode Character Database; which write blanks: Unicode Standard Annex 14,
line-breaking class SA, and the East Asian scripts."""
