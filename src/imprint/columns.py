"""The columns that every record has, the codes of the ledger, and a first schema/record.json."""

from __future__ import annotations

import json
import re
from typing import Any

LINE_MOST = 60
"""Characters up to which a list or an object of record.json is written on one line. Chosen."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"

REASONS = {
    "empty": "the file or the record holds no text",
    "encoding": "the file's encoding is neither declared nor known for certain",
    "format": "no reader knows the file's suffix, or what it is",
    "unreadable": "the file cannot be decompressed, or breaks off",
    "parse": "the line or row is no record of the file's format",
    "text": "the text field is missing, or is no string",
    "too-long": "the record or the file is past one of the limits",
    "schema": "the record is not what schema/record.json says",
    "language": "the record is in a language that is not declared",
    "source": "the record has no source, and one is required",
    "step": "a step that is declared left the record out",
    "held-back": "the record would tie groups of different splits together",
    "removed": "the record was taken down",
}
"""Why a record or a file is rejected: code -> sentence. Source: README."""

CORRECTION = {"wrong": "string", "right": "string", "count": "int32"}

OWN = {
    "id": "string",
    "text": "string",
    "language": "string",
    "language_score": "float32",
    "source": "string",
    "corrections": "corrections",
    "raw_file": "string",
    "raw_index": "int64",
    "raw_sha256": "string",
}
"""The columns that every record has, with their types. Source: README."""

OPTIONAL = {
    "sources": "strings",
    "source_evidence": "string",
    "source_license": "string",
    "languages_found": "strings",
    "encoding": "string",
}
"""Columns that are published where record.json names them, with their types. Source: README."""

RESERVED = frozenset({*OWN, *OPTIONAL})
"""Names that no field of the curator's can have, in any case."""


def own_feature(kind: str) -> Any:
    """Return the feature of one of imprint's own columns."""
    if kind == "strings":
        return {"feature": own_feature("string"), "_type": "List"}
    if kind != "corrections":
        return {"dtype": kind, "_type": "Value"}
    inside = {name: {"dtype": each, "_type": "Value"} for name, each in CORRECTION.items()}
    return {"feature": inside, "_type": "List"}


def feature_in_words(feature: Any) -> str:
    """Return a feature as people write Arrow types.

    >>> feature_in_words({"feature": {"a": {"dtype": "string", "_type": "Value"}}, "_type": "List"})
    'list<struct<a: string>>'
    """
    if "feature" in feature and feature.get("_type") == "List":
        return f"list<{feature_in_words(feature['feature'])}>"
    if feature.get("_type") == "Value":
        return str(feature["dtype"])
    fields = (f"{name}: {feature_in_words(each)}" for name, each in feature.items())
    return f"struct<{', '.join(fields)}>"


DEFAULTS: dict[str, dict[str, Any]] = {
    "id": {
        "description": "Names the record: kept by renames, insertions elsewhere and errata.",
        "type": "string",
    },
    "text": {
        "description": "Normalised, corrected, attribution taken out.",
        "type": "string",
        "minLength": 1,
    },
    "language": {
        "description": "BCP 47 code of what was detected; und where it is uncertain.",
        "type": "string",
    },
    "language_score": {
        "description": "How certain the language is, rounded to 1/1000.",
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "x-arrow": "float32",
    },
    "source": {
        "description": "The publisher, by its canonical name.",
        "type": ["string", "null"],
    },
    "corrections": {
        "description": "The declared errata that changed this record.",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "wrong": {"type": "string"},
                "right": {"type": "string"},
                "count": {"type": "integer", "x-arrow": "int32"},
            },
            "required": ["wrong", "right", "count"],
        },
    },
    "raw_file": {
        "description": "Where the record was read: a path under raw/.",
        "type": "string",
    },
    "raw_index": {
        "description": "Its 0-based position in that file.",
        "type": "integer",
        "minimum": 0,
    },
    "raw_sha256": {
        "description": "SHA-256 of the text as it was read, nothing changed.",
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
    },
}
"""Imprint's own columns as a first record.json declares them."""


OPTIONAL_DEFAULTS: dict[str, dict[str, Any]] = {
    "sources": {"type": "array", "items": {"type": "string"}},
    "source_evidence": {"type": ["string", "null"]},
    "source_license": {"type": ["string", "null"]},
    "languages_found": {"type": "array", "items": {"type": "string"}},
    "encoding": {"type": ["string", "null"]},
}
"""The optional columns as a record.json declares them."""


def own_property(name: str) -> str:
    """Return the property of one of imprint's own columns, on one line and without description.

    >>> own_property("raw_file")
    '{"type": "string"}'
    """
    declared = DEFAULTS.get(name) or OPTIONAL_DEFAULTS[name]
    return json.dumps({key: v for key, v in declared.items() if key != "description"})


def default_record_schema(title: str = "") -> str:
    """Return the text of a record.json with imprint's own columns and no other.

    >>> list(json.loads(default_record_schema())["properties"]) == list(OWN)
    True

    Args:
        title: of the schema; left out where it is empty.
    """
    head = {"$schema": DIALECT, **({"title": title} if title else {}), "type": "object"}
    required = [name for name in OWN if name != "source"]
    text = json.dumps({**head, "properties": DEFAULTS, "required": required}, indent=2)
    short = re.sub(r"[\[{]\s+[^\[\]{}]*?\s+[\]}]", _one_line, text)
    return short + "\n"


def _one_line(match: re.Match[str]) -> str:
    """Return a list or an object that holds no other on one line, if it is short."""
    line = re.sub(r"\s*\n\s*", " ", match[0]).replace("[ ", "[").replace(" ]", "]")
    line = line.replace("{ ", "{").replace(" }", "}")
    return line if len(line) <= LINE_MOST else match[0]
