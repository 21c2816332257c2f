"""What a dataset's licence can carry is held to what Creative Commons says of its licences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import imprint
from imprint.licences import by_license, carries, terms
from imprint.rules import licenses
from imprint.settings import Publisher
from tests.projects import imprint as run
from tests.projects import make, rows, sentences

if TYPE_CHECKING:
    from pathlib import Path

ADAPTERS = {
    "cc0-1.0": ("cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
    "cc-by-4.0": ("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
    "cc-by-sa-4.0": ("cc-by-sa-4.0",),
    "cc-by-nc-4.0": ("cc-by-nc-4.0", "cc-by-nc-sa-4.0"),
    "cc-by-nc-sa-4.0": ("cc-by-nc-sa-4.0",),
    "cc-by-nd-4.0": (),
    "cc-by-nc-nd-4.0": (),
}
"""Licence of what is adapted -> licences that the adaptation may have. Source: the chart "Adapter's
License" in Creative Commons' FAQ, of the licences without ND; CC0 1.0, section 2."""


@pytest.mark.parametrize("publisher", ADAPTERS)
def test_the_chart(publisher: str) -> None:
    """Of Creative Commons' licences every pair is as their chart has it."""
    allowed = {each for each in ADAPTERS if carries(each, publisher)}
    assert allowed == set(ADAPTERS[publisher]) | ({"cc-by-nd-4.0", "cc-by-nc-nd-4.0"} & allowed)
    refused = {each for each in ADAPTERS if carries(each, publisher) is False}
    assert not refused & allowed


def test_versions() -> None:
    """Share-alike goes to the same version or a later one, and to no earlier one."""
    assert carries("cc-by-sa-4.0", "cc-by-sa-3.0") is True
    assert carries("cc-by-sa-3.0", "cc-by-sa-4.0") is False


@pytest.mark.parametrize("licence", ["other", "unknown", "cc", "odc-by", "gpl-3.0"])
def test_who_knows(licence: str) -> None:
    """Where the identifiers do not tell, nothing is said for or against."""
    assert carries("cc-by-4.0", licence) is None
    assert carries("other", "cc-by-4.0") is None
    assert carries("cc-by-4.0", "cc-by-nd-4.0") is False


def test_every_licence_has_an_answer() -> None:
    """None of the Hub's identifiers is taken for another, and each but ND carries itself."""
    for licence in licenses():
        found = terms(licence)
        assert (found is not None) == (licence.startswith("cc-by-"))
        own = carries(licence, licence)
        assert own in ((False,) if found and found.noderivatives else (True, None))


def test_by_license() -> None:
    """Records are counted by the licence of their publisher, once one has a licence."""
    publishers = [Publisher(name="A", license="cc-by-4.0"), Publisher(name="B")]
    assert by_license(publishers, {"A": 3, "B": 4, "": 1}) == {"": 5, "cc-by-4.0": 3}
    assert by_license([Publisher(name="B")], {"B": 4}) == {}


def licensed(root: Path, licence: str) -> Path:
    """Make a project whose only publisher has a licence, with the column of it."""
    made = make(root, sentences(4))
    text = f'[[source]]\nname = "Alhurra"\nlicense = "{licence}"\n'
    (made / "schema" / "sources.toml").write_text(text)
    record = made / "schema" / "record.json"
    column = '"properties": {\n    "source_license": {"type": ["string", "null"]},'
    record.write_text(record.read_text().replace('"properties": {', column, 1))
    return made


def test_a_dataset_that_cannot_carry_it(tmp_path: Path) -> None:
    """Check finds it, build warns, and wheel refuses; card and column say what it is."""
    root = licensed(tmp_path, "cc-by-nc-4.0")
    line = 'schema/sources.toml, source "Alhurra": license = "cc-by-nc-4.0", '
    assert any(each.startswith(line) for each in imprint.check(root).problems)
    done = run("check", str(root))
    assert done.returncode == 1
    assert "wanted a licence that cc-by-4.0 can carry" in done.stderr
    assert any(each.startswith(line) for each in imprint.build(root).warnings)
    with pytest.raises(imprint.RefusedError, match=r"a licence that cc-by-4\.0 can carry"):
        imprint.wheel(root)
    assert {row["source_license"] for row in rows(root)} == {"cc-by-nc-4.0"}
    card = (root / "build" / "dataset" / "README.md").read_text("utf-8")
    assert f"| cc\\-by\\-nc\\-4\\.0 | {len(rows(root))} |" in card


def test_one_of_which_nothing_can_be_said(tmp_path: Path) -> None:
    """It is a warning, and no obstacle."""
    root = licensed(tmp_path, "other")
    checked = imprint.check(root)
    assert checked.problems == ()
    assert any("cannot be told from the identifiers" in each for each in checked.warnings)
    imprint.build(root)
    imprint.wheel(root)


def test_one_that_it_carries(tmp_path: Path) -> None:
    """Nothing is said of it."""
    checked = imprint.check(licensed(tmp_path, "cc0-1.0"))
    assert checked.problems == ()
    assert not any("licen" in each for each in checked.warnings)
