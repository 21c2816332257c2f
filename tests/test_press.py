"""What a build promises, on real projects from raw bytes to Parquet."""

from __future__ import annotations

import filecmp
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imprint
from imprint import engine
from imprint.errors import ImprintError
from tests.projects import CTSO, ledger, make, rows, sentences
from tests.projects import imprint as command

SHARED = Path(__file__).parents[2] / "shared"


def same_bytes(one: Path, other: Path) -> bool:
    """Say whether two folders hold the same files with the same bytes."""
    names = [
        sorted(p.relative_to(f).as_posix() for p in f.rglob("*") if p.is_file())
        for f in (one, other)
    ]
    return names[0] == names[1] and all(
        filecmp.cmp(one / name, other / name, shallow=False) for name in names[0]
    )


def test_record_is_cleaned_tagged_corrected_and_stripped(tmp_path: Path) -> None:
    """One raw file becomes one record with every column that the README lists."""
    raw = "Pasukan CTSO\u00a0mundur dari kota itu hari Kamis.\r\nMereka pulang.\r\nSumber: Alhurra."
    built = imprint.build(make(tmp_path, {"a/b.txt": raw}), workers=1)
    (row,) = rows(tmp_path)
    assert row["text"] == "Pasukan CSTO mundur dari kota itu hari Kamis.\nMereka pulang."
    assert (row["language"], row["source"], row["split"]) == ("id", "Alhurra", "train")
    assert row["corrections"] == [{"wrong": "CTSO", "right": "CSTO", "count": 1}]
    assert (row["raw_file"], row["raw_index"]) == ("a/b.txt", 0)
    assert row["id"] == row["raw_sha256"][:16]
    assert built.folder == tmp_path / "build" / "dataset"
    assert built.manifest.records.read == built.manifest.records.published == 1


@pytest.mark.skipif(not SHARED.exists(), reason="the seed article is not here")
@pytest.mark.parametrize("unit", ["document", "paragraph"])
def test_seed_article(tmp_path: Path, unit: str) -> None:
    """The article that started it all comes out corrected and stripped, nothing else changed."""
    raw = (SHARED / "seed" / "article.txt").read_text("utf-8")
    make(tmp_path, {"article.txt": raw}, more=f'[read]\nunit = "{unit}"\n')
    imprint.build(tmp_path, workers=1)
    found = rows(tmp_path)
    text = "\n".join(row["text"] for row in found)
    assert text == raw.replace("CTSO", "CSTO").replace("\nSumber: Alhurra.", "")
    assert text.count("CSTO") == 5
    assert len(found) == (1 if unit == "document" else 11)
    assert {row["source"] for row in found} == {"Alhurra"}
    assert [len(row["corrections"]) for row in found] == [1] + [0] * (len(found) - 1)


@pytest.mark.skipif(not SHARED.exists(), reason="the corpora are not here")
def test_folder_of_mixed_files(tmp_path: Path) -> None:
    """Files that are read in three ways are all read, with a rule for each, no character lost."""
    (tmp_path / "raw").mkdir()
    news = SHARED / "corpora" / "news_id"
    for path in (
        SHARED / "seed" / "article.txt",
        news / "ud_gsd_dev.txt",
        news / "hoax250_first110.csv",
    ):
        shutil.copy(path, tmp_path / "raw")
    given = ("--yes", "--name", "mixed", "--license", "cc-by-sa-4.0", "--language", "id")
    assert command("init", tmp_path, *given).returncode == 0
    declared = tmp_path / "schema" / "dataset.toml"
    assert 'delimiter = ";"' in declared.read_text()
    assert 'encoding = "cp1252"' in declared.read_text()
    with declared.open("a") as file:
        file.write('\n[[read.rule]]\nfiles = "ud_gsd_dev.txt"\nunit = "paragraph"\n')
    records = imprint.build(tmp_path).manifest.records
    assert records.read == 668 == records.published + records.rejected + records.duplicate
    letters = Counter(
        "".join(row["text"] for row in rows(tmp_path) if row["raw_file"] == "ud_gsd_dev.txt")
    )
    wanted = Counter((news / "ud_gsd_dev.txt").read_text("utf-8"))
    for lost in [line for line in ledger(tmp_path) if line["raw_file"] == "ud_gsd_dev.txt"]:
        assert lost["reason"] == "duplicate"
    if not ledger(tmp_path):
        assert {c: n for c, n in (wanted - letters).items() if not c.isspace()} == {}


def folder(root: Path, files: dict[str, bytes | str], order: list[str]) -> Path:
    """Make a project whose raw files were created in this order."""
    return make(root, {name: files[name] for name in order})


def test_same_bytes_whatever_the_circumstances(tmp_path: Path) -> None:
    """Workers, hash seed, locale, folder and the order of the listing leave no trace."""
    files: dict[str, Any] = {
        f"{n % 7}/{name}": text for n, (name, text) in enumerate(sentences(60).items())
    }
    big = "".join(
        json.dumps({"text": f"{text} Baris {n}."}) + "\n"
        for n in range(40_000)
        for text in ["Berita"]
    )
    files["big.jsonl"] = big * 3
    names = sorted(files)
    one = folder(tmp_path / "one", files, names)
    two = folder(tmp_path / "deep" / "two", files, names[::-1])
    first = command("build", one, "--workers", "1", PYTHONHASHSEED="0", LC_ALL="C")
    second = command("build", two, "--workers", "2", PYTHONHASHSEED="1", LC_ALL="C.UTF-8")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert same_bytes(one / "build" / "dataset", two / "build" / "dataset")
    assert (one / "build" / "rejected.jsonl").read_bytes() == (
        two / "build" / "rejected.jsonl"
    ).read_bytes()


def test_cached_build_equals_fresh_build(tmp_path: Path) -> None:
    """After a change, a rebuild from the cache has the bytes of a build that trusts none."""
    imprint.build(make(tmp_path, sentences(30)), workers=1)
    (tmp_path / "raw" / "0003.txt").write_text("Teks yang lain sama sekali, ditulis pada hari itu.")
    imprint.build(tmp_path, workers=1)
    shutil.copytree(tmp_path / "build" / "dataset", tmp_path / "cached")
    imprint.build(tmp_path, workers=1, fresh=True)
    assert same_bytes(tmp_path / "cached", tmp_path / "build" / "dataset")


def test_damaged_cache_is_noticed(tmp_path: Path) -> None:
    """A part that was damaged in the cache is made anew."""
    imprint.build(make(tmp_path, sentences(5)), workers=1)
    declared = tmp_path / "schema" / "dataset.toml"
    declared.write_text(f'title = "Another"\n{declared.read_text()}')
    parts = list((tmp_path / "build" / "cache" / "parts").glob("*.arrow"))
    assert parts
    for part in parts:
        content = part.read_bytes()
        part.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))
    imprint.build(tmp_path, workers=1)
    shutil.copytree(tmp_path / "build" / "dataset", tmp_path / "before")
    imprint.build(tmp_path, workers=1, fresh=True)
    assert same_bytes(tmp_path / "before", tmp_path / "build" / "dataset")


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "satu kalimat tentang CTSO",
                "",
                " ",
                "\u200b",
                "Sumber: Alhurra.",
                "{",
                "\x00",
                "teks",
            ]
        ),
        st.text(max_size=12),
    ),
    max_size=8,
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(LINES, LINES, st.sampled_from(["document", "paragraph"]), st.booleans())
def test_counts_add_up(
    tmp_path: Path, plain: list[str], lines: list[str], unit: str, exact: bool
) -> None:
    """Whatever the raw files hold, every record is published, rejected or a duplicate."""
    root = tmp_path / str(random.getrandbits(60))
    jsonl = "\n".join(json.dumps({"text": line}) if n % 3 else line for n, line in enumerate(lines))
    more = f'[read]\nunit = "{unit}"\n[dedup]\nexact = {str(exact).lower()}\n'
    files: dict[str, Any] = {"a.txt": "\n".join(plain), "b.jsonl": jsonl, "c.txt": "selalu ada"}
    built = imprint.build(make(root, files, more=more), workers=1)
    records, lost = built.manifest.records, ledger(root)
    assert records.read == records.published + records.rejected + records.duplicate
    assert (
        records.published
        == len(rows(root))
        == sum(s.records for s in built.manifest.splits.values())
    )
    assert (
        len([line for line in lost if line["raw_index"] is not None])
        == records.rejected + records.duplicate
    )
    assert (
        len([line for line in lost if line["raw_index"] is None]) == built.manifest.files_rejected
    )
    places = [(row["raw_file"], row["raw_index"]) for row in (*rows(root), *lost)]
    assert len(places) == len(set(places))
    ids = [row["id"] for row in rows(root)]
    assert len(ids) == len(set(ids))
    if not exact:
        assert records.duplicate == 0


def test_copies_are_numbered_and_stay_together(tmp_path: Path) -> None:
    """Without deduplication, copies share a split and have ids of their own, in path order."""
    same = "Teks yang sama persis di dua berkas."
    files: dict[str, Any] = sentences(40) | {
        "x/1.txt": same,
        "x/2.txt": same,
        "x/3.txt": same + "\n",
    }
    imprint.build(make(tmp_path, files, more="[dedup]\nexact = false\n"), workers=1)
    found = [row for row in rows(tmp_path) if row["raw_file"].startswith("x/")]
    assert len({row["split"] for row in found}) == 1
    assert found[1]["id"] == found[0]["id"] + "-2"


def test_declared_id_is_kept(tmp_path: Path) -> None:
    """`read.id` names the record, also through an erratum; a paragraph adds its number."""
    lines = "".join(
        json.dumps({"nr": f"n{n}", "text": f"satu CTSO {n}\ndua {n}"}) + "\n" for n in range(3)
    )
    make(tmp_path, {"a.jsonl": lines}, more='[read]\nid = "nr"\nunit = "paragraph"\n')
    imprint.build(tmp_path, workers=1)
    assert [row["id"] for row in rows(tmp_path)] == ["n0#1", "n0#2", "n1#1", "n1#2", "n2#1", "n2#2"]


def test_bad_line_is_one_rejected_record(tmp_path: Path) -> None:
    """A line that does not parse is in the ledger with its true line number; the rest is read."""
    make(
        tmp_path,
        {"a.jsonl": '{"text": "satu"}\n\n{"text": \n{"text": "tiga"}\n{"teks": "empat"}\n'},
    )
    imprint.build(tmp_path, workers=1)
    assert [row["text"] for row in rows(tmp_path)] == ["satu", "tiga"]
    lost = ledger(tmp_path)
    assert [(line["reason"], line["raw_index"]) for line in lost] == [("parse", 1), ("text", 3)]
    assert lost[0]["detail"].startswith("line 3: ")
    assert lost[1]["detail"].startswith("line 5: ")


def test_file_without_records_is_one_line(tmp_path: Path) -> None:
    """An empty file, one of no known format and one of no certain encoding are each one line."""
    files: dict[str, Any] = {
        "a.txt": "",
        "b.xyz": "?",
        "c.txt": b"\xa7\xb1\xfe\xff\x81 \x8d",
        "d.txt": "teks",
    }
    built = imprint.build(make(tmp_path, files), workers=1)
    lost = {line["raw_file"]: line["reason"] for line in ledger(tmp_path)}
    assert lost == {"a.txt": "empty", "b.xyz": "format", "c.txt": "encoding"}
    assert built.manifest.files_rejected == 3
    assert built.manifest.records.read == 1


def test_released_records_keep_their_split(tmp_path: Path) -> None:
    """A later version leaves every released record where it was, whatever came between."""
    imprint.build(make(tmp_path, sentences(40)), workers=1)
    imprint.wheel(tmp_path)
    before = {row["id"]: row["split"] for row in rows(tmp_path)}
    make(tmp_path, sentences(60, start=40))
    declared = tmp_path / "schema" / "dataset.toml"
    declared.write_text(declared.read_text().replace("1.0.0", "1.1.0"))
    imprint.build(tmp_path, workers=1)
    after = {row["id"]: row["split"] for row in rows(tmp_path)}
    assert {key: after[key] for key in before} == before
    assert Counter(after.values()) == {"train": 80, "validation": 10, "test": 10}
    assert imprint.check(tmp_path).problems == ()


def test_rebuild_after_a_release_gives_the_same_bytes(tmp_path: Path) -> None:
    """What was released is rebuilt byte for byte, its record at hand or not."""
    imprint.build(make(tmp_path, sentences(12)), workers=1)
    imprint.wheel(tmp_path)
    shutil.copytree(tmp_path / "build" / "dataset", tmp_path / "before")
    imprint.build(tmp_path, workers=1, fresh=True)
    assert same_bytes(tmp_path / "before", tmp_path / "build" / "dataset")


def test_check_holds_the_version_to_what_changed(tmp_path: Path) -> None:
    """A corrected typo after a release asks for a MAJOR version, and check says so."""
    imprint.build(make(tmp_path, sentences(12)), workers=1)
    imprint.wheel(tmp_path)
    (tmp_path / "schema" / "errata.toml").write_text(CTSO.replace('"CSTO"', '"XSTO"'))
    declared = tmp_path / "schema" / "dataset.toml"
    for version, found in (("1.0.0", "other rows"), ("1.1.0", "wanted 2.0.0"), ("2.0.0", "")):
        declared.write_text(
            declared.read_text().replace("1.0.0", version).replace("1.1.0", version)
        )
        problems = imprint.check(tmp_path).problems
        assert (found in problems[0]) if found else problems == ()


def test_check_leaves_nothing_but_the_cache(tmp_path: Path) -> None:
    """`check` fills the cache and writes nothing else."""
    imprint.check(make(tmp_path, sentences(3)))
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == [".lock", "cache"]


def test_warnings_name_what_a_curator_should_know(tmp_path: Path) -> None:
    """An erratum that matched nothing, an empty split and an empty date are said."""
    make(tmp_path, {"a.txt": "Satu teks pendek dalam bahasa Indonesia."})
    declared = tmp_path / "schema" / "dataset.toml"
    declared.write_text(declared.read_text().replace("2026-11-24", ""))
    said = "\n".join(imprint.build(tmp_path, workers=1).warnings)
    assert 'erratum "CTSO" matched nothing' in said
    assert 'split "test" got no record' in said
    assert "date is empty" in said


def test_nothing_to_publish_is_refused(tmp_path: Path) -> None:
    """A project of which no record can be published is refused, the old dataset kept."""
    imprint.build(make(tmp_path, {"a.txt": "teks"}), workers=1)
    (tmp_path / "raw" / "a.txt").write_text("")
    with pytest.raises(ImprintError, match="none can be published"):
        imprint.build(tmp_path, workers=1)
    assert [row["text"] for row in rows(tmp_path)] == ["teks"]


def test_second_build_at_once_stops(tmp_path: Path) -> None:
    """Two builds of one project at once: the second says so and stops."""
    from imprint.press import locked

    with locked(imprint.Project.open(make(tmp_path, sentences(2)))):
        second = command("build", tmp_path)
    assert second.returncode == 2
    assert "another command of imprint is at work" in second.stderr


READER = """
import os, pathlib, sys
folder, looks = pathlib.Path(sys.argv[1]), 0
while not (folder.parent.parent / "stop").exists():
    handle = os.open(folder, os.O_RDONLY)
    names = set(os.listdir(handle))
    os.close(handle)
    # A reader that holds the old folder may see it go; who opens by path finds a whole one.
    (folder / "imprint.json").read_bytes()
    (folder / "data" / "train-1.parquet").read_bytes()
    looks += 1
print(looks)
"""


def test_reader_never_misses_the_dataset(tmp_path: Path) -> None:
    """Who opens the dataset in a loop while it is rebuilt finds a whole one every time."""
    imprint.build(make(tmp_path, sentences(3)), workers=1)
    place = tmp_path / "build" / "dataset"
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, place],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for turn in range(50):
        (tmp_path / "raw" / "0000.txt").write_text(f"Teks nomor {turn} yang berubah setiap kali.")
        imprint.build(tmp_path, workers=1)
    (tmp_path / "stop").touch()
    out, err = reader.communicate(timeout=60)
    assert reader.returncode == 0, err
    assert int(out) > 100


def test_killed_builds_leave_the_old_or_the_new(tmp_path: Path) -> None:
    """A build that is killed at a random moment leaves a whole dataset, and a rerun finishes."""
    imprint.build(make(tmp_path, sentences(200)), workers=1)
    draw = random.Random(0)
    # Forked where all is imported, so that a kill strikes the build and not the start of Python.
    context: Any = engine._context()
    whole, killed = 0.0, 0
    for turn in range(51):
        (tmp_path / "raw" / "0000.txt").write_text(f"Teks nomor {turn} yang berubah setiap kali.")
        process = context.Process(target=imprint.build, args=(tmp_path,), kwargs={"workers": 1})
        process.start()
        begun = time.monotonic()
        if turn:
            process.join(draw.uniform(0, whole))
            process.kill()
        process.join()
        whole = whole or time.monotonic() - begun
        killed += process.exitcode == -signal.SIGKILL
        imprint.load(str(tmp_path / "build" / "dataset"), streaming=True)
    assert killed > 10
    imprint.build(tmp_path, workers=1)
    shutil.copytree(tmp_path / "build" / "dataset", tmp_path / "after")
    imprint.build(tmp_path, workers=1, fresh=True)
    assert same_bytes(tmp_path / "after", tmp_path / "build" / "dataset")
    left = {path.name for path in (tmp_path / "build").iterdir()}
    assert left == {".lock", "cache", "dataset", "raw.parquet", "rejected.jsonl", "release.parquet"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_unreadable_raw_file_is_refused(tmp_path: Path) -> None:
    """A raw file that cannot be read stops the build and is named."""
    make(tmp_path, sentences(2))
    (tmp_path / "raw" / "0001.txt").chmod(0)
    with pytest.raises(ImprintError, match=r"raw/0001\.txt"):
        imprint.build(tmp_path)


def test_what_a_correction_brings_is_cleaned(tmp_path: Path) -> None:
    """A correction with a defect of its own leaves a clean text, and is recorded as declared."""
    errata = '[[erratum]]\nwrong = "CTSO"\nright = "CSTO\u00a0 (ODKB)"\nwhy = "spelt out"\n'
    root = make(tmp_path / "p", {"a.txt": "Pasukan CTSO pulang."}, errata=errata)
    imprint.build(root, workers=1)
    (row,) = rows(root)
    assert row["text"] == "Pasukan CSTO (ODKB) pulang."
    assert [each["right"] for each in row["corrections"]] == ["CSTO\u00a0 (ODKB)"]


def test_the_encoding_of_a_raw_file(tmp_path: Path) -> None:
    """The column `encoding` has what a file was in that was not UTF-8, in any format."""
    words = "Pasukan itu telah berangkat dari kota “lama” kemarin sore, kata juru bicara mereka."
    raw: dict[str, str | bytes] = {
        "a.txt": f"Pertama. {words}",
        "b.txt": f"Kedua hal lain. {words} Ça va à l’école déjà.".encode("cp1252"),
        "c.csv": f"text\nKetiga. {words} Selesai – é\n".encode("cp1252"),
    }
    root = make(tmp_path, raw, more='[read]\nencoding = "auto"\n[dedup]\nnear = 0\n')
    more = '[[read.rule]]\nfiles = "[bc].*"\nencoding = "cp1252"\n'
    declared = root / "schema" / "dataset.toml"
    declared.write_text(declared.read_text() + more)
    record = root / "schema" / "record.json"
    column = '"properties": {\n    "encoding": {"type": ["string", "null"]},'
    record.write_text(record.read_text().replace('"properties": {', column, 1))
    imprint.build(root)
    assert [row["encoding"] for row in rows(root)] == [None, "cp1252", "cp1252"]
