"""Subsets: what they are called, and which rows of a split belong to each.

A subset is a config of the dataset for one value of a column, beside the config `default` that has
all records. Its name is that of its folder under data/, too. It comes from the value alone, so what
other values come or go renames none.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from imprint.digests import DIGEST_BYTES
from imprint.errors import Fault, RawError, seen
from imprint.loader import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl

MOST = 1_000
"""Subsets that a dataset may have. Each has an entry in the card, with all its columns, and readers
go through the card before the first row: with 1,000, `datasets` takes 8 seconds (measured)."""

PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
"""A value that can be its own name. Without capitals: on many disks they are no difference."""

HASH = 12
"""Hex digits of the hash in a name. Chosen: of a thousand values with equal letters, two have the
same once in 500 million times; that is refused."""

HASHED = re.compile(rf"-[0-9a-f]{{{HASH}}}")
"""What a name with a hash ends with, and so no other name may."""

SLUG_MOST = 24
"""Characters of a value that stand before its hash."""

NONE = "no-"
"""What the name of the records without a value begins with, and so no value's own name may."""

DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
"""No names of files on Windows. Source: its documentation, Naming Files, Paths, and Namespaces."""


def subset_name(value: str | None, column: str) -> str:
    """Return the name of the subset of the records that have a value.

    A value of small ASCII letters, digits, `.`, `_` and `-` is its own name; so is a language tag,
    whose capitals BCP 47 fixes. Any other, and one that could be taken for something else, is
    named by its letters and a hash of it. No two values have names that differ by no more than
    case.

    Args:
        value: as text; None for the records without one.
        column: the column that it stands in.

    >>> subset_name("bernama", "source"), subset_name("zh-Hant", "language")
    ('bernama', 'zh-Hant')
    >>> subset_name("RIA Novosti", "source"), subset_name(None, "source")
    ('ria-novosti-df42b3b9bbe8', 'no-source')
    """
    if value is None:
        return NONE + (_slug(column) or "value")
    one_case = _cased(value) if column == "language" else value.lower()
    if value == one_case and _is_plain(value.lower()):
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_slug(value) or 'x'}-{digest[:HASH]}"


def subset_names(values: pl.Series, column: str) -> dict[str | None, str]:
    """Return the name of the subset of each value, in the order of the names.

    Args:
        values: of each record, as text.
        column: the column that they stand in.

    Raises:
        RawError: there are too many, or two of them would share a name.
    """
    found = values.unique().to_list()
    of = f'the column "{column}", which subsets.by names, has'
    if len(found) > MOST:
        fix = 'name a column of fewer values in schema/dataset.toml, or write by = ""'
        raise RawError(Fault("raw/", f"{of} {len(found):,} values", f"at most {MOST:,}", fix))
    names: dict[str, str | None] = {}
    for value in sorted(found, key=lambda each: (each is not None, each or "")):
        name = subset_name(value, column)
        if name in names:
            pair = f"{of} {seen(names[name])} and {seen(value)}, both of which are named {name}"
            raise RawError(Fault("raw/", pair, "names that differ", "change one of the values"))
        names[name] = value
    return {names[name]: name for name in sorted(names)}


def divided(
    rows: pl.DataFrame, placed: bytes, names: Mapping[str | None, str]
) -> Iterator[tuple[str, pl.DataFrame, bytes]]:
    """Yield the rows of each subset that a split has, with its name and the digests of its rows.

    Args:
        rows: of one split, with their values in `subset`.
        placed: their digests, one after the other.
        names: of all subsets, by their values; nothing where the dataset is not divided, which
            gives all rows, and "" for a name.

    Yields:
        Name, rows, digests, in the order of the names; the rows in their order.
    """
    import numpy as np

    if not names:
        yield "", rows, placed
        return
    digests = np.frombuffer(placed, f"V{DIGEST_BYTES}")
    groups = rows.select("subset").with_row_index("row").group_by("subset", maintain_order=True)
    found = {names[value]: inside["row"].to_numpy() for (value,), inside in groups}
    for name in sorted(found):
        yield name, rows[found[name]], digests[found[name]].tobytes()


def _is_plain(value: str) -> bool:
    """Say whether a value can be its own name and no other one's."""
    taken = value == DEFAULT or value.startswith(NONE) or value.endswith(".")
    if taken or DEVICES.fullmatch(value) or HASHED.fullmatch(value, len(value) - HASH - 1):
        return False
    return PLAIN.fullmatch(value) is not None


def _slug(value: str) -> str:
    """Return the ASCII letters and digits of a value, in words."""
    words = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")
    return words[:SLUG_MOST].strip("-")


def _cased(tag: str) -> str:
    """Return a language tag with the one case that each of its parts has.

    Source: RFC 5646, section 2.1.1.

    >>> _cased("ZH-hANT-tw"), _cased("en-x-AB")
    ('zh-Hant-TW', 'en-x-ab')
    """
    parts = tag.lower().split("-")
    alone = next((n for n, part in enumerate(parts) if len(part) == 1), len(parts))
    forms = {2: str.upper, 4: str.capitalize}
    return "-".join(
        forms.get(len(part), str)(part) if 0 < n < alone else part for n, part in enumerate(parts)
    )
