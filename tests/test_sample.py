"""What a sample promises: N documents, the same ones every time, and no mistake about it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imprint
from imprint import engine, partitions
from imprint.errors import ImprintError, RefusedError, UsageError
from tests.projects import imprint as command
from tests.projects import ledger, make, rows, sentences

if TYPE_CHECKING:
    from pathlib import Path


def mixed() -> dict[str, Any]:
    """Return raw files of many kinds: with bad lines, blank ones, copies, and none at all."""
    lines = "".join(
        json.dumps({"text": f"Berita nomor {n} dari kota itu."}) + "\n" for n in range(20)
    )
    files: dict[str, Any] = sentences(12)
    return files | {
        "a.jsonl": lines + "{\n" + json.dumps({"text": ""}) + "\n" + '{"teks": 1}\n',
        "b.jsonl": lines,
        "c.txt": "",
        "d.xyz": "?",
        "e.jsonl": json.dumps({"text": "Sumber: Alhurra."}) + "\n",
        "f.jsonl": "\n",
    }


def bytes_of(root: Path) -> dict[str, bytes]:
    """Return all that a build leaves but its cache."""
    build = root / "build"
    found = [*(build / "dataset").rglob("*.*"), build / "rejected.jsonl", build / "raw.parquet"]
    return {path.relative_to(build).as_posix(): path.read_bytes() for path in found}


def each_in_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every raw file a partition, and worth sharing."""
    monkeypatch.setattr(engine, "SMALL", 0)
    monkeypatch.setattr(partitions, "PARTITION_MOST", 1)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(1, 45), unit=st.sampled_from(["document", "paragraph"]))
def test_counts_add_up(tmp_path_factory: Any, number: int, unit: str) -> None:
    """N documents are read, published, rejected or repeated; of the others there is no word."""
    root = make(tmp_path_factory.mktemp("p"), mixed(), more=f'[read]\nunit = "{unit}"\n')
    try:
        built = imprint.build(root, workers=1, sample=number)
    except ImprintError as error:
        assert "none can be published" in str(error)  # noqa: PT017 - a sample may be of bad ones
        return
    whole = make(tmp_path_factory.mktemp("q"), mixed(), more=f'[read]\nunit = "{unit}"\n')
    imprint.build(whole, workers=1)
    records, lost = built.manifest.records, ledger(root)
    assert records.read == records.published + records.rejected + records.duplicate
    assert records.read == sum(each.records for each in built.files)
    placed = [line for line in lost if line["raw_index"] is not None]
    assert len(placed) == records.rejected + records.duplicate
    documents = {row["raw_sha256"] for row in rows(root)}
    assert len(documents) <= number * (2 if unit == "paragraph" else 1)
    texts = {row["id"]: row["text"] for row in rows(whole)}
    assert all(texts.get(row["id"]) == row["text"] for row in rows(root))
    assert built.manifest.sample == number


def test_n_documents_are_chosen(tmp_path: Path) -> None:
    """Exactly N documents are read; a larger sample holds the smaller one."""
    make(tmp_path, sentences(60))
    before: set[str] = set()
    for number in (1, 7, 30, 60, 99):
        built = imprint.build(tmp_path, workers=1, sample=number)
        assert built.manifest.records.read == min(number, 60)
        now = {row["id"] for row in rows(tmp_path)}
        assert before < now or number == 99
        before = now


def test_sample_of_all_is_the_whole(tmp_path: Path) -> None:
    """A sample of at least as many documents as there are has the rows of a whole build."""
    make(tmp_path, mixed())
    whole = imprint.build(tmp_path, workers=1).manifest
    sample = imprint.build(tmp_path, workers=1, sample=1000).manifest
    assert (sample.digest, sample.records) == (whole.digest, whole.records)
    assert (sample.sample, whole.sample) == (1000, None)
    assert b'"sample"' not in whole.to_json()


def test_sample_is_drawn_apart_from_the_splits(tmp_path: Path) -> None:
    """The documents of a sample are no more of one split than those of the whole build."""
    make(tmp_path, sentences(400))
    imprint.build(tmp_path, workers=1)
    whole = {row["id"]: row["split"] for row in rows(tmp_path)}
    imprint.build(tmp_path, workers=1, sample=100)
    chosen = [whole[row["id"]] for row in rows(tmp_path)]
    assert 70 <= chosen.count("train") <= 90


def test_documents_stay_whole(tmp_path: Path) -> None:
    """A document is chosen with all its paragraphs and all its copies, wherever they stand."""
    files: dict[str, Any] = {f"{n}.txt": f"satu {n}\ndua {n}\ntiga {n}\n" for n in range(8)}
    files |= {f"copy/{name}": text for name, text in files.items()}
    more = '[read]\nunit = "paragraph"\n[dedup]\nexact = false\n'
    make(tmp_path, files, more=more)
    imprint.build(tmp_path, workers=1, sample=3)
    found = rows(tmp_path)
    assert len(found) == 3 * 3 * 2
    names = {row["raw_file"] for row in found}
    assert names == {each for name in names for each in (name, name.removeprefix("copy/"))}


def test_no_trace_of_workers_and_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker or two, after a whole build or before: a sample has the same bytes."""
    each_in_its_part(monkeypatch)
    for unit in ("document", "paragraph"):
        root = make(tmp_path / unit, mixed(), more=f'[read]\nunit = "{unit}"\n')
        imprint.build(root, workers=2, sample=11)
        first = bytes_of(root)
        shutil.rmtree(root / "build")
        imprint.build(root, workers=1)
        monkeypatch.setattr("imprint.sample.prepare", None)  # all of it is taken from the cache
        imprint.build(root, workers=1, sample=11)
        monkeypatch.undo()
        each_in_its_part(monkeypatch)
        assert bytes_of(root) == first
        imprint.build(root, workers=1, sample=11, fresh=True)
        assert bytes_of(root) == first


def test_whole_build_after_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample leaves the cache of the whole build as it was, and puts nothing into it."""
    each_in_its_part(monkeypatch)
    make(tmp_path, mixed())
    imprint.build(tmp_path, workers=1)
    parts = tmp_path / "build" / "cache" / "parts"
    first = bytes_of(tmp_path), {path: path.stat().st_mtime_ns for path in parts.iterdir()}
    imprint.build(tmp_path, workers=1, sample=5)
    (tmp_path / "raw" / "0000.txt").write_text("Teks yang lain sama sekali, ditulis hari itu.")
    imprint.build(tmp_path, workers=1, sample=5)
    make(tmp_path, mixed())
    imprint.build(tmp_path, workers=1)
    assert (bytes_of(tmp_path), {p: p.stat().st_mtime_ns for p in parts.iterdir()}) == first


def test_file_that_breaks_off_is_no_document(tmp_path: Path) -> None:
    """What stands in a file that is not read to its end counts for none of the N."""
    import gzip

    lines = "".join(json.dumps({"text": f"Berita nomor {n}."}) + "\n" for n in range(4000))
    whole = gzip.compress(lines.encode(), mtime=0)
    files: dict[str, Any] = sentences(10) | {"broken.jsonl.gz": whole[: len(whole) * 3 // 4]}
    built = imprint.build(make(tmp_path, files), workers=1, sample=8)
    assert built.manifest.records.read == 8
    assert built.manifest.files_rejected == 1


def test_verify_rebuilds_the_sample(tmp_path: Path) -> None:
    """`verify` of a sample rebuilds that sample, and sees what changed."""
    make(tmp_path, sentences(20))
    imprint.build(tmp_path, workers=1, sample=6)
    verified = imprint.verify(tmp_path, workers=1)
    assert (verified.differences, verified.records) == ((), 6)
    for path in (tmp_path / "raw").iterdir():
        path.write_text(path.read_text().replace("Kamis", "Senin"))
    assert imprint.verify(tmp_path, workers=1).differences


def test_sample_is_said(tmp_path: Path) -> None:
    """Summary, card and manifest say that it is a sample, and errata without use are no warning."""
    root = make(tmp_path, sentences(20), errata='[[erratum]]\nwrong = "Zzyx"\nright = "Zyx"\n')
    done = command("build", root, "--sample", "6")
    assert done.returncode == 0
    first, *_, last = done.stdout.strip().split("\n")
    assert first == (
        "small-news 1.0.0, a sample of 6 documents at most: "
        "6 records read = 6 published + 0 rejected + 0 duplicates"
    )
    assert last == f'to release: "imprint build {root}" without --sample'
    assert "matched nothing" not in done.stderr
    card = (root / "build" / "dataset" / "README.md").read_text()
    body = card.split("<!-- imprint:begin -->\n")[1].split("\n")
    assert body[2] == (
        "**This is a sample**, built from 6 documents at most, chosen by hash, to try things out. "
        "It is not for release."
    )
    manifest = json.loads((root / "build" / "dataset" / "imprint.json").read_bytes())
    assert manifest["sample"] == 6
    assert len(imprint.load(str(root / "build" / "dataset"))["train"]) == 5


def test_sample_is_not_released(tmp_path: Path) -> None:
    """`wheel` and `push` refuse a sample in one line, exit 1, and put nothing on record."""
    make(tmp_path, sentences(12))
    imprint.build(tmp_path, workers=1, sample=5)
    said = (
        "build/dataset: a sample, built from 5 documents at most, wanted a whole build. "
        'To fix: run "imprint build" without --sample.'
    )
    for name, *more in (["wheel"], ["push", "org/name"]):
        done = command(name, tmp_path, *more)
        assert (done.returncode, done.stderr) == (1, f"imprint: error: {said}\n")
    with pytest.raises(RefusedError):
        imprint.wheel(tmp_path)
    assert not (tmp_path / "schema" / "releases.toml").exists()
    assert not list((tmp_path / "build").glob("*.whl"))
    imprint.build(tmp_path, workers=1)
    imprint.wheel(tmp_path)


@pytest.mark.parametrize("number", [0, -3])
def test_sample_of_none_is_refused(tmp_path: Path, number: int) -> None:
    """A sample has one document at least."""
    make(tmp_path, sentences(2))
    with pytest.raises(UsageError) as caught:
        imprint.build(tmp_path, sample=number)
    assert str(caught.value) == (
        f"imprint build --sample: {number}, wanted 1 or more. To fix: give a number of documents."
    )
    assert command("build", tmp_path, "--sample", str(number)).returncode == 2
