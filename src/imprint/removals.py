"""Takedowns: which records must not be published, and by what their texts are known again."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from imprint.errors import Fault, ProjectError
from imprint.fingerprint import MOST, START_BYTES, Fingerprint
from imprint.pairs import apart, together
from imprint.parts import SKETCH
from imprint.rooms.shingles import WIDTH
from imprint.rooms.sketch import HASH_BITS, limits
from imprint.rows import column, having, numbered
from imprint.settings import glob_matches
from imprint.swap import machine_faults, write_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from imprint.parts import Part
    from imprint.rooms.shingles import Numbers
    from imprint.settings import Removal

NEAR = Fraction(8, 10)
"""Similarity from which a text counts as one that was taken out, where dedup.near is off. Source:
the default of dedup.near."""

FAR = 1.0
"""Standard deviations below the mean at which a text still counts as like a fingerprint. Chosen:
one in six is missed of those that are only just alike; with more a person is asked too often."""

COPY = re.compile(r"-[0-9]+$")
"""What the second record with an id has behind it."""


def named(facts: pl.DataFrame, removals: Sequence[Removal], *, declared: bool) -> pl.DataFrame:
    """Say of each record which removal names it, or a record with the same text.

    Args:
        facts: n rows with `id`, `source`, `file`, `raw_file`, `text_digest`; with `raw_sha256`,
            where a removal names a digest.
        removals: as schema/removals.toml has them.
        declared: whether the ids come from the field that `read.id` names.

    Returns:
        The n rows in the same order with `removal`: the number of the first that fits, or null.
    """
    import polars as pl

    none = pl.lit(None, pl.Int64)
    if not removals:
        return facts.with_columns(removal=none)
    ids = set(facts["id"])
    files = facts.select("file", "raw_file").unique().rows()
    by: dict[str, dict[str | bytes | int, int]] = {"id": {}, "source": {}, "file": {}}
    by |= {"raw_sha256": {}, "text_digest": {}}
    for number, each in enumerate(removals):
        if each.id:
            first = declared or each.id in ids
            by["id"].setdefault(each.id if first else COPY.sub("", each.id), number)
        if each.source:
            by["source"].setdefault(each.source, number)
        if each.sha256:
            by["raw_sha256"].setdefault(each.sha256, number)
            by["text_digest"].setdefault(bytes.fromhex(each.sha256), number)
        if each.files:
            for file, name in files:
                if glob_matches(each.files, name):
                    by["file"].setdefault(file, number)
    found = [
        pl.col(name).replace_strict(
            list(values), list(values.values()), default=None, return_dtype=pl.Int64
        )
        for name, values in by.items()
        if values
    ]
    facts = facts.with_columns(removal=pl.min_horizontal(none, *found))
    return facts.with_columns(pl.col("removal").min().over("text_digest"))


def recognised(
    facts: pl.DataFrame,
    gone: pl.Series,
    parts: Sequence[Part],
    folder: Path,
    removals: Sequence[Removal],
    least: Fraction,
) -> pl.DataFrame:
    """Return the records whose texts are like one that was taken out, as far as sketches tell.

    A fingerprint whose text is still in raw/ is not needed: there everything is counted.

    Args:
        facts: a row for each record, with `record`, `id`, `words`, `hashes`, `text_digest`.
        gone: the digests of the texts that removals name.
        parts: what prepare left.
        folder: where they are.
        removals: as schema/removals.toml has them, with their fingerprints.
        least: the similarity that matters.

    Returns:
        `text_digest` and `removal` of each text that is.
    """
    import polars as pl

    there = {digest[:START_BYTES] for digest in gone}
    prints = [
        (number, each)
        for number, removal in enumerate(removals)
        for each in map(Fingerprint.parse, removal.fingerprints)
        if each.digest not in there
    ]
    if not prints:
        return pl.DataFrame(schema={"text_digest": pl.Binary, "removal": pl.Int64})
    known = pl.DataFrame(
        {"start": [each.digest for _, each in prints], "removal": [number for number, _ in prints]}
    )
    start = pl.col("text_digest").bin.slice(0, START_BYTES)
    same = facts.with_columns(start=start).join(known, on="start")
    like = _alike(facts, parts, folder, [each for _, each in prints], float(least))
    numbers = [prints[n][0] for n in like["print"]]
    alike = like.with_columns(removal=pl.Series(numbers, dtype=pl.Int64)).join(facts, on="record")
    found = pl.concat(each.select("id", "text_digest", "removal") for each in (same, alike))
    found = found.join(_allowed(removals), on=["id", "removal"], how="anti")
    return found.group_by("text_digest").agg(pl.col("removal").min())


def _allowed(removals: Sequence[Removal]) -> pl.DataFrame:
    """Return the records that only look like what a removal took out: `id` and `removal`."""
    import polars as pl

    allowed = [(name, number) for number, each in enumerate(removals) for name in each.allow]
    return pl.DataFrame(allowed, {"id": pl.String, "removal": pl.Int64}, orient="row")


def fingerprints(
    gone: pl.DataFrame, parts: Sequence[Part], folder: Path, removals: Sequence[Removal]
) -> dict[int, tuple[str, ...]]:
    """Return the fingerprints of records that removals name, where these do not have them yet.

    Args:
        gone: a row for each such record, with `record`, `id`, `words`, `text_digest`, `removal`.
        parts: what prepare left.
        folder: where they are.
        removals: as schema/removals.toml has them.
    """
    import numpy as np

    there = {
        (number, Fingerprint.parse(each).digest)
        for number, removal in enumerate(removals)
        for each in removal.fingerprints
    }
    gone = gone.unique("text_digest", keep="first", maintain_order=True).sort("record")
    firsts, _ = numbered(parts)
    paths = tuple(part.accepted(folder) for part in parts)
    sketches = column(paths, firsts, gone["record"].to_numpy().astype(np.int64), SKETCH).to_pylist()
    found: dict[int, tuple[str, ...]] = {}
    facts = gone.select("id", "words", "text_digest", "removal").iter_rows()
    for (name, words, digest, number), hashes in zip(facts, sketches, strict=True):
        each = Fingerprint(name, words, digest[:START_BYTES], tuple(hashes[:MOST]))
        if (number, each.digest) not in there:
            found[number] = (*found.get(number, ()), str(each))
    return found


def keep(schema: Path, new: Mapping[int, Sequence[str]]) -> None:
    """Write fingerprints into schema/removals.toml; what stands there is kept byte for byte.

    Raises:
        ProjectError: the file is not what it was when the project was opened.
    """
    import tomlrt

    if not new:
        return
    path = schema / "removals.toml"
    try:
        document = tomlrt.loads(path.read_text("utf-8"))
        for number, prints in new.items():
            entry = document["removal"][number]
            if "fingerprints" in entry:
                entry["fingerprints"].extend(prints)
            else:
                entry["fingerprints"] = list(prints)
    except (OSError, ValueError, LookupError) as error:
        seen = f"changed while imprint was at work ({error})"
        fix = "run the same command again"
        raise ProjectError(
            Fault("schema/removals.toml", seen, "the file as it was", fix)
        ) from error
    with machine_faults(path):
        write_file(path, tomlrt.dumps(document).encode())


def _alike(
    facts: pl.DataFrame,
    parts: Sequence[Part],
    folder: Path,
    prints: Sequence[Fingerprint],
    least: float,
) -> pl.DataFrame:
    """Return the records whose sketches share enough with a fingerprint: `record` and `print`."""
    import numpy as np
    import polars as pl

    hashes = np.array([each for one in prints for each in one.hashes], np.uint64)
    owners = np.repeat(np.arange(len(prints)), [len(one.hashes) for one in prints])
    firsts, records = numbered(parts)
    sizes = np.zeros((2, records), np.int64)
    sizes[:, facts["record"].to_numpy()] = facts["words"], facts["hashes"]
    pairs = [np.zeros(0, np.uint64)]
    for part, first in zip(parts, firsts, strict=True):
        places, rows = having(part.sketches(folder), hashes)
        pairs.append(together(owners[places], rows + first))
    found, shared = np.unique(np.concatenate(pairs), return_counts=True)
    owner, record = apart(found)
    taking = sizes[0][record] > 0
    owner, record, shared = owner[taking], record[taking], shared[taking]
    enough = shared >= _expected(prints, owner, sizes[:, record], least)
    return pl.DataFrame({"record": record[enough], "print": owner[enough]})


def _expected(
    prints: Sequence[Fingerprint], owner: Numbers, sizes: Numbers, least: float
) -> npt.NDArray[np.float64]:
    """Return how many hashes each record shares at the least with its fingerprint, were it alike.

    Args:
        prints: the fingerprints.
        owner: which of them it is, of each of n records.
        sizes: the words of each record, and the hashes of its sketch: 2 x n.
        least: the similarity that matters.
    """
    import numpy as np

    words, held = sizes
    one = np.maximum(words - (WIDTH - 1), 1)
    other = np.maximum(np.array([each.words for each in prints], np.int64) - (WIDTH - 1), 1)
    highest = np.array([each.hashes[-1] if each.hashes else 0 for each in prints], np.uint64)
    whole = np.array([each.whole for each in prints], bool)
    bound = np.where(whole, limits(other) >> np.uint64(64 - HASH_BITS), highest + np.uint64(1))
    limit = limits(one) >> np.uint64(64 - HASH_BITS)
    common = np.minimum(limit, bound[owner])
    kept = held * (common / limit)
    there = np.zeros(len(owner), np.int64)
    for number in np.unique(owner).tolist():
        mine = owner == number
        there[mine] = np.searchsorted(np.array(prints[number].hashes, np.uint64), common[mine])
    longer = np.maximum(one, other[owner]) / np.minimum(one, other[owner])
    # Texts with a similarity of J share J times all that they have together.
    share = np.minimum(least * (1 + longer) / (1 + least), 1.0)
    both = np.minimum(there, kept)
    return np.asarray(both * share - FAR * np.sqrt(both * share * (1 - share)))
