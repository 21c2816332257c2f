"""What a project's own columns promise: the card, Croissant and `datasets` agree on every row."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import imprint
from imprint.loader import FRONT
from imprint.manifest import Manifest
from tests.projects import make, rows

if TYPE_CHECKING:
    from pathlib import Path

EXTRA = {
    "tags": {"type": "array", "items": {"type": "string"}},
    "year": {"type": "integer"},
    "good": {"type": "boolean"},
    "place": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "zone": {"type": "integer"}},
        "required": ["city", "zone"],
    },
}

LOAD = """
import json, sys
import datasets
assert not any(name.split(".")[0] == "imprint" for name in sys.modules)
data = datasets.load_dataset(sys.argv[1])
rows = [row | {"split": name} for name, split in data.items() for row in split]
print(json.dumps([data["train"].features.to_dict(), rows]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a built project with a list, a number, a truth value and a struct in each record."""
    lines = [
        {
            "text": f"Berita nomor {n} dari kota itu.",
            "tags": ["a", "b"][: n % 2 + 1],
            "year": 2000 + n,
            "good": n % 2 == 0,
            "place": {"city": f"Kota {n}", "zone": n % 3},
        }
        for n in range(30)
    ]
    raw = "".join(json.dumps(line) + "\n" for line in lines)
    root = make(tmp_path_factory.mktemp("columns"), {"a.jsonl": raw})
    record = root / "schema" / "record.json"
    schema = json.loads(record.read_text())
    schema["properties"] |= EXTRA
    record.write_text(json.dumps(schema))
    imprint.build(root, workers=1)
    return root


def front(project: Path) -> dict[str, Any]:
    """Return the front matter of a project's card, as YAML reads it."""
    found = FRONT.match((project / "build" / "dataset" / "README.md").read_bytes())
    assert found
    loaded: dict[str, Any] = yaml.safe_load(found.group().rstrip()[:-3])
    return loaded


def plain(value: Any) -> Any:
    """Return what Croissant gives without its bytes, its numpy and the paths of its fields."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key.rpartition("/")[2]: plain(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return [plain(each) for each in value] if isinstance(value, list) else value


def test_datasets_gives_the_same_rows_and_features(project: Path) -> None:
    """Without imprint, `datasets` gives the rows of the files and the features of the manifest."""
    call = [sys.executable, "-c", LOAD, str(project / "build" / "dataset")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    features, found = json.loads(done.stdout)
    assert features == Manifest.open(project / "build" / "dataset").features
    assert sorted(found, key=lambda row: row["raw_index"]) == rows(project)
    assert {key: found[0][key] for key in EXTRA}.keys() == EXTRA.keys()


def test_features_in_the_card_are_those_of_datasets(project: Path) -> None:
    """Lists and structs stand in the front matter as `datasets` itself writes them."""
    import datasets

    written = front(project)["dataset_info"]["features"]
    features = datasets.Features.from_dict(Manifest.open(project / "build" / "dataset").features)
    assert written == features._to_yaml_list()
    by_name = {each["name"]: each for each in written}
    assert by_name["tags"]["list"] == "string"
    assert [each["name"] for each in by_name["place"]["struct"]] == ["city", "zone"]


def test_every_count_in_the_card_is_a_number(project: Path) -> None:
    """Sizes and counts are numbers that add up; what names something is a string."""
    said = front(project)
    info, published = said["dataset_info"], rows(project)
    assert [type(info[key]) for key in ("download_size", "dataset_size")] == [int, int]
    for split in info["splits"]:
        inside = [row for row in published if row["split"] == split["name"]]
        assert split["num_examples"] == len(inside)
        assert split["num_bytes"] == sum(len(row["text"].encode()) for row in inside)
    assert info["dataset_size"] == sum(split["num_bytes"] for split in info["splits"])
    (config,) = said["configs"]
    assert (config["config_name"], config["version"]) == ("default", "1.0.0")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_croissant_gives_every_column(project: Path) -> None:
    """Read through Croissant, every column of every row is what the files hold."""
    import mlcroissant

    found = mlcroissant.Dataset(jsonld=str(project / "build" / "dataset" / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    published = rows(project)
    for name in ("train", "validation", "test"):
        records = sorted(
            (plain(each) for each in found.records(name)), key=lambda r: r["raw_index"]
        )
        inside = [row for row in published if row["split"] == name]
        for key in ("id", "text", "raw_file", "raw_index", "raw_sha256", *EXTRA):
            assert [each[key] for each in records] == [row[key] for row in inside], key
