"""Licences: whether a dataset under one can carry the texts of a publisher that are under another.

It is no legal advice: it refuses what the licences themselves rule out, says nothing against what
they allow, and where nothing can be said from the identifiers alone it says so.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from imprint.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from imprint.settings import Publisher

FREE = frozenset({"cc0-1.0", "pddl", "unlicense", "wtfpl"})
"""Given to the public domain, or without any condition. Source: CC0 1.0, section 2 and 3; PDDL 1.0,
section 3; the texts of the Unlicense and the WTFPL."""

SILENT = frozenset({"other", "unknown", "cc"})
"""Identifiers of the Hub that say nothing of what is allowed."""

CREATIVE = re.compile(r"cc-by((?:-(?:nc|sa|nd))*)-(\d\.\d)")


class Terms(NamedTuple):
    """The elements of a Creative Commons licence."""

    noncommercial: bool
    sharealike: bool
    noderivatives: bool
    version: str


def terms(licence: str) -> Terms | None:
    """Return the elements of a Creative Commons licence; None of any other.

    >>> terms("cc-by-nc-sa-4.0")
    Terms(noncommercial=True, sharealike=True, noderivatives=False, version='4.0')
    """
    found = CREATIVE.fullmatch(licence)
    if found is None:
        return None
    elements = found[1].split("-")
    return Terms("nc" in elements, "sa" in elements, "nd" in elements, found[2])


def carries(dataset: str, publisher: str) -> bool | None:
    """Say whether a dataset under one licence can carry texts under another; None: who knows.

    A dataset is an adaptation of the texts: they are cleaned, corrected and cut.

    - Without conditions (CC0, PDDL): under any licence.
    - CC BY: under any Creative Commons licence with attribution; not under one that drops it.
    - CC BY-SA: under CC BY-SA of the same or a later version alone.
    - NC: under a licence with NC alone; with SA, under the same elements alone.
    - ND: adapted texts cannot be given on at all.

    Source: Creative Commons, "Compatible Licenses" (creativecommons.org/compatiblelicenses), and
    the chart "Adapter's License" in its FAQ, "If I derive or adapt material offered under a
    Creative Commons license, which CC license(s) can I use?"; CC BY-SA 4.0, section 3(b)(1); CC
    BY-NC-ND 4.0, section 2(a)(1)(B). Of licences of software and data beside CC's nothing is said
    here but that a licence carries itself.

    >>> carries("cc-by-4.0", "cc0-1.0"), carries("cc-by-4.0", "cc-by-sa-4.0")
    (True, False)
    >>> carries("cc-by-4.0", "odc-by") is None, carries("other", "cc-by-4.0") is None
    (True, True)
    """
    theirs = terms(publisher)
    if publisher in FREE:
        return True
    if theirs is not None and theirs.noderivatives:
        return False
    if dataset in SILENT or publisher in SILENT:
        return None
    if dataset == publisher:
        return True
    ours = terms(dataset)
    if theirs is None:
        return None
    if dataset in FREE:
        return False
    if ours is None:
        return False if theirs.sharealike or theirs.noncommercial else None
    if theirs.noncommercial and not ours.noncommercial:
        return False
    if theirs.sharealike:
        return ours[:3] == theirs[:3] and ours.version >= theirs.version
    return True


def refused(
    licence: str, publishers: Iterable[Publisher], sources: Mapping[str, int]
) -> list[Fault]:
    """Return the faults of publishers whose texts a dataset may not carry.

    Args:
        licence: of the dataset.
        publishers: with their licences.
        sources: published records by source.
    """
    return [
        Fault(
            f'schema/sources.toml, source "{each.name}"',
            f'license = "{each.license}", published records: {sources[each.name]:,}',
            f"a licence that {licence} can carry",
            "give the dataset a licence that can, or leave its texts out (schema/removals.toml)",
        )
        for each in publishers
        if each.license and sources.get(each.name) and carries(licence, each.license) is False
    ]


def doubtful(
    licence: str, publishers: Iterable[Publisher], sources: Mapping[str, int]
) -> list[str]:
    """Return what nobody can say from the identifiers of licences alone.

    Args:
        licence: of the dataset.
        publishers: with their licences.
        sources: published records by source.
    """
    return [
        f'schema/sources.toml: source "{each.name}" is under {each.license}; whether {licence} '
        "can carry it cannot be told from the identifiers, look into both"
        for each in publishers
        if each.license and sources.get(each.name) and carries(licence, each.license) is None
    ]


def by_license(publishers: Iterable[Publisher], sources: Mapping[str, int]) -> dict[str, int]:
    """Return records by the licence of their publisher, the most first; "" where none is declared.

    Nothing where no publisher has one.
    """
    known = {each.name: each.license for each in publishers if each.license}
    found = Counter[str]()
    for name, count in sources.items() if known else ():
        found[known.get(name, "")] += count
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
