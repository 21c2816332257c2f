"""What is taken down is not published, is known again, and is told of online."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imprint
from imprint.errors import ProjectError
from imprint.fingerprint import MOST, Fingerprint
from tests import projects
from tests.hub.bench import TOKEN
from tests.hub.client import Client
from tests.hub.server import HubServer
from tests.hub.store import Account
from tests.projects import ledger, make, rows

if TYPE_CHECKING:
    from pathlib import Path

WORDS = tuple(f"kata{n}" for n in range(3000))


def text(seed: int, end: str = "CSTO.") -> str:
    """Return a text of 120 words that is like no other."""
    draw = random.Random(seed)
    return " ".join(draw.choices(WORDS, k=120)) + f" {end}\nSumber: Alhurra.\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 20 texts, one of them a second time, and one more nearly; built."""
    raw: dict[str, str | bytes] = {f"{n:02}.txt": text(n) for n in range(20)}
    raw |= {"copy.txt": text(3) + "\n", "near.txt": text(3, "CSTO akhir."), "two.txt": "Dua kata."}
    raw["antara.txt"] = text(50).replace("Alhurra", "Antara")
    root = make(tmp_path_factory.mktemp("built") / "p", raw)
    imprint.build(root, workers=1)
    return root


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(built, tmp_path / "p")


def kept(root: Path, raw_file: str) -> dict[str, str]:
    """Return the row of a raw file."""
    return next(row for row in rows(root) if row["raw_file"] == raw_file)


def take_down(root: Path, *entries: str) -> Path:
    """Write schema/removals.toml; return its path."""
    path = root / "schema" / "removals.toml"
    path.write_text("# takedowns\n\n" + "\n".join(f"[[removal]]\n{each}\n" for each in entries))
    return path


def gone(root: Path) -> dict[str, str]:
    """Return the reason of each record in the ledger, by its raw file."""
    return {line["raw_file"]: line["reason"] for line in ledger(root)}


def test_named_record_goes_with_all_that_is_like_it(project: Path) -> None:
    """A removal by id takes the copy and the near-duplicate of the text too, and counts add up."""
    name = kept(project, "near.txt")["id"]  # the longest of the three is the one that was kept
    path = take_down(project, f'id = "{name}"  # by mail\nwhy = "asked"')
    first = imprint.build(project, workers=1)
    assert gone(project) == dict.fromkeys(["03.txt", "copy.txt", "near.txt"], "removed")
    records = first.manifest.records
    assert (records.read, records.published, records.rejected) == (24, 21, 3)
    lines = {line["raw_file"]: line for line in ledger(project)}
    assert lines["near.txt"]["detail"].endswith("removal 1 of schema/removals.toml (asked)")
    assert lines["copy.txt"]["similarity"] > 0.9
    assert "kata" not in (project / "build" / "rejected.jsonl").read_text()
    written = path.read_text()
    assert written.startswith(
        f'# takedowns\n\n[[removal]]\nid = "{name}"  # by mail\nwhy = "asked"'
    )
    again = imprint.build(project, workers=2, fresh=True)
    assert (again.manifest, path.read_text()) == (first.manifest, written)
    assert imprint.verify(project).differences == ()


@pytest.mark.parametrize("what", ["source", "files", "raw", "published", "second"])
def test_every_way_to_name_a_text(project: Path, what: str) -> None:
    """A publisher, a glob, either digest of a text, and the id of a second copy name records."""
    import hashlib

    row = kept(project, "antara.txt")
    given = {
        "source": 'source = "Antara"',
        "files": 'files = "ant*.txt"',
        "raw": f'sha256 = "{row["raw_sha256"]}"',
        "published": f'sha256 = "{hashlib.sha256(row["text"].encode()).hexdigest()}"',
        "second": f'id = "{row["id"]}-2"',
    }[what]
    take_down(project, f'{given}\nwhy = "asked"')
    imprint.build(project, workers=1)
    assert gone(project)["antara.txt"] == "removed"
    assert len(rows(project)) == 21


def test_text_is_known_again_without_its_raw_file(project: Path) -> None:
    """Once the raw file is gone, what is like it is held back, until a person allows it."""
    texts = [kept(project, name)["id"] for name in ("near.txt", "two.txt")]
    path = take_down(project, *(f'id = "{each}"\nwhy = "asked"' for each in texts))
    imprint.build(project, workers=1)
    for name in ("03.txt", "copy.txt", "near.txt", "two.txt"):
        (project / "raw" / name).unlink()
    (project / "raw" / "back.txt").write_text(text(3, "CSTO kembali lagi."))
    (project / "raw" / "short.txt").write_text("Dua  kata.")
    (project / "raw" / "other.txt").write_text(text(77))
    imprint.build(project, workers=1)
    assert gone(project) == {"back.txt": "held-back", "short.txt": "held-back"}
    assert imprint.check(project).problems == ()
    name = next(line["id"] for line in ledger(project) if line["raw_file"] == "back.txt")
    path.write_text(path.read_text().replace('why = "asked"', f'why = "x"\nallow = ["{name}"]', 1))
    imprint.build(project, workers=1)
    assert gone(project) == {"short.txt": "held-back"}


def test_it_holds_where_no_near_duplicates_are_looked_for(project: Path) -> None:
    """With dedup.near and splits.similar off, what is like a removed text goes all the same."""
    declared = project / "schema" / "dataset.toml"
    declared.write_text(declared.read_text() + "\n[dedup]\nnear = 0\n[splits]\nsimilar = 0\n")
    take_down(project, 'files = "03.txt"\nwhy = "asked"')
    imprint.build(project, workers=1)
    assert {"03.txt", "copy.txt", "near.txt"} == gone(project).keys()


def test_unknown_removal_stops_the_check(project: Path) -> None:
    """What names nothing would let the text through: check fails, build warns."""
    take_down(project, 'id = "nix"\nwhy = "asked"')
    (problem,) = imprint.check(project).problems
    assert problem.startswith("schema/removals.toml, removal 1: nix is nowhere in raw/")
    assert any("nix" in each for each in imprint.build(project, workers=1).warnings)
    assert projects.imprint("check", project).returncode == 1


def test_sample_and_check_write_nothing(project: Path) -> None:
    """Only a whole build writes fingerprints."""
    path = take_down(project, 'files = "03.txt"\nwhy = "asked"')
    before = path.read_text()
    imprint.check(project)
    imprint.build(project, workers=1, sample=5)
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('why = "x"', "none of id, source, files, sha256"),
        ('id = "a"\nsource = "b"\nwhy = "x"', "id and source"),
        ('sha256 = "ab"\nwhy = "x"', "64 hex digits"),
        ('id = "a"\nwhy = "x"\nfingerprints = ["a:AAAA"]', "what build wrote"),
        ('id = "a"\nwhy = "x"\n\n[[removal]]\nid = "a"\nwhy = "y"', "for the second time"),
        ('id = "a"', "why"),
        ('id = "a"\nwhy = "x"\ndate = "2026-13-01"', "YYYY-MM-DD"),
    ],
)
def test_faults_of_removals(project: Path, entry: str, told: str) -> None:
    """An entry that names nothing, or two things, and damaged fingerprints are refused by line."""
    take_down(project, entry)
    with pytest.raises(ProjectError, match=told) as raised:
        imprint.Project.open(project)
    assert all(line.startswith("schema/removals.toml:") for line in raised.value.lines())


@given(
    st.text(),
    st.integers(0, 2**32 - 1),
    st.binary(min_size=8, max_size=8),
    st.sets(st.integers(0, 2**40 - 1), max_size=MOST),
)
def test_fingerprint_is_read_as_written(
    name: str, words: int, digest: bytes, hashes: set[int]
) -> None:
    """What is written is read back, whatever the id is, and takes 256 bytes at most."""
    one = Fingerprint(name, words, digest, tuple(sorted(hashes)))
    assert Fingerprint.parse(str(one)) == one
    assert len(str(one)) - len(name) - 1 <= 256 * 4 / 3 + 4


def test_push_names_what_is_still_online(project: Path, tmp_path: Path) -> None:
    """A push after a takedown tells the revision and tag that hold it, and commands that run."""
    with HubServer() as hub:
        hub.accounts[TOKEN] = Account("ada", organizations=("org",))
        take_down(project, 'files = "02.txt"\nwhy = "never released"')
        imprint.build(project, workers=1)
        client = Client(hub.endpoint, tmp_path, TOKEN)
        dry = client.imprint("push", str(project), "org/p", "--dry-run")
        assert dry.returncode == 0, dry.stderr
        first = client.imprint("push", str(project), "org/p", "--tag", "v1", "--json")
        assert first.returncode == 0, first.stderr
        assert json.loads(first.stdout)["still_online"] == []
        entry = '\n[[removal]]\nfiles = "antara.txt"\nwhy = "asked"\n'
        path = project / "schema" / "removals.toml"
        path.write_text(path.read_text() + entry)
        declared = project / "schema" / "dataset.toml"
        declared.write_text(declared.read_text().replace("1.0.0", "2.0.0"))
        imprint.build(project, workers=1)
        told = client.imprint("push", str(project), "org/p")
        assert told.returncode == 0, told.stderr
        revision = json.loads(first.stdout)["revision"]
        assert f"1.0.0  {revision}  1 record  v1" in told.stdout
        assert "HfApi().super_squash_history('org/p', repo_type='dataset')" in told.stdout
        assert "hf repos tag delete org/p v1 --type dataset" in told.stdout
        again = client.imprint("push", str(project), "org/p", "--json")
        assert [each["version"] for each in json.loads(again.stdout)["still_online"]] == ["1.0.0"]
