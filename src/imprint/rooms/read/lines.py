"""Cut a stream of bytes where lines end, and find the lines of a block."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    import numpy.typing as npt


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, or what stands for one line that is longer than the cap."""

    data: bytes
    """Whole lines with their line ends; the last of a file may have none."""
    overlong: str = ""
    """Where `data` is empty: the SHA-256 of one line, without its line end, that was let pass."""


def line_blocks(chunks: Iterable[bytes], cap: int, *, lone_cr: bool = False) -> Iterator[Block]:
    r"""Yield the chunks again, cut at line ends.

    Args:
        chunks: the bytes of a text in UTF-8 (or of another code in which `\n` is byte 10).
        cap: a line that is longer is not kept in memory, and comes as its digest.
        lone_cr: a carriage return alone ends a line too.

    >>> [block.data for block in line_blocks([b"a\nb", b"c\n", b"d"], 100)]
    [b'a\n', b'bc\n', b'd']
    """
    carry = b""
    chunks = iter(chunks)
    for chunk in chunks:
        cut = _last_end(chunk, lone_cr=lone_cr)
        if cut:
            yield Block(b"".join((carry, memoryview(chunk)[:cut])))
            carry = b""
        carry += chunk[cut:]
        if len(carry) > cap:
            digest, carry = _pass_by(carry, chunks, lone_cr=lone_cr)
            yield Block(b"", digest)
    if carry:
        yield Block(carry)


def _last_end(data: bytes, *, lone_cr: bool) -> int:
    """Return where the last line that is surely whole ends; 0 where none does."""
    cut = data.rfind(b"\n") + 1
    if lone_cr and cut == 0:
        # A carriage return at the very end may be the first half of CR LF.
        cut = data.rfind(b"\r", 0, len(data) - 1) + 1
    return cut


def _pass_by(carry: bytes, chunks: Iterator[bytes], *, lone_cr: bool) -> tuple[str, bytes]:
    """Hash the line that `carry` begins; return its digest and what comes after."""
    digest = hashlib.sha256()
    held = carry
    for chunk in chunks:
        ends = [chunk.find(end) for end in ((b"\n", b"\r") if lone_cr else (b"\n",))]
        ends = [end for end in ends if end >= 0]
        if not ends:
            digest.update(held)
            held = chunk
            continue
        line, rest = held + chunk[: min(ends)], chunk[min(ends) + 1 :]
        if chunk[min(ends) : min(ends) + 2] == b"\r\n":
            rest = rest[1:]
        digest.update(line.removesuffix(b"\r"))
        return digest.hexdigest(), rest
    digest.update(held.removesuffix(b"\r"))
    return digest.hexdigest(), b""


@dataclasses.dataclass(frozen=True, slots=True)
class Spans:
    """Where the lines of a block stand that are not blank."""

    starts: np.ndarray[Any, Any]
    ends: np.ndarray[Any, Any]
    """Without the line end."""
    numbers: np.ndarray[Any, Any]
    """0-based, blank lines counted."""
    plain: bool
    """Every line begins with { and ends with }."""
    ended: int
    """How many line ends there are."""


def find_lines(block: bytes) -> Spans:
    r"""Find the lines of a block that are not blank.

    >>> find_lines(b'{}\n\n {}\r\n').numbers.tolist()
    [0, 2]
    """
    import numpy as np

    data = np.frombuffer(block, np.uint8)
    ends = line_feeds(data)
    ended = len(ends)
    if len(block) and block[-1:] != b"\n":
        ends = np.append(ends, len(block))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1]) if len(ends) else ends
    last = np.maximum(ends - 1, 0)
    ends = np.where((ends > starts) & (data[last] == ord("\r")), ends - 1, ends)
    numbers = np.arange(len(starts))
    keep = ends > starts
    plain = (data[starts[keep]] == ord("{")) & (data[ends[keep] - 1] == ord("}"))
    if not plain.all():
        blank = [not block[a:b].strip(b" \t\r") for a, b in zip(starts, ends, strict=True)]
        keep = ~np.array(blank)
        plain = (data[starts[keep]] == ord("{")) & (data[ends[keep] - 1] == ord("}"))
    return Spans(starts[keep], ends[keep], numbers[keep], bool(plain.all()), ended)


def line_feeds(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    r"""Return where the line feeds stand.

    >>> import numpy as np
    >>> line_feeds(np.frombuffer(b"a\n\nlonger\n.", np.uint8)).tolist()
    [1, 2, 9]
    """
    import numpy as np

    # They are rare: eight bytes are passed by at a time.
    found = np.zeros(len(data) + -len(data) % 8, bool)
    np.equal(data, ord("\n"), out=found[: len(data)])
    words = np.flatnonzero(found.view(np.uint64) != 0)
    word, byte = np.nonzero(found.reshape(-1, 8)[words])
    ends: npt.NDArray[np.int64] = words[word] * 8 + byte
    return ends
