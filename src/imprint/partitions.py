"""Divide the raw files into partitions, the work of one task each, and give each a key.

A partition is a few raw files, or one range of a big one. Its key is made of the digests of its raw
files, of the settings that matter to the first pass, of the tools and of this source.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import msgspec

from imprint.manifest import own_digest, tools
from imprint.rooms.read import Want

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from imprint.inputs import RawInput
    from imprint.lessons import Lesson
    from imprint.project import Erratum, Project, Publishers
    from imprint.records import RecordSchema
    from imprint.rooms.read import Range
    from imprint.steps import StepCode

PARTITION_LEAST = 7_000_000
"""Bytes of raw files that a partition has at least: about a batch. Measured: with half of it many
small files took 1.09 times as long, as each batch and each part costs something by itself."""

PARTITION_MOST = 64_000_000
"""Bytes past which a partition takes no further file."""

ENDS = 16
"""One file in so many may end a partition, by the hash of its path: so a file that comes or goes
moves the borders next to it and no others."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """All that the rooms are told: what, beside the raw bytes, decides what a part holds."""

    errata: tuple[Erratum, ...]
    publishers: Publishers
    record: RecordSchema
    detector: str
    languages: tuple[str, ...]
    reject_unexpected: bool
    strip: bool
    steps: tuple[StepCode, ...]
    lessons: tuple[Lesson, ...]
    require_source: bool
    want: Want
    shingled: bool
    """Whether texts are compared with each other."""

    @classmethod
    def of(cls, project: Project) -> Recipe:
        """Return what a project declares for this pass."""
        settings = project.settings
        return cls(
            errata=project.errata,
            publishers=project.publishers,
            record=project.record,
            detector=settings.language.detector,
            languages=tuple(settings.languages),
            reject_unexpected=settings.language.unexpected == "reject",
            strip=settings.source.strip,
            steps=project.steps,
            lessons=project.lessons,
            require_source=settings.source.required,
            want=Want(project.record, settings.limits.record_bytes, settings.limits.file_records),
            shingled=bool(settings.dedup.near or settings.splits.similar or project.removals),
        )

    def digest(self) -> str:
        """Return a digest of everything here but the errata, which each part is held to."""
        plain = [
            msgspec.to_builtins(self.publishers),
            self.record.document,
            [self.detector, self.languages, self.reject_unexpected, self.strip],
            [each.digest() for each in self.steps],
            [[each.name, each.sha256] for each in self.lessons],
            [self.require_source, self.want.record_bytes, self.want.file_records, self.want.most],
            self.shingled,
        ]
        return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """What a partition takes of one raw file."""

    input: RawInput
    range: Range | None = None
    """None: the whole file."""

    @property
    def bytes(self) -> int:
        """How much there is to read, as near as is known."""
        survey = self.input.survey
        pieces = len(survey.ranges) if self.range is not None and survey is not None else 1
        return self.input.file.bytes // pieces


@dataclasses.dataclass(frozen=True, slots=True)
class Partition:
    """The work of one task."""

    stretches: tuple[Stretch, ...]
    recipe: Recipe
    folder: Path
    """Where parts are kept."""

    def key(self) -> str:
        """Return the name under which the part is kept."""
        files = [
            [each.input.file.raw_file, each.input.sha256, msgspec.to_builtins(each.range)]
            + ([each.input.sidecar.sha256] if each.input.sidecar else [])
            for each in self.stretches
        ]
        options = [msgspec.to_builtins(each.input.options) for each in self.stretches]
        made_of = [files, options, self.recipe.digest(), tools(), own_digest()]
        return hashlib.sha256(msgspec.json.encode(made_of)).hexdigest()[:32]

    def bytes(self) -> int:
        """Return how much there is to read."""
        return sum(each.bytes for each in self.stretches)


def partitions(inputs: Sequence[RawInput], recipe: Recipe, folder: Path) -> list[Partition]:
    """Group raw files into partitions, where the hashes of their paths say so.

    A range of a big file is a partition of its own.

    Args:
        inputs: in order of their paths' bytes.
        recipe: what the rooms are told.
        folder: where parts are kept.
    """
    groups: list[list[Stretch]] = []
    size = PARTITION_MOST
    for each in inputs:
        if each.survey is not None and each.survey.ranges:
            groups += ([Stretch(each, within)] for within in each.survey.ranges)
            size = PARTITION_MOST
            continue
        if size >= PARTITION_MOST:
            groups.append([])
            size = 0
        groups[-1].append(Stretch(each))
        size += each.file.bytes
        if size >= PARTITION_LEAST and _ends(each.file.raw_file):
            size = PARTITION_MOST
    return [Partition(tuple(group), recipe, folder) for group in groups]


def _ends(raw_file: str) -> bool:
    """Say whether a partition may end behind this file."""
    return hashlib.sha256(raw_file.encode()).digest()[0] % ENDS == 0
