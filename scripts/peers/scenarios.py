"""What imprint promises of itself: small changes cost little, many files are no burden.

All times are of whole processes, as medians of the rounds, and told as ratios of one run. At scale
1 the corpora are of up to 1 GB; less makes all of them smaller.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import statistics
import sys
from typing import TYPE_CHECKING

from peers import corpus, measure, ours, roster

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from peers.corpus import Made
    from peers.measure import Run

FILES = 20_000
"""Files of a corpus of many."""

LARGE, SMALL = 50_000, 2_500
"""Bytes of each of them."""

MEGABYTES = 200
"""Of a corpus that is one file."""

SHARDS = 24
"""Into which a corpus would be cut if its texts were spread evenly: halving makes more of them."""

LEAST = 8
"""Megabytes that hold over 2,000 records: of fewer, splits are drawn by rank and one moves many."""

SMALLEST, SIZES = 64, (1, 4, 16)
"""Megabytes of the smallest corpus that grows, and its multiples."""

RECORDS, MILLION = (1, 10), 1_000_000
"""Millions of records whose near-duplicates are looked for."""

WIDTH = 40
"""Characters of the longest bar of the plot."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """Where and how a scenario is played."""

    folder: Path
    texts: Path
    seed: int
    rounds: int
    workers: int
    scale: float

    def corpus(self, name: str, megabytes: float, files: int = 0, more: str = "") -> Path:
        """Make a project of a corpus: one file of JSON Lines, or that many .txt files."""
        project = self.folder / name
        (project / "raw").mkdir(parents=True)
        made = self.made(name, megabytes)
        if files:
            corpus.scatter(made.path, project / "raw", files)
            made.path.unlink()
        else:
            made.path.rename(project / "raw" / "corpus.jsonl")
        return ours.project(project, more)

    def made(self, name: str, megabytes: float) -> Made:
        """Make a corpus."""
        path = self.folder / f"{name}.jsonl"
        return corpus.make(path, int(megabytes * 1e6), self.seed, self.texts)

    def fresh(self, project: Path, workers: int = 0) -> Run:
        """Build a project anew."""
        return ours.build(project, workers or self.workers, "--fresh")

    def start(self) -> float:
        """Return what a build takes in which there is nothing to do, in seconds."""
        empty = self.corpus("empty", 1e-6)
        return statistics.median(self.fresh(empty).seconds for _ in range(min(3, self.rounds)))


def rebuild(setting: Setting) -> list[str]:
    """Build many files: anew, with nothing changed, with one file changed.

    Of the last the start is taken off, from both sides.
    """
    files = max(2, round(FILES * setting.scale))
    project = setting.corpus("rebuild", files * LARGE / 1e6, files)
    changed = sorted((project / "raw").rglob("*.txt"))[files // 2]
    times: dict[str, list[float]] = {"nothing changed": [], "one file changed": []}
    start = setting.start()
    for _ in range(setting.rounds):
        anew = setting.fresh(project).seconds
        same = ours.build(project, setting.workers).seconds
        with changed.open("a", encoding="utf-8") as file:
            file.write(" Sekali lagi.")
        other = ours.build(project, setting.workers).seconds
        times["nothing changed"].append(same / anew)
        times["one file changed"].append(_net(other, start) / _net(anew, start))
    lines = [f"{what}: {_ratios(seen)} of a fresh build" for what, seen in times.items()]
    return [f"{files:,} files of {LARGE // 1000} kB", *lines]


def small_files(setting: Setting) -> list[str]:
    """Build the same texts as many small files and as one of JSON Lines."""
    files = max(2, round(FILES * setting.scale))
    megabytes = files * SMALL * 1.2 / 1e6  # the mean is above the median
    many = setting.corpus("many", megabytes, files)
    one = setting.corpus("one", megabytes)
    seen = [setting.fresh(many).seconds / setting.fresh(one).seconds for _ in range(setting.rounds)]
    found = sum(1 for _ in (many / "raw").rglob("*.txt"))
    return [f"{found:,} small files: {_ratios(seen)} of the time for one file of JSON Lines"]


def workers(setting: Setting) -> list[str]:
    """Build with two workers and with one."""
    project = setting.corpus("workers", MEGABYTES * setting.scale)
    seen = [
        setting.fresh(project, 2).seconds / setting.fresh(project, 1).seconds
        for _ in range(setting.rounds)
    ]
    return [f"2 workers: {_ratios(seen)} of the time of 1"]


def one_record(setting: Setting) -> list[str]:
    """Change one record in place, and count the Parquet files that differ."""
    megabytes = max(LEAST, MEGABYTES * setting.scale)
    more = f"\n[write]\nshard_bytes = {int(megabytes * 1e6 / SHARDS)}\n"
    project = setting.corpus("record", megabytes, more=more)
    setting.fresh(project)
    before = _digests(project)
    path = project / "raw" / "corpus.jsonl"
    lines = path.read_text("utf-8").split("\n")
    record = json.loads(lines[len(lines) // 2])
    record["text"] += " Sekali lagi."
    lines[len(lines) // 2] = json.dumps(record, ensure_ascii=False)
    path.write_text("\n".join(lines), "utf-8", newline="")
    ours.build(project, setting.workers)
    after = _digests(project)
    differ = sum(before.get(name) != after.get(name) for name in before | after)
    return [f"one record changed: {differ} of {len(after)} Parquet files differ"]


def growth(setting: Setting, smallest: float | None = None) -> list[str]:
    """Build corpora of growing size; the plot of time and memory."""
    smallest = smallest or SMALLEST * setting.scale
    start = setting.start()
    rows = []
    for times in SIZES:
        project = setting.corpus(f"times{times}", smallest * times)
        runs = [setting.fresh(project) for _ in range(setting.rounds)]
        net = _net(statistics.median(run.seconds for run in runs), start)
        rows.append((smallest * times, net, max(run.peak for run in runs)))
    lines = _plot("time, start-up taken off", [(size, net) for size, net, _ in rows])
    if rows[0][1] < start / 2:
        lines.append("the smallest was done in less than the start-up: take larger ones for ratios")
    return lines + _plot("peak memory, PSS", [(size, peak) for size, _, peak in rows])


def fingerprints(setting: Setting) -> list[str]:
    """Look for near-duplicates among made records, and ten times as many: the plot of both."""
    rows = []
    for times in RECORDS:
        folder = setting.folder / f"fingerprints{times}"
        folder.mkdir()
        records = round(MILLION * times * setting.scale)
        for what, number in (("make", records), ("settle", setting.workers)):
            command = [sys.executable, "-m", "peers.fingerprints", what, str(folder), str(number)]
            run = measure.run(command, roster.environment(), setting.folder / "fingerprints.log")
        rows.append((records / MILLION, run.seconds, run.peak, json.loads(run.output)))
        shutil.rmtree(folder)
    told = [", ".join(f"{name} {count:,}" for name, count in each.items()) for *_, each in rows]
    lines = _plot("time", [(size, seconds) for size, seconds, *_ in rows], "million records")
    lines += _plot(
        "peak memory, PSS", [(size, peak) for size, _, peak, _ in rows], "million records"
    )
    return [*told, *lines, f"peak memory {rows[-1][2] / 2**30:.2f} GiB"]


def _net(seconds: float, start: float) -> float:
    """Return what is left once the start is taken off, and never nothing."""
    return max(seconds - start, 0.001)


def _plot(what: str, points: list[tuple[float, float]], unit: str = "MB") -> list[str]:
    """Return bars, each with its ratio to the first."""
    least, most = points[0][1] or 1, max(value for _, value in points) or 1
    lines = [f"{what}, against the smallest"]
    for size, value in points:
        bar = "#" * max(1, round(WIDTH * value / most))
        lines.append(f"{size:9,.1f} {unit}  {value / least:6.2f}  {bar}")
    return lines


def _ratios(seen: list[float]) -> str:
    """Return the median of ratios, and their range."""
    return f"{statistics.median(seen):.3f} ({min(seen):.3f}..{max(seen):.3f})"


def _digests(project: Path) -> dict[str, str]:
    """Return the digests of the Parquet files of a build."""
    data = project / "build" / "dataset" / "data"
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in data.iterdir()}


SCENARIOS: dict[str, Callable[[Setting], list[str]]] = {
    "rebuild": rebuild,
    "small-files": small_files,
    "workers": workers,
    "one-record": one_record,
    "growth": growth,
    "fingerprints": fingerprints,
}
