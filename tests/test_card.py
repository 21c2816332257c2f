"""What the card, croissant.json and the dataset folder promise to those who load them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import imprint
from imprint.card import card, front_matter, plain
from imprint.loader import FRONT
from imprint.manifest import Manifest
from tests.projects import CTSO, make, rows, sentences

if TYPE_CHECKING:
    from pathlib import Path

EXTRA = {
    "tags": {"type": "array", "items": {"type": "string"}},
    "year": {"type": ["integer", "null"]},
    "good": {"type": ["boolean", "null"]},
}

LOAD = """
import json, sys
import datasets
assert "imprint" not in sys.modules
data = datasets.load_dataset(sys.argv[1])
print(json.dumps({name: split.to_list() for name, split in data.items()}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built project whose records have columns of their own."""
    lines = [
        {
            "text": f"Berita nomor {n} dari kota itu.",
            "tags": ["a", "b"][: n % 3],
            "year": 2000 + n,
            "good": n % 2 == 0,
        }
        for n in range(30)
    ]
    raw = "".join(json.dumps(line) + "\n" for line in lines)
    root = make(tmp_path_factory.mktemp("card"), {"a.jsonl": raw})
    schema = json.loads((root / "schema" / "record.json").read_text())
    schema["properties"] |= EXTRA
    (root / "schema" / "record.json").write_text(json.dumps(schema))
    imprint.build(root, workers=1)
    return root


@pytest.fixture(scope="module")
def manifest(project: Path) -> Manifest:
    """Return its manifest."""
    return Manifest.open(project / "build" / "dataset")


def front(folder: Path) -> dict[str, Any]:
    """Return the front matter of the card in a folder, as YAML reads it."""
    found = FRONT.match((folder / "README.md").read_bytes())
    assert found
    loaded: dict[str, Any] = yaml.safe_load(found.group().strip().strip(b"-"))
    return loaded


def loaded(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Load a folder with `datasets` in a process without imprint."""
    done = subprocess.run([sys.executable, "-c", LOAD, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def test_datasets_loads_the_same_rows_without_imprint(project: Path) -> None:
    """`load_dataset(folder)` gives the rows of the Parquet files, split by split."""
    found = loaded(project / "build" / "dataset")
    flat = [row | {"split": name} for name, split in found.items() for row in split]
    key = lambda row: (row["raw_file"], row["raw_index"])  # noqa: E731
    assert sorted(flat, key=key) == rows(project)
    assert list(found) == ["train", "validation", "test"]


def test_features_are_those_of_datasets(project: Path, manifest: Manifest) -> None:
    """Features in the manifest and in the card are what `datasets` itself writes."""
    import datasets

    features = datasets.Features.from_dict(manifest.features)
    assert features == imprint.load(str(project), split="train").features
    written = front(project / "build" / "dataset")["dataset_info"]["features"]
    assert written == features._to_yaml_list()


def test_front_matter_is_what_datasets_wants(project: Path, manifest: Manifest) -> None:
    """Counts are numbers, data_files have split and path only, every path is there."""
    folder = project / "build" / "dataset"
    said = front(folder)
    (config,) = said["configs"]
    assert manifest.digest in config["description"]
    assert isinstance(config["version"], str)
    for entry in config["data_files"]:
        assert set(entry) == {"split", "path"}
        assert (folder / entry["path"]).exists()
    for split in said["dataset_info"]["splits"]:
        assert split["num_examples"] == manifest.splits[split["name"]].records
    sizes = [file.bytes for file in manifest.files if file.path.endswith(".parquet")]
    assert said["dataset_info"]["download_size"] == sum(sizes)


@pytest.mark.parametrize("word", ["no", "on", "y", "1.10", "null", "2020-01-01", "0x1", "~"])
def test_strings_stay_strings(manifest: Manifest, word: str, tmp_path: Path) -> None:
    """What YAML could take for something else is quoted."""
    import msgspec

    other = msgspec.structs.replace(manifest, title=word, declared_languages=(word,))
    (tmp_path / "README.md").write_text(card(other, ""))
    said = front(tmp_path)
    assert (said["pretty_name"], said["language"]) == (word, [word])


def test_data_is_inert_in_the_card(manifest: Manifest) -> None:
    """Names that hold markup show as they are, and break no table."""
    import msgspec

    name = "<script>x</script> | [a](http://b) `c`\n# d"
    text = card(msgspec.structs.replace(manifest, sources={name: 1}, title=name), "")
    text = text.partition("<!-- imprint:begin -->")[2]
    assert "<script>" not in text
    lines = [line for line in text.split("\n") if "script" in line and line.startswith("| ")]
    assert len(lines) == 1
    assert len(re.findall(r"(?<!\\)\|", lines[0])) == 3


def test_plain_loses_nothing() -> None:
    """Without its backslashes a value is what it was."""
    assert re.sub(r"\\(.)", r"\1", plain("a*b_c|<d>\\")) == "a*b_c|<d>\\"


def test_empty_split_is_left_out_and_said(tmp_path: Path) -> None:
    """A split without records is not in the data, and the card and the loader say so by name."""
    imprint.build(make(tmp_path, {"a.txt": "Satu teks."}), workers=1)
    text = (tmp_path / "build" / "dataset" / "README.md").read_text()
    assert "The split validation is declared, but no record fell to it" in text
    assert [
        split["name"] for split in front(tmp_path / "build" / "dataset")["dataset_info"]["splits"]
    ] == ["train"]
    with pytest.raises(imprint.UsageError, match="was left out because no record fell to it"):
        imprint.load(str(tmp_path), split="test")
    assert list(loaded(tmp_path / "build" / "dataset")) == ["train"]


def test_rebuilt_folder_is_not_served_from_the_cache(tmp_path: Path) -> None:
    """After a correction of the same size a new process gets the new text."""
    root = make(tmp_path, sentences(10))
    imprint.build(root, workers=1)
    assert "CSTO" in str(loaded(root / "build" / "dataset"))
    (root / "schema" / "errata.toml").write_text(CTSO.replace('right = "CSTO"', 'right = "XSTO"'))
    imprint.build(root, workers=1)
    again = str(loaded(root / "build" / "dataset"))
    assert "XSTO" in again
    assert "CSTO" not in again


def test_two_folders_of_one_name_do_not_mix(tmp_path: Path) -> None:
    """Two projects whose folders have the same name each get their own rows."""
    for name, text in (("one", "Teks pertama."), ("two", "Teks lainnya.")):
        imprint.build(make(tmp_path / name / "same", {"a.txt": text}), workers=1)
    texts = [
        loaded(tmp_path / name / "same" / "build" / "dataset")["train"][0]["text"]
        for name in ("one", "two")
    ]
    assert texts == ["Teks pertama.", "Teks lainnya."]


def test_hand_written_sections_follow(tmp_path: Path) -> None:
    """schema/card.md stands behind our part; text outside the marks is nobody's fault."""
    make(tmp_path, {"a.txt": "Satu teks."})
    (tmp_path / "schema" / "card.md").write_text("## Why\n\nBecause.")
    built = imprint.build(tmp_path, workers=1)
    readme = built.folder / "README.md"
    assert readme.read_text().endswith("<!-- imprint:end -->\n\n## Why\n\nBecause.\n")
    readme.write_text(readme.read_text() + "\nA note of the Hub.\n")
    imprint.load(str(tmp_path))
    readme.write_text(
        readme.read_text().replace("1 record", "2 record").replace("| train | 1", "| train | 2")
    )
    with pytest.raises(imprint.DatasetError, match=r"README\.md: changed"):
        imprint.load(str(tmp_path))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_croissant_is_valid_and_gives_the_records(project: Path) -> None:
    """The reader of the standard finds no fault, and reads the rows through it."""
    import mlcroissant

    found = mlcroissant.Dataset(jsonld=str(project / "build" / "dataset" / "croissant.json"))
    assert not found.metadata.issues.errors
    assert not found.metadata.issues.warnings
    texts = {row["test/text"].decode() for row in found.records("test")}
    assert texts == {row["text"] for row in rows(project) if row["split"] == "test"}


def test_made_from_the_manifest_alone(manifest: Manifest) -> None:
    """The same facts give the same front matter, whenever and wherever."""
    assert front_matter(manifest) == front_matter(Manifest.parse(manifest.to_json(), "x"))
    assert Manifest.parse(manifest.to_json(), "x") == manifest


def test_manifest_holds_nothing_of_the_machine(project: Path) -> None:
    """No absolute path, host, user or time stands in what is published."""
    import getpass
    import platform

    folder = project / "build" / "dataset"
    for name in ("imprint.json", "croissant.json", "README.md"):
        text = (folder / name).read_text()
        assert str(project) not in text
        assert f"/{getpass.getuser()}/" not in text
        assert platform.node() not in text


@pytest.mark.parametrize(
    ("records", "category"),
    [
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (10**9 - 1, "100M<n<1B"),
        (10**9, "1B<n<10B"),
        (10**12, "n>1T"),
    ],
)
def test_size_category(manifest: Manifest, records: int, category: str) -> None:
    """The size category is the Hub's own for that many records."""
    import msgspec

    counts = msgspec.structs.replace(manifest.records, published=records)
    other = msgspec.structs.replace(manifest, records=counts)
    assert front_matter(other)["size_categories"] == [category]
