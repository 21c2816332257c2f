"""croissant.json: the dataset in the words of the Croissant format, made from the manifest.

Source: Croissant Format Specification 1.1, MLCommons.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imprint.manifest import File, Manifest

CONFORMS = "http://mlcommons.org/croissant/1.1"

TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "float32": "cr:Float32",
    "float64": "cr:Float64",
}
"""Type of a feature -> Croissant's; everything else is a whole number."""

STATEMENT = (
    ("limitations", "rai:dataLimitations"),
    ("biases", "rai:dataBiases"),
    ("uses", "rai:dataUseCases"),
    ("social_impact", "rai:dataSocialImpact"),
)
"""Key of [statement] -> property. Source: Croissant RAI specification 1.0."""

UNNAMED = frozenset({"other", "unknown"})
"""Identifiers of the Hub's list that are no licence of which there is a page."""

LICENSES = "https://choosealicense.com/licenses/"
"""Where the Hub's own cards link a licence to."""


def croissant(manifest: Manifest) -> str:
    """Return croissant.json of a dataset.

    Args:
        manifest: the facts; its files are the Parquet files.
    """
    context = resources.files("imprint").joinpath("data/croissant.context.json").read_text("utf-8")
    online = manifest.homepage or manifest.repository
    said: dict[str, Any] = {
        "@context": json.loads(context),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": manifest.name,
        "description": manifest.description or manifest.title,
        "license": _license(manifest.license),
        "version": manifest.version,
        "inLanguage": list(manifest.declared_languages),
        "isLiveDataset": False,
        "citeAs": _citation(manifest),
    }
    if online:
        said["url"] = online
    if manifest.date:
        said["datePublished"] = manifest.date
    if manifest.authors:
        said["creator"] = [{"@type": "sc:Person", "name": name} for name in manifest.authors]
    said |= {key: manifest.statement[name] for name, key in STATEMENT if name in manifest.statement}
    said["distribution"] = [_file(file) for file in manifest.files]
    said["recordSet"] = [_splits(manifest), *_record_sets(manifest)]
    return json.dumps(said, ensure_ascii=False, indent=1) + "\n"


def _license(name: str) -> str:
    """Return the page of a licence, or its name where there is none."""
    return name if name in UNNAMED else f"{LICENSES}{name}/"


def _file(file: File) -> dict[str, Any]:
    """Return a file of the distribution."""
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": "application/x-parquet",
        "sha256": file.sha256,
    }


def _splits(manifest: Manifest) -> dict[str, Any]:
    """Return the record set that lists the splits."""
    key = "splits"
    while key in manifest.splits:
        key += "_"
    name = f"{key}/name"
    return {
        "@type": "cr:RecordSet",
        "@id": key,
        "name": key,
        "dataType": "cr:Split",
        "key": {"@id": name},
        "field": [{"@type": "cr:Field", "@id": name, "name": "name", "dataType": "sc:Text"}],
        "data": [{name: split} for split in manifest.splits],
    }


def _record_sets(manifest: Manifest) -> list[dict[str, Any]]:
    """Return a record set for each split, or for each of its shards where there are several.

    Where there are subsets, it is for each split of each of them: together these are all records.
    """
    found = []
    # No split has a dot in its name, so no two of these are the same.
    splits = {
        f"{subset}.{name}": split
        for subset, each in manifest.subsets.items()
        for name, split in each.splits.items()
    }
    for name, split in (splits or manifest.splits).items():
        for path in split.files:
            number = path.removesuffix(".parquet").rpartition("-")[2]
            key = name if len(split.files) == 1 else f"{name}-{number}"
            fields = [
                _field(f"{key}/{column}", column, feature, path, ())
                for column, feature in manifest.features.items()
            ]
            found.append({"@type": "cr:RecordSet", "@id": key, "name": key, "field": fields})
    return found


def _field(
    key: str, column: str, feature: dict[str, Any], path: str, inner: tuple[str, ...]
) -> dict[str, Any]:
    """Return a field; what is nested inside it becomes sub-fields."""
    field: dict[str, Any] = {"@type": "cr:Field", "@id": key, "name": key}
    depth = 0
    while feature.get("_type") == "List":
        feature, depth = feature["feature"], depth + 1
    if depth:
        field |= {"isArray": True, "arrayShape": ",".join(["-1"] * depth)}
    kind = feature.get("_type")
    if kind is None:
        subs = [
            _field(f"{key}/{name}", column, each, path, (*inner, name))
            for name, each in feature.items()
        ]
        return field | {"subField": subs}
    extract: dict[str, Any] = {"fileObject": {"@id": path}, "extract": {"column": column}}
    if inner:
        extract["transform"] = [{"jsonPath": ".".join(inner)}]
    return field | {
        "dataType": TYPES.get(feature.get("dtype", ""), "sc:Integer"),
        "source": extract,
    }


def _citation(manifest: Manifest) -> str:
    """Return how to cite the dataset, as BibTeX."""
    lines = [
        ("title", f"{manifest.title} {manifest.version}"),
        ("author", " and ".join(manifest.authors)),
        ("year", manifest.date[:4]),
        ("url", manifest.homepage or manifest.repository),
        ("note", f"rows {manifest.digest[:16]}"),
    ]
    body = "".join(f" {key} = {{{_tex(value)}}},\n" for key, value in lines if value)
    return f"@misc{{{manifest.name},\n{body}}}"


def _tex(text: str) -> str:
    """Return a text so that TeX sets it as it is."""
    known = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}"}
    return "".join(known.get(c, f"\\{c}" if c in "&%$#_" else c) for c in text)
