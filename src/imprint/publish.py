"""The third pass: part files and decisions to the folder that is published.

One task a shard; then what describes the data is made from the data: the manifest from what was
settled and written, the card and croissant.json from the manifest.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from imprint import card, croissant
from imprint.changes import since_release
from imprint.digests import DIGEST_BYTES
from imprint.errors import Fault
from imprint.inputs import merkle
from imprint.licences import by_license, doubtful, refused
from imprint.loader import CARD, MANIFEST, digest_of
from imprint.manifest import (
    Corrected,
    File,
    Manifest,
    Raw,
    Records,
    Split,
    Stepped,
    Subset,
    own_digest,
    tools,
)
from imprint.rooms.step import MARK
from imprint.rooms.write import ROW_GROUP_BYTES, Piece, RowGroup, Shard, nodes
from imprint.subsets import divided
from imprint.swap import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from imprint.inputs import RawInput
    from imprint.project import Project
    from imprint.rooms.write import Written
    from imprint.settle import Settled

CROISSANT = "croissant.json"

OTHER_BYTES = 256
"""What the columns beside the text come to in a record, uncompressed: three digests and a path."""


def shards(settled: Settled, project: Project, folder: Path, *, held: bool) -> list[Shard]:
    """Return the shards of every split, cut by the hashes of the document keys.

    Where there are subsets, each of them has a folder, and its splits are cut by themselves.

    Args:
        settled: the published records by split and in the order of their rows.
        project: what it declares on writing.
        folder: where the files belong.
        held: whether texts are held to their digests when they are taken out of the parts.
    """
    made_with = msgspec.json.encode([tools(), own_digest(), str(project.record.arrow)])
    found = []
    divisions = (
        (str(split), *division)
        for (split,), whole in settled.kept.group_by("split", maintain_order=True)
        for division in divided(whole, settled.placed[str(split)], settled.subsets)
    )
    for split, subset, rows, placed in divisions:
        hashes, sizes = rows["hash"].to_numpy(), rows["text_bytes"].to_numpy()
        for node in nodes(hashes, sizes, project.settings.write.shard_bytes):
            inside = slice(node.start, node.end)
            cuts = nodes(hashes[inside], sizes[inside] + OTHER_BYTES, ROW_GROUP_BYTES, node.number)
            groups = []
            for cut in cuts:
                start, end = node.start + cut.start, node.start + cut.end
                digests = placed[start * DIGEST_BYTES : end * DIGEST_BYTES]
                key = hashlib.sha256(made_with + digests).hexdigest()
                groups.append(_row_group(rows[start:end], settled.parts, key, held=held))
            path = folder / subset / f"{split}-{node.number}.parquet"
            found.append(Shard(path, tuple(groups)))
    return found


def describe(
    project: Project,
    settled: Settled,
    inputs: Sequence[RawInput],
    written: Sequence[Written],
    folder: Path,
) -> Manifest:
    """Write the card, croissant.json and the manifest, each made from what is there.

    Args:
        project: what was declared.
        settled: what is published.
        inputs: the raw files.
        written: the shards that were written.
        folder: the dataset's.

    Returns:
        The manifest as it was written, which lists every other file.
    """
    paths = [
        each.path.with_name(each.name_on_store) if project.store else each.path for each in written
    ]
    shards = tuple(
        File(path.relative_to(folder).as_posix(), each.bytes, each.sha256)
        for path, each in zip(paths, written, strict=True)
    )
    facts = _facts(project, settled, inputs, shards)
    write_file(folder / CROISSANT, croissant.croissant(facts).encode())
    write_file(folder / CARD, card.card(facts, project.card).encode())
    others = (File(name, *digest_of(folder / name)) for name in (CROISSANT, CARD))
    whole = msgspec.structs.replace(facts, files=(*shards, *others))
    write_file(folder / MANIFEST, whole.to_json())
    return whole


def counts(settled: Settled) -> Records:
    """Return the ledger's totals."""
    import polars as pl

    lost = settled.ledger.filter(pl.col("raw_index").is_not_null())
    duplicate = lost.filter(pl.col("duplicate_of").is_not_null()).height
    return Records(settled.read, settled.kept.height, lost.height - duplicate, duplicate)


def reasons(settled: Settled) -> dict[str, int]:
    """Return how many records and files are not published, by reason."""
    return dict(settled.ledger["reason"].value_counts().sort("reason").iter_rows())


def corrected(project: Project, settled: Settled) -> tuple[Corrected, ...]:
    """Return what each declared erratum did among the published records."""
    import polars as pl

    applied = settled.kept.select("corrections").explode("corrections").drop_nulls()
    found: dict[tuple[str, str], tuple[int, int]] = {}
    if not applied.is_empty():
        pairs = applied.unnest("corrections").group_by("wrong", "right")
        totals = pairs.agg(pl.sum("count"), pl.len().alias("records"))
        found = {(wrong, right): (count, n) for wrong, right, count, n in totals.iter_rows()}
    return tuple(
        Corrected(each.wrong, each.right, each.why, *found.get((each.wrong, each.right), (0, 0)))
        for each in project.errata
    )


def warnings(project: Project, settled: Settled) -> tuple[str, ...]:
    """Return what a curator should know before a release."""
    settings = project.settings
    said = []
    if not settings.date:
        said.append(
            'schema/dataset.toml: date is empty; give the day of the release as "YYYY-MM-DD"'
        )
    said += [
        f'schema/errata.toml: erratum "{each.wrong}" matched nothing that is published'
        for each in corrected(project, settled)
        if each.count == 0 and project.sample is None
    ]
    if settled.fingerprints and project.store is not None:
        said.append(
            "schema/removals.toml: fingerprints are written where the project is a folder only; "
            "build a copy there, and put its schema/removals.toml here"
        )
    said += [f"splits: {each}" for each in settled.alike.cut]
    present = set(settled.kept["split"].unique())
    said += [
        f'schema/dataset.toml: split "{name}" got no record; it is left out'
        for name in settings.splits.shares
        if name not in present
    ]
    found = sorted(set(settled.kept["language"].unique()) - set(settings.languages) - {"und"})
    if found:
        said.append(
            "schema/dataset.toml: records in languages that are not declared: " + ", ".join(found)
        )
    said += doubtful(settings.license, project.publishers.sources, _sources(settled))
    return tuple(said)


def refused_licences(project: Project, settled: Settled) -> list[Fault]:
    """Return the faults of publishers whose texts the dataset's licence cannot carry."""
    return refused(project.settings.license, project.publishers.sources, _sources(settled))


def _sources(settled: Settled) -> dict[str, int]:
    """Return records by source, the most frequent first; under "" those without."""
    return by_count(settled.kept["source"].fill_null(""))


def unknown(project: Project, settled: Settled) -> list[Fault]:
    """Return the faults of removals by which nothing is or was taken out."""
    if project.sample is not None:
        return []
    return [
        Fault(
            f"schema/removals.toml, removal {number + 1}",
            f"{each.id or each.source or each.files or each.sha256} is nowhere in raw/, and there "
            "is no fingerprint to know it by",
            "what must not be published",
            "correct it, or take it out",
        )
        for number, each in enumerate(project.removals)
        if not each.fingerprints and number not in settled.fingerprints
    ]


def _stepped(project: Project, settled: Settled) -> tuple[Stepped, ...]:
    """Return what each declared step did."""
    import polars as pl

    wrong = settled.kept["corrections"].explode().struct.field("wrong")
    changed = dict(wrong.value_counts().iter_rows())
    details = settled.ledger.filter(pl.col("reason") == "step")["detail"]
    return tuple(
        Stepped(
            each.run,
            changed.get(MARK + each.run, 0),
            int(details.str.contains(f'"{each.run}"', literal=True).sum()),
        )
        for each in project.steps
    )


def _facts(
    project: Project,
    settled: Settled,
    inputs: Sequence[RawInput],
    shards: tuple[File, ...],
) -> Manifest:
    """Return the manifest of a dataset whose card is still to be written."""
    said, kept = project.settings, settled.kept
    splits = _splits(kept, [file.path for file in shards])
    return Manifest(
        name=said.name,
        version=said.version,
        digest=settled.digest,
        title=said.title or said.name,
        description=said.description,
        license=said.license,
        homepage=said.homepage,
        repository=said.repository,
        authors=said.authors,
        date=said.date,
        records=counts(settled),
        files_rejected=settled.ledger["raw_index"].null_count(),
        rejected=reasons(settled),
        splits=splits,
        empty_splits=tuple(name for name in said.splits.shares if name not in splits),
        draw=settled.draw,
        alike=settled.alike,
        group=said.splits.group,
        subsets_by=said.subsets.by,
        subsets=_subsets(settled, list(said.splits.shares), shards),
        languages=by_count(kept["language"]),
        declared_languages=said.languages,
        sources=_sources(settled),
        licenses=by_license(project.publishers.sources, _sources(settled)),
        errata=corrected(project, settled),
        steps=_stepped(project, settled),
        statement=said.statement,
        features=project.record.features,
        raw=Raw(merkle(inputs), len(inputs), sum(each.file.bytes for each in inputs)),
        since=since_release(project, settled.record),
        sample=project.sample,
        declaration=project.declaration_digests(),
        files=shards,
        tools=tools(),
    )


def _splits(kept: pl.DataFrame, paths: Sequence[str]) -> dict[str, Split]:
    """Return what each split holds, in the order of the splits.

    Args:
        kept: the records, by split.
        paths: of the shards, each named for its split.
    """
    return {
        str(name): Split(
            rows.height,
            int(rows["text_bytes"].sum()),
            tuple(path for path in paths if path.rpartition("/")[2].startswith(f"{name}-")),
        )
        for (name,), rows in kept.group_by("split", maintain_order=True)
    }


def _subsets(
    settled: Settled, declared: Sequence[str], shards: Sequence[File]
) -> dict[str, Subset]:
    """Return what each subset holds, in the order of their names."""
    if not settled.subsets:
        return {}
    paths: dict[str, list[str]] = {}
    for file in shards:
        paths.setdefault(file.path.split("/")[1], []).append(file.path)
    found = {}
    for (value,), rows in settled.kept.group_by("subset", maintain_order=True):
        name = settled.subsets[value]
        splits = _splits(rows, paths[name])
        empty = tuple(each for each in declared if each not in splits)
        found[name] = Subset(value, splits, empty)
    return {name: found[name] for name in settled.subsets.values()}


def by_count(column: pl.Series) -> dict[str, int]:
    """Return how often each value stands there, the most frequent first, then by name."""
    counted = column.alias("value").value_counts(name="n")
    return dict(counted.sort(["n", "value"], descending=[True, False]).iter_rows())


def _row_group(rows: pl.DataFrame, parts: Sequence[Path], key: str, *, held: bool) -> RowGroup:
    """Return where the rows of one row group lie."""
    import numpy as np

    numbers, part_rows = rows["part"].to_numpy(), rows["part_row"].to_numpy()
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    positions = np.split(order, starts[1:])
    pieces = tuple(
        Piece(parts[part], part_rows[position], position)
        for part, position in zip(found.tolist(), positions, strict=True)
    )
    ids = rows["id"].to_arrow().cast("string")
    texts = tuple(rows["text_digest"].to_list()) if held else None
    return RowGroup(pieces, ids, key, int(rows["text_bytes"].sum()), texts)
