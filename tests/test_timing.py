"""What is measured is what ran, and decides nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

import imprint
from imprint import prepare, timing
from imprint.timing import Stage
from tests.projects import imprint as run
from tests.projects import make, sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    import pytest

CASES = Path(__file__).parent / "cases"

REMEMBERED = 32
"""Patterns that polars keeps compiled. Source: measured; the 33rd makes each be compiled again."""

STAGES = ["list", "read", "clean", "language", "correct", "source", "check", "digests"]
STAGES += ["shingles", "parts", "settle", "write", "describe"]


def test_every_stage_is_told(tmp_path: Path) -> None:
    """A build says of each stage what went through it and how many rows were slow, in order."""
    project = make(tmp_path / "p", sentences(30))
    for workers in (1, 2):
        found = imprint.build(project, workers=workers, fresh=True).stages
        assert [each.name for each in found] == STAGES
        by_name = {each.name: each for each in found}
        assert by_name["clean"].rows == 30
        assert by_name["correct"].slow == 30
        assert by_name["clean"].slow == 30  # each ends with a line end
        assert all(each.seconds > 0 for each in found)
        assert by_name["read"].bytes > 2000


def test_no_batch_needs_more_patterns_than_polars_remembers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On texts with all that the rooms look for, no more are compiled than are remembered."""
    files = [CASES / f"{kind}.jsonl" for kind in ("clean", "language", "source")]
    cases = [
        json.loads(line) for path in files for line in path.read_text("utf-8").strip().split("\n")
    ]
    lines = [json.dumps({"text": each.get("text", each.get("before", ""))}) for each in cases]
    project = make(tmp_path / "p", {"all.jsonl": "\n".join(lines)})
    patterns: set[str] = set()

    def seen(method: Callable[..., Any]) -> Callable[..., Any]:
        def record(text: object, pattern: object, *rest: Any, **given: Any) -> Any:
            if isinstance(pattern, str) and not given.get("literal"):
                patterns.add(pattern)
            return method(text, pattern, *rest, **given)

        return record

    for kind in (type(pl.Series([""]).str), type(pl.col("a").str)):
        for name in ("contains", "replace_all", "extract_all", "count_matches", "extract", "find"):
            monkeypatch.setattr(kind, name, seen(getattr(kind, name)))
    of_a_batch = prepare.press

    def press(*given: Any, **more: Any) -> pa.RecordBatch:
        patterns.clear()
        batch = of_a_batch(*given, **more)
        assert 20 < len(patterns) <= REMEMBERED
        return batch

    monkeypatch.setattr(prepare, "press", press)
    stages = {each.name: each for each in imprint.build(project, workers=1).stages}
    assert stages["clean"].rows > 100


def test_a_build_without_work_has_no_stage_but_the_listing(tmp_path: Path) -> None:
    """Where nothing changed nothing ran; where one text changed, one went through."""
    project = make(tmp_path / "p", sentences(30))
    imprint.build(project, workers=1)
    assert [each.name for each in imprint.build(project, workers=1).stages] == []
    make(project, {"0007.txt": "Teks yang lain."})
    found = {each.name: each for each in imprint.build(project, workers=1).stages}
    assert found["clean"].rows == 30  # all thirty are one partition


def test_profile_on_the_command_line(tmp_path: Path) -> None:
    """--profile adds the stages to the summary and to the JSON; without it neither has them."""
    project = make(tmp_path / "p", sentences(5))
    told = run("build", project, "--profile").stdout
    assert "slow rows" in told
    assert "5 of 5" in told
    assert "nothing was done" in run("build", project, "--profile").stdout
    assert "slow rows" not in run("build", project).stdout
    stages = json.loads(run("build", project, "--json", "--profile", "--fresh").stdout)["stages"]
    assert [each["name"] for each in stages] == STAGES
    assert "stages" not in json.loads(run("build", project, "--json").stdout)


def test_stages_add_up() -> None:
    """What ran here and what ran elsewhere is counted together; without a collector, nowhere."""
    with timing.stage("alone", 5, 1):
        timing.slow(1)
    with timing.collected() as stages:
        with timing.stage("clean", 100, 10):
            timing.slow(3)
        timing.note(Stage("clean", 2.0, 50, 5, 1), Stage("write", 1.0, 7))
    assert list(stages) == ["clean", "write"]
    found = stages["clean"]
    assert (found.bytes, found.rows, found.slow) == (150, 15, 4)
    assert found.seconds > 2
