"""What schema/ can declare: one frozen struct a table, with its defaults.

The structs are the one truth: the check of unknown keys and wrong types is made from them, and
their defaults are the defaults.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from typing import Annotated, Literal

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]

RECORD_BYTES_MOST = 2**30
"""The highest `limits.record_bytes`. Source: Arrow's string columns count bytes in 31 bits; half of
that, because cleaning can make a text longer."""


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The base of all tables: frozen, and no key that is not declared."""


class ReadOptions(Table, frozen=True):
    """How one raw file is read: the defaults and every rule that fits it, put together."""

    text: Text = "text"
    """The field that holds the text in jsonl, csv and parquet input."""
    id: str = ""
    """The field that identifies a document; "" where there is none."""
    fields: dict[str, Text] = {}
    """New name -> name in the input."""
    unit: Literal["document", "paragraph"] = "document"
    encoding: Text = "auto"
    """A codec's name, or "auto"."""
    delimiter: Text = "auto"
    """One character, or "auto"."""


class ReadRule(Table, frozen=True):
    """Options for the files that a glob fits; those that are not given are unset."""

    files: Text
    text: Text | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    fields: dict[str, Text] | msgspec.UnsetType = msgspec.UNSET
    unit: Literal["document", "paragraph"] | msgspec.UnsetType = msgspec.UNSET
    encoding: Text | msgspec.UnsetType = msgspec.UNSET
    delimiter: Text | msgspec.UnsetType = msgspec.UNSET


class Read(ReadOptions, frozen=True):
    """[read]: which files are read, and how."""

    include: tuple[str, ...] = ("**/*",)
    """Globs under raw/, of which one must fit."""
    exclude: tuple[str, ...] = ()
    """Globs under raw/, of which none may fit."""
    rule: tuple[ReadRule, ...] = ()

    def options_for(self, raw_file: str) -> ReadOptions:
        """Return the options of one file: the defaults, then each rule that fits, the last holds.

        >>> rule = ReadRule(files="hoax/*.csv", text="berita")
        >>> Read(rule=(rule,), id="nr").options_for("hoax/1.csv").text
        'berita'

        Args:
            raw_file: its path under raw/, escaped as records carry it.
        """
        names = ReadOptions.__struct_fields__
        found = {name: getattr(self, name) for name in names}
        for rule in self.rule:
            if glob_matches(rule.files, raw_file):
                given = {name: getattr(rule, name) for name in names}
                found |= {name: v for name, v in given.items() if v is not msgspec.UNSET}
        return ReadOptions(**found)


class Language(Table, frozen=True):
    """[language]: who judges the language, and what becomes of one that is not declared."""

    detector: Literal["consensus", "langdetect", "fasttext"] = "consensus"
    unexpected: Literal["keep", "reject"] = "keep"


class Source(Table, frozen=True):
    """[source]: what becomes of attribution lines, and of records without one."""

    strip: bool = True
    required: bool = False


class Dedup(Table, frozen=True):
    """[dedup]: which records say what another one says."""

    exact: bool = True
    near: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.8
    """Jaccard similarity of word 5-shingles from which a record is a near-duplicate; 0: off."""
    near_action: Literal["drop", "group"] = "drop"
    """Whether a near-duplicate is left out, or kept in the split of the other."""
    max_group: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01
    """Share of all records that a group of similar ones may have."""


class Splits(Table, frozen=True):
    """[splits]: how the records are divided."""

    shares: dict[str, Fraction] = msgspec.field(
        default_factory=lambda: {
            "train": Fraction(8, 10),
            "validation": Fraction(1, 10),
            "test": Fraction(1, 10),
        }
    )
    """Split -> its share, exactly as written, in the order of the declaration; they add up to 1."""
    group: Text = "document"
    """What is never divided: "document", "source" or a column."""
    similar: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    """Jaccard similarity from which two records are never on both sides; 0: off."""
    salt: str = ""
    """Changes the draw."""


class Subsets(Table, frozen=True):
    """[subsets]: a config for each value of a column, beside the one that has all records."""

    by: str = ""
    """"language", "source" or a column; "": no subsets."""


class Step(Table, frozen=True):
    """[[step]]: a function of the curator's, between source and check."""

    run: Text
    """FILE.py:FUNCTION; the file is under schema/."""


class Write(Table, frozen=True):
    """[write]: how the files are cut."""

    shard_bytes: Positive = 512_000_000
    """Uncompressed text in one shard."""


class Limits(Table, frozen=True):
    """[limits]: what is rejected for its size."""

    record_bytes: Annotated[int, msgspec.Meta(ge=1, le=RECORD_BYTES_MOST)] = 16_777_216
    """UTF-8 bytes of one record's text."""
    file_records: Positive = 10_000_000
    """Records of one file."""
    archive_ratio: Positive = 100
    """Not there yet."""


Privately = Literal["keep", "redact", "reject"]


class Privacy(Table, frozen=True):
    """[privacy]: not there yet; every kind can only be "keep"."""

    email: Privately = "keep"
    ip: Privately = "keep"
    phone: Privately = "keep"
    card: Privately = "keep"
    iban: Privately = "keep"
    national_id: Privately = "keep"
    secret: Privately = "keep"  # noqa: S105  (a kind of data)


class Settings(Table, frozen=True):
    """schema/dataset.toml: what the dataset is, and how it is built."""

    name: str
    """Names the Hub repository and the data wheel."""
    version: str
    """X.Y.Z or X.Y.Z-rc.N."""
    license: str
    """An identifier of the Hub's list."""
    languages: tuple[str, ...]
    """BCP 47, shortest form: what the curator expects to find."""
    title: str = ""
    """For people; the name where it is empty."""
    description: str = ""
    homepage: str = ""
    repository: str = ""
    """Where raw/ and schema/ are."""
    authors: tuple[Text, ...] = ()
    date: str = ""
    """Of the release, YYYY-MM-DD; "" where it is not declared."""
    read: Read = Read()
    language: Language = Language()
    source: Source = Source()
    dedup: Dedup = Dedup()
    splits: Splits = msgspec.field(default_factory=Splits)
    subsets: Subsets = Subsets()
    step: tuple[Step, ...] = ()
    write: Write = Write()
    limits: Limits = Limits()
    privacy: Privacy = Privacy()
    statement: dict[str, str] = {}
    """For the card and Croissant: limitations, biases, uses, social_impact, ..."""


class Erratum(Table, frozen=True):
    """[[erratum]]: one reviewed correction."""

    wrong: Text
    right: str
    why: str = ""
    match: Literal["word", "text", "regex"] = "word"
    ignore_case: bool = False
    files: tuple[str, ...] = ("**/*",)
    """Globs under raw/, of which one must fit."""
    languages: tuple[str, ...] = ()
    """BCP 47, shortest form; empty: all."""


class Errata(Table, frozen=True):
    """schema/errata.toml."""

    erratum: tuple[Erratum, ...] = ()


class Removal(Table, frozen=True):
    """[[removal]]: what must not be published, named by one of id, source, files and sha256."""

    why: Text
    id: str = ""
    """Of one record, as it was published."""
    source: str = ""
    """All records of a publisher, by its canonical name."""
    files: str = ""
    """All records of the raw files that a glob fits."""
    sha256: str = ""
    """Of one text, in hex: of its raw text, or of its published one."""
    date: str = ""
    """Since when, YYYY-MM-DD."""
    fingerprints: tuple[Text, ...] = ()
    """Of each text that was taken out, written by build: by them it is known again."""
    allow: tuple[Text, ...] = ()
    """Ids of records that only looked like it."""


class Removals(Table, frozen=True):
    """schema/removals.toml."""

    removal: tuple[Removal, ...] = ()


class Rejected(Table, frozen=True):
    """[[rejected]]: a proposal of `imprint suggest` that is none: both words are right."""

    wrong: Text
    right: Text
    why: str = ""


class Decisions(Table, frozen=True):
    """schema/decisions.toml."""

    rejected: tuple[Rejected, ...] = ()


class Publisher(Table, frozen=True):
    """[[source]]: a publisher and what it is called."""

    name: Text
    """The canonical name."""
    aliases: tuple[Text, ...] = ()
    url: str = ""
    license: str = ""
    """An identifier of the Hub's list: what this publisher's texts are under."""


class SourceRule(Table, frozen=True):
    """[[rule]]: the source of the files that a glob fits."""

    files: Text
    source: Text


class SourcesFile(Table, frozen=True):
    """schema/sources.toml as it is written."""

    labels: tuple[Text, ...] = ()
    source: tuple[Publisher, ...] = ()
    rule: tuple[SourceRule, ...] = ()


class Publishers(Table, frozen=True):
    """What schema/sources.toml declares."""

    labels: tuple[str, ...] = ()
    """Attribution labels beside the built-in ones."""
    sources: tuple[Publisher, ...] = ()
    rules: tuple[SourceRule, ...] = ()


def glob_matches(pattern: str, path: str) -> bool:
    """Say whether a glob fits a path: `*` and `?` stay inside a folder, `**` crosses folders.

    `**/` stands for no folder too, `[abc]`, `[a-z]` and `[!abc]` for one character. Case counts. A
    backslash is itself, because the paths of records are escaped with it.

    >>> glob_matches("**/*", "a.txt"), glob_matches("*", "a/b"), glob_matches("a/**", "a/b/c")
    (True, False, True)
    """
    return _compiled(pattern).fullmatch(path) is not None


GLOB = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\]|.", re.DOTALL)
"""The parts of a glob. Source: chosen, as in .gitignore."""


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a glob as a regular expression."""
    parts = []
    known = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    for part in GLOB.findall(pattern):
        if part in known:
            parts.append(known[part])
        elif len(part) > 1:
            inside = part[1:-1].removeprefix("!")
            members = "".join(c if c == "-" else re.escape(c) for c in inside)
            parts.append(f"(?!/)[{'^' if part[1] == '!' else ''}{members}]")
        else:
            parts.append(re.escape(part))
    return re.compile("".join(parts), re.DOTALL)
