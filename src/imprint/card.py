"""The dataset card: front matter that `datasets` and the Hub read, and prose that people read.

All of it is made from the manifest; what a person wrote in schema/card.md follows behind our part.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from imprint.loader import BEGIN, DEFAULT, END

if TYPE_CHECKING:
    from imprint.manifest import Manifest, Split

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
    (100_000_000_000, "10B<n<100B"),
    (1_000_000_000_000, "100B<n<1T"),
)
"""Records below which a size category holds. Source: the Hub's dataset card specification."""

SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$&:/@])")
"""What Markdown or HTML could take for markup, or turn into a link."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Control characters, which a terminal would obey."""

UNSAFE = re.compile(r"[\s\x00-\x1f\x7f-\x9f<>\\\"`|]")
"""What would end a link in Markdown, or the cell that it stands in."""

NUMBER = re.compile(
    r"[-+]?(0o[0-7]+|0x[0-9A-Fa-f]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)"
)
"""A text that YAML takes for a number. Source: YAML 1.2.2, section 10.3.2 (PyYAML goes by 1.1)."""

BREAK = re.compile("[\n\x85\u2028\u2029]")
"""Line breaks. Source: YAML 1.1, section 4.1.4."""

PATH_NAMES = 30
"""Sources and languages that the card lists before it only counts the rest."""


def card(manifest: Manifest, written: str) -> str:
    """Return README.md of a dataset.

    Args:
        manifest: the facts; its files are the Parquet files.
        written: the hand-written sections, schema/card.md. They follow behind our part.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - it is Markdown: `plain` makes every value inert
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"plain": plain, "link": link, "top": _top}
    source = resources.files("imprint").joinpath("data/card.md.jinja").read_text("utf-8")
    body = environment.from_string(source).render(m=manifest, percent=_percent)
    front = _yaml(front_matter(manifest))
    parts = [f"---\n{front}---\n\n{BEGIN.decode()}\n{body.strip()}\n{END.decode()}\n"]
    if written.strip():
        parts.append(f"\n{written.strip()}\n")
    return "".join(parts)


def front_matter(manifest: Manifest) -> dict[str, Any]:
    """Return what stands in the card's front matter.

    Each configuration carries the version and a description with the digest: `datasets` caches by
    the folder's name and the front matter, so a rebuilt dataset would else be served from the old
    cache. Of several, `default` is what is loaded where none is named.
    """
    configs = {DEFAULT: manifest.splits}
    configs |= {name: subset.splits for name, subset in manifest.subsets.items()}
    sizes = {file.path: file.bytes for file in manifest.files}
    told = [_info(name, splits, manifest, sizes) for name, splits in configs.items()]
    return {
        "license": manifest.license,
        "language": list(manifest.declared_languages),
        "pretty_name": manifest.title,
        "size_categories": [_size(manifest.records.published)],
        "tags": ["imprint"],
        "configs": [_config(name, splits, manifest) for name, splits in configs.items()],
        "dataset_info": told[0] if len(told) == 1 else told,
    }


def _config(name: str, splits: dict[str, Split], manifest: Manifest) -> dict[str, Any]:
    """Return which files a configuration reads."""
    return {
        "config_name": name,
        "version": manifest.version.split("-")[0],
        "description": f"{manifest.name} {manifest.version}, rows {manifest.digest}",
        "data_files": [
            {"split": name, "path": split.files[0] if len(split.files) == 1 else list(split.files)}
            for name, split in splits.items()
        ],
    }


def _info(
    name: str, splits: dict[str, Split], manifest: Manifest, sizes: dict[str, int]
) -> dict[str, Any]:
    """Return what a configuration holds, given the size of each file."""
    shards = [path for split in splits.values() for path in split.files]
    return {
        "config_name": name,
        "features": [_feature(name, each) for name, each in manifest.features.items()],
        "splits": [
            {"name": name, "num_bytes": split.bytes, "num_examples": split.records}
            for name, split in splits.items()
        ],
        "download_size": sum(sizes[path] for path in shards),
        "dataset_size": sum(split.bytes for split in splits.values()),
    }


def plain(value: object) -> str:
    r"""Return a value so that Markdown and HTML show it as it is.

    >>> plain("<b>a|b</b>\n# c")
    '\\<b\\>a\\|b\\<\\/b\\> \\# c'
    """
    shown = CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(str(value).split()))
    return SPECIAL.sub(r"\\\1", shown)


def link(url: str) -> str:
    r"""Return a link in Markdown; what is no address of a page is shown as text.

    >>> link("https://x.org/a_b"), link("https://x.org/><b>"), link("git@x.org")
    ('<https://x.org/a_b>', '<https://x.org/%3E%3Cb%3E>', 'git\\@x\\.org')
    """
    if not url.startswith(("http://", "https://")):
        return plain(url)
    return f"<{UNSAFE.sub(lambda found: quote(found[0]), url)}>"


def _yaml(front: dict[str, Any]) -> str:
    """Return front matter as YAML that any reader takes for what it is.

    A text that some version of YAML takes for a number is quoted. One with a line break is written
    with escapes: PyYAML cannot read back a next line (U+0085) that it wrote in single quotes.
    """
    import yaml

    dumper: Any = type("Front", (yaml.SafeDumper,), {})

    def text(made: Any, value: str) -> Any:
        style = '"' if BREAK.search(value) else "'" if NUMBER.fullmatch(value) else None
        return made.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    dumper.add_representer(str, text)
    settings: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 10_000}
    return str(yaml.dump(front, Dumper=dumper, **settings))


def _feature(name: str, feature: dict[str, Any]) -> dict[str, Any]:
    """Return a feature as `datasets` writes it in YAML."""
    kind = feature.get("_type")
    if kind == "List":
        inner = _feature("", feature["feature"])
        inner.pop("name")
        # Only a list within a list keeps its key: `list: {list: string}`, but `list: string`.
        return {"name": name, "list": inner if "list" in inner else next(iter(inner.values()))}
    if kind is None:
        return {"name": name, "struct": [_feature(each, inner) for each, inner in feature.items()]}
    return {"name": name, "dtype": feature["dtype"]}


def _size(records: int) -> str:
    """Return the Hub's size category."""
    return next((name for below, name in SIZES if records < below), "n>1T")


def _percent(part: int, whole: int) -> str:
    """Return a share in percent, to one decimal."""
    thousandths = (part * 1000 + whole // 2) // whole if whole else 0
    return f"{thousandths // 10}.{thousandths % 10} %"


def _top(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return the most frequent values; the rest as one line that counts them."""
    pairs = list(counts.items())
    rest = pairs[PATH_NAMES:]
    shown = pairs[:PATH_NAMES]
    return [*shown, (f"({len(rest)} others)", sum(n for _, n in rest))] if rest else shown
