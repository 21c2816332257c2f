"""The rules of schema/*.toml that hold between values: shares, expressions, names that are known.

Each is a function from a file to its faults.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from imprint.declare import exact_number, key_of, nearest, toml, written
from imprint.errors import Fault
from imprint.rules import standing, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from imprint.places import Located, Path

REFERENCE = re.compile(r"\$(?:\$|\{([^}]*)\}|([0-9A-Za-z_]+))")
"""What `right` of an expression refers to. Source: Rust's regex crate, Regex::replace."""

BORDERS = ("", "a", " ", "\n", "a a", "a\na", " a\n\n a ", "a  b\n")
"""Texts that hold every kind of border on which an expression can match nothing at all."""


def share_faults(located: Located) -> Iterator[Fault]:
    """Yield what is wrong with splits.shares: names, values, and a sum that is not 1."""
    path: Path = ("splits", "shares")
    shares = located.get(path)
    if not isinstance(shares, dict):
        return
    by_name: dict[str, str] = {}
    for split in shares:
        place = located.at((*path, split))
        if not re.fullmatch(r"\w+", split) or split == "all":
            better = re.sub(r"\W+", "_", split).strip("_")
            fix = f'rename it to "{better}"' if better not in ("", "all") else "rename it"
            yield Fault(place, f'split "{split}"', 'letters, digits and _, and not "all"', fix)
        elif split.casefold() in by_name:
            other = by_name[split.casefold()]
            seen = f'split "{split}" beside "{other}"'
            yield Fault(place, seen, "names that differ by more than case", "rename one")
        by_name.setdefault(split.casefold(), split)
    if not all(_is_share(value) for value in shares.values()):
        for split, value in shares.items():
            if isinstance(value, int | float) and not _is_share(value):
                at = (*path, split)
                yield Fault(located.at(at), written(at, value), "more than 0, at most 1", "mend it")
        return
    total = sum((exact_number(located, (*path, split)) for split in shares), Fraction(0))
    if total != 1:
        gap = _decimal(abs(1 - total))
        fix = f"give the missing {gap} to a split" if total < 1 else f"take {gap} from a split"
        yield Fault(located.at(path), f"shares add up to {_decimal(total)}", "1", fix)


def _is_share(value: Any) -> bool:
    """Say whether a value can be a split's share."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1


def _decimal(value: Fraction) -> str:
    """Return an exact number as people write it.

    >>> _decimal(Fraction(95, 100)), _decimal(Fraction(1))
    ('0.95', '1')
    """
    whole = f"{float(value):.12f}".rstrip("0").rstrip(".")
    return whole if Fraction(whole) == value else str(value)


def language_faults(located: Located) -> Iterator[Fault]:
    """Yield what is wrong with `languages` as a list."""
    listed = located.get(("languages",))
    if listed == []:
        fix = 'name those you expect, or write languages = ["und"]'
        yield Fault(located.at(("languages",)), "languages = []", "at least one", fix)
    elif isinstance(listed, list):
        for index, each in enumerate(listed):
            if each in listed[:index]:
                at = ("languages", index)
                yield Fault(
                    located.at(at), f"{toml(each)} for the second time", "it once", "take it out"
                )


def lesson_faults(located: Located, place: str) -> Iterator[Fault]:
    """Yield the fault of a detector that learns nothing, where something is taught.

    Args:
        located: schema/dataset.toml.
        place: the first file that teaches a language.
    """
    path = ("language", "detector")
    detector = located.get(path)
    if detector in ("fasttext", "langdetect"):
        seen = f"{written(path, detector)}, which learns nothing from {place}"
        fix = 'write detector = "consensus", or take schema/languages/ out'
        yield Fault(located.at(path), seen, "consensus", fix)


def expression_faults(located: Located) -> Iterator[Fault]:
    """Yield what is wrong with the errata: expressions, references, and those that do nothing."""
    known: dict[str, Path] = {}
    for path, erratum in tables(located, "erratum"):
        wrong, right = erratum.get("wrong"), erratum.get("right")
        if not isinstance(wrong, str) or not isinstance(right, str) or not wrong:
            continue
        if erratum.get("match") == "regex":
            yield from _regex_faults(located, path, wrong, right)
        elif wrong == right:
            seen = f"wrong and right are both {toml(wrong)}"
            yield Fault(located.at((*path, "right")), seen, "two texts", "mend one of them")
        same = repr(sorted((k, v) for k, v in erratum.items() if k not in ("right", "why")))
        if same in known:
            first = located.at(known[same])
            seen = f"{toml(wrong)} for the second time (first: {first})"
            yield Fault(located.at((*path, "wrong")), seen, "it once", "take one of the two out")
        known.setdefault(same, (*path, "wrong"))


def _regex_faults(located: Located, path: Path, wrong: str, right: str) -> Iterator[Fault]:
    """Yield what is wrong with one expression and what refers to it."""
    import polars as pl

    place = located.at((*path, "wrong"))
    shown = written((*path, "wrong"), wrong)
    texts = pl.Series(BORDERS).str
    try:
        found = texts.extract_all(wrong).to_list()
        groups = pl.Series([""]).str.extract_groups(wrong).struct.fields
    except pl.exceptions.ComputeError as error:
        said = re.findall(r"^error: (.*)", str(error), re.MULTILINE)
        reason = f" ({said[-1]})" if said else ""
        wanted = f"a regular expression in Rust's syntax{reason}"
        yield Fault(place, shown, wanted, 'mend it, or write match = "text"')
        return
    if any("" in matches for matches in found):
        wanted = "an expression that cannot match nothing at all"
        yield Fault(place, shown, wanted, "let it need one character at least: x+ instead of x*")
    known = {"0", *groups, *(str(number + 1) for number in range(len(groups)))}
    for reference in REFERENCE.finditer(right):
        group = reference[1] if reference[1] is not None else reference[2]
        if group is not None and group not in known:
            near = re.match(r"[0-9]+", group)
            better = f"${{{near[0]}}}{group[near.end() :]}" if near and near[0] in known else "$$"
            yield Fault(
                located.at((*path, "right")),
                f"{reference[0]} in {written((*path, 'right'), right)}",
                f"a group of wrong, which has {len(groups)}",
                f"write {better}",
            )


def removal_faults(located: Located) -> Iterator[Fault]:
    """Yield the removals that do not name what is meant, or name it twice."""
    names = ("id", "source", "files", "sha256")
    known: dict[tuple[str, str], str] = {}
    for path, table in tables(located, "removal"):
        given = [name for name in names if table.get(name)]
        if len(given) != 1:
            seen = " and ".join(given) or f"none of {', '.join(names)}"
            yield Fault(located.at(path), seen, "one of them", "name what must not be published")
            continue
        what = (given[0], str(table[given[0]]))
        first = known.setdefault(what, located.at((*path, given[0])))
        if first != located.at((*path, given[0])):
            seen = f"{toml(what[1])} for the second time (first: {first})"
            at = located.at((*path, given[0]))
            yield Fault(at, seen, "it once", "take one of the two out")


def decision_faults(located: Located) -> Iterator[Fault]:
    """Yield the rejected proposals that propose nothing, or are there twice, either way around."""
    known: dict[frozenset[str], str] = {}
    for path, table in tables(located, "rejected"):
        pair = (table.get("wrong"), table.get("right"))
        if not all(isinstance(each, str) and each for each in pair):
            continue
        at = located.at((*path, "wrong"))
        if pair[0] == pair[1]:
            seen = f"wrong and right are both {toml(pair[0])}"
            yield Fault(located.at((*path, "right")), seen, "two words", "mend one of them")
        first = known.setdefault(frozenset(map(str, pair)), at)
        if first != at:
            seen = f"{toml(pair[0])} and {toml(pair[1])} for the second time (first: {first})"
            yield Fault(at, seen, "them once", "take one of the two out")


def publisher_faults(located: Located) -> Iterator[Fault]:
    """Yield the names and aliases of publishers that stand for two."""
    known: dict[str, tuple[str, Path]] = {}
    for path, table in tables(located, "source"):
        aliases = table.get("aliases")
        names = [((*path, "name"), table.get("name"))]
        names += [
            ((*path, "aliases", index), alias)
            for index, alias in enumerate(aliases if isinstance(aliases, list) else ())
        ]
        for at, each in names:
            if not isinstance(each, str):
                continue
            first = known.setdefault(each, (str(table.get("name")), at))
            if first[1] != at:
                seen = f"{toml(each)} for the second time (first: {located.at(first[1])})"
                yield Fault(located.at(at), seen, "it once", "take one of the two out")


def column_faults(
    located: Located, columns: Mapping[str, bool], extras: list[str]
) -> Iterator[Fault]:
    """Yield the names of columns in the declaration that record.json does not know.

    Args:
        located: schema/dataset.toml.
        columns: the columns of record.json; True where it holds a single value.
        extras: those of them that are the curator's own.
    """
    places = [("read", "fields"), *(((*path, "fields")) for path, _ in _rules(located))]
    for path in places:
        fields = located.get(path)
        for field in fields if isinstance(fields, dict) else ():
            at = (*path, field)
            if field in ("text", "id"):
                fix = f"write {field} = {toml(fields[field])} beside it instead"
                yield Fault(located.at(at), f"{key_of(at)}", "another field", fix)
            elif field not in ("language", "source", *extras):
                known = ", ".join(("language", "source", *extras))
                near = nearest(field, ("language", "source", *extras))
                fix = f'write "{near}"' if near else f'add "{field}" to schema/record.json'
                yield Fault(located.at(at), f"{key_of(at)}", f"one of {known}", fix)
    single = [column for column, one in columns.items() if one]
    shared = [column for column in single if column != "id"]  # each record has an id of its own
    for at, none, taken, usual in (
        (("splits", "group"), "document", single, '"document", "source" or a column'),
        (("subsets", "by"), "", shared, '"", "language", "source" or another column than id'),
    ):
        value = located.get(at)
        if isinstance(value, str) and value not in (none, *taken):
            fix = f"write {at[1]} = {toml(nearest(value, [none, *taken]) or none)}"
            yield Fault(located.at(at), written(at, value), f"{usual} of single values", fix)


def _rules(located: Located) -> Iterator[tuple[Path, Any]]:
    """Yield (path, table) of every [[read.rule]]."""
    return standing(located.value, ("read", "rule", "*"))
