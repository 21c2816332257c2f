"""Propose corrections, with the evidence, and take down what a person decides on them."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from typing import TYPE_CHECKING

from imprint import swap
from imprint.declare import nearest
from imprint.engine import chosen
from imprint.errors import Fault, UsageError
from imprint.inputs import raw_inputs
from imprint.press import decided, locked, opened
from imprint.typos import decide
from imprint.typos.gather import gather
from imprint.typos.known import lists
from imprint.typos.look import Look
from imprint.typos.weigh import weigh

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from imprint.engine import Engine
    from imprint.press import Pressed, Progress
    from imprint.project import Project
    from imprint.typos.gather import Gathered
    from imprint.typos.weigh import Weighed

LIKELY = 500
"""Score from which a pair is proposed, in thousandths. Chosen: half."""

ID_DIGITS = 8
"""Hex digits of an id. Chosen: two of a thousand are the same one time in ten thousand."""

SLIPS = {
    "swapped": "letters swapped",
    "missing": "a letter is missing",
    "extra": "a letter too many",
    "other": "another letter",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """A likely typo, with the evidence."""

    id: str
    """Stays the same while what is proposed does: a hash of `wrong` and `right`."""
    kind: str
    """"word"; "name", which is spelt in two ways; or "acronym"."""
    wrong: str
    right: str
    score: float
    """From 0 to 1, rounded to 1/1000: how much speaks for it."""
    distance: int
    """Letters inserted, taken out, exchanged or swapped: always 1."""
    counts: dict[str, int]
    """How often each stands in the published texts: wrong, wrong_records, right, right_records."""
    why: str
    """What speaks for it, as it comes to stand in schema/errata.toml."""
    contexts: tuple[str, ...]
    """Up to two places, with the word in [brackets]."""


@dataclasses.dataclass(frozen=True, slots=True)
class Suggested:
    """What is proposed, and what was decided."""

    proposals: tuple[Proposal, ...]
    """The best first, without those that were decided on."""
    accepted: tuple[Proposal, ...] = ()
    """Written to schema/errata.toml."""
    rejected: tuple[Proposal, ...] = ()
    """Remembered in schema/decisions.toml."""


def suggest(
    project: Project | str | Path,
    *,
    accept: Iterable[str] = (),
    reject: Iterable[str] = (),
    workers: int | None = None,
    progress: Progress | None = None,
) -> Suggested:
    """Propose corrections of likely typos; write down what is accepted and rejected.

    Looked at are the texts that a build would publish, as the errata leave them. Fills the cache as
    `check` does. Nothing is corrected that was not accepted, and nothing is before the next build.

    Args:
        project: the project, or its folder.
        accept: ids of proposals that become errata.
        reject: ids of proposals that are none, and are not made again.
        workers: processes; by default one for each core. The proposals do not depend on it.
        progress: is told how far it is.

    Raises:
        UsageError: there is no such proposal; nothing was written.
        ImprintError: what makes a build impossible.
    """
    project = opened(project)
    accept, reject = tuple(accept), tuple(reject)
    _refuse_both(accept, reject)
    with locked(project), chosen("local", workers, None) as processes:
        cache = project.build / "cache"
        inputs = raw_inputs(project, processes, cache, trust=True)
        pressed = decided(project, inputs, cache, processes, fresh=False, progress=progress)
        scratch = project.build / f"suggest{swap.NEW}"
        try:
            proposals = {each.id: each for each in _proposals(project, pressed, scratch, processes)}
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        accepted = _named(proposals, accept, "--accept")
        rejected = _named(proposals, reject, "--reject")
        errata = [{"wrong": each.wrong, "right": each.right, "why": each.why} for each in accepted]
        pairs = [{"wrong": each.wrong, "right": each.right} for each in rejected]
        decide.keep(project, errata, pairs)
    left = tuple(each for each in proposals.values() if each not in (*accepted, *rejected))
    return Suggested(left, accepted, rejected)


def _refuse_both(accept: Collection[str], reject: Collection[str]) -> None:
    """Refuse to accept and reject one proposal."""
    both = sorted({*accept} & {*reject})
    if both:
        seen = f"{both[0]} is accepted and rejected"
        raise UsageError(Fault("imprint suggest", seen, "one of the two", "say only what is meant"))


def _named(proposals: dict[str, Proposal], ids: Sequence[str], option: str) -> tuple[Proposal, ...]:
    """Return the proposals that ids name, each once."""
    faults = []
    for each in ids:
        if each not in proposals:
            near = nearest(each, proposals)
            fix = f"say {near}" if near else 'run "imprint suggest" to see what is proposed'
            place, seen = f"imprint suggest {option}", f"no proposal {each!r}"
            faults.append(Fault(place, seen, "the id of a proposal", fix))
    if faults:
        raise UsageError(faults)
    return tuple(proposals[each] for each in dict.fromkeys(ids))


def _proposals(
    project: Project, pressed: Pressed, scratch: Path, processes: Engine
) -> list[Proposal]:
    """Return what is likely and not decided on, the best first."""
    with swap.machine_faults(scratch):
        scratch.mkdir()
        found = gather(_looks(pressed, scratch), scratch, processes)
    wanted: dict[str, set[str]] = {}
    for language, wrong, right in found.pairs.select("language", "wrong", "right").iter_rows():
        wanted.setdefault(language, set()).update((wrong, right))
    weighed = weigh(found, lists(wanted, project.settings.languages))
    return proposed(found, weighed, *decide.decided(project))


def _looks(pressed: Pressed, scratch: Path) -> list[Look]:
    """Return a look at each part that has published records."""
    import numpy as np

    kept = pressed.settled.kept.select("part", "part_row")
    looks = []
    for (number,), rows in kept.group_by("part"):
        taken = rows["part_row"].to_numpy()
        published = np.zeros(int(taken.max()) + 1, bool)
        published[taken] = True
        bits = np.packbits(published, bitorder="little").tobytes()
        looks.append(Look(pressed.settled.parts[number], bits, scratch / f"{number}"))
    return sorted(looks, key=lambda look: int(look.prefix.name))


def proposed(
    found: Gathered,
    weighed: Iterable[Weighed],
    wrongs: Collection[str],
    pairs: Collection[frozenset[str]],
) -> list[Proposal]:
    """Return the proposals that weighed pairs make, the best first.

    Args:
        found: the pairs and where their words stand.
        weighed: the same, with their scores.
        wrongs: words that have an erratum.
        pairs: of words that are both right.
    """
    best = _best(weighed)
    written = _written(found, best)
    proposals: dict[str, Proposal] = {}
    for each in best:
        for form, counts, contexts in written.get((each.language, each.wrong), ()):
            right = as_written(form, each)
            if form in wrongs or frozenset((form, right)) in pairs or right == form:
                continue
            name, score = identity(form, right), round(each.score / 1000, 3)
            facts = score, 1, {**each.counts, **counts}, _why(each, counts, form, right), contexts
            proposals.setdefault(name, Proposal(name, each.kind, form, right, *facts))
    return list(proposals.values())


def _best(weighed: Iterable[Weighed]) -> list[Weighed]:
    """Return the likely pairs, the best first, of each word that may be wrong the best alone.

    No word is right in one that is wrong in a better one, nor the other way around.
    """
    order = sorted(weighed, key=lambda e: (-e.score, -e.counts["right"], e.wrong, e.right))
    rivals: dict[tuple[str, str], list[Weighed]] = {}
    for each in order:
        rivals.setdefault((each.language, each.wrong), []).append(each)
    best: dict[str, Weighed] = {}
    rights: set[str] = set()
    for each in order:
        if each.score < LIKELY:
            break
        taken = each.wrong in best or each.right in best or each.wrong in rights
        if not taken and not _outdone(each, rivals[each.language, each.wrong]):
            best[each.wrong] = each
            rights.add(each.right)
    return list(best.values())


def _outdone(pair: Weighed, rivals: Sequence[Weighed]) -> bool:
    """Say whether another word is far more frequent and would do as well: who is to say then?"""
    return any(
        other.right != pair.right
        and other.counts["right"] >= 2 * pair.counts["right"]
        and other.facts.get("agree", 0) >= pair.facts.get("agree", 0)
        for other in rivals
    )


def identity(wrong: str, right: str) -> str:
    """Return the id of a proposal.

    >>> identity("CTSO", "CSTO")
    'e3b414ee'
    """
    return hashlib.sha256(f"{wrong}\0{right}".encode()).hexdigest()[:ID_DIGITS]


def as_written(form: str, pair: Weighed) -> str:
    """Return the right word with capital letters as the wrong one has them."""
    if form.isupper():
        return pair.right.upper()
    if form[0].isupper() or pair.facts.get("always"):
        return pair.right[0].upper() + pair.right[1:]
    return pair.right


def _written(
    found: Gathered, best: Sequence[Weighed]
) -> dict[tuple[str, str], list[tuple[str, dict[str, int], tuple[str, ...]]]]:
    """Return how words are written, how often, and where: by language and word."""
    import polars as pl

    pairs = pl.DataFrame(
        [(each.language, each.wrong) for each in best],
        {"language": pl.String, "wrong": pl.String},
        orient="row",
    )
    keys = ["language", "wrong"]
    shown: dict[tuple[str, str, str], list[str]] = {}
    columns = (*keys, "word", "before", "piece", "after")
    places = found.places.join(pairs, on=keys, how="semi", maintain_order="left")
    for language, fold, word, before, piece, after in (
        places.drop_nulls("before").select(columns).iter_rows()
    ):
        marked = piece.replace(word, f"[{word}]", 1)
        shown.setdefault((language, fold, word), []).append(f"{before} {marked} {after}".strip())
    written: dict[tuple[str, str], list[tuple[str, dict[str, int], tuple[str, ...]]]] = {}
    forms = found.forms.join(pairs, on=keys, how="semi").sort("n", "word", descending=[True, False])
    for language, fold, word, n, records in forms.select(*keys, "word", "n", "records").iter_rows():
        if word.upper() == word or word[1:] == word[1:].lower():
            contexts = tuple(shown.get((language, fold, word), ())[:2])
            counts = {"wrong": n, "wrong_records": records}
            written.setdefault((language, fold), []).append((word, counts, contexts))
    return written


def _why(each: Weighed, counts: dict[str, int], wrong: str, right: str) -> str:
    """Return what speaks for a proposal, in a line."""
    slip = next(told for edit, told in SLIPS.items() if each.facts.get(edit))
    said = f"{slip}: {wrong} {counts['wrong']:,}, {right} {each.counts['right']:,}"
    if each.title:
        return f"{said}; {each.title}"
    if each.facts.get("agree"):
        return f"{said}, beside the same words"
    return said + (", in one text" if each.facts.get("together") else "")
