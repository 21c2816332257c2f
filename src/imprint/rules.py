"""The rules of single values in schema/*.toml that a type cannot say: names, languages, globs.

A rule is a function from a value to what would have been right and how it is mended, or None.
"""

from __future__ import annotations

import datetime
import functools
import importlib.resources
import re
from typing import TYPE_CHECKING, Any

from imprint.declare import nearest, toml, written
from imprint.errors import Fault
from imprint.fingerprint import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def license_or_none(value: str) -> tuple[str, str] | None:
    """Hold a publisher's licence to the Hub's list; none is right, too."""
    return license_(value) if value else None


@functools.cache
def licenses() -> tuple[str, ...]:
    """Return the licence identifiers that the Hub knows.

    Source: huggingface.co/docs/hub/repositories-licenses, as of November 2026.
    """
    data = importlib.resources.files("imprint").joinpath("data/licenses.txt")
    return tuple(data.read_text(encoding="ascii").split())


@functools.cache
def shortest() -> frozenset[str]:
    """Return tags that are right as they are: of two letters all, of three what detectors answer.

    For others there is langcodes; to read its tables takes a tenth of a small build (measured).
    """
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


def sha256(value: str) -> tuple[str, str] | None:
    """Hold a digest to 64 hex digits; none is right, too."""
    if not value or re.fullmatch(r"[0-9a-f]{64}", value):
        return None
    return "64 hex digits, as in the column raw_sha256", "write all of them, in small letters"


def fingerprint(value: str) -> tuple[str, str] | None:
    """Hold a fingerprint to what build wrote."""
    try:
        Fingerprint.parse(value)
    except ValueError:
        return "what build wrote", "restore it from version control, or take it out"
    return None


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
    "schema/removals.toml": {
        ("removal", "*", "files"): glob,
        ("removal", "*", "date"): date,
        ("removal", "*", "sha256"): sha256,
        ("removal", "*", "fingerprints", "*"): fingerprint,
    },
    "schema/decisions.toml": {},
    "schema/sources.toml": {
        ("source", "*", "url"): url,
        ("source", "*", "license"): license_or_none,
        ("rule", "*", "files"): glob,
    },
}
"""File -> where its values stand (* in a list) -> the rule that holds there."""


def value_faults(located: Located) -> Iterator[Fault]:
    """Yield the faults of every single value that a rule holds for."""
    for pattern, rule in RULES[located.place].items():
        for path, value in standing(located.value, pattern):
            broken = rule(value) if isinstance(value, str) else None
            if broken:
                yield Fault(located.at(path), written(path, value), *broken)


def standing(value: Any, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield (path, value) of everything that stands where a pattern points."""
    if not pattern:
        yield path, value
    elif pattern[0] == "*":
        for index, below in enumerate(value if isinstance(value, list) else ()):
            yield from standing(below, pattern[1:], (*path, index))
    elif isinstance(value, dict) and pattern[0] in value:
        yield from standing(value[pattern[0]], pattern[1:], (*path, pattern[0]))


def tables(located: Located, key: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield (path, table) of every [[key]] that is a table."""
    for path, value in standing(located.value, (key, "*")):
        if isinstance(value, dict):
            yield path, value
