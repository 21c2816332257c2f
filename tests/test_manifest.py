"""What the manifest promises: the same facts, the same bytes, and no damage unnoticed."""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint.catalog import SHIPPED
from imprint.errors import DatasetError
from imprint.manifest import TOOLS, File, Manifest, altered, tools

if TYPE_CHECKING:
    from pathlib import Path

RELIED_ON = {
    "name",
    "version",
    "digest",
    "records",
    "files_rejected",
    "splits",
    "languages",
    "sources",
    "errata",
    "raw",
    "files",
    "tools",
    "repository",
}
"""Keys that programs rely on. Source: README, "What happens to a record"."""


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    """Return the manifest of the dataset that ships with imprint."""
    return Manifest.open(SHIPPED / "csto-news")


def test_keys_that_programs_rely_on(manifest: Manifest) -> None:
    """Every key that programs rely on is there, and the ledger's totals add up."""
    written = json.loads(manifest.to_json())
    assert written.keys() >= RELIED_ON
    records = written["records"]
    assert list(records) == ["read", "published", "rejected", "duplicate"]
    assert records["read"] == sum(list(records.values())[1:])
    assert sum(split["records"] for split in written["splits"].values()) == records["published"]


def test_written_for_people_too(manifest: Manifest) -> None:
    """One value a line, a line end at the end, and what ships is what is written today."""
    content = manifest.to_json()
    assert content.endswith(b"}\n")
    assert b'\n "version": "' in content
    assert content == (SHIPPED / "csto-news" / "imprint.json").read_bytes()


@given(
    title=st.text(),
    sources=st.dictionaries(st.text(), st.integers(0, 2**63 - 1)),
    statement=st.dictionaries(st.text(), st.text()),
)
def test_round_trip(title: str, sources: dict[str, int], statement: dict[str, str]) -> None:
    """Any text survives, the order of the counts too, and writing twice gives the same bytes."""
    facts = {"title": title, "sources": sources, "statement": statement}
    given_facts = msgspec.structs.replace(Manifest.open(SHIPPED / "csto-news"), **facts)
    again = Manifest.parse(given_facts.to_json(), "x")
    assert again == given_facts
    assert list(again.sources) == list(sources)
    assert again.to_json() == given_facts.to_json()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"null", b"\xff", b'{"name": 1}', b'{"name": "a"}', b'{"name": "a'],
    ids=repr,
)
def test_damaged_manifest_is_an_error_of_ours(content: bytes) -> None:
    """What is no manifest is said in one line that names the place, with what to do."""
    with pytest.raises(
        DatasetError, match=r"^here/imprint\.json: .*wanted a manifest.*To fix: "
    ) as e:
        Manifest.parse(content, "here/imprint.json")
    assert len(e.value.lines()) == 1


def test_folder_without_a_manifest(tmp_path: Path) -> None:
    """A folder that has none is refused, by the name of the file."""
    with pytest.raises(DatasetError, match=r"imprint\.json: no such file"):
        Manifest.open(tmp_path)


def test_a_newer_key_is_passed_over(manifest: Manifest) -> None:
    """A manifest of a later imprint that has a key more can be read."""
    later = json.loads(manifest.to_json()) | {"later": {"a": 1}}
    assert Manifest.parse(json.dumps(later).encode(), "x") == manifest


def test_altered_names_each_file(manifest: Manifest, tmp_path: Path) -> None:
    """A file that is gone and one that is not what is listed are both named, and no other."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_bytes(b"a")
    (tmp_path / "data" / "b").write_bytes(b"b")
    a = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"  # sha256sum's of "a"
    files = (File("data/a", 1, a), File("data/b", 1, a), File("data/c", 1, a))
    found = altered(tmp_path, msgspec.structs.replace(manifest, files=files))
    assert found == [f"{tmp_path}/data/b: changed", f"{tmp_path}/data/c: gone"]


def test_tools_are_those_that_run() -> None:
    """Every tool has the version that is installed, in an order that does not vary."""
    found = tools()
    assert list(found) == sorted(found)
    detectors = {"fasttext-predict", "fasttext-predict-v2"}  # one of them, by the version of Python
    assert found.keys() >= {*TOOLS, "imprint", "unicode"} - detectors
    assert len(found.keys() & detectors) == 1
    installed = found.keys() - {"imprint", "unicode"}
    assert {name: found[name] for name in installed} == {
        name: metadata.version(name) for name in installed
    }
    assert "none" not in found.values()
