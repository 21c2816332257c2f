"""Clean the text of every record of a listed few defects, and of nothing else.

A text without defects comes out byte-identical, and cleaning twice changes nothing more. Quotes,
dashes, ligatures, widths, joiners (ZWJ, ZWNJ) and direction marks are the author's and stay: taking
out every zero-width character would break Kurdish and Persian.

The whole column is tested with compiled expressions; only the rows that could change are rewritten,
again with compiled expressions, and of those only the *lines* that look like mojibake reach ftfy.
The tests may pick a row too many, never one too few (a property test holds them to that).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from imprint.timing import slow

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

REMOVED = r"[\x00-\x08\x0B-\x1F\x7F-\x{9F}\x{AD}\x{200B}\x{2060}\x{FEFF}]"
"""Control characters but tab and line feed, SOFT HYPHEN, ZERO WIDTH SPACE, WORD JOINER and ZERO
WIDTH NO-BREAK SPACE. Carriage returns have become line feeds by then."""

BLANKS = r" *[\t\p{Zl}\p{Zp}[\p{Zs}--\x20]][\t\p{Zs}\p{Zl}\p{Zp}]*|  +"
"""A run of blanks that is not one space: so that the spaces that stay are not replaced each by
itself, which takes four times as long (measured). Blanks are tab and all that Unicode calls a
separator (no-break, thin, ideographic, ...).

Source: Unicode Character Database, General_Category Zs, Zl, Zp."""

NOT_COMPOSED = (
    r"[\x{300}-\x{304}\x{306}-\x{30C}\x{30F}\x{311}\x{313}-\x{314}\x{31B}\x{323}-\x{328}"
    r"\x{32D}-\x{32E}\x{330}-\x{331}\x{338}\x{340}-\x{345}\x{374}\x{37E}\x{387}\x{653}-\x{655}"
    r"\x{93C}\x{958}-\x{95F}\x{9BE}\x{9D7}\x{9DC}-\x{9DD}\x{9DF}\x{A33}\x{A36}\x{A59}-\x{A5B}"
    r"\x{A5E}\x{B3E}\x{B56}-\x{B57}\x{B5C}-\x{B5D}\x{BBE}\x{BD7}\x{C56}\x{CC2}\x{CD5}-\x{CD6}"
    r"\x{D3E}\x{D57}\x{DCA}\x{DCF}\x{DDF}\x{F43}\x{F4D}\x{F52}\x{F57}\x{F5C}\x{F69}\x{F73}"
    r"\x{F75}-\x{F76}\x{F78}\x{F81}\x{F93}\x{F9D}\x{FA2}\x{FA7}\x{FAC}\x{FB9}\x{102E}"
    r"\x{1161}-\x{1175}\x{11A8}-\x{11C2}\x{1B35}\x{1F71}\x{1F73}\x{1F75}\x{1F77}\x{1F79}\x{1F7B}"
    r"\x{1F7D}\x{1FBB}\x{1FBE}\x{1FC9}\x{1FCB}\x{1FD3}\x{1FDB}\x{1FE3}\x{1FEB}\x{1FEE}-\x{1FEF}"
    r"\x{1FF9}\x{1FFB}\x{1FFD}\x{2000}-\x{2001}\x{2126}\x{212A}-\x{212B}\x{2329}-\x{232A}"
    r"\x{2ADC}\x{3099}-\x{309A}\x{F900}-\x{FAD9}\x{FB1D}-\x{FB4E}\x{105C9}\x{105E4}\x{110BA}"
    r"\x{11127}\x{1133E}\x{11357}\x{113B8}-\x{113C9}\x{114B0}\x{114BA}\x{114BD}\x{115AF}"
    r"\x{11930}\x{1611E}-\x{16129}\x{16D63}-\x{16D6A}\x{1D15E}-\x{1D164}\x{1D1BB}-\x{1D1C0}"
    r"\x{2F800}-\x{2FA1D}]|\p{M}\p{M}"
)
"""What a text that is not in NFC must contain: a character whose NFC_Quick_Check is No or Maybe, or
two marks in a row (which may stand in the wrong order).

Source: Unicode Standard Annex 15, section 9; derived from the decompositions of Unicode 14, with
the compositions that Unicode 16 added."""

DIRTY = rf"\r|{REMOVED}|[\t\p{{Zl}}\p{{Zp}}]|[\p{{Zs}}--\x20]|  |(?m:^ | $)|\n\n\n|\A\n|\n\z"
"""What a text that the steps after the repair of mojibake would change must contain."""


def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
    r"""Rewrite every text that has one of the defects that cleaning knows.

    No record is added, dropped or moved; running it twice changes nothing more. In this order:
    line ends to `\n`; mojibake, line by line (`ftfy.fix_encoding`); control characters, zero-width
    spaces and soft hyphens out; every run of blanks in a line to one space, none at either end of a
    line; three line breaks or more to two, none at either end of the text; composition (NFC) last,
    since what was taken out may have stood between a letter and its accent. A text that changed is
    looked at again until nothing changes: taking one defect out can uncover another.

    Args:
        batch: n records. Reads `text`; a null stays null.

    Returns:
        n records in the same order; only `text` differs.

    >>> import pyarrow as pa
    >>> texts = ["a\u00a0 b\r\n", "cafe\u0301 \u00e2\u20ac\u0153x\u00e2\u20ac\u009d", None]
    >>> clean(pa.record_batch({"text": texts}))["text"].to_pylist()
    ['a b', 'café “x”', None]
    """
    import polars as pl

    text = pl.Series(pl.from_arrow(batch["text"]))
    changed = _suspects(text).arg_true()
    if changed.is_empty():
        return batch
    slow(len(changed))
    while not changed.is_empty():
        before = text.gather(changed)
        after = _rewrite(before)
        differs = before.ne_missing(after)
        changed = changed.filter(differs)
        text = text.scatter(changed, after.filter(differs))
    return _with_text(batch, text)


def _suspects(text: pl.Series) -> pl.Series:
    """Say for each text whether cleaning could change it: never false where it would."""
    dirty = text.str.contains(f"{DIRTY}|{NOT_COMPOSED}|{_mojibake()}")
    return dirty.fill_null(value=False)


def _rewrite(text: pl.Series) -> pl.Series:
    """Apply every step once to each text."""
    text = _repair(text.str.replace_all(r"\r\n?", "\n"))
    text = text.str.replace_all(REMOVED, "").str.replace_all(BLANKS, " ")
    text = text.str.replace_all(r"(?m)^ | $", "").str.replace_all(r"\n{3,}", "\n\n")
    return _compose(text.str.strip_chars("\n"))


def _repair(text: pl.Series) -> pl.Series:
    """Repair mojibake in the lines that have it."""
    import ftfy
    import polars as pl

    rows = text.str.contains(_mojibake()).fill_null(value=False).arg_true()
    if rows.is_empty():
        return text
    lines = pl.DataFrame({"row": rows, "line": text.gather(rows).str.split("\n")}).explode("line")
    bad = lines["line"].str.contains(_mojibake()).arg_true()
    repaired = [ftfy.fix_encoding(line) for line in lines["line"].gather(bad)]
    lines = lines.with_columns(lines["line"].scatter(bad, repaired))
    whole = lines.group_by("row", maintain_order=True).agg(pl.col("line").str.join("\n"))
    return text.scatter(whole["row"], whole["line"])


def _compose(text: pl.Series) -> pl.Series:
    """Compose what is not in NFC."""
    import polars as pl
    import pyarrow.compute as pc

    rows = text.str.contains(NOT_COMPOSED).fill_null(value=False).arg_true()
    composed = pc.utf8_normalize(text.gather(rows).to_arrow(), form="NFC")
    return text.scatter(rows, pl.Series(pl.from_arrow(composed)))


@functools.cache
def _mojibake() -> str:
    r"""Return ftfy's own pattern of what looks like mojibake, in Rust's syntax.

    The pattern is written with free spacing, which the two languages read differently inside a
    class; so the spacing is taken out, and `\w` and `\s` are widened to what Python means by them.

    Source: ftfy.badness.BADNESS_RE; a test holds that it finds all that ftfy would change.
    """
    from ftfy.badness import BADNESS_RE

    token = re.compile(r"(\[(?:\\.|[^\]\\])+\])|(\\.)|(#[^\n]*|\s+)|(.)", re.DOTALL)
    out = []
    for in_class, escaped, spacing, other in token.findall(BADNESS_RE.pattern):
        if in_class:
            out.append("[" + in_class[1:-1].replace("[", r"\[").replace("&", r"\&") + "]")
        elif escaped in {r"\w", r"\s"}:
            out.append({r"\w": r"[\w\p{N}]", r"\s": r"[\s\x1C-\x1F]"}[escaped])
        elif not spacing:
            out.append(escaped or other)
    return f"(?m:{''.join(out)})"


def _with_text(batch: pa.RecordBatch, text: pl.Series) -> pa.RecordBatch:
    """Return the batch with another text column."""
    import pyarrow as pa

    return batch.set_column(
        batch.schema.get_field_index("text"), "text", text.to_arrow().cast(pa.string())
    )
