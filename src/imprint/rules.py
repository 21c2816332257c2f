"""The rules of schema/*.toml that a type cannot say: names, languages, globs, expressions, shares.

A rule is a function from a value to what would have been right and how it is mended, or None.
"""

from __future__ import annotations

import datetime
import functools
import importlib.resources
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from imprint.declare import exact_number, key_of, nearest, toml, written
from imprint.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from imprint.places import Located, Path

    Rule = Callable[[str], tuple[str, str] | None]

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
NAME_MOST = 96
"""Characters of a repository's name on the Hub. Source: huggingface_hub, validate_repo_id."""

NUMBER = r"(0|[1-9][0-9]*)"
VERSION = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}(-rc\.{NUMBER})?")
"""Source: no leading zeros, Semantic Versioning 2.0, section 2."""

URL = re.compile(r"https?://[^\s/]\S*")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

NO_ENCODINGS = frozenset({"idna", "punycode", "undefined"})
"""Codecs of Python's that turn bytes into text but are no encoding of a file."""

REFERENCE = re.compile(r"\$(?:\$|\{([^}]*)\}|([0-9A-Za-z_]+))")
"""What `right` of an expression refers to. Source: Rust's regex crate, Regex::replace."""

BORDERS = ("", "a", " ", "\n", "a a", "a\na", " a\n\n a ", "a  b\n")
"""Texts that hold every kind of border on which an expression can match nothing at all."""


def name(value: str) -> tuple[str, str] | None:
    """Hold the dataset's name to what the Hub and a wheel take.

    >>> name("csto-news"), name("a--b")[1]
    (None, 'write name = "a-b"')
    """
    if NAME.fullmatch(value) and len(value) <= NAME_MOST:
        return None
    better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:NAME_MOST].strip("-")
    fix = f"write name = {toml(better)}" if better else "choose another"
    return f"small letters, digits and single dashes between them, at most {NAME_MOST}", fix


def version(value: str) -> tuple[str, str] | None:
    """Hold a version to X.Y.Z or X.Y.Z-rc.N."""
    if VERSION.fullmatch(value):
        return None
    return "X.Y.Z or X.Y.Z-rc.N", 'write it so, for example version = "1.0.0"'


def license_(value: str) -> tuple[str, str] | None:
    """Hold a licence to the Hub's list."""
    known = licenses()
    if value in known:
        return None
    near = nearest(value, known)
    fix = f'write license = "{near}"' if near else 'choose one, or write license = "other"'
    return "a licence identifier of the Hub (huggingface.co/docs/hub/repositories-licenses)", fix


@functools.cache
def licenses() -> tuple[str, ...]:
    """Return the licence identifiers that the Hub knows.

    Source: huggingface.co/docs/hub/repositories-licenses, as of November 2026.
    """
    data = importlib.resources.files("imprint").joinpath("data/licenses.txt")
    return tuple(data.read_text(encoding="ascii").split())


@functools.cache
def shortest() -> frozenset[str]:
    """Return the tags of two letters that are right as they are: langcodes and its tables wait."""
    data = importlib.resources.files("imprint").joinpath("data/languages.txt")
    return frozenset(data.read_text(encoding="ascii").split())


def language(value: str) -> tuple[str, str] | None:
    """Hold a language to the shortest form of BCP 47, which is what records carry.

    >>> language("id"), language("ind")
    (None, ('its shortest form, "id"', 'write "id"'))
    """
    if value in shortest():
        return None
    import langcodes

    wanted, fix = "a language tag of BCP 47", 'write its tag, for example "id" or "zh-Hant"'
    try:
        if not langcodes.tag_is_valid(value):
            return wanted, fix
        short = str(langcodes.standardize_tag(value))
    except ValueError:
        return wanted, fix
    return None if short == value else (f'its shortest form, "{short}"', f'write "{short}"')


def date(value: str) -> tuple[str, str] | None:
    """Hold a date to YYYY-MM-DD; none is right, too."""
    if not value:
        return None
    try:
        datetime.date.fromisoformat(value)
        right = DATE.fullmatch(value) is not None
    except ValueError:
        right = False
    return None if right else ("a day of the calendar as YYYY-MM-DD", "write it so")


def url(value: str) -> tuple[str, str] | None:
    """Hold an address to one that a browser opens; none is right, too."""
    if not value or URL.fullmatch(value):
        return None
    return "a URL that begins with https:// or http://", "write the whole URL"


def glob(value: str) -> tuple[str, str] | None:
    """Hold a glob to one that a path under raw/ can fit."""
    parts = value.split("/")
    if value and not value.startswith("/") and "" not in parts and not {".", ".."} & {*parts}:
        return None
    better = "/".join(part for part in parts if part not in ("", ".", ".."))
    better = better.removeprefix("raw/")
    if value.endswith("/"):
        better += "/**"
    return "a glob under raw/", f"write {toml(better)}" if better else 'write "**/*"'


def encoding(value: str) -> tuple[str, str] | None:
    """Hold an encoding to those that Python decodes."""
    if value == "auto":
        return None
    try:
        b"text".decode(value)
        known = True
    except UnicodeError:
        known = True  # four bytes need not be a text in it
    except (LookupError, ValueError):
        known = False
    if known and value.lower() not in NO_ENCODINGS and "escape" not in value.lower():
        return None
    import encodings.aliases

    known_names = {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
    near = nearest(value.replace("-", "_"), sorted(known_names)).replace("_", "-")
    fix = f"write {toml(near)}" if near else 'write "auto"'
    return '"auto" or a codec of Python', fix


def delimiter(value: str) -> tuple[str, str] | None:
    """Hold a delimiter to one character that cannot be a quotation mark or a line's end."""
    if value == "auto" or (len(value) == 1 and value not in '"\r\n\0'):
        return None
    return '"auto" or one character', 'write it, for example ";" or "\\t"'


RULES: dict[str, dict[Path, Rule]] = {
    "schema/dataset.toml": {
        ("name",): name,
        ("version",): version,
        ("license",): license_,
        ("languages", "*"): language,
        ("homepage",): url,
        ("date",): date,
        ("read", "include", "*"): glob,
        ("read", "exclude", "*"): glob,
        ("read", "encoding"): encoding,
        ("read", "delimiter"): delimiter,
        ("read", "rule", "*", "files"): glob,
        ("read", "rule", "*", "encoding"): encoding,
        ("read", "rule", "*", "delimiter"): delimiter,
    },
    "schema/errata.toml": {
        ("erratum", "*", "files", "*"): glob,
        ("erratum", "*", "languages", "*"): language,
    },
    "schema/sources.toml": {("source", "*", "url"): url, ("rule", "*", "files"): glob},
}
"""File -> where its values stand (* in a list) -> the rule that holds there."""


def value_faults(located: Located) -> Iterator[Fault]:
    """Yield the faults of every single value that a rule holds for."""
    for pattern, rule in RULES[located.place].items():
        for path, value in _standing(located.value, pattern):
            broken = rule(value) if isinstance(value, str) else None
            if broken:
                yield Fault(located.at(path), written(path, value), *broken)


def _standing(value: Any, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) of everything that stands where a pattern points."""
    if not pattern:
        yield path, value
    elif pattern[0] == "*":
        for index, below in enumerate(value if isinstance(value, list) else ()):
            yield from _standing(below, pattern[1:], (*path, index))
    elif isinstance(value, dict) and pattern[0] in value:
        yield from _standing(value[pattern[0]], pattern[1:], (*path, pattern[0]))


def tables(located: Located, key: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield (path, table) of every [[key]] that is a table."""
    for path, value in _standing(located.value, (key, "*")):
        if isinstance(value, dict):
            yield path, value


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
    return _standing(located.value, ("read", "rule", "*"))
