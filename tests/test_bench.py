"""The benchmark: it runs, it makes the same corpus again, and it catches who does less."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from peers import corpus, measure, ours, roster, scenarios, tally

if TYPE_CHECKING:
    from peers.corpus import Made
    from peers.roster import Peer

ROOT = Path(__file__).parents[1]
TEXTS = ROOT / "raw" / "id"
BENCH = ROOT / "scripts" / "bench"

SLOW = {"datasets-langdetect", "datatrove-minhash"}
"""Peers that take long for little; the gate runs the first."""

INSTALLED = [peer for peer in roster.PEERS if not peer.missing()]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/bench."""
    command = [sys.executable, str(BENCH), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def patched(change: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run scripts/bench after a change to its roster."""
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(BENCH.parent)!r}); from peers import roster; "
        f"{change}; sys.argv = {['bench', *arguments]!r}; "
        f"runpy.run_path({str(BENCH)!r}, run_name='__main__')"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A corpus in which each defect is there many times."""
    return corpus.make(tmp_path_factory.mktemp("made") / "corpus.jsonl", 4_000_000, 0, TEXTS)


@pytest.fixture(scope="module")
def asked(made: Made) -> tally.Tally:
    """What imprint does with the corpus, but to look for near-duplicates."""
    return done_by_imprint(made, made.path.parent / "project", "[dedup]\nnear = 0\n")


def done_by_imprint(made: Made, folder: Path, more: str = "") -> tally.Tally:
    """Return what imprint does with the corpus, in a folder of its own."""
    (folder / "raw").mkdir(parents=True)
    (folder / "raw" / "corpus.jsonl").hardlink_to(made.path)
    ours.build(ours.project(folder, more), 2)
    return ours.count(folder)


def peer(name: str) -> Peer:
    """Return a peer by its name."""
    return next(each for each in roster.PEERS if each.name == name)


def test_short_form() -> None:
    """Every peer that is installed runs and does its work, and has its line in the table."""
    names = [each.name for each in INSTALLED if each.name not in SLOW]
    ran = bench("--megabytes", "1", "--rounds", "1", "--peers", ",".join(names))
    assert ran.returncode == 0, ran.stderr
    for name in names:
        assert re.search(rf"^{name} +\d+\.\d\d  ", ran.stdout, re.MULTILINE), ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("peak: ")


def test_same_bytes(made: Made, tmp_path: Path) -> None:
    """The same size, seed and texts give the same corpus; another seed gives another."""
    again = corpus.make(tmp_path / "again.jsonl", 4_000_000, 0, TEXTS)
    assert again.path.read_bytes() == made.path.read_bytes()
    assert dataclasses.replace(again, path=made.path) == made
    other = corpus.make(tmp_path / "other.jsonl", 4_000_000, 1, TEXTS)
    assert other.path.read_bytes() != made.path.read_bytes()


def test_rates(made: Made) -> None:
    """Sizes and rates are what is said of them."""
    texts = list(corpus.texts_of(made.path))
    sizes = sorted(len(text.encode()) for text in texts)
    assert len(texts) == made.records
    assert 2200 < sizes[len(sizes) // 2] < 2800
    for share, count in ((corpus.COPIES, made.copies), (corpus.NEAR, made.near)):
        assert share / 2 < count / made.records < share * 2
    typos = sum("CTSO" in text for text in texts)
    assert corpus.TYPO / 2 < typos / made.records < corpus.TYPO * 2


def test_scatter(made: Made, tmp_path: Path) -> None:
    """The texts of a corpus come to be as many files as are asked for, none of them lost."""
    assert corpus.scatter(made.path, tmp_path, 7) == 7
    files = sorted(tmp_path.rglob("*.txt"))
    assert len(files) == 7
    written = "\n\n".join(path.read_bytes().decode() for path in files)
    assert written == "\n\n".join(corpus.texts_of(made.path))


def test_imprint_does_its_work(made: Made) -> None:
    """Imprint itself is held to what is in the corpus, near-duplicates with the rest."""
    did = done_by_imprint(made, made.path.parent / "whole")
    assert roster.faults(roster.IMPRINT, did, did, made) == []
    fewer = dataclasses.replace(did, records=did.records - 10)
    (fault,) = roster.faults(roster.IMPRINT, fewer, fewer, made)
    assert fault.startswith(f"{did.records - 10:,} records kept, wanted ")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('.unique("key", keep="any")', "", "records kept"),
        ('.str.replace_all(BLANKS, " ")', "", "records kept"),
        ("pycld2.detect(head, isPlainText=True)", '(0, 0, (("", "xx", 0, 0),))', "tagged id"),
        (r'corrected=text.str.contains(r"\bCTSO\b")', "corrected=pl.lit(False)", "corrected"),
        ("source=text.str.tail(120).str.extract(LABEL)", "source=pl.lit(None)", "with a source"),
    ],
)
def test_less_is_caught(
    made: Made, asked: tally.Tally, tmp_path: Path, before: str, after: str, fault: str
) -> None:
    """A peer that leaves a part of the work undone is told of, in one line."""
    script = (ROOT / "scripts" / "peers" / "with_polars.py").read_text("utf-8")
    assert before in script
    (tmp_path / "broken.py").write_text(script.replace(before, after), "utf-8")
    command = [sys.executable, str(tmp_path / "broken.py"), str(made.path), str(tmp_path / "out")]
    paths = {"PYTHONPATH": str(ROOT / "scripts")}
    ran = measure.run([*command, "2"], paths, tmp_path / "log")
    found = roster.faults(peer("polars"), roster.told(ran), asked, made)
    assert len(found) == 1
    assert fault in found[0]


def test_less_is_an_error() -> None:
    """The table marks a peer that does less than it is there for, and the bench fails."""
    ran = patched(
        "import dataclasses; roster.PEERS = (dataclasses.replace(roster.PEERS[-1], cleans=True),)",
        "--megabytes",
        "0.5",
        "--rounds",
        "1",
    )
    assert ran.returncode == 1
    assert re.search("^bare .*not what it is there for", ran.stdout, re.MULTILINE)
    assert ran.stderr.startswith("bench: error: bare: 0 records tagged id, wanted ")


def test_whole_peer_is_not_told_of(made: Made, asked: tally.Tally, tmp_path: Path) -> None:
    """The same peer unbroken has no fault."""
    ran = peer("polars").run(made.path, tmp_path / "out", 2)
    assert roster.faults(peer("polars"), roster.told(ran), asked, made) == []


def test_near_duplicates_are_asked_for(made: Made, asked: tally.Tally) -> None:
    """Who is there for near-duplicates has to find them; who is not must keep them."""
    without = asked.records - made.near
    share = without / asked.records
    did = dataclasses.replace(
        asked,
        records=without,
        languages={name: round(n * share) for name, n in asked.languages.items()},
        corrected=round(asked.corrected * share),
        sources=round(asked.sources * share),
    )
    assert roster.faults(peer("daft-minhash"), did, asked, made) == []
    assert roster.faults(peer("daft-minhash"), asked, asked, made) != []
    assert roster.faults(peer("daft"), did, asked, made) != []


def test_not_installed() -> None:
    """A peer that is asked for and not installed is an error that says what to do."""
    ran = patched("roster.Peer.missing = lambda self: ['nowhere']", "--peers", "daft")
    assert ran.returncode == 1
    told = "bench: error: daft: nowhere not installed: pip install 'imprint[bench]'\n"
    assert ran.stderr == told


def test_unknown_peer() -> None:
    """A peer that nobody knows is an error that names those that are known."""
    ran = bench("--peers", "pandas")
    assert ran.returncode == 1
    assert ran.stderr.startswith("bench: error: --peers: 'pandas', wanted some of datasets-")


def test_broken_peer(tmp_path: Path) -> None:
    """A program that fails is told of by the last line that it said."""
    with pytest.raises(measure.RunError, match=r"status 1: ZeroDivisionError: "):
        measure.run([sys.executable, "-c", "1 / 0"], {}, tmp_path / "log")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory_of_all_processes(tmp_path: Path) -> None:
    """The peak is of the program and of all that it started, each page counted once."""
    hold = "import time; held = b'x' * 50_000_000; time.sleep(1)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}]); "
    ran = measure.run([sys.executable, "-c", f"{child}print('done')"], {}, tmp_path / "log")
    assert ran.output == "done\n"
    assert 50_000_000 < ran.peak < 120_000_000


@pytest.mark.parametrize("name", scenarios.SCENARIOS)
def test_scenarios(name: str) -> None:
    """Each scenario plays in its short form."""
    ran = bench("--scenario", name, "--scale", "0.002", "--rounds", "1")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout
    if name == "one-record":
        differ, files = map(int, re.findall(r"(\d+) of (\d+)", ran.stdout)[0])
        assert 0 < differ <= 3  # a text that had a copy leaves it behind as a record of its own
        assert files >= 20
