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
import re
from typing import TYPE_CHECKING, NamedTuple

from imprint.timing import slow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl
    import pyarrow as pa

    _Bytes = npt.NDArray[np.uint8]
    _Places = npt.NDArray[np.int64]

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

DELETE = "\x7f"
"""The one control character that is not below the space."""

PLAIN = "“”„‘’‚‹›«»–—…•·©®™"
"""Characters beyond ASCII that are everywhere and no defect; they look like mojibake only beside
a character that is not among them (a test holds it)."""

ALONE = "ŒœÃÂ"
"""Characters that look like mojibake with nothing but ASCII around them; of the others and of marks
there must be two beside each other (a test holds it)."""

SPARSE = 64
"""A column with up to one byte in so many that is no printable ASCII is looked at byte by byte.
Measured: near a sixtieth both ways take as long. The first bytes tell of most columns."""

LEAST = 500_000
"""Bytes of the smallest column that is looked at so. Measured: the calls alone take a millisecond,
in which the searches read as much."""

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
    looked = _look(texts)
    odd = looked.odd.arg_true() if looked else pl.arange(len(text), eager=True)
    dirty = text.gather(odd).str.contains(f"{DIRTY}|{NOT_COMPOSED}|{_mojibake()}")
    rows = odd.filter(dirty)
    return looked.spaced.scatter(rows, values=True).arg_true() if looked else rows


class _Looked(NamedTuple):
    """What a look at the bytes of texts told."""

    odd: pl.Series
    """Which hold a control character or others that could be a defect: never false where one is."""
    spaced: pl.Series
    """Which hold spaces and line feeds that are not as they should be."""


def _look(texts: pa.StringArray) -> _Looked | None:
    """Look at the bytes of texts that are no printable ASCII.

    Returns:
        None if they are so many, or the texts so short, that this takes longer than it saves.
    """
    import numpy as np
    import polars as pl

    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    if last - first < LEAST:
        return None
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[:last]
    for end in (first + LEAST // 8, last):
        others = data[first:end].view(np.int8) < ord(" ")  # beyond ASCII, or a control character
        if np.count_nonzero(others) * SPARSE > len(others):
            return None
    at = np.flatnonzero(others) + first
    byte = data[at]
    breaks = byte == ord("\n")
    odd = np.concatenate((at[(byte < ord(" ")) & ~breaks], _odd(data, at[byte >= 0xC0])))
    edges = np.concatenate((offsets[:-1], offsets[1:] - 1))[np.tile(np.diff(offsets) > 0, 2)]
    edges = edges[(data[edges] == ord(" ")) | (data[edges] == ord("\n"))]
    spaced = np.concatenate((edges, _misplaced(data, at[breaks])))
    rows = np.zeros((2, len(texts)), dtype=bool)
    for each, where in zip(rows, (odd, spaced), strict=True):
        each[np.searchsorted(offsets, where, side="right") - 1] = True
    text = pl.Series(pl.from_arrow(texts))
    deleted, doubled = (
        text.str.contains(each, literal=True).fill_null(value=False) for each in (DELETE, "  ")
    )
    return _Looked(pl.Series(rows[0]) | deleted, pl.Series(rows[1]) | doubled)


def _misplaced(data: _Bytes, breaks: _Places) -> _Places:
    """Return which line feeds have a space beside them, or two line feeds behind."""
    before, behind, later = (data.take(breaks + by, mode="clip") for by in (-1, 1, 2))
    spaces = (before == ord(" ")) | (behind == ord(" "))
    found: _Places = breaks[spaces | ((behind == ord("\n")) & (later == ord("\n")))]
    return found


def _odd(data: _Bytes, at: _Places) -> _Places:
    """Return where characters begin that could be a defect, of those beyond ASCII.

    Args:
        data: UTF-8.
        at: where all of its characters beyond ASCII begin.
    """
    import numpy as np
    import polars as pl

    points, widths = _points(data, at)
    distinct = pl.Series(np.unique(points), dtype=pl.UInt32)
    characters = pl.Series(map(chr, distinct), dtype=pl.String)
    alone, others = (
        np.isin(points, distinct.filter(characters.str.contains(each)).to_numpy())
        for each in _odd_characters()
    )
    pair = (at[1:] == at[:-1] + widths[:-1]) & (others[1:] | others[:-1])
    return np.concatenate((at[alone], at[1:][pair]))


def _points(data: _Bytes, at: _Places) -> tuple[_Places, _Places]:
    """Return the code points and widths of the characters that begin here; they are not ASCII."""
    import numpy as np

    one, *others = (data.take(at + behind, mode="clip").astype(np.int64) for behind in range(4))
    two, three, four = (each & 0x3F for each in others)
    narrow, wide = one < 0xE0, one < 0xF0
    points = np.where(
        narrow,
        (one & 0x1F) << 6 | two,
        np.where(
            wide,
            (one & 0x0F) << 12 | two << 6 | three,
            (one & 0x07) << 18 | two << 12 | three << 6 | four,
        ),
    )
    return points, 4 - wide - narrow


def _rewrite(text: pl.Series) -> pl.Series:
    """Apply every step once to each text."""
    import polars as pl
    import pyarrow as pa

    text = text.str.replace_all(r"\r\n?", "\n")
    looked = _look(text.to_arrow().cast(pa.string()))
    if looked is None:
        return _compose(_respaced(_repair(text).str.replace_all(REMOVED, ""), BLANKS))
    odd = looked.odd
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
def _odd_characters() -> tuple[str, str]:
    """Return what matches a character that may be a defect alone, and beside one beyond ASCII."""
    named = (in_class or escaped or other for in_class, escaped, _, other in _tokens())
    beyond = "".join(each for each in named if not each.isascii())
    return f"{NOT_COMPOSED}|{DIRTY}|[{ALONE}]", rf"[[{beyond}]--[\x00-\x7F{PLAIN}]]|\p{{M}}"


def _with_text(batch: pa.RecordBatch, rows: pl.Series, text: pl.Series) -> pa.RecordBatch:
    """Return the batch with other texts in these rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = np.zeros(len(batch), dtype=bool)
    mask[rows.to_numpy()] = True
    column = pc.replace_with_mask(batch["text"], mask, text.to_arrow().cast(pa.string()))
    return batch.set_column(batch.schema.get_field_index("text"), "text", column)
