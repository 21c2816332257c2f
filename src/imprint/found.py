"""Find the pairs of records whose texts are alike, and keep them for the next build.

Where few texts came or went since the last search, only pairs that these can have changed are
looked at. What is found is what a whole search finds.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec

from imprint import near
from imprint.again import Change, Texts, holding
from imprint.manifest import own_digest, tools
from imprint.pairs import together
from imprint.parts import TEXT, Part, stamps
from imprint.propose import ranked, sizes_of
from imprint.rows import column, numbered
from imprint.swap import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from imprint.engine import Engine
    from imprint.rooms.shingles import Hashes, Numbers

FEW = 64
"""One text in so many may have come or gone; of more, all are compared anew, by all workers."""

TURNED = [1, 0, 2, 4, 3]
"""Where `near.NAMES` are of a pair, once its texts change sides."""


class Found(NamedTuple):
    """What a search found, and among which texts."""

    terms: str
    """Digest of the similarity that mattered, of the tools, and of this source."""
    keys: tuple[str, ...]
    """Of the parts."""
    accepted: Numbers
    """How many records each part has."""
    stamps: Numbers
    """What the files of each part were."""
    records: Numbers
    """Those that took part, the longest first: numbers over all parts."""
    words: npt.NDArray[np.uint32]
    """How many words each of these has."""
    pairs: Numbers
    """`near.NAMES` of each pair that is alike: 5 rows."""

    @classmethod
    def of(
        cls,
        parts: Sequence[Part],
        folder: Path,
        facts: pl.DataFrame,
        least: Fraction,
        pairs: pl.DataFrame,
    ) -> Self:
        """Return what a search found, as `find` takes and returns it."""
        import numpy as np

        order = ranked(facts)
        words = np.zeros(numbered(parts)[1], np.uint32)
        words[facts["record"].to_numpy()] = facts["words"].to_numpy()
        return cls(
            _terms(least),
            tuple(part.key for part in parts),
            np.array([part.accepted_records for part in parts]),
            np.array([stamps(part, folder) for part in parts]),
            order.astype(np.int64),
            words[order],
            pairs.to_numpy().T,
        )

    def write(self, path: Path) -> None:
        """Keep it; each member of the archive has a checksum."""
        import numpy as np

        held = io.BytesIO()
        np.savez(held, **self._asdict())
        write_file(path, held.getvalue())

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what was kept; None where nothing was, or it is damaged."""
        import numpy as np

        try:
            with path.open("rb") as file, np.load(file) as held:
                terms, keys, *rest = (held[name] for name in cls._fields)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        return cls(str(terms), tuple(keys.tolist()), *rest)

    def parts(self) -> list[Part]:
        """Return the parts, of which no more is known than what their files are."""
        counts = zip(self.keys, self.accepted.tolist(), strict=True)
        return [Part(key, (), (), "", count) for key, count in counts]


def find(
    parts: Sequence[Part], folder: Path, facts: pl.DataFrame, least: Fraction, processes: Engine
) -> pl.DataFrame:
    """Return what `near.find` finds, by what the last search found where little has changed.

    Args:
        parts: what prepare left.
        folder: where they are; what is found is kept beside it.
        facts: as `near.find` takes them, with `text_digest`.
        least: the similarity that matters.
        processes: what runs the tasks.
    """
    memory = folder.with_name(f"{folder.name}.pairs")
    before, pairs = Found.read(memory), None
    if before is not None and before.terms == _terms(least):
        change = _change(before, parts, folder, facts, float(least))
        if change is not None:
            pairs = _again(before, change, least, processes)
    if pairs is None:
        pairs = near.find(parts, folder, facts, least, processes)
    Found.of(parts, folder, facts, least, pairs).write(memory)
    return pairs


def _terms(least: Fraction) -> str:
    """Return a digest of all that decides which pairs are alike, beside their texts."""
    return hashlib.sha256(msgspec.json.encode([str(least), tools(), own_digest()])).hexdigest()


def _again(before: Found, change: Change, least: Fraction, processes: Engine) -> pl.DataFrame:
    """Return the pairs that are alike, from those that were before."""
    import polars as pl

    given = change.new.parts, change.new.folder
    proposed, moved = change.proposed()
    new = near.count(*given, proposed, least, processes)
    alike = near.count(*given, moved, least, processes)
    if len(alike):
        pairs = together(alike["left"].to_numpy(), alike["right"].to_numpy())
        alike = alike.filter(pl.Series(change.still(pairs)))
    kept = _kept(before, change, moved)
    return pl.concat([kept, new, alike]).sort("left", "right")


def _kept(before: Found, change: Change, moved: Hashes) -> pl.DataFrame:
    """Return the pairs of before whose texts are there, and proposed as often as they were."""
    import numpy as np
    import polars as pl

    rows = before.pairs.copy()
    rows[:2] = change.old.numbers[rows[:2]]
    turned = rows[0] > rows[1]
    rows[:, turned] = rows[TURNED][:, turned]
    pairs = together(rows[0], rows[1])
    stay = ~holding(pairs, change.went) & ~np.isin(pairs, moved)
    return pl.DataFrame(dict(zip(near.NAMES, rows[:, stay], strict=True)))


def _change(
    before: Found, parts: Sequence[Part], folder: Path, facts: pl.DataFrame, least: float
) -> Change | None:
    """Return what has changed; None where that is much, or files of before are others now."""
    import numpy as np

    past = before.parts()
    try:
        if not np.array_equal([stamps(part, folder) for part in past], before.stamps):
            return None
    except OSError:
        return None
    order, total = ranked(facts).astype(np.int64), numbered(parts)[1]
    texts = _still(before, parts, order, total)
    gone = np.flatnonzero(texts < 0)
    texts[gone] = _moved(before.records[gone], np.setdiff1d(order, texts), past, folder, facts)
    ranks = np.zeros(total, np.int64)
    ranks[order] = np.arange(len(order))
    if (np.diff(ranks[texts[texts >= 0]]) < 0).any():  # of texts of one length another is first now
        texts[gone] = -1
        if (np.diff(ranks[texts[texts >= 0]]) < 0).any():
            return None
    came, went = np.setdiff1d(order, texts), np.flatnonzero(texts < 0)
    if (len(came) + len(went)) * FEW > len(order):
        return None
    texts[went] = total + np.arange(len(went))
    sizes = sizes_of(facts, total + len(went), least)
    sizes[0, texts] = before.words
    old = Texts.of(past, folder, before.records, texts)
    new = Texts.of(parts, folder, order, order)
    return Change(old, new, came, texts[went], sizes, least)


def _still(before: Found, parts: Sequence[Part], order: Numbers, total: int) -> Numbers:
    """Return of each text of before the number of its record, where it stands for it now, or -1."""
    import numpy as np

    firsts = {part.key: first for part, first in zip(parts, numbered(parts)[0], strict=True)}
    ends = np.cumsum(before.accepted).tolist()
    places = np.full(ends[-1], -1)
    for key, end, count in zip(before.keys, ends, before.accepted.tolist(), strict=True):
        if key in firsts:
            places[end - count : end] = firsts[key] + np.arange(count)
    standing = np.zeros(total + 1, bool)  # the last is for those that are nowhere
    standing[order] = True
    texts = places[before.records]
    return np.where(standing[texts], texts, -1)


def _moved(
    gone: Numbers, new: Numbers, past: Sequence[Part], folder: Path, facts: pl.DataFrame
) -> Numbers:
    """Return of each record that stands for a text no more the new one that does, or -1."""
    import numpy as np
    import polars as pl

    if not len(gone):
        return gone
    order = np.argsort(gone)
    paths = [part.accepted(folder) for part in past]
    told = pl.Series(pl.from_arrow(column(paths, numbered(past)[0], gone[order], TEXT)))
    now = facts.select("record", "text_digest").filter(pl.col("record").is_in(new.tolist()))
    texts = pl.DataFrame({"place": order, "text_digest": told})
    found = texts.join(now, on="text_digest", how="left").sort("place")
    return found["record"].fill_null(-1).to_numpy()
