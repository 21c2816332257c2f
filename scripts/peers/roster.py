"""The peers: how each is started, what it needs, what it does less, and whether it did the rest."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from peers import measure
from peers.tally import Tally

if TYPE_CHECKING:
    from peers.corpus import Made

SCRIPTS = Path(__file__).parents[1]

SLACK = 0.005
"""Share of the records by which a peer's numbers may differ: patterns do."""

DETECTORS = 0.05
"""Share of them whose language may differ. Measured: pycld2 alone takes 2 % of them for Malay."""

FEW = 2
"""Records by which they may differ anyway."""

HALF = 0.5
"""Share of the near-duplicates that who looks for them has to find."""

LESS = "no record of changes, check, ledger, card, or equal bytes"

THREAD = "Python on one core"

DATATROVE = ("datatrove", "orjson", "tokenizers")


@dataclasses.dataclass(frozen=True)
class Peer:
    """A program that does the work of a build, or a part of it."""

    name: str
    module: str
    """Under scripts/peers/."""
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """Modules that have to be installed."""
    less: str = LESS
    cleans: bool = True
    """Whether it does more than read and write."""
    exact: bool = True
    """Whether it leaves out records with the text of another."""
    near: bool = False
    """Whether it leaves out records with nearly the text of another."""

    def missing(self) -> list[str]:
        """Return the modules that it needs and that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]

    def run(self, corpus: Path, output: Path, workers: int) -> measure.Run:
        """Run it as a whole process."""
        given = [str(corpus), str(output), str(workers), *self.options]
        command = [sys.executable, "-m", f"peers.{self.module}", *given]
        return measure.run(command, environment(), output.with_suffix(".log"))


def environment() -> dict[str, str]:
    """Return variables that let a program find the peers, and keep it silent."""
    paths = os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH")]))
    return {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "PYTHONPATH": paths}


PEERS = (
    Peer("datasets-fasttext", "with_datasets", needs=("datasets", "fasttext")),
    Peer("datasets-langdetect", "with_datasets", ("--detector", "langdetect"), ("langdetect",)),
    Peer("polars", "with_polars", needs=("polars", "pycld2"), less=f"{LESS}; {THREAD}"),
    Peer("daft", "with_daft", needs=("daft", "pycld2"), less=f"{LESS}; {THREAD}"),
    Peer("daft-minhash", "with_daft", ("--near",), ("daft", "pycld2"), near=True),
    Peer(
        "datatrove",
        "with_datatrove",
        needs=(*DATATROVE,),
        less=f"no duplicates, no splits, {LESS}",
        exact=False,
    ),
    Peer(
        "datatrove-minhash",
        "with_datatrove",
        ("--near",),
        (*DATATROVE, "spacy", "xxhash"),
        less=f"no splits, {LESS}",
        near=True,
    ),
    Peer("bare", "bare", less="nothing but read and write", cleans=False, exact=False),
)


def told(run: measure.Run) -> Tally:
    """Return what a peer said in its last line."""
    return Tally(**json.loads(run.output.strip().splitlines()[-1]))


def faults(peer: Peer, did: Tally, asked: Tally, made: Made) -> list[str]:
    """Return in what a peer did not do the work that it is there for.

    Args:
        peer: what it is held to.
        did: what it did.
        asked: what imprint did.
        made: what is in the corpus.
    """
    found = _records(peer, did.records, made)
    if not peer.cleans:
        return found
    best = max(asked.languages, key=lambda name: asked.languages[name], default="id")
    shares = {
        f"tagged {best}": (did.languages.get(best, 0), asked.languages.get(best, 0)),
        "corrected": (did.corrected, asked.corrected),
        "with a source": (did.sources, asked.sources),
    }
    for what, (seen, wanted) in shares.items():
        # Shares, not numbers: who leaves out near-duplicates has fewer of all.
        due = wanted / max(1, asked.records) * did.records
        slack = (DETECTORS if "tagged" in what else SLACK) * did.records + FEW
        if abs(seen - due) > slack:
            found.append(f"{seen:,} records {what}, wanted {due:,.0f} ± {slack:,.0f}")
    return found


def _records(peer: Peer, seen: int, made: Made) -> list[str]:
    """Return whether a peer kept as many records as it should."""
    due = made.records
    if peer.cleans:
        due -= made.empty
    if peer.exact:
        due -= made.copies
    slack = SLACK * due * peer.cleans + FEW * peer.cleans
    low, high = due - slack, due + slack
    if peer.near:
        low, high = low - made.near, high - HALF * made.near
    if low <= seen <= high:
        return []
    return [f"{seen:,} records kept, wanted {max(0, low):,.0f} to {high:,.0f}"]


IMPRINT = Peer("imprint", "", near=True, less="")
"""imprint is held to the corpus like any other."""
