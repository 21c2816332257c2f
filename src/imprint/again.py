"""Propose again what came and went makes different, and nothing else.

Which pairs are proposed is decided hash by hash, by the texts that share it. So where a few texts
came or went it is enough to look at the hashes that these have: pairs with a text that came are
proposed by them alone; of the others those can change that stand otherwise among many that share
one, which are paired with their neighbours only.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Self

from imprint.digests import ascending, each_once
from imprint.pairs import apart, compared
from imprint.parts import Part
from imprint.propose import in_several, often_enough, pairs_of, tallied
from imprint.rooms.sketch import ROW_BITS
from imprint.rows import entry_rows, having, numbered, sketched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from imprint.propose import Proposals
    from imprint.rooms.shingles import Hashes, Numbers

    Kind = Callable[[Part, Path], Path]
    Places = tuple[Numbers, Numbers]

RANK_BITS = 32
"""Of the rank of a text, behind the place of a hash among those that are looked at."""

KINDS: tuple[Kind, Kind] = (Part.sketches, Part.bands)


@dataclasses.dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a build, by numbers that two builds have in common."""

    parts: tuple[Part, ...]
    folder: Path
    numbers: Numbers
    """Of each record over all parts the number of its text; -1: another record stands for it."""
    order: Numbers
    """The numbers of the texts, the longest first."""

    @classmethod
    def of(cls, parts: Sequence[Part], folder: Path, records: Numbers, order: Numbers) -> Self:
        """Return the texts of some records, the longest first, and the numbers that they have."""
        import numpy as np

        numbers = np.full(numbered(parts)[1], -1, np.int64)
        numbers[records] = order
        return cls(tuple(parts), folder, numbers, order)

    def hashes(self, kind: Kind, some: Numbers) -> Hashes:
        """Return the hashes that some of the texts have, in ascending order."""
        import numpy as np

        found = [np.zeros(0, np.uint64)]
        for part, first in zip(self.parts, numbered(self.parts)[0], strict=True):
            rows = np.isin(self.numbers[first : first + part.accepted_records], some)
            if rows.any():
                entries = sketched(kind(part, self.folder))
                found.append(entries[rows[entry_rows(entries)]] >> np.uint64(ROW_BITS))
        return each_once(np.concatenate(found))

    def proposals(
        self, kind: Kind, hashes: Hashes, held: dict[Path, Places], words: npt.NDArray[np.uint32]
    ) -> Proposals:
        """Return the pairs that some hashes propose, in ascending order, and how often each.

        Args:
            kind: of hashes.
            hashes: in ascending order.
            held: which of the hashes a file has, where it was looked for; else it is, and noted.
            words: of each text, by its number.
        """
        import numpy as np

        ranks = np.zeros(len(words), np.uint64)
        ranks[self.order] = np.arange(len(self.order), dtype=np.uint64)
        keys = [np.zeros(0, np.uint64)]
        for part, first in zip(self.parts, numbered(self.parts)[0], strict=True):
            path = kind(part, self.folder)
            if path not in held:
                held[path] = having(path, hashes)
            places, rows = held[path]
            texts = self.numbers[first + rows]
            here = texts >= 0
            keys.append(places[here].astype(np.uint64) << np.uint64(RANK_BITS) | ranks[texts[here]])
        every = ascending(np.concatenate(keys))
        every = every[in_several(every >> np.uint64(RANK_BITS))]
        groups = every >> np.uint64(RANK_BITS)
        texts = self.order[every & np.uint64((1 << RANK_BITS) - 1)]
        due = np.ones(len(texts), bool)
        if kind is Part.sketches:
            due = compared(hashes[groups], words[texts])
        return tallied(pairs_of(groups, texts.astype(np.uint32), due))


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """How the texts of two builds differ."""

    old: Texts
    new: Texts
    came: Numbers
    went: Numbers
    """The numbers of these texts."""
    sizes: npt.NDArray[np.uint32]
    """Of the new ones, as `propose.sizes_of` gives them; of the others the words alone."""
    least: float

    def proposed(self) -> tuple[Hashes, Hashes]:
        """Return the pairs with a text that came that are proposed often enough.

        And those of texts that stayed which are proposed more or less often than before.
        """
        import numpy as np

        new, otherwise = [], []
        for kind in KINDS:
            hashes = [self.old.hashes(kind, self.went), self.new.hashes(kind, self.came)]
            both = each_once(np.concatenate(hashes))
            held: dict[Path, Places] = {}
            was = self.old.proposals(kind, both, held, self.sizes[0])
            now = self.new.proposals(kind, both, held, self.sizes[0])
            pairs = each_once(np.concatenate([was[0], now[0]]))
            counts = np.zeros((2, len(pairs)), np.int64)
            for each, (some, often) in zip(counts, (was, now), strict=True):
                each[np.searchsorted(pairs, some)] = often
            came, went = holding(pairs, self.came), holding(pairs, self.went)
            new.append((pairs[came], counts[1][came]))
            otherwise.append(pairs[(counts[0] != counts[1]) & ~came & ~went])
        return often_enough(new[0], new[1], self.sizes, self.least), each_once(
            np.concatenate(otherwise)
        )

    def still(self, pairs: Hashes) -> npt.NDArray[np.bool_]:
        """Say of some pairs of texts that stayed which are proposed often enough now."""
        import numpy as np

        now = []
        for kind in KINDS:
            hashes = self.new.hashes(kind, apart(pairs)[0])
            every, counts = self.new.proposals(kind, hashes, {}, self.sizes[0])
            some = np.isin(every, pairs)
            now.append((every[some], counts[some]))
        return np.isin(pairs, often_enough(now[0], now[1], self.sizes, self.least))


def holding(pairs: Hashes, some: Numbers) -> npt.NDArray[np.bool_]:
    """Say which pairs have one of some texts."""
    import numpy as np

    left, right = apart(pairs)
    return np.isin(left, some) | np.isin(right, some)
