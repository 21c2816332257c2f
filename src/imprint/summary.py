"""What the command line says: results as text worth reading."""

from __future__ import annotations

import itertools
import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from imprint.tables import SHOWN, WHOLE, count, here, pairs, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imprint.catalog import Shown
    from imprint.compare import Diff
    from imprint.hub import Pushed
    from imprint.init import Looked
    from imprint.inputs import FileRead
    from imprint.languages import Known
    from imprint.manifest import Alike, Records
    from imprint.press import Build, Checked
    from imprint.rebuild import Verified
    from imprint.timing import Stage
    from imprint.typos import Suggested

EACH = 10
"""Raw files that are listed one by one; where there are more, those read alike share a line."""

WIDE = 100
"""Characters of a line of names."""

ON_RECORD = "the release is on record in schema/releases.toml: commit it with schema/releases/"


def build(built: Build, *, profile: bool = False) -> str:
    """Return the summary of a build, with what each stage took where `profile` asks for it."""
    manifest, records = built.manifest, built.manifest.records
    splits = {name: split.records for name, split in manifest.splits.items()}
    corrections = [
        f"{each.wrong} -> {each.right}: {each.count} in {count(each.records, 'record')}"
        for each in manifest.errata
    ]
    steps = [
        f"{each.run}: {each.changed:,} changed, {each.dropped:,} dropped" for each in manifest.steps
    ]
    facts = [
        ("splits", pairs(splits)),
        *_subsets({name: subset.records for name, subset in manifest.subsets.items()}),
        ("languages", pairs(manifest.languages)),
        ("sources", pairs({name or "(none)": n for name, n in manifest.sources.items()})),
        ("corrected", "; ".join(corrections) or "nothing"),
        *([("steps", "; ".join(steps))] if steps else []),
        ("left out", pairs(built.reasons) or "nothing"),
        *_alike(manifest.alike),
        ("dataset", f"{built.url or here(built.folder)}  (rows {manifest.digest[:16]})"),
        ("ledger", built.url.removesuffix("dataset") + "rejected.jsonl")
        if built.url
        else ("ledger", here(built.rejected)),
    ]
    sample = manifest.sample and f", a sample of {count(manifest.sample, 'document')} at most"
    said = [
        f"{manifest.name} {manifest.version}{sample or ''}: {_ledger(records)}",
        table(facts, widest=WHOLE),
        "read as",
        files(built.files),
    ]
    said += ["stages", stages(built.stages)] if profile else []
    return "\n".join(said if built.url else [*said, *_next(built)])


def _alike(alike: Alike | None) -> list[tuple[str, str]]:
    """Return what was left out because another record says it, and what was held together."""
    if alike is None:
        return []
    said = f"exact {alike.exact:,}"
    if alike.near_from:
        said += f", near {alike.near:,} (similarity of {alike.near_from:g} or more)"
    return [("duplicates", said), ("groups", f"{alike.groups:,}, none of them in two splits")]


def stages(found: Sequence[Stage]) -> str:
    """Return what each stage took: MB/s of one process, share of all time, rows that were slow."""
    if not found:
        return "  nothing was done: nothing has changed"
    total = sum(each.seconds for each in found) or 1.0
    rows = [("stage", "MB/s", "share", "slow rows")]
    for each in found:
        speed = f"{each.bytes / each.seconds / 1e6:,.0f}" if each.bytes and each.seconds else ""
        slow = f"{each.slow:,} of {each.rows:,}" if each.rows else ""
        rows.append((each.name, speed, f"{100 * each.seconds / total:.0f} %", slow))
    return table(rows)


def _next(built: Build) -> list[str]:
    """Return what to do once a build is there."""
    root = built.folder.parent.parent
    where = "" if root.resolve() == Path.cwd() else f" {here(root)}"
    release = f'to release: "imprint wheel{where}", "imprint push{where} ORG/NAME"'
    if built.manifest.sample:
        release = f'to release: "imprint build{where}" without --sample'
    return [f'next: "imprint show {here(built.folder)}", "imprint verify{where}"', release]


def build_facts(built: Build, *, profile: bool = False) -> dict[str, object]:
    """Return what `imprint build --json` prints."""
    import msgspec

    return {
        **({"stages": built.stages} if profile else {}),
        "folder": built.url or built.folder,
        "rejected": built.rejected,
        "reasons": built.reasons,
        "warnings": built.warnings,
        "files": built.files,
        "manifest": msgspec.to_builtins(built.manifest),
    }


def files(read: Sequence[FileRead]) -> str:
    """Return the table of how the raw files were read; many files that are alike share a line."""
    alike: dict[tuple[str, ...], list[FileRead]] = {}
    for each in read:
        told = f"{each.reason}: {each.why}" if each.reason else each.why
        delimiter = repr(each.delimiter)[1:-1]
        key = (each.format or "-", each.encoding or "-", delimiter or "-", told)
        alike.setdefault((*key, "" if len(read) > EACH else each.raw_file), []).append(each)
    head = ("files", "format", "encoding", "delimiter", "records", "why")
    rows = [
        (_named(group), *key[:3], sum(each.records for each in group), key[3])
        for key, group in alike.items()
    ]
    return table([head, *rows])


def _named(group: Sequence[FileRead]) -> str:
    """Return the name of the first file, and how many more there are."""
    first = group[0].raw_file
    return first if len(group) == 1 else f"{first} and {len(group) - 1:,} more"


def check(checked: Checked) -> str:
    """Return what a check found."""
    facts = [("left out", pairs(checked.reasons) or "nothing"), *_alike(checked.alike)]
    verdict = "not ready to release" if checked.problems else "ready to release"
    return "\n".join(
        [
            f"{verdict}: {_ledger(checked.records)}",
            table(facts, widest=WHOLE),
            "read as",
            files(checked.files),
        ]
    )


def suggest(found: Suggested, folder: str) -> str:
    """Return what is proposed, with the places of each, and how to decide on it."""
    lines = [
        f"{did} {each.wrong} -> {each.right} in {name}"
        for did, name, some in (
            ("accepted", "schema/errata.toml", found.accepted),
            ("rejected", "schema/decisions.toml", found.rejected),
        )
        for each in some
    ]
    if not found.proposals:
        return "\n".join([*lines, f"nothing {'else ' if lines else ''}is proposed"])
    lines.append(count(len(found.proposals), "proposal"))
    rows = [
        (each.id, f"{each.score:.3f}", each.kind, f"{each.wrong} -> {each.right}", each.why)
        for each in found.proposals
    ]
    shown = table(rows, widest=WHOLE).split("\n")
    for line, each in itertools.zip_longest(shown, found.proposals[: len(shown)]):
        lines.append(line)
        if each is not None and line.lstrip().startswith(each.id):
            lines += [f"            {context}" for context in each.contexts]
    where = "" if Path(folder).resolve() == Path.cwd() else f" {shlex.quote(folder)}"
    return "\n".join(
        [
            *lines,
            f'to accept: "imprint suggest{where} --accept ID...", then "imprint build{where}"',
            f'to reject for good: "imprint suggest{where} --reject ID..."',
        ]
    )


def languages(known: Known) -> str:
    """Return which languages can be told, by whom, and how well those are that are taught."""
    by_whom: dict[tuple[str, ...], list[str]] = {}
    names = sorted({name for each in known.detectors.values() for name in each})
    for name in names:
        told_by = tuple(detector for detector, each in known.detectors.items() if name in each)
        by_whom.setdefault(told_by, []).append(name)
    lines = [f"{count(len(names), 'language')} built in"]
    for detectors, each in sorted(by_whom.items(), key=lambda group: (-len(group[0]), group)):
        named = f"  {', '.join(detectors)} ({len(each)}): {' '.join(each)}"
        lines.append(textwrap.fill(named, WIDE, subsequent_indent="    "))
    if not known.taught:
        return "\n".join([*lines, "none is taught: put sentences into schema/languages/TAG.txt"])
    rows = [("taught", "sentences", "precision", "recall", "taken for")]
    for told in known.taught:
        taken = f"{told.taken_for} ({told.times:,})" if told.times else "-"
        rows.append(
            (told.name, f"{told.sentences:,}", f"{told.precision:.3f}", f"{told.recall:.3f}", taken)
        )
    return "\n".join([*lines, table(rows, indent="", widest=WHOLE)])


def verify(verified: Verified) -> str:
    """Return what a comparison found."""
    counted = f"{count(verified.files, 'file')}, {count(verified.records, 'record')}"
    if verified.differences:
        found = count(len(verified.differences), "difference")
        return f"{here(verified.folder)}: {found} ({counted})"
    how = {
        "files": "its files are those of its manifest",
        "bytes": "a rebuild from raw/ gives the same bytes",
        "rows": "a rebuild from raw/ gives the same rows; other tools may give other bytes",
    }[verified.compared]
    lines = [f"{here(verified.folder)}: {how} ({counted})"]
    if verified.tools:
        lines.append(table([tuple(tool.split(": ", 1)) for tool in verified.tools]))
    return "\n".join(lines)


def diff(found: Diff) -> str:
    """Return what differs between two releases."""
    counts = found.counts
    facts = [
        ("added", f"{counts.added:,}"),
        ("gone", _why(counts.gone, found.gone)),
        ("edited", _why(counts.edited, found.edited)),
        ("moved", f"{counts.moved:,} in raw/, unedited"),
        ("to another split", f"{counts.resplit:,}"),
    ]
    columns = [f"+{name}" for name in found.columns_added]
    columns += [f"-{name}" for name in found.columns_gone]
    facts += [("columns", ", ".join(columns))] if columns else []
    asks = f"asks for {found.wanted} or higher" if found.change != "nothing" else "is no change"
    verdict = "" if found.fits else ": the version is too low"
    lines = [f"{found.old} -> {found.new}: {found.change}, which {asks}{verdict}"]
    lines.append(table(facts, widest=WHOLE))
    for what in dict.fromkeys(each.what for each in found.examples):
        rows = [
            (each.id, each.place, each.why, *filter(None, (each.before, each.after)))
            for each in found.examples
            if each.what == what
        ]
        widest = max(map(len, rows))
        rows = [(*row, *[""] * (widest - len(row))) for row in rows]
        lines += [what, table(rows)]
    return "\n".join(lines)


def _why(number: int, reasons: Mapping[str, int]) -> str:
    """Return a number, and what it is made of."""
    return f"{number:,}" + (f" ({pairs(reasons)})" if reasons else "")


def wheel(path: Path) -> str:
    """Return what was pressed and how it is used."""
    module = path.name.split("-")[0]
    return "\n".join(
        [
            f"{here(path)}  ({path.stat().st_size:,} bytes)",
            f"  pip install {here(path)}",
            f'  python -c "import {module}; print({module}.load())"',
            ON_RECORD,
        ]
    )


def push(pushed: Pushed) -> str:
    """Return what a push did, or would do."""
    if pushed.dry_run:
        head = f"would publish {pushed.repository} {pushed.version}; nothing was sent"
    elif not pushed.committed:
        head = f"{pushed.repository} holds {pushed.version} already; nothing was sent"
    else:
        head = f"published {pushed.repository} {pushed.version} as {pushed.revision}"
    rows = [
        (verb, file.path, f"{file.bytes:,}")
        for verb in ("added", "changed", "deleted")
        for file in getattr(pushed, verb)
    ]
    sent = sum(file.bytes for file in (*pushed.added, *pushed.changed))
    lines = [head, *([table(rows, widest=WHOLE)] if rows else [])]
    told = "to send" if pushed.dry_run else "sent"
    lines.append(f"  {count(len(pushed.unchanged), 'file')} unchanged, {sent:,} bytes {told}")
    if not pushed.dry_run:
        proposed = pushed.pull_request and pushed.committed
        lines += [
            f"  {pushed.url}",
            f'  datasets.load_dataset("{pushed.repository}", revision="{pushed.revision}")',
            "once it is merged, push again to put the release on record" if proposed else ON_RECORD,
        ]
    return "\n".join([*lines, *_takedown(pushed)])


def _takedown(pushed: Pushed) -> list[str]:
    """Return which revisions hold what was taken down, and the commands that end that."""
    if not pushed.still_online:
        return []
    name = pushed.repository
    lines = ["what schema/removals.toml takes down is still in the history online:"]
    rows = [
        (each.version, each.revision, count(each.records, "record"), " ".join(each.tags))
        for each in pushed.still_online
    ]
    lines.append(table(rows, widest=WHOLE))
    tags = dict.fromkeys(tag for each in pushed.still_online for tag in each.tags)
    lines.append("to take it out (all of the history goes, and cannot be had back):")
    lines += [f"  hf repos tag delete {name} {shlex.quote(tag)} --type dataset" for tag in tags]
    squash = f"HfApi().super_squash_history('{name}', repo_type='dataset')"
    lines.append(f'  python -c "from huggingface_hub import HfApi; {squash}"')
    lines.append(f"  then delete the old files at {pushed.url}/settings, under Storage")
    return lines


def load(name: str, path: Path) -> str:
    """Return where a dataset lies and the line that loads it."""
    return f"{path}\n  {load_line(name)}"


def load_line(name: str) -> str:
    """Return the line of Python that loads a dataset."""
    plain, _, revision = name.partition("@")
    given = f', revision="{revision}"' if revision else ""
    return f'import imprint; imprint.load("{plain}"{given})'


def show(shown: Shown) -> str:
    """Return a first look at a dataset."""
    facts = [
        ("splits", pairs(shown.splits)),
        *_subsets(shown.subsets),
        ("columns", ", ".join(shown.columns)),
        ("languages", pairs(shown.languages)),
        ("sources", pairs({name or "(none)": n for name, n in shown.sources.items()})),
        ("licence", shown.license),
        ("folder", here(shown.folder)),
    ]
    first = [table(row.items(), indent="    ") for row in shown.first]
    return "\n".join(
        [
            f"{shown.name} {shown.version}",
            table(facts, widest=WHOLE),
            "first records",
            "\n\n".join(first),
        ]
    )


def installed(names: Mapping[str, Path]) -> str:
    """Return the installed datasets and where they lie."""
    return table(sorted(names.items())) if names else "no dataset is installed"


def init(looked: Sequence[Looked], written: Sequence[Path]) -> str:
    """Return how raw/ would be read, and what was written."""
    root = here(written[0].parent.parent)
    head = ("file", "format", "encoding", "delimiter", "records", "text", "first record")
    rows = [
        (
            each.raw_file,
            each.format or "-",
            each.encoding or "-",
            repr(each.delimiter)[1:-1] if each.delimiter else "-",
            each.records,
            each.text_field or "-",
            each.reason or each.first,
        )
        for each in looked
    ]
    return "\n".join(
        [
            "would be read as",
            table([head, *rows]),
            "wrote " + ", ".join(here(path) for path in written),
            f'next: look at schema/dataset.toml, then "imprint build {root}"',
        ]
    )


def _ledger(records: Records) -> str:
    """Return the four totals in one line."""
    return (
        f"{count(records.read, 'record')} read = {records.published:,} published + "
        f"{records.rejected:,} rejected + {count(records.duplicate, 'duplicate')}"
    )


def _subsets(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return the subsets with their counts, if there are any; of many the first."""
    more = f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else ""
    shown = dict(list(counts.items())[:SHOWN])
    return [("subsets", pairs(shown) + more)] if counts else []
