"""The first schema/ of a folder of raw text: look at every file, and write what it needs.

Nothing that a person wrote is touched: where schema/dataset.toml is there, nothing is written.
"""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any

from imprint.errors import Fault, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from imprint.rooms.read import RawFile, Reading

FIRST_CHARACTERS = 60
"""How much of a file's first record is shown. Chosen: half a line."""

SENTENCES_LEAST = 50
"""From how many lines on a .txt may be a list of sentences. Chosen."""

SENTENCE_CHARACTERS = 300
"""The mean length up to which its lines are sentences. Chosen: an English one has about 120."""

BLANK_SHARE = 0.1
"""The share of blank lines up to which it is a list. Chosen: an article has far more."""

NAME_LENGTH = 96
"""Source: README, "Make one of your own"."""


@dataclasses.dataclass(frozen=True, slots=True)
class Looked:
    """How one raw file would be read."""

    raw_file: str
    format: str
    """"txt", "jsonl", "csv", "parquet"; "" where nothing reads it."""
    compression: str
    encoding: str
    delimiter: str
    records: int
    """How many it gives, rejected ones counted."""
    rejected: int
    text_field: str
    """Which field would hold the text; "" for a .txt."""
    first: str
    """The text of the first record, cut."""
    lines: int
    """The lines of a .txt that looks like a list of sentences; 0 for every other file."""
    why: str
    """How encoding and delimiter are known."""
    reason: str | None = None
    """Why it gives no record: a code of the ledger; None where it gives some."""
    detail: str | None = None


def look_at(raw: Path) -> tuple[Looked, ...]:
    """Find out how every file under raw/ would be read.

    Args:
        raw: the folder.

    Returns:
        One `Looked` a file, in order of their paths' bytes.

    Raises:
        UsageError: there is no such folder, or no file in it.
        RawError: files that the system does not give out.
    """
    from imprint.rooms.read import list_files

    if not raw.is_dir():
        fix = f"make it, put raw text into it, then run: imprint init {raw.parent}"
        raise UsageError(Fault(str(raw), "no such folder", "a folder of raw text", fix))
    files = list_files(raw, ["**/*"], [])
    if not files:
        fix = f"put raw text into it, then run: imprint init {raw.parent}"
        raise UsageError(Fault(str(raw), "no file", "files of raw text", fix))
    return tuple(_look_at_file(file) for file in files)


def _look_at_file(file: RawFile) -> Looked:
    """Find out how one file would be read."""
    from imprint.rooms.read import look
    from imprint.settings import ReadOptions

    reading = look(file.path, file.raw_file, ReadOptions())
    text = _text_field(file.path, reading)
    if text and text != "text":
        reading = look(file.path, file.raw_file, ReadOptions(text=text))
    looked = Looked(
        reading.raw_file,
        reading.format,
        reading.compression,
        reading.encoding,
        reading.delimiter,
        records=0,
        rejected=0,
        text_field="" if reading.reason else text,
        first="",
        lines=0,
        why=reading.why,
        reason=reading.reason,
        detail=reading.detail,
    )
    return looked if reading.reason else _count(file, reading, looked)


def _text_field(path: Path, reading: Reading) -> str:
    """Choose the field for the text: "text" if it holds strings, else the longest."""
    from imprint.rooms.read import Unreadable
    from imprint.rooms.read.sample import text_lengths

    known = reading.reason is None or bool(reading.columns)
    if not known or reading.format == "txt":
        return ""
    try:
        lengths = text_lengths(path, reading)
    except Unreadable:
        return ""
    longest = max(lengths, key=lambda field: lengths[field], default="text")
    return "text" if lengths.get("text", 0) > 0 else longest


def _count(file: RawFile, reading: Reading, looked: Looked) -> Looked:
    """Read the file and add how many records it gives, and the first of them."""
    from imprint.rooms.read import Unreadable, Want, read
    from imprint.settings import Limits, ReadOptions

    options = ReadOptions(text=looked.text_field or "text")
    want = Want(_no_extras(), Limits().record_bytes, Limits().file_records)
    records = rejected = lines = 0
    first = ""
    try:
        for batch in read(file.path, reading, options, want):
            records += batch.num_rows
            rejected += batch.num_rows - batch["_reason"].null_count
            first = first or next((text for text in batch["text"].to_pylist() if text), "")
    except Unreadable as fault:
        return dataclasses.replace(looked, reason=fault.reason, detail=fault.detail)
    if reading.format == "txt":
        lines = _sentences(first)
    cut = " ".join(first[: 4 * FIRST_CHARACTERS].split())
    cut = cut if len(cut) <= FIRST_CHARACTERS else cut[: FIRST_CHARACTERS - 3] + "..."
    return dataclasses.replace(looked, records=records, rejected=rejected, first=cut, lines=lines)


def _no_extras() -> Any:
    """Return a record schema with no column beside imprint's own."""
    from imprint.records import default_record_schema, parse_record_schema

    return parse_record_schema(default_record_schema(), "schema/record.json")


def _sentences(text: str) -> int:
    """Count the lines of a list of sentences; 0 for another text."""
    lines = re.split(r"\r\n?|\n", text)
    filled = [line for line in lines if line.strip()]
    short = sum(map(len, filled)) <= SENTENCE_CHARACTERS * len(filled)
    dense = len(lines) - len(filled) <= BLANK_SHARE * len(lines)
    return len(filled) if len(filled) >= SENTENCES_LEAST and short and dense else 0


def suggest_name(root: Path) -> str:
    """Return a name for a dataset after its folder.

    >>> from pathlib import Path
    >>> suggest_name(Path("/tmp/Berita Jawa_2022"))
    'berita-jawa-2022'
    """
    words = re.findall(r"[a-z0-9]+", root.resolve().name.lower())
    return "-".join(words)[:NAME_LENGTH].strip("-") or "dataset"


def write_schema(
    root: Path, name: str, licence: str, languages: Sequence[str], looked: Sequence[Looked]
) -> tuple[Path, ...]:
    """Write the first schema/ of a project.

    A file of schema/ that is there already is kept; dataset.toml comes last, so that a project with
    one has the others.

    Args:
        root: the project's folder.
        name: of the dataset.
        licence: an identifier of the Hub's list.
        languages: BCP 47 tags.
        looked: what `look_at` found.

    Returns:
        The files that were written.

    Raises:
        RefusedError: schema/dataset.toml is there already; nothing is written.
        UsageError: a build would refuse what was given; nothing is written.
    """
    from imprint.records import default_record_schema

    folder = root / "schema"
    if (folder / "dataset.toml").exists():
        seen = "it is there already (nothing was written)"
        fix = "edit it, or move it away and run the same command again"
        raise RefusedError(Fault("schema/dataset.toml", seen, "a project without one", fix))
    _refuse_given(name, licence, languages)
    head = DATASET.format(_quoted(name), _quoted(licence), ", ".join(map(_quoted, languages)))
    texts = {
        "record.json": default_record_schema(),
        "errata.toml": ERRATA,
        "sources.toml": SOURCES,
        "dataset.toml": head + "".join(f"\n{rule}" for rule in _rules(looked)),
    }
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        path = folder / file
        if not path.exists():
            path.write_text(text, "utf-8")
            written.append(path)
    return tuple(written)


def _refuse_given(name: str, licence: str, languages: Sequence[str]) -> None:
    """Refuse what a build would refuse."""
    from imprint import rules

    given = [("name", name, rules.name), ("license", licence, rules.license_)]
    given += [("language", tag, rules.language) for tag in languages]
    faults = [
        Fault(f"imprint init --{option}", _quoted(value), *broken)
        for option, value, rule in given
        if (broken := rule(value))
    ]
    if faults:
        raise UsageError(faults)


def _rules(looked: Sequence[Looked]) -> Iterator[str]:
    """Yield the [[read.rule]] tables that the files need, each with what was seen."""
    groups: dict[str, list[Looked]] = {}
    for each in looked:
        groups.setdefault(_glob_of(each.raw_file), []).append(each)
    for glob, members in groups.items():
        needs = [_needs(each) for each in members]
        if len(members) > 1 and all(need == needs[0] for need in needs):
            if needs[0]:
                seen = f"{len(members)} files, the first: {_seen(members[0])}"
                yield _rule(glob, needs[0], seen)
        else:
            for each, need in zip(members, needs, strict=True):
                if need:
                    yield _rule(_literal(each.raw_file), need, _seen(each))
        for each in members:
            if each.reason:
                yield _comment(f"{each.raw_file} gives no record ({each.reason}): {each.detail}")
            elif each.lines:
                yield _sentence_rule(each)


def _needs(looked: Looked) -> dict[str, str]:
    """Return the settings in which a file differs from the defaults."""
    needs: dict[str, str] = {}
    if looked.reason:
        return needs
    if looked.text_field not in ("", "text"):
        needs["text"] = looked.text_field
    if looked.encoding not in ("", "utf-8") and looked.why.startswith("detected"):
        needs["encoding"] = looked.encoding
    usual = "\t" if looked.raw_file.lower().removesuffix(".gz").endswith(".tsv") else ","
    if looked.format == "csv" and looked.delimiter not in ("", usual):
        needs["delimiter"] = looked.delimiter
    return needs


def _rule(files: str, needs: dict[str, str], seen: str) -> str:
    """Return one [[read.rule]]."""
    lines = [_comment(seen).rstrip("\n"), "[[read.rule]]", f"files = {_quoted(files)}"]
    return (
        "\n".join([*lines, *(f"{key} = {_quoted(value)}" for key, value in needs.items())]) + "\n"
    )


def _sentence_rule(looked: Looked) -> str:
    """Return a rule in comments, for a file that looks like a list of sentences."""
    lines = [
        f"{looked.raw_file} is read as one record; it has {looked.lines} short lines.",
        "If each of them is a record, take the marks off the next three lines:",
        "[[read.rule]]",
        f"files = {_quoted(_literal(looked.raw_file))}",
        'unit = "paragraph"',
    ]
    return "".join(map(_comment, lines))


def _seen(looked: Looked) -> str:
    """Return what was seen of a file, in a line."""
    parts = [looked.raw_file, f"{looked.records} records", looked.why]
    if looked.rejected:
        parts.insert(2, f"{looked.rejected} of them cannot be read")
    return ": ".join(["; ".join(parts), _quoted(looked.first)])


def _comment(text: str) -> str:
    """Return a TOML comment of one line."""
    return f"# {''.join(c if c.isprintable() else ' ' for c in text)}\n"


def _glob_of(raw_file: str) -> str:
    """Return the glob for a file and its like: the same folder, the same suffix.

    >>> _glob_of("a/b.csv.gz"), _glob_of("c")
    ('a/*.csv.gz', '*')
    """
    folder, slash, name = raw_file.rpartition("/")
    stem = name.removesuffix(".gz").rpartition(".")[0]
    return _literal(folder) + slash + "*" + (name[len(stem) :] if stem else "")


def _literal(raw_file: str) -> str:
    """Return the glob that fits one path only."""
    return re.sub(r"[*?\[]", r"[\g<0>]", raw_file)


def _quoted(text: str) -> str:
    r"""Return a TOML string.

    >>> print(_quoted('a"b' + chr(9)))
    "a\"b\t"
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


DATASET = """\
# What this dataset is, and how it is built. Every other key has a default; see the README.
name = {}
version = "1.0.0"
license = {}
languages = [{}]
date = ""  # of the release, YYYY-MM-DD
"""

ERRATA = """\
# Reviewed corrections: each is applied to every text, recorded on the record, and counted.
#
# [[erratum]]
# wrong = "CTSO"
# right = "CSTO"
# why = "letters transposed: Collective Security Treaty Organization"
"""

SOURCES = """\
# Publishers, by the name that they are published under, and what else they are called.
#
# [[source]]
# name = "Alhurra"
# aliases = ["Al-Hurra", "Al Hurra"]
# url = "https://www.alhurra.com"
#
# [[rule]]
# files = "antara/**"
# source = "Antara"
"""
