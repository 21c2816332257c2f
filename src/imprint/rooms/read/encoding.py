"""Which code a text file is written in: by its mark, as UTF-8, or as a detector and a rule say.

Nothing is guessed: where the candidates would give different texts and none leads, the file is
rejected as a whole, with the candidates named. What is declared is held to every byte.
"""

from __future__ import annotations

import codecs
import dataclasses
import itertools
from typing import TYPE_CHECKING

from imprint.rooms.read.detect import detect, is_binary
from imprint.rooms.read.files import Unreadable, chunks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order mark -> codec. Source: Unicode Standard, section 2.6, table 2-4."""

UTF8_THROUGHOUT = "UTF-8 throughout"
"""How the code of most files is known."""

SAMPLE_BYTES = 4 * 2**20
"""How much the detector looks at. Chosen: it takes 1 to 3 s then."""

REMEDY = 'set encoding = "..." for it in a [[read.rule]] of schema/dataset.toml'
"""What a person does about a file whose code is not known."""


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """How a file's bytes become text, and how that is known."""

    codec: str
    """A name that Python knows; "utf-8" for UTF-8 with or without a mark."""
    why: str
    """A phrase: "UTF-8 throughout", "declared", ..."""


def find_code(
    path: Path, raw_file: str, compression: str, declared: str, *, by_line: bool = False
) -> Code:
    """Find how a file is encoded, by reading all of it.

    Args:
        path: the file.
        raw_file: its name.
        compression: "" or "gzip".
        declared: "auto" or the name of a codec.
        by_line: lines of a file in UTF-8 may be broken one by one (they are rejected when read).

    Raises:
        Unreadable: `empty`; `encoding` with the candidates or the first fault; `unreadable`.
    """
    stream = chunks(path, raw_file, compression)
    first = next(stream, b"")
    if not first:
        raise Unreadable("empty", "the file is empty")
    mark, marked = next(((m, codec) for m, codec in MARKS if first.startswith(m)), (b"", ""))
    if first == mark:
        raise Unreadable("empty", "the file holds a byte order mark and nothing else")
    if declared != "auto":
        code = _declared(declared, marked, "utf-8" if mark == codecs.BOM_UTF8 else "")
    elif marked:
        code = Code(marked, "by its byte order mark")
    else:
        return _find_unmarked(path, raw_file, compression, by_line=by_line)
    _verify(path, raw_file, compression, code, by_line=by_line)
    return code


def _declared(declared: str, marked: str, certain: str) -> Code:
    """Return the declared code; refuse what a mark contradicts."""
    try:
        name = codecs.lookup(declared).name
        "".encode(name)
    except LookupError as error:
        detail = f'read.encoding names "{declared}", which is no text encoding; {REMEDY}'
        raise Unreadable("encoding", detail) from error
    if name in ("utf-8", "utf-8-sig"):
        return Code("utf-8", "declared")
    if certain:
        detail = f'declared "{declared}", but it begins with the mark of UTF-8; {REMEDY}'
        raise Unreadable("encoding", detail)
    if name in ("utf-16", "utf-32"):
        name = marked if marked.startswith(name) else f"{name}-le"
    return Code(name, "declared")


def _verify(path: Path, raw_file: str, compression: str, code: Code, *, by_line: bool) -> None:
    """Decode the whole file strictly, and say where the first fault is."""
    if code.codec == "utf-8" and by_line:
        return
    decoder = codecs.getincrementaldecoder(code.codec)("strict")
    offset, line = 0, 1
    for chunk in itertools.chain(chunks(path, raw_file, compression), [b""]):
        held = decoder.getstate()[0]
        try:
            line += _line_ends(decoder.decode(chunk, not chunk))
        except UnicodeError as error:
            fault = str(error)
            if isinstance(error, UnicodeDecodeError):
                good, start = error.object[: error.start], error.start
                line += _line_ends(good.decode(code.codec, "ignore"))
                place = offset - len(held) + start
                fault = f"byte 0x{error.object[start]:02x} at offset {place} ({error.reason})"
            detail = f"line {line}: {fault}, wanted {code.codec} ({code.why}); {REMEDY}"
            raise Unreadable("encoding", detail) from error
        offset += len(chunk)


def _line_ends(text: str) -> int:
    """Count the line ends."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def decoded(stream: Iterable[bytes], codec: str, *, marked: bool = True) -> Iterator[bytes]:
    """Yield a file's bytes as UTF-8 without a mark; UTF-8 itself is not checked.

    Args:
        stream: the bytes.
        codec: how they are encoded.
        marked: they begin the file, so that a mark is one.

    Raises:
        UnicodeError: bytes that another codec cannot read.
    """
    first = marked
    if codec == "utf-8":
        for chunk in stream:
            yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
            first = False
        return
    decoder = codecs.getincrementaldecoder(codec)("strict")
    for chunk in stream:
        text = decoder.decode(chunk)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        yield text.encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")


def first_characters(stream: Iterable[bytes]) -> str:
    """Return the text of the first chunk, without a character that is cut at its end."""
    for chunk in stream:
        if chunk:
            return chunk[: _character_end(chunk)].decode("utf-8")
    return ""


def utf8_array(data: bytes) -> pa.Array | None:
    """Return the bytes as an array of one string; None where they are not UTF-8.

    They are not copied. Surrogates and overlong forms are not UTF-8.
    """
    import numpy as np
    import pyarrow as pa

    ends = pa.py_buffer(np.array([0, len(data)], np.int64))
    array = pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(data)])
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return None
    return array


def _find_unmarked(path: Path, raw_file: str, compression: str, *, by_line: bool) -> Code:
    """Take UTF-8 where every byte fits, else ask the detector.

    By line, UTF-8 also holds where more lines beyond ASCII are UTF-8 than not; and, as the code of
    JSON (RFC 8259, section 8.1), where no other can be told and more lines can be read than not.
    """
    sample, carry, begun = b"", b"", False
    plain = good = bad = 0
    for chunk in itertools.chain(chunks(path, raw_file, compression), [b""]):
        data = carry + chunk
        cut = _character_end(data) if chunk else len(data)
        block, carry = data[:cut], data[cut:]
        if not begun and is_binary(block):
            return _detect(path, raw_file, compression, block[:SAMPLE_BYTES])
        begun = True
        fits = utf8_array(block) is not None
        if not fits:
            sample = sample or _around_fault(block)
            if not by_line:
                break
        if by_line:
            counts = _count_lines(block, fits=fits)
            plain, good, bad = (a + b for a, b in zip((plain, good, bad), counts, strict=True))
    if not sample:
        return Code("utf-8", UTF8_THROUGHOUT)
    broken = Code("utf-8", f"UTF-8 but for {bad} lines")
    if by_line and good > bad:
        return broken
    try:
        return _detect(path, raw_file, compression, sample)
    except Unreadable:
        if by_line and plain + good > bad:
            return broken
        raise


def _character_end(data: bytes) -> int:
    """Return where the last character that is whole ends, in bytes that may be UTF-8."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return len(data)
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) if back >= needed else len(data) - back
    return len(data)


def _around_fault(block: bytes) -> bytes:
    """Return what the detector shall see of a block that is not UTF-8."""
    if len(block) <= SAMPLE_BYTES:
        return block
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as error:
        start = max(0, min(error.start - SAMPLE_BYTES // 4, len(block) - SAMPLE_BYTES))
        start = block.find(b"\n", start, start + SAMPLE_BYTES // 4) + 1 or start
        return block[start : start + SAMPLE_BYTES]
    return block[:SAMPLE_BYTES]


def _count_lines(block: bytes, *, fits: bool) -> tuple[int, int, int]:
    """Count lines: (ASCII, beyond it in UTF-8, not in UTF-8), roughly."""
    if fits:
        count = block.count(b"\n") + 1
        return (count, 0, 0) if block.isascii() else (0, count, 0)
    lines = block.split(b"\n")
    beyond = [line for line in lines if not line.isascii()]
    good = sum(utf8_array(line) is not None for line in beyond)
    return len(lines) - len(beyond), good, len(beyond) - good


def _detect(path: Path, raw_file: str, compression: str, sample: bytes) -> Code:
    """Ask the detector about a sample, and hold the whole file to its answer."""
    code = Code(*detect(sample, REMEDY))
    _verify(path, raw_file, compression, code, by_line=False)
    return code
