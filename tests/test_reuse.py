"""What a rebuild takes over, and that its bytes are those of a fresh build."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

import imprint
from imprint import publish, reuse
from imprint.rooms.write import JoinGroups, WriteGroup, Written, join_groups, write_group
from tests.projects import make, sentences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEVERAL = "[splits]\nshares = { train = 1 }\n"


def corpus(number: int, changed: Mapping[int, str] | None = None) -> dict[str, str | bytes]:
    """Return raw files of texts that differ, with some of them changed."""
    draw = random.Random(7)
    words = ["pasukan", "kota", "hari", "jalan", "air", "rumah", "pasar", "harga", "naik", "murid"]
    texts = [" ".join(draw.choices(words, k=60)) + f" {n}." for n in range(number)]
    for row, text in (changed or {}).items():
        texts[row] = text
    return {f"{n:03}.txt": text for n, text in enumerate(texts)}


def files(project: Path) -> dict[str, bytes]:
    """Return every file of the dataset."""
    folder = project / "build" / "dataset"
    return {path.name: path.read_bytes() for path in folder.rglob("*.*")}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that are written, shards and row groups, as they are."""
    names: list[str] = []

    def note_write(task: WriteGroup) -> Written:
        names.append(task.path.name)
        return write_group(task)

    def note_join(task: JoinGroups) -> Written:
        names.append(task.path.name)
        return join_groups(task)

    monkeypatch.setattr(reuse, "write_group", note_write)
    monkeypatch.setattr(reuse, "join_groups", note_join)
    monkeypatch.setattr(publish, "ROW_GROUP_BYTES", 8000)
    return names


def test_nothing_is_written_twice(tmp_path: Path, written: list[str]) -> None:
    """Of a shard in which one record changed, one row group is written; the rest is taken over."""
    project = make(tmp_path / "p", corpus(60), more=SEVERAL)
    imprint.build(project, workers=1)
    whole = len(written)
    assert whole > 5
    written.clear()
    make(
        project,
        corpus(60, {33: "Teks yang lain sama sekali, nomor tiga puluh tiga."}),
        more=SEVERAL,
    )
    imprint.build(project, workers=1)
    assert "train-1.parquet" in written
    assert 2 <= len(written) <= 4
    after = files(project)
    imprint.build(project, workers=1, fresh=True)
    assert files(project) == after


def test_a_shard_that_stays_is_not_read(tmp_path: Path, written: list[str]) -> None:
    """A shard without a change is the file of the last build, not a copy."""
    more = SEVERAL + "[write]\nshard_bytes = 4000\n"
    project = make(tmp_path / "p", corpus(60), more=more)
    imprint.build(project, workers=1)
    data = project / "build" / "dataset" / "data"
    before = {path.name: path.stat().st_ino for path in data.iterdir()}
    written.clear()
    make(project, corpus(60, {33: "Teks yang lain sama sekali, nomor tiga puluh tiga."}), more=more)
    imprint.build(project, workers=1)
    after = {path.name: path.stat().st_ino for path in data.iterdir()}
    assert len(before) >= 4
    assert 1 <= len(written) <= 2
    assert len(after.items() & before.items()) >= len(after) - 2


def test_a_damaged_shard_is_written_anew(tmp_path: Path) -> None:
    """A shard that is not what was written is no source for the next build."""
    project = make(tmp_path / "p", sentences(20))
    imprint.build(project, workers=1)
    whole = files(project)
    shard = next((project / "build" / "dataset" / "data").iterdir())
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    imprint.build(project, workers=1)
    assert files(project) == whole


def test_a_damaged_memory_is_no_memory(tmp_path: Path) -> None:
    """Without a memory that can be read, everything is written."""
    project = make(tmp_path / "p", sentences(20))
    imprint.build(project, workers=1)
    whole = files(project)
    for name in ("shards.json", "raw.json"):
        (project / "build" / "cache" / name).write_text(json.dumps({"x": 1}))
    imprint.build(project, workers=1)
    assert files(project) == whole


def test_where_no_link_can_be_made_shards_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without links costs a copy and no byte."""

    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    project = make(tmp_path / "p", sentences(20))
    imprint.build(project, workers=1)
    whole = files(project)
    monkeypatch.setattr("imprint.reuse.os.link", refuse)
    imprint.build(project, workers=1)
    assert files(project) == whole
