"""After errata came or went, only the parts in whose texts they stand are made anew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imprint
from imprint import partitions
from imprint import parts as kept_parts
from imprint.errors import MachineError
from imprint.parts import changed_errata
from imprint.settings import Erratum
from tests.projects import make

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = {
    "a.txt": "Pasukan CTSO tiba di kota.\nSumber: Alhurra.",
    "b.txt": "Harga beras naik di pasra pusat.",
    "c.txt": "Hujan turun semalaman di desa itu.\nSumber: Alhura",
    "d.txt": "Menteri CTSO dan CSTO bertemu.",
    "e.txt": "Kereta tiba tepat waktu.",
}

POOL = (
    Erratum("CTSO", "CSTO", "transposed"),
    Erratum("pasra", "pasar", "transposed"),
    Erratum("Alhura", "Alhurra", "a letter is missing"),
    Erratum("SUMBER", "Sumber", "shouted", ignore_case=True),
    Erratum("des(a) itu", "kampung $1", "a trial", match="regex"),
    Erratum("tidak ada", "ada", "stands nowhere"),
)


def declared(errata: list[Erratum]) -> str:
    """Return schema/errata.toml."""
    return "\n".join(
        f'[[erratum]]\nwrong = "{each.wrong}"\nright = "{each.right}"\nwhy = "{each.why}"\n'
        f'match = "{each.match}"\nignore_case = {str(each.ignore_case).lower()}\n'
        for each in errata
    )


@pytest.fixture(autouse=True)
def each_in_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every raw file a partition."""
    monkeypatch.setattr(partitions, "PARTITION_MOST", 1)


def left(project: Path) -> dict[str, bytes]:
    """Return all that a build left but its cache."""
    build = project / "build"
    found = [*(build / "dataset").rglob("*.*"), build / "rejected.jsonl"]
    return {path.name: path.read_bytes() for path in found}


def parts(project: Path) -> dict[str, int]:
    """Return when each part was made, by its name."""
    found = (project / "build" / "cache" / "parts").glob("*.rejected.arrow")
    return {path.name: path.stat().st_mtime_ns for path in found}


SETS = st.lists(st.sampled_from(POOL), unique=True, max_size=4)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=SETS, after=SETS, unit=st.sampled_from(["document", "paragraph"]))
def test_bytes_are_those_of_a_fresh_build(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[Erratum],
    after: list[Erratum],
    unit: str,
) -> None:
    """Whatever errata came, went or changed places, the rebuild is the fresh build."""
    more = f'[read]\nunit = "{unit}"\n'
    root = tmp_path_factory.mktemp("parts")
    project = make(root / "p", {**TEXTS}, more=more, errata=declared(before))
    imprint.build(project, workers=1)
    (project / "schema" / "errata.toml").write_text(declared(after))
    imprint.build(project, workers=1)
    found = left(project)
    imprint.build(project, workers=1, fresh=True)
    assert left(project) == found


def test_only_touched_parts_are_made_anew(tmp_path: Path) -> None:
    """An erratum that stands in one text makes one part anew; one in an attribution line, too."""
    project = make(tmp_path / "p", {**TEXTS}, errata=declared([POOL[0]]))
    imprint.build(project, workers=1)
    before = parts(project)
    for added, redone in ((POOL[1], 1), (POOL[2], 1), (POOL[5], 0), (POOL[3], 2)):
        (project / "schema" / "errata.toml").write_text(declared([POOL[0], added]))
        imprint.build(project, workers=1)
        after = parts(project)
        assert before.keys() == after.keys()
        changed = sum(before[name] != after[name] for name in before)
        (project / "schema" / "errata.toml").write_text(declared([POOL[0]]))
        imprint.build(project, workers=1)
        before = parts(project)
        assert changed == redone, added.wrong


def damage(project: Path, word: bytes) -> Path:
    """Change a letter of a text in the cache; return the file that holds it."""
    for path in (project / "build" / "cache" / "parts").glob("*.arrow"):
        content = path.read_bytes()
        if word in content:
            path.write_bytes(content.replace(word, word.swapcase()))
            return path
    raise AssertionError(word)


def test_a_part_holds_a_text_twice_only_where_it_was_changed(tmp_path: Path) -> None:
    """What a text was before is kept of those that are others now, and takes no room else."""
    sizes = []
    for name, changed in (("same", "Pasukan CSTO"), ("other", "Pasukan CTSO")):
        text = f"{changed} tiba di kota.\n" + "Hujan turun semalaman di desa itu.\n" * 3000
        folder = tmp_path / name
        project = make(folder, {"a.txt": text}, errata=declared([POOL[0]]))
        imprint.build(project)
        parts = (folder / "build" / "cache" / "parts").glob("*.arrow")
        sizes.append(sum(part.stat().st_size for part in parts))
    assert len(text) < sizes[0] < 1.5 * len(text) < 2 * len(text) < sizes[1]


def test_a_damaged_part_is_made_anew(tmp_path: Path) -> None:
    """A part that is not what the last build left is read, and made anew where it is damaged."""
    project = make(tmp_path / "p", {**TEXTS})
    imprint.build(project, workers=1)
    path = damage(project, b"semalaman")
    (project / "raw" / "e.txt").write_text("Kereta datang terlambat.")
    imprint.build(project, workers=1)
    assert b"semalaman" in path.read_bytes()
    found = left(project)
    imprint.build(project, workers=1, fresh=True)
    assert left(project) == found


def test_parts_that_nobody_touched_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a part is, is told by its files' size, times and number as long as they stay."""
    project = make(tmp_path / "p", {**TEXTS})
    imprint.build(project, workers=1)
    read: list[str] = []
    digest = kept_parts.digest_files

    def noted(part: kept_parts.Part, folder: Path) -> str:
        read.append(part.key)
        return digest(part, folder)

    monkeypatch.setattr(kept_parts, "digest_files", noted)
    (project / "raw" / "e.txt").write_text("Kereta datang terlambat.")
    imprint.build(project, workers=1)
    assert read == []
    touched = list((project / "build" / "cache" / "parts").glob("*.rejected.arrow"))
    for path in touched:
        path.touch()
    (project / "raw" / "e.txt").write_text("Kereta tidak datang.")
    imprint.build(project, workers=1)
    assert len(read) == len(touched) - 1  # but that of the file itself


def test_a_text_that_rots_is_not_published(tmp_path: Path) -> None:
    """Damage that no time stamp tells of stops the build, in one line; the dataset stays."""
    project = make(tmp_path / "p", {**TEXTS})
    imprint.build(project, workers=1)
    path, before = damage(project, b"semalaman"), left(project)
    folder = path.parent
    memory = folder.with_name("parts.json")
    known = msgspec.json.decode(memory.read_bytes())
    status, (_, *others) = path.stat(), known[path.stem]
    now = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    memory.write_bytes(msgspec.json.encode(known | {path.stem: (now, *others)}))
    (project / "raw" / "e.txt").write_text("Kereta datang terlambat.")
    folder.with_name("shards.json").unlink()  # so that every row is written
    with pytest.raises(MachineError, match=r"not the one that was checked.*--fresh"):
        imprint.build(project, workers=1)
    assert left(project) == before
    imprint.build(project, workers=1, fresh=True)
    assert left(project) != before


def test_errata_that_change_places_matter() -> None:
    """What comes and goes is named; where others change their order, all is made anew."""
    a, b, c = POOL[:3]
    assert changed_errata([a, b], [a, b]) == ()
    assert changed_errata([a], [a, c]) == (c,)
    assert changed_errata([a, b, c], [b]) == (a, c)
    assert changed_errata([a, b], [b, c, a]) is None


def test_parts_leave_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts that take more than is free are deleted, the largest first, until they fit."""
    project = make(tmp_path / "p", {**TEXTS, "f.txt": "Kata lain. " * 3000})
    folder = project / "build" / "cache" / "parts"
    imprint.build(project, workers=1)
    whole = left(project)
    every = {path.name: path.stat().st_size for path in folder.iterdir()}
    free = sum(every.values()) - 1000
    monkeypatch.setattr(
        "imprint.parts.shutil.disk_usage", lambda _: SimpleNamespace(total=10**12, free=free)
    )
    imprint.build(project, workers=1, fresh=True)
    now = {path.name for path in folder.iterdir()}
    assert len(every) - len(now) == 5
    assert max(every, key=lambda name: every[name]) not in now
    (project / "build" / "dataset" / "imprint.json").touch()
    imprint.build(project, workers=1)
    assert left(project) == whole
