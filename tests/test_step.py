"""What a step promises: it changes and drops records, and nothing of that stays unsaid."""

from __future__ import annotations

import json
import random
import shutil
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imprint
from imprint import changes, engine, partitions
from imprint.errors import ImprintError, ProjectError
from imprint.manifest import Stepped
from tests.projects import imprint as command
from tests.projects import ledger, make, rows, sentences

HEAD = """\
import pyarrow as pa
import pyarrow.compute as pc

def with_text(batch, text):
    return batch.set_column(batch.schema.get_field_index("text"), "text", text)

"""
"""The lines before the code of a test, which begins on line 7."""

IDENTITY = "def same(batch):\n    return batch\n"

DROP = """\
def drop_ads(batch):
    return batch.filter(pc.invert(pc.match_substring(batch["text"], "IKLAN")))
"""

CHANGE = """\
def mask(batch):
    return with_text(batch, pc.replace_substring(batch["text"], "rahasia", "\\u200b ***  "))
"""


def project(root: Path, code: str, *steps: str, lines: list[object] | None = None) -> Path:
    """Make a project with `steps.py` and the steps of it that are named."""
    more = "".join(f'[[step]]\nrun = "steps.py:{name}"\n' for name in steps)
    given = lines or ["satu teks biasa", "IKLAN dan lain-lain", "ini rahasia sekali", "teks akhir"]
    jsonl = "".join(json.dumps({"text": line}) + "\n" for line in given)
    make(root, {"a.jsonl": jsonl}, more=more)
    (root / "schema" / "steps.py").write_text(HEAD + code)
    return root


def fault(root: Path) -> str:
    """Return the one line that a build gives."""
    with pytest.raises(ProjectError) as caught:
        imprint.build(root, workers=1)
    assert len(caught.value.faults) == 1
    return str(caught.value)


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(["IKLAN", "rahasia", "ini rahasia IKLAN", "Sumber: Alhurra.", "", "CTSO"]),
        st.text(max_size=12),
    ),
    max_size=8,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.sampled_from(["document", "paragraph"]))
def test_identity_changes_nothing(tmp_path: Path, texts: list[str], unit: str) -> None:
    """With a step that returns its batch the rows and the ledger are those of no step at all."""
    root = tmp_path / str(random.getrandbits(60))
    one = project(root / "one", IDENTITY, "same", lines=["selalu ada", *texts])
    two = project(root / "two", IDENTITY, lines=["selalu ada", *texts])
    for each in (one, two):
        declared = each / "schema" / "dataset.toml"
        declared.write_text(declared.read_text() + f'[read]\nunit = "{unit}"\n')
    first, second = imprint.build(one, workers=1), imprint.build(two, workers=1)
    assert first.manifest.digest == second.manifest.digest
    assert first.manifest.steps == (Stepped("steps.py:same", 0, 0),)
    assert ledger(one) == ledger(two)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.sampled_from(["document", "paragraph"]))
def test_counts_add_up(tmp_path: Path, texts: list[str], unit: str) -> None:
    """Whatever steps drop and change, read = published + rejected + duplicate, each one listed."""
    root = tmp_path / str(random.getrandbits(60))
    project(root, DROP + CHANGE, "drop_ads", "mask", lines=["selalu ada", *texts])
    declared = root / "schema" / "dataset.toml"
    declared.write_text(declared.read_text() + f'[read]\nunit = "{unit}"\n')
    built = imprint.build(root, workers=1)
    records, lost, kept = built.manifest.records, ledger(root), rows(root)
    assert records.read == records.published + records.rejected + records.duplicate
    assert len([line for line in lost if line["raw_index"] is not None]) == (
        records.rejected + records.duplicate
    )
    places = [(row["raw_file"], row["raw_index"]) for row in (*kept, *lost)]
    assert len(places) == len(set(places))
    assert not [row for row in kept if "IKLAN" in row["text"] or "rahasia" in row["text"]]
    for row in kept:
        said = [each for each in row["corrections"] if each["wrong"] == "step:steps.py:mask"]
        assert said == [{"wrong": "step:steps.py:mask", "right": "text", "count": 1}] * (
            "***" in row["text"]
        )
    dropped = [line for line in lost if line["reason"] == "step"]
    assert len(dropped) == sum(each.dropped for each in built.manifest.steps)


def test_drop_is_in_the_ledger(tmp_path: Path) -> None:
    """A record that a step drops has a line with the reason `step` and the step's name."""
    built = imprint.build(project(tmp_path, DROP, "drop_ads"), workers=1)
    assert [(line["raw_index"], line["reason"], line["detail"]) for line in ledger(tmp_path)] == [
        (1, "step", 'line 2: "steps.py:drop_ads" dropped it')
    ]
    assert [row["raw_index"] for row in rows(tmp_path)] == [0, 2, 3]
    assert built.manifest.steps == (Stepped("steps.py:drop_ads", 0, 1),)
    assert built.reasons == {"step": 1}


def test_change_is_on_the_record_and_clean(tmp_path: Path) -> None:
    """A record that a step changes says so after the errata, and its text is clean again."""
    root = project(tmp_path, CHANGE, "mask", lines=["CTSO rahasia", "CTSO", "lain"])
    built = imprint.build(root, workers=1)
    found = {row["text"]: row["corrections"] for row in rows(root)}
    erratum = {"wrong": "CTSO", "right": "CSTO", "count": 1}
    step = {"wrong": "step:steps.py:mask", "right": "text", "count": 1}
    assert found == {"CSTO ***": [erratum, step], "CSTO": [erratum], "lain": []}
    assert built.manifest.steps == (Stepped("steps.py:mask", 1, 0),)
    assert [each.count for each in built.manifest.errata] == [2]


def test_change_that_cleaning_takes_back_is_none(tmp_path: Path) -> None:
    """A step that only adds what cleaning takes out changes nothing."""
    pad = 'def pad(batch):\n    return with_text(batch, pc.binary_join_element_wise(batch["text"]'
    root = project(tmp_path, pad + ', "", "\\u200b \\n"))\n', "pad")
    assert imprint.build(root, workers=1).manifest.steps == (Stepped("steps.py:pad", 0, 0),)


def test_other_columns_and_order(tmp_path: Path) -> None:
    """Steps run in their order, see what the one before left, and may return rows in any order."""
    code = """\
def tag(batch):
    text = batch["text"]
    source = pc.if_else(pc.match_substring(text, "satu"), "Satu", batch["source"])
    batch = with_text(batch, pc.replace_substring(text, "satu", "dua"))
    return batch.set_column(batch.schema.get_field_index("source"), "source", source)

def turn(batch):
    text = pc.replace_substring(batch["text"], "dua", "tiga")
    return with_text(batch, text).take(pa.array(range(len(batch))[::-1]))
"""
    imprint.build(project(tmp_path, code, "tag", "turn"), workers=1)
    found = rows(tmp_path)
    assert [row["text"] for row in found] == [
        "tiga teks biasa",
        "IKLAN dan lain-lain",
        "ini rahasia sekali",
        "teks akhir",
    ]
    assert [row["source"] for row in found] == ["Satu", None, None, None]
    assert found[0]["corrections"] == [
        {"wrong": "step:steps.py:tag", "right": "text, source", "count": 1},
        {"wrong": "step:steps.py:turn", "right": "text", "count": 1},
    ]


def test_emptied_text_is_rejected_in_its_name(tmp_path: Path) -> None:
    """A record of whose text a step leaves nothing is in the ledger under the step's name."""
    code = (
        "def empty(batch):\n"
        '    ad = pc.match_substring(batch["text"], "IKLAN")\n'
        '    secret = pc.match_substring(batch["text"], "rahasia")\n'
        '    text = pc.if_else(ad, pa.scalar(None, pa.string()), batch["text"])\n'
        '    return with_text(batch, pc.if_else(secret, " \\u200b", text))\n'
    )
    root = project(tmp_path, code, "empty")
    built = imprint.build(root, workers=1)
    said = '"steps.py:empty" left nothing of its text'
    assert [line["detail"] for line in ledger(root)] == [f"line 2: {said}", f"line 3: {said}"]
    assert built.manifest.steps == (Stepped("steps.py:empty", 0, 2),)


def test_step_sees_only_what_may_be_published(tmp_path: Path) -> None:
    """It is given no rejected record and no private column; what it breaks is rejected."""
    code = """\
def look(batch):
    assert batch.schema.names == ["id", "text", "language", "language_score", "source",
        "corrections", "raw_file", "raw_index", "raw_sha256"], batch.schema.names
    assert batch["raw_index"].to_pylist() == [0, 3, 4], batch["raw_index"]
    nothing = pa.array([None, "Antara", "Antara"], pa.string())
    batch = batch.set_column(batch.schema.get_field_index("source"), "source", nothing)
    language = pa.array(["id", "xx-bad", "id"])
    return batch.set_column(batch.schema.get_field_index("language"), "language", language)
"""
    long = "Pasukan itu meninggalkan kota pada hari Kamis bersama kendaraan dan perlengkapannya, "
    given: list[object] = [f"{long}satu", "\u200b", 5, f"{long}dua", f"{long}tiga"]
    root = project(tmp_path, code, "look", lines=given)
    declared = root / "schema" / "dataset.toml"
    more = '[source]\nrequired = true\n[language]\nunexpected = "reject"\n'
    declared.write_text(declared.read_text() + more)
    (root / "schema" / "sources.toml").write_text('[[rule]]\nfiles = "**/*"\nsource = "Antara"\n')
    imprint.build(root, workers=1)
    assert [(line["raw_index"], line["reason"]) for line in ledger(root)] == [
        (0, "source"),
        (1, "language"),
        (2, "text"),
        (3, "language"),
    ]
    assert [row["raw_index"] for row in rows(root)] == [4]


@pytest.mark.parametrize("unit", ["document", "paragraph"])
def test_step_sees_no_empty_text(tmp_path: Path, unit: str) -> None:
    """What is nothing but an attribution is given to no step, and is left out as ever."""
    code = "def look(batch):\n    assert len(batch) == 1\n    return batch\n"
    root = project(tmp_path, code, "look", lines=["satu teks", "Sumber: Alhurra."])
    declared = root / "schema" / "dataset.toml"
    declared.write_text(declared.read_text() + f'[read]\nunit = "{unit}"\n')
    imprint.build(root, workers=1)
    assert [line["reason"] for line in ledger(root)] == (["empty"] if unit == "document" else [])


def parts(root: Path) -> dict[str, int]:
    """Return the parts in the cache, and when each was written."""
    found = (root / "build" / "cache" / "parts").glob("*.json")
    return {path.name: path.stat().st_mtime_ns for path in found}


def test_a_changed_step_redoes_the_parts(tmp_path: Path) -> None:
    """Changing steps.py, or a file that it may read, makes the parts anew; nothing else does."""
    read = """\
import pathlib
WORD = pathlib.Path(__file__).with_name("word.txt").read_text().strip()
def drop_ads(batch):
    return batch.filter(pc.invert(pc.match_substring(batch["text"], WORD)))
"""
    root = project(tmp_path, read, "drop_ads")
    word, code = root / "schema" / "word.txt", root / "schema" / "steps.py"
    word.write_text("IKLAN")
    imprint.build(root, workers=1)
    first = parts(root)
    (root / "schema" / "card.md").write_text("## Uses\n")
    imprint.build(root, workers=1)
    assert parts(root) == first
    assert [row["raw_index"] for row in rows(root)] == [0, 2, 3]
    turned = HEAD + read.replace("invert(", "or_(False, ")
    for file, text, left in ((word, "rahasia", [0, 1, 3]), (code, turned, [2])):
        before = parts(root)
        file.write_text(text)
        project_now = imprint.Project.open(root)
        assert changes.changed_since(project_now) == [f"schema/{file.name}: changed"]
        imprint.build(root, workers=1)
        assert not before.keys() & parts(root).keys()
        assert [row["raw_index"] for row in rows(root)] == left
    assert imprint.verify(root, workers=1).differences == ()


def test_source_is_in_the_manifest(tmp_path: Path) -> None:
    """The manifest lists the digest of steps.py; what Python leaves beside it is none of ours."""
    root = project(tmp_path, DROP, "drop_ads")
    (root / "schema" / "__pycache__").mkdir()
    (root / "schema" / "__pycache__" / "steps.cpython-311.pyc").write_bytes(b"x")
    listed = imprint.build(root, workers=1).manifest.declaration
    assert "schema/steps.py" in listed
    assert not [name for name in listed if "pycache" in name]


def test_workers_leave_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker or two: the same bytes, the same fault; what a step prints is no result."""
    monkeypatch.setattr(engine, "SMALL", 0)
    monkeypatch.setattr(partitions, "PARTITION_MOST", 1)
    code = 'def odd(batch):\n    print("noise")\n    return batch.filter(pc.invert(\n'
    code += '        pc.match_substring(batch["text"], "nomor 3")))\n'
    root = make(tmp_path / "p", sentences(12), more='[[step]]\nrun = "steps.py:odd"\n')
    (root / "schema" / "steps.py").write_text(HEAD + code)
    imprint.build(root, workers=2)
    shutil.copytree(root / "build" / "dataset", tmp_path / "two")
    imprint.build(root, workers=1, fresh=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "two").rglob("*.*")} == {
        path.name: path.read_bytes() for path in (root / "build" / "dataset").rglob("*.*")
    }
    assert command("build", root, "--json", "--fresh").stdout.startswith("{")
    (root / "schema" / "steps.py").write_text(HEAD + "def odd(batch):\n    return 1 / 0\n")
    said = []
    for workers in (1, 2):
        with pytest.raises(ProjectError) as caught:
            imprint.build(root, workers=workers)
        said.append(str(caught.value))
    assert said[0] == said[1]


CASES = tomllib.loads((Path(__file__).parent / "goldens" / "steps.toml").read_text("utf-8"))
"""Steps and declarations that are wrong, each beside the exact message."""

WITH_INDEX = """
def with_index(batch, values):
    index = pa.array(values, pa.int64())
    return batch.set_column(batch.schema.get_field_index("raw_index"), "raw_index", index)
"""


@pytest.mark.parametrize("case", CASES["code"], ids=lambda case: case["name"])
def test_fault_of_a_step_is_one_line(tmp_path: Path, case: dict[str, str]) -> None:
    """What a step does wrong is told with its file, its line and the record; nothing is built."""
    lines: list[object] = ["satu", "dua", "ini rahasia", "CTSO"]
    root = project(tmp_path, case["code"] + WITH_INDEX, "f", lines=lines)
    assert fault(root) == case["says"]
    assert not (root / "build" / "dataset").exists()


@pytest.mark.parametrize("case", CASES["declared"], ids=lambda case: case["run"])
def test_declared_wrongly(tmp_path: Path, case: dict[str, str]) -> None:
    """What is wrong with the declaration of a step is told with its line, and the nearest name."""
    root = project(tmp_path, DROP, "drop_ads")
    (root / "schema" / "bad.py").write_text("x = 1\ndef f(batch)\n    return batch\n")
    (root / "schema" / "latin.py").write_bytes(b"# caf\xe9\ndef f(batch):\n    return batch\n")
    declared = root / "schema" / "dataset.toml"
    declared.write_text(declared.read_text().replace("steps.py:drop_ads", case["run"]))
    with pytest.raises(ImprintError) as caught:
        imprint.Project.open(root)
    assert str(caught.value) == case["says"]


def test_declared_twice(tmp_path: Path) -> None:
    """A step is declared once: by its name the ledger tells what it did."""
    root = project(tmp_path, DROP, "drop_ads", "drop_ads")
    assert fault(root) == (
        'schema/dataset.toml:9: "steps.py:drop_ads" for the second time '
        "(first: schema/dataset.toml:7), wanted it once. To fix: take one of the two out."
    )


def test_opening_a_project_runs_nothing(tmp_path: Path) -> None:
    """A step is run by a build, not by looking at the project."""
    touch = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    root = project(tmp_path, touch + DROP, "drop_ads")
    imprint.Project.open(root)
    assert not (tmp_path / "ran").exists()
    imprint.build(root, workers=1)
    assert (tmp_path / "ran").exists()


def test_rows_of_any_type_are_compared(tmp_path: Path) -> None:
    """A list or an object of the curator's own is seen to change, and kept where it does not."""
    from imprint.rooms.step import note

    kind = pa.list_(pa.struct([("a", pa.float32())]))
    nothing = pa.nulls(3, pa.string())
    corrections = pa.array(
        [[], [{"wrong": "a", "right": "b", "count": 2}], []],
        pa.list_(
            pa.struct([("wrong", pa.string()), ("right", pa.string()), ("count", pa.int32())])
        ),
    )
    columns = {"_reason": nothing, "_detail": nothing, "corrections": corrections}
    old = [[{"a": float("nan")}], None, [{"a": 1.0}]]
    new = [[{"a": float("nan")}], [], [{"a": 1.0}]]
    before = pa.record_batch({"tags": pa.array(old, kind), **columns})
    after = pa.record_batch({"tags": pa.array(new, kind), **columns})
    code = imprint.Project.open(project(tmp_path, DROP, "drop_ads")).steps[0]
    found = note(before, after, code, ["tags", "corrections"])["corrections"].to_pylist()
    assert found == [
        [],
        [
            {"wrong": "a", "right": "b", "count": 2},
            {"wrong": "step:steps.py:drop_ads", "right": "tags", "count": 1},
        ],
        [],
    ]
