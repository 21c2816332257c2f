"""Fingerprints of texts that must not be published: by them one is known again, and not read.

A fingerprint holds the id, how many words there were, part of the digest of the text, and the
lowest hashes of its sketch: 5-word shingles, in no order. The text cannot be made from it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import struct

FORM = 1
"""The first byte of a fingerprint: how the rest is to be read."""

MOST = 48
"""Hashes of a fingerprint. Chosen: with all the rest they take 253 bytes, and two texts that share
0.8 of their shingles share 38 of them, 6 more or less."""

START_BYTES = 8
"""Of the SHA-256 of the text."""

HEAD = struct.Struct(f"<BI{START_BYTES}s")
"""The form, the words, and the first bytes of the text's SHA-256."""

HASH_BYTES = 5
"""Of a hash of a sketch."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a text that was taken out."""

    id: str
    words: int
    digest: bytes
    """The first eight bytes of the SHA-256 of the text, as it would have been published."""
    hashes: tuple[int, ...]
    """The lowest of its sketch, at most `MOST`, in ascending order."""

    @property
    def whole(self) -> bool:
        """Whether all hashes of the sketch are there."""
        return len(self.hashes) < MOST

    def __str__(self) -> str:
        """Return it as schema/removals.toml has it: the id, a colon, the rest in Base64."""
        head = HEAD.pack(FORM, self.words, self.digest)
        hashes = b"".join(each.to_bytes(HASH_BYTES, "little") for each in self.hashes)
        return f"{self.id}:{base64.b64encode(head + hashes).decode()}"

    @classmethod
    def parse(cls, written: str) -> Fingerprint:
        """Return the fingerprint that was written.

        >>> one = Fingerprint("a:b", 7, b"12345678", (3, 5))
        >>> Fingerprint.parse(str(one)) == one
        True

        Raises:
            ValueError: it is none.
        """
        name, _, coded = written.rpartition(":")
        try:
            content = base64.b64decode(coded, validate=True)
            form, words, digest = HEAD.unpack_from(content)
        except (binascii.Error, struct.error) as error:
            raise ValueError(written) from error
        rest = content[HEAD.size :]
        cuts = range(0, len(rest), HASH_BYTES)
        hashes = tuple(int.from_bytes(rest[n : n + HASH_BYTES], "little") for n in cuts)
        if form != FORM or len(rest) % HASH_BYTES or list(hashes) != sorted({*hashes}):
            raise ValueError(written)
        return cls(name, words, digest, hashes)
