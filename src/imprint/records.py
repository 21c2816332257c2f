"""What a record is: imprint's own columns, the codes of the ledger, and schema/record.json.

record.json is the one truth: the Arrow schema, the Hugging Face features and the check come from it.
A listed subset of JSON Schema is taken; everything else is a fault, never passed over.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
from typing import TYPE_CHECKING, Any

from imprint.errors import Fault, ProjectError, seen
from imprint.places import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from imprint.places import Located, Path

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
    "held-back": "the record would tie groups of different splits together",
    "removed": "the record was taken down",
}
"""Why a record or a file is rejected: code -> sentence. Source: contract, section 3."""

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
"""The columns that every record has, with their types. Source: contract, section 2."""

LATER = ("sources", "source_evidence", "languages_found", "encoding")
"""The optional columns of the contract, which are not there yet."""

RESERVED = frozenset({*OWN, *LATER})
"""Names that no field of the curator's can have, in any case."""

TYPES = {"string": "string", "integer": "int64", "number": "float64", "boolean": "bool"}
"""JSON type -> Arrow type, unless x-arrow says otherwise."""

NARROWER = {
    "integer": ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    "number": ("float32", "float64"),
}
"""What x-arrow may say of a JSON type."""

NOTES = frozenset({"title", "description", "examples", "$comment"})
"""Keywords that say something to people only."""

LIMITS = {
    "string": frozenset({"minLength", "maxLength", "pattern", "enum", "const"}),
    "integer": frozenset(
        {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const", "x-arrow"}
    ),
    "boolean": frozenset({"enum", "const"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required"}),
}
LIMITS["number"] = LIMITS["integer"]
"""The keywords that mean something for a type. Source: contract, section 1."""

COUNTS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
VALUES = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})


def __getattr__(name: str) -> Any:
    """Make `CORRECTIONS`, the Arrow type of the column `corrections`, when it is asked for."""
    if name != "CORRECTIONS":
        raise AttributeError(name)
    import pyarrow as pa

    kinds = {"string": pa.string(), "int32": pa.int32()}
    return pa.list_(pa.struct([(field, kinds[kind]) for field, kind in CORRECTION.items()]))


@dataclasses.dataclass(frozen=True)
class RecordSchema:
    """What schema/record.json says, and what follows from it."""

    document: dict[str, Any]
    """The JSON Schema of one record."""

    @property
    def names(self) -> list[str]:
        """Return the published columns, in the order of `properties`."""
        return list(self.document["properties"])

    @property
    def extras(self) -> list[str]:
        """Return the columns that are the curator's own, in the order of `properties`."""
        return [name for name in self.names if name not in RESERVED]

    @functools.cached_property
    def arrow(self) -> pa.Schema:
        """Return the Arrow schema of the published columns, without metadata."""
        import pyarrow as pa

        return pa.schema(
            [(name, arrow_type(schema)) for name, schema in self.document["properties"].items()]
        )

    @functools.cached_property
    def features(self) -> dict[str, Any]:
        """Return the features as `datasets.Features.to_dict()` writes them."""
        return {name: _feature(schema) for name, schema in self.document["properties"].items()}

    def huggingface_metadata(self) -> dict[bytes, bytes]:
        """Return the schema metadata from which `datasets` takes the features."""
        info = {"info": {"features": self.features}}
        return {b"huggingface": json.dumps(info).encode()}


def json_type(schema: dict[str, Any]) -> str:
    """Return the JSON type of a property, without "null".

    >>> json_type({"type": ["string", "null"]})
    'string'
    """
    declared = schema["type"]
    return declared if isinstance(declared, str) else next(t for t in declared if t != "null")


def is_nullable(schema: dict[str, Any]) -> bool:
    """Say whether a property's type admits null."""
    return not isinstance(schema["type"], str)


def arrow_name(schema: dict[str, Any]) -> str:
    """Return the name of the Arrow type of a property that is neither array nor object."""
    name: str = schema.get("x-arrow") or TYPES[json_type(schema)]
    return name


def arrow_type(schema: dict[str, Any]) -> pa.DataType:
    """Return the Arrow type of a property.

    >>> arrow_type({"type": "array", "items": {"type": "integer", "x-arrow": "int8"}})
    ListType(list<item: int8>)
    """
    import pyarrow as pa

    kind = json_type(schema)
    if kind == "array":
        return pa.list_(arrow_type(schema["items"]))
    if kind == "object":
        return pa.struct([(n, arrow_type(each)) for n, each in schema["properties"].items()])
    return pa.type_for_alias(arrow_name(schema))


def _feature(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a property as `datasets` writes its feature."""
    kind = json_type(schema)
    if kind == "array":
        return {"feature": _feature(schema["items"]), "_type": "List"}
    if kind == "object":
        return {name: _feature(each) for name, each in schema["properties"].items()}
    return {"dtype": arrow_name(schema), "_type": "Value"}


def parse_record_schema(text: str, place: str) -> RecordSchema:
    """Read schema/record.json.

    Args:
        text: what stands in it.
        place: its path, for the faults.

    Raises:
        ProjectError: everything that is wrong with it.
    """
    located = read_json(text, place)
    faults = list(_document_faults(located))
    if faults:
        raise ProjectError(sorted(faults, key=_order))
    return RecordSchema(located.value)


def _order(fault: Fault) -> tuple[str, int]:
    """Order faults by their lines."""
    name, _, line = fault.place.rpartition(":")
    return (name, int(line)) if line.isdigit() else (fault.place, 0)


def _document_faults(located: Located) -> Iterator[Fault]:
    """Yield what is wrong with the document as a whole, then with its parts."""
    document, where = located.value, located.at
    top = LIMITS["object"] | NOTES | {"$schema", "$id", "type"}
    if not isinstance(document, dict):
        yield Fault(where(()), seen(document), "a JSON Schema", "write an object")
        return
    for key in document:
        if key not in top:
            yield _unknown_keyword(where((key,)), key, top)
    if document.get("$schema", DIALECT).rstrip("#") != DIALECT:
        yield Fault(
            where(("$schema",)),
            f"$schema = {seen(document['$schema'])}",
            f'"{DIALECT}"',
            "write that",
        )
    if document.get("type") != "object":
        yield Fault(
            where(("type",)), f"type = {seen(document.get('type'))}", '"object"', 'write "object"'
        )
        return
    if not isinstance(document.get("properties"), dict):
        seen_ = "no properties" if "properties" not in document else "properties that are no object"
        yield Fault(where(("properties",)), seen_, "the columns of a record", "name them")
        return
    yield from _required_faults(located, ())
    for name, schema in document["properties"].items():
        path: Path = ("properties", name)
        fault = _name_fault(where(path), name)
        if fault is not None:
            yield fault
            continue
        found = list(_property_faults(located, path, schema))
        yield from found
        if not found and name in OWN:
            yield from _own_faults(where(path), name, schema)
    for name in OWN:
        if name not in document["properties"]:
            yield Fault(
                where(("properties",)), f'no "{name}"', "every column of imprint's own", "name it"
            )


def _name_fault(place: str, name: str) -> Fault | None:
    """Return what is wrong with a column's name."""
    if name in LATER:
        return Fault(
            place, f'the column "{name}", which is not there yet', "another", "take it out for now"
        )
    if name not in OWN and name.casefold() in RESERVED:
        wanted = f'"{name.casefold()}" or another name'
        return Fault(place, f'"{name}", which is reserved in any case', wanted, "rename it")
    if name.startswith("_") or not name or not name.isprintable():
        wanted = "a name that does not begin with _ and can be printed"
        return Fault(place, f"the column {seen(name)}", wanted, "rename it")
    return None


def _own_faults(place: str, name: str, schema: dict[str, Any]) -> Iterator[Fault]:
    """Yield the fault of a column of imprint's own that has another type."""
    wanted: Any = _features_of(OWN[name])
    if _feature(schema) != wanted:
        yield Fault(
            place,
            f'"{name}" of type {_as_words(_feature(schema))}',
            f"{_as_words(wanted)}, as imprint makes it",
            f'write "{name}": {_default_text(name)}',
        )


def _features_of(kind: str) -> Any:
    """Return the feature of one of imprint's own columns."""
    if kind != "corrections":
        return {"dtype": kind, "_type": "Value"}
    inside = {name: {"dtype": each, "_type": "Value"} for name, each in CORRECTION.items()}
    return {"feature": inside, "_type": "List"}


def _as_words(feature: Any) -> str:
    """Return a feature as people write Arrow types.

    >>> _as_words({"feature": {"a": {"dtype": "string", "_type": "Value"}}, "_type": "List"})
    'list<struct<a: string>>'
    """
    if "feature" in feature and feature.get("_type") == "List":
        return f"list<{_as_words(feature['feature'])}>"
    if feature.get("_type") == "Value":
        return str(feature["dtype"])
    return f"struct<{', '.join(f'{name}: {_as_words(each)}' for name, each in feature.items())}>"


def _required_faults(located: Located, path: Path) -> Iterator[Fault]:
    """Yield what is wrong with the `required` of an object."""
    schema = located.get(path)
    names = schema.get("required", [])
    place = located.at((*path, "required"))
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        yield Fault(place, f"required = {seen(names)}", "a list of names", "write a list")
        return
    for name in names:
        if name not in schema["properties"]:
            yield Fault(
                place,
                f'"{name}" in required',
                _nearest(name, schema["properties"]),
                "name it in properties, or take it out of required",
            )


def _property_faults(located: Located, path: Path, schema: Any) -> Iterator[Fault]:
    """Yield what is wrong with one property, and with what stands in it."""
    where = located.at
    if not isinstance(schema, dict):
        yield Fault(where(path), seen(schema), "a JSON Schema", 'write {"type": ...}')
        return
    kind = _declared_type(schema.get("type"))
    if kind is None:
        yield Fault(
            where((*path, "type")) if "type" in schema else where(path),
            f"type = {seen(schema['type'])}" if "type" in schema else "no type",
            'one of "' + '", "'.join(LIMITS) + '", or a list of one of them and "null"',
            "write its type",
        )
        return
    allowed = LIMITS[kind] | NOTES | {"type"}
    for key, value in schema.items():
        place = where((*path, key))
        if key not in allowed:
            yield _unknown_keyword(place, key, allowed, kind)
        else:
            wanted = _keyword_wants(key, value, kind, nullable=is_nullable(schema))
            if wanted:
                fix = "mend it, or take it out"
                yield Fault(place, f"{key} = {seen(value)}", wanted, fix)
    if kind == "array":
        if "items" not in schema:
            yield Fault(where(path), "an array without items", "what it holds", "add items")
        else:
            yield from _property_faults(located, (*path, "items"), schema["items"])
    if kind == "object":
        if not isinstance(schema.get("properties"), dict) or not schema["properties"]:
            yield Fault(where(path), "an object without properties", "its fields", "name them")
            return
        yield from _required_faults(located, path)
        for name, each in schema["properties"].items():
            yield from _property_faults(located, (*path, "properties", name), each)


def _declared_type(declared: Any) -> str | None:
    """Return the JSON type that is declared, without "null"; None where it is none of ours."""
    if isinstance(declared, list):
        rest = [kind for kind in declared if kind != "null"]
        declared = rest[0] if len(rest) == 1 and len(declared) == 2 else None
    return declared if isinstance(declared, str) and declared in LIMITS else None


def _keyword_wants(key: str, value: Any, kind: str, *, nullable: bool) -> str:
    """Return what a keyword's value should have been; "" where it is right."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if key in COUNTS:
        right = number and isinstance(value, int) and value >= 0
        return "" if right else "a whole number, 0 or more"
    if key in VALUES:
        return "" if number else "a number"
    if key == "pattern":
        return _pattern_wants(value)
    if key == "x-arrow":
        return "" if value in NARROWER[kind] else "one of " + ", ".join(NARROWER[kind])
    if key == "const":
        return "" if _fits(value, kind, nullable=nullable) else f"a value of type {kind}"
    if key == "enum":
        right = isinstance(value, list) and value != []
        right = right and all(_fits(each, kind, nullable=nullable) for each in value)
        return "" if right else f"a list of values of type {kind}"
    return ""


def _pattern_wants(pattern: Any) -> str:
    """Return what is wrong with a pattern, in the words of the engine that will run it."""
    import jsonschema_rs

    if not isinstance(pattern, str):
        return "a regular expression"
    try:
        jsonschema_rs.Draft202012Validator(
            {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return f"a regular expression in Rust's syntax ({str(error).splitlines()[0]})"
    return ""


def _fits(value: Any, kind: str, *, nullable: bool) -> bool:
    """Say whether a value of `enum` or `const` has the property's type."""
    if value is None:
        return nullable
    if isinstance(value, bool):
        return kind == "boolean"
    kinds = {"string": str, "integer": int, "number": (int, float)}
    return kind in kinds and isinstance(value, kinds[kind])


def _unknown_keyword(place: str, key: str, allowed: frozenset[str], kind: str = "") -> Fault:
    """Return the fault of a keyword that is not of the subset, or means nothing for the type."""
    of = f' for type "{kind}"' if kind else ""
    near = difflib.get_close_matches(key, allowed, 1)
    fix = f'write "{near[0]}"' if near else "take it out"
    names = sorted(allowed - NOTES - {"$schema", "$id"})
    return Fault(place, f'keyword "{key}"{of}', "one of " + ", ".join(names), fix)


def _nearest(name: str, known: Any) -> str:
    """Return the nearest known name, or all where none is near."""
    near = difflib.get_close_matches(name, list(known), 1)
    return f'"{near[0]}"' if near else "one of " + ", ".join(known)


DEFAULTS: dict[str, tuple[str, str]] = {
    "id": ('"type": "string"', "Names the record: kept by renames, insertions elsewhere and errata."),
    "text": ('"type": "string", "minLength": 1', "Normalised, corrected, attribution taken out."),
    "language": ('"type": "string"', "BCP 47 code of what was detected; und where it is uncertain."),
    "language_score": (
        '"type": "number", "minimum": 0, "maximum": 1, "x-arrow": "float32"',
        "How certain the language is, rounded to 1/1000.",
    ),
    "source": ('"type": ["string", "null"]', "The publisher, by its canonical name."),
    "corrections": (
        '"type": "array", "items": {"type": "object", "properties": {"wrong": {"type": "string"}, '
        '"right": {"type": "string"}, "count": {"type": "integer", "x-arrow": "int32"}}, '
        '"required": ["wrong", "right", "count"]}',
        "The declared errata that changed this record.",
    ),
    "raw_file": ('"type": "string"', "Where the record was read: a path under raw/."),
    "raw_index": ('"type": "integer", "minimum": 0', "Its 0-based position in that file."),
    "raw_sha256": (
        '"type": "string", "pattern": "^[0-9a-f]{64}$"',
        "SHA-256 of the text as it was read, nothing changed.",
    ),
}
"""Imprint's own columns as record.json declares them: (keywords, description)."""


def _default_text(name: str) -> str:
    """Return the property of one of imprint's own columns, on one line."""
    return f"{{{DEFAULTS[name][0]}}}"


def default_record_schema(title: str = "") -> str:
    """Return the text of a record.json with imprint's own columns and no other.

    >>> parse_record_schema(default_record_schema(), "record.json").names == list(OWN)
    True

    Args:
        title: of the schema; left out where it is empty.
    """
    properties = {
        name: {"description": description, **json.loads(f"{{{keywords}}}")}
        for name, (keywords, description) in DEFAULTS.items()
    }
    head = {"$schema": DIALECT, **({"title": title} if title else {}), "type": "object"}
    required = [name for name in OWN if name != "source"]
    document = {**head, "properties": properties, "required": required}
    text = json.dumps(document, ensure_ascii=False, indent=2)
    short = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: f"[{_one_line(m[1])}]", text)
    return short + "\n"


def _one_line(inside: str) -> str:
    """Return the elements of a list on one line."""
    return re.sub(r",\s+", ", ", inside)
