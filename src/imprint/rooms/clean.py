"""Clean the text of every record of a listed few defects, and of nothing else.

A text without defects comes out byte-identical, and cleaning twice changes nothing more. Quotes,
dashes, ligatures, widths, joiners (ZWJ, ZWNJ) and direction marks are the author's and stay: taking
out every zero-width character would break Kurdish and Persian.

The whole column is tested with compiled expressions; only the rows that could change are rewritten,
again with compiled expressions, and of those only the *lines* that look like mojibake reach ftfy.
Most texts of most corpora are ASCII and a few quotes and dashes: one look at the bytes tells which
rows hold any other character, and only these are tested for what takes one.
The tests may pick a row too many, never one too few (a property test holds them to that).
"""

from __future__ import annotations

import functools
import itertools
import operator
import re
from typing import TYPE_CHECKING, Any

from imprint.timing import slow

if TYPE_CHECKING:
    import numpy as np
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

SPACING = ("  ", r" \n|\n |\n\n\n", r"\A[ \n]", r"[ \n]\z")
"""What a text of plain characters that cleaning would change must contain. Each is a search of its
own: for a few literals of about one length the engine skips from one to the next, twenty times as
fast as it reads the bytes (measured)."""

DELETE = "\x7f"
"""The one control character that is not below the space."""

PLAIN = "“”„‘’‚‹›«»–—…•·©®™"
"""Characters beyond ASCII that are everywhere and no defect; they look like mojibake only next to
a character that is not among them (a test holds it)."""

SPARSE = 32
"""A column with up to one byte in so many that is no printable ASCII is looked at byte by byte; in
others most rows have odd characters anyway. Measured: near a thirtieth both ways take as long."""

CONTEXT = 10
"""Characters of ASCII that ftfy is shown before and behind the others. Chosen: it looks at seven at
most, at the word behind an "à" that lost its second byte."""

ASCII_RUN = re.compile(rf"[ -~]{{{3 * CONTEXT},}}")
"""What is long enough to leave something out of it that ftfy need not see."""


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
    import pyarrow as pa

    rows = _suspects(batch["text"])
    if rows.is_empty():
        return batch
    slow(len(rows))
    text = pl.Series(pl.from_arrow(batch["text"])).gather(rows)
    todo = pl.arange(len(rows), eager=True)
    while not todo.is_empty():
        before = text.gather(todo)
        after = _rewrite(before)
        differs = before.ne_missing(after)
        todo, after = todo.filter(differs), after.filter(differs)
        text = text.scatter(todo, after)
        todo = todo.gather(_suspects(after.to_arrow().cast(pa.string())))
    return _with_text(batch, rows, text)


def _suspects(texts: pa.StringArray) -> pl.Series:
    """Return the rows of the texts that cleaning could change: never too few."""
    import polars as pl

    text = pl.Series(pl.from_arrow(texts))
    odd = _odd(texts)
    if odd is not None:
        spaced = (text.str.contains(each) for each in SPACING)
        odd = functools.reduce(operator.or_, spaced, odd).arg_true()
        text = text.gather(odd)
    dirty = text.str.contains(f"{DIRTY}|{NOT_COMPOSED}|{_mojibake()}").fill_null(value=False)
    return dirty.arg_true() if odd is None else odd.filter(dirty)


def _odd(texts: pa.StringArray) -> pl.Series | None:
    """Say which texts hold a character that is neither printable ASCII, nor a line feed, nor plain.

    Never false where one does, and true where one could be a defect.

    Returns:
        None if bytes that are no printable ASCII are so many that this takes longer than it saves.
    """
    import numpy as np
    import polars as pl

    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[:last]
    others = data[first:].view(np.int8) < ord(" ")  # beyond ASCII, or a control character
    if np.count_nonzero(others) * SPARSE > last - first:
        return None
    at = np.flatnonzero(others) + first
    byte = data[at]
    odd = at[(byte < ord(" ")) & (byte != ord("\n"))]
    at = at[byte >= 0xC0]  # the first bytes of characters
    points = _points(data, at)
    distinct = pl.Series(np.unique(points), dtype=pl.UInt32)
    found = pl.Series(map(chr, distinct), dtype=pl.String).str.contains(_odd_characters())
    odd = np.concatenate((odd, at[np.isin(points, distinct.filter(found).to_numpy())]))
    rows = np.zeros(len(texts), dtype=bool)
    rows[np.searchsorted(offsets, odd, side="right") - 1] = True
    holds_delete = pl.Series(pl.from_arrow(texts)).str.contains(DELETE, literal=True)
    return pl.Series(rows) | holds_delete.fill_null(value=False)


def _points(data: np.ndarray[Any, np.dtype[np.uint8]], at: np.ndarray) -> np.ndarray:
    """Return the code points of the characters that begin at these bytes of a UTF-8 text."""
    import numpy as np

    first, *others = (
        np.take(data, at + behind, mode="clip").astype(np.uint32) for behind in range(4)
    )
    two, three, four = (each & 0x3F for each in others)
    return np.select(
        [first < 0xE0, first < 0xF0],
        [(first & 0x1F) << 6 | two, (first & 0x0F) << 12 | two << 6 | three],
        (first & 0x07) << 18 | two << 12 | three << 6 | four,
    )


def _rewrite(text: pl.Series) -> pl.Series:
    """Apply every step once to each text."""
    import polars as pl
    import pyarrow as pa

    text = text.str.replace_all(r"\r\n?", "\n")
    odd = _odd(text.to_arrow().cast(pa.string()))
    if odd is None:
        return _compose(_respaced(_repair(text).str.replace_all(REMOVED, ""), BLANKS))
    plain = _respaced(text.filter(~odd), "  +")
    rest = _repair(text.filter(odd)).str.replace_all(REMOVED, "")
    whole = pl.concat([plain, _compose(_respaced(rest, BLANKS))])
    return whole.gather(pl.concat([(~odd).arg_true(), odd.arg_true()]).arg_sort())


def _respaced(text: pl.Series, blanks: str) -> pl.Series:
    """Set runs of blanks, and line breaks with what stands around them, as they should be."""
    text = text.str.replace_all(blanks, " ")
    text = text.str.replace_all(r" \n ?|\n ", "\n").str.strip_chars(" ")
    return text.str.replace_all(r"\n{3,}", "\n\n").str.strip_chars("\n")


def _repair(text: pl.Series) -> pl.Series:
    """Repair mojibake in the lines that have it."""
    import polars as pl

    rows = text.str.contains(_mojibake()).fill_null(value=False).arg_true()
    if rows.is_empty():
        return text
    lines = pl.DataFrame({"row": rows, "line": text.gather(rows).str.split("\n")}).explode("line")
    bad = lines["line"].str.contains(_mojibake()).arg_true()
    repaired = [_repaired(line) for line in lines["line"].gather(bad)]
    lines = lines.with_columns(lines["line"].scatter(bad, repaired))
    whole = lines.group_by("row", maintain_order=True).agg(pl.col("line").str.join("\n"))
    return text.scatter(whole["row"], whole["line"])


def _repaired(line: str) -> str:
    """Return what `ftfy.fix_encoding` makes of a line.

    Its searches take long, and ASCII that is far from everything else is nothing to it, so it is
    shown a line without; a line feed, which no line holds, stands for what was left out.
    """
    import ftfy

    far = [run[CONTEXT:-CONTEXT] for run in ASCII_RUN.findall(line)]
    shown = ASCII_RUN.sub(lambda run: f"{run[0][:CONTEXT]}\n{run[0][-CONTEXT:]}", line)
    kept = ftfy.fix_encoding(shown).split("\n")
    return "".join(itertools.chain.from_iterable(zip(kept, (*far, ""), strict=True)))


def _compose(text: pl.Series) -> pl.Series:
    """Compose what is not in NFC."""
    import polars as pl
    import pyarrow.compute as pc

    rows = text.str.contains(NOT_COMPOSED).fill_null(value=False).arg_true()
    if rows.is_empty():
        return text
    composed = pc.utf8_normalize(text.gather(rows).to_arrow(), form="NFC")
    return text.scatter(rows, pl.Series(pl.from_arrow(composed)))


@functools.cache
def _mojibake() -> str:
    r"""Return ftfy's own pattern of what looks like mojibake, in Rust's syntax.

    The pattern is written with free spacing, which the two languages read differently inside a
    class; so the spacing is taken out, and `\w` and `\s` are widened to what Python means by them.

    Source: ftfy.badness.BADNESS_RE; a test holds that it finds all that ftfy would change.
    """
    out = []
    for in_class, escaped, spacing, other in _tokens():
        if in_class:
            out.append(in_class)
        elif escaped in {r"\w", r"\s"}:
            out.append({r"\w": r"[\w\p{N}]", r"\s": r"[\s\x1C-\x1F]"}[escaped])
        elif not spacing:
            out.append(escaped or other)
    return f"(?m:{''.join(out)})"


def _tokens() -> list[tuple[str, str, str, str]]:
    """Return the pieces of ftfy's pattern: a class (in Rust's syntax), escape, spacing, other."""
    from ftfy.badness import BADNESS_RE

    token = re.compile(r"(\[(?:\\.|[^\]\\])+\])|(\\.)|(#[^\n]*|\s+)|(.)", re.DOTALL)
    return [
        (in_class and "[" + in_class[1:-1].replace("[", r"\[").replace("&", r"\&") + "]", *others)
        for in_class, *others in token.findall(BADNESS_RE.pattern)
    ]


@functools.cache
def _odd_characters() -> str:
    """Return what matches a character that is a defect, or that a defect may be made of."""
    named = (in_class or escaped or other for in_class, escaped, _, other in _tokens())
    beyond = "".join(each for each in named if not each.isascii())
    return rf"[[{beyond}]--[\x00-\x7F{PLAIN}]]|\p{{M}}|{NOT_COMPOSED}|{DIRTY}"


def _with_text(batch: pa.RecordBatch, rows: pl.Series, text: pl.Series) -> pa.RecordBatch:
    """Return the batch with other texts in these rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = np.zeros(len(batch), dtype=bool)
    mask[rows.to_numpy()] = True
    column = pc.replace_with_mask(batch["text"], mask, text.to_arrow().cast(pa.string()))
    return batch.set_column(batch.schema.get_field_index("text"), "text", column)
