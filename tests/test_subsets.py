"""What subsets promise: a config for each value, the same rows in the same splits, safe names."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

import imprint
from imprint import catalog, loader, publish, subsets, summary
from imprint.loader import FRONT
from imprint.manifest import Manifest
from imprint.rooms.write import ROW_GROUP_BYTES, nodes
from imprint.subsets import divided, subset_name, subset_names
from tests.projects import make, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOPICS = ("politik", "Politik", None, "no-topic", "default", "a/b", "ekonomi.bisnis", "con", "")
"""Values that are easy to take for one another, or for something else."""

OWN = {
    "topic": {"type": ["string", "null"]},
    "year": {"type": "integer"},
    "good": {"type": ["boolean", "null"]},
}

SMALL = "[write]\nshard_bytes = 400\n"

BY_TOPIC = '[subsets]\nby = "topic"\n'


def line(number: int, topic: str | None) -> dict[str, Any]:
    """Return a raw record."""
    text = f"Berita nomor {number} dari kota {number * 7}, dibaca {number * 13} orang di sana."
    good = None if number % 3 == 0 else number % 3 == 1
    return {"text": text, "topic": topic, "year": 2000 + number % 2, "good": good}


def news(number: int = 120) -> list[dict[str, Any]]:
    """Return raw records of all topics; the last of them has one."""
    found = [line(n, TOPICS[n * (n + 1) // 2 % (len(TOPICS) - 1)]) for n in range(number - 1)]
    return [*found, line(number - 1, TOPICS[-1])]


def project(root: Path, lines: list[dict[str, Any]], more: str) -> Path:
    """Make a project of records that have columns of their own."""
    make(root, {"a.jsonl": "".join(json.dumps(each) + "\n" for each in lines)}, more=more)
    record = root / "schema" / "record.json"
    schema = json.loads(record.read_text())
    schema["properties"] |= OWN
    record.write_text(json.dumps(schema))
    return root


def files(root: Path) -> dict[str, bytes]:
    """Return every file of the dataset, by its path in there."""
    folder = root / "build" / "dataset"
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def front(folder: Path) -> dict[str, Any]:
    """Return the front matter of the card in a folder."""
    found = FRONT.match((folder / "README.md").read_bytes())
    assert found
    read: dict[str, Any] = yaml.safe_load(found.group().strip().strip(b"-"))
    return read


def places(found: Mapping[str, Any]) -> dict[int, str]:
    """Return the split of each record, by its place in the raw file; none may be there twice."""
    pairs = [(row["raw_index"], name) for name, split in found.items() for row in split]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.fixture(scope="module")
def divided_by(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return what builds a project with its subsets by a column, once."""
    built: dict[str, Path] = {}

    def build(column: str) -> Path:
        if column not in built:
            more = SMALL + (f'[subsets]\nby = "{column}"\n' if column else "")
            built[column] = project(tmp_path_factory.mktemp("by") / "p", news(), more)
            imprint.build(built[column], workers=1)
        return built[column]

    return build


@pytest.fixture
def whole(divided_by: Callable[[str], Path]) -> Path:
    """Return a project without subsets, built."""
    return divided_by("")


@pytest.fixture
def by_topic(divided_by: Callable[[str], Path]) -> Path:
    """Return the same with subsets by topic, built."""
    return divided_by("topic")


@pytest.fixture
def folder(by_topic: Path) -> Path:
    """Return its dataset."""
    return by_topic / "build" / "dataset"


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    """Return its manifest."""
    return Manifest.open(folder)


# Names.

ODD = [*"ABab01._- /\\é\N{CYRILLIC SMALL LETTER A}\0", "no-", "default", "con", "-0123456789ab"]
VALUES = st.one_of(
    st.none(),
    st.text(max_size=60),
    st.lists(st.sampled_from(ODD), max_size=6).map("".join),
    st.sampled_from(["zh-Hant", "zh-hant", "ZH-HANT", "no-language", "no-topic", "Default", "aux"]),
)
COLUMNS = st.sampled_from(["language", "source", "topic"])


@given(VALUES, COLUMNS)
@example("default", "source")
@example("con.txt", "source")
@example("CON", "language")
@example("a.", "topic")
def test_a_name_is_safe(value: str | None, column: str) -> None:
    """A name is a short one of a file on any disk, and no pattern, option or hidden file."""
    name = subset_name(value, column)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)
    assert len(name) <= 40
    assert not name.endswith(".")
    assert name.casefold() != "default"
    assert name.casefold().split(".")[0] not in {"con", "prn", "aux", "nul", "com1", "lpt9"}
    assert name == subset_name(value, column)


@given(st.lists(VALUES, unique=True, max_size=8), COLUMNS)
@example(["Reuters", "reuters", "REUTERS", "reuters-"], "source")
@example(["zh-Hant", "zh-hant", "ZH-Hant"], "language")
@example([None, "no-topic", "No-topic"], "topic")
def test_no_two_values_share_a_name(values: list[str | None], column: str) -> None:
    """Names differ by more than case, also from a value that looks like the name of another."""
    taken = [subset_name(value, column) for value in values]
    values += [name for name in taken if name not in values]
    names = [subset_name(value, column).casefold() for value in values]
    assert len(set(names)) == len(values)


@pytest.mark.parametrize(
    ("value", "column", "name"),
    [
        ("bernama", "source", "bernama"),
        ("antara.com", "source", "antara.com"),
        ("2020-01-01", "date", "2020-01-01"),
        ("id", "language", "id"),
        ("zh-Hant", "language", "zh-Hant"),
        ("pt-BR", "language", "pt-BR"),
        ("no", "language", "no"),
        ("Reuters", "source", "reuters-57703519391c"),
        ("zh-Hant", "source", "zh-hant-57a7dafb37a1"),
        ("zh-hant", "language", "zh-hant-c7cd3509327a"),
        ("default", "source", "default-37a8eec1ce19"),
        ("con", "language", "con-1143da2bc54c"),
        ("no-source", "source", "no-source-cc7b00235e9f"),
        ("Радио", "source", "x-f08e8c24721c"),
        ("", "source", "x-e3b0c44298fc"),
        (None, "source", "no-source"),
        (None, "Topik utama", "no-topik-utama"),
        (None, "тема", "no-value"),
    ],
)
def test_names_stay(value: str | None, column: str, name: str) -> None:
    """A name that was released once is the same in every later version."""
    assert subset_name(value, column) == name


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a card can hold are refused, with the column, the count and what to do."""
    monkeypatch.setattr(subsets, "MOST", 2)
    assert len(subset_names(pl.Series(["a", "b", "a"]), "topic")) == 2
    with pytest.raises(imprint.RawError) as error:
        subset_names(pl.Series(["a", "b", None]), "topic")
    assert str(error.value) == (
        'raw/: the column "topic", which subsets.by names, has 3 values, wanted at most 2. To fix: '
        'name a column of fewer values in schema/dataset.toml, or write by = "".'
    )


def test_a_name_that_two_would_share_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should two hashes ever be the same, no record gets into the subset of another value."""
    monkeypatch.setattr(subsets, "HASH", 0)
    with pytest.raises(imprint.RawError, match="'A B' and 'A!B', both of which are named a-b-"):
        subset_names(pl.Series(["A B", "A!B"]), "topic")


def test_the_order_is_that_of_the_names() -> None:
    """Whatever stands first among the records, the subsets are in the order of their names."""
    values = ["b", None, "a", "b", "Z"]
    names = list(subset_names(pl.Series(values), "topic").values())
    assert names == sorted(names)
    assert names == list(subset_names(pl.Series(values[::-1]), "topic").values())


@given(st.lists(st.sampled_from(["a", "b", "B", None]), min_size=1, max_size=12))
def test_rows_take_their_digests_along(values: list[str | None]) -> None:
    """Each subset has its rows in their order, each with the digest that it had."""
    digests = [bytes([n]) * 32 for n in range(len(values))]
    table = pl.DataFrame({"n": range(len(values)), "subset": pl.Series(values, dtype=pl.String)})
    names = subset_names(table["subset"], "topic")
    found = list(divided(table, b"".join(digests), names))
    assert [name for name, _, _ in found] == sorted(names.values())
    for name, inside, placed in found:
        assert inside.columns == ["n", "subset"]
        numbers = inside["n"].to_list()
        assert numbers == [n for n, value in enumerate(values) if names[value] == name]
        assert placed == b"".join(digests[n] for n in numbers)


# Files.


def test_the_rows_and_their_splits_are_those_without_subsets(whole: Path, by_topic: Path) -> None:
    """Only the files are arranged in another way: rows, splits and digest are the same."""
    assert rows(by_topic) == rows(whole)
    one, other = (Manifest.open(root / "build" / "dataset") for root in (whole, by_topic))
    assert one.digest == other.digest
    assert {name: split.records for name, split in one.splits.items()} == {
        name: split.records for name, split in other.splits.items()
    }
    assert (whole / "build" / "release.parquet").read_bytes() == (
        by_topic / "build" / "release.parquet"
    ).read_bytes()


def test_without_subsets_nothing_is_said_of_them(whole: Path) -> None:
    """No folder, no field of the manifest, no line of the card."""
    assert not [name for name in files(whole) if re.match("data/.*/", name)]
    assert "subset" not in (whole / "build" / "dataset" / "imprint.json").read_text()
    assert "ubset" not in (whole / "build" / "dataset" / "README.md").read_text()


def test_a_file_holds_one_value_of_one_split(folder: Path, manifest: Manifest) -> None:
    """Each folder has the records of its value and no other, cut as the tree has it."""
    listed: list[str] = []
    for name, subset in manifest.subsets.items():
        for split, facts in subset.splits.items():
            numbers = []
            table = [pq.ParquetFile(folder / path).read() for path in facts.files]
            for path in facts.files:
                found = re.fullmatch(rf"data/{re.escape(name)}/{split}-([0-9]+)\.parquet", path)
                assert found
                numbers.append(int(found[1]))
            topics = {row for part in table for row in part["topic"].to_pylist()}
            assert topics == {subset.value}
            assert sum(map(len, table)) == facts.records
            sizes = [len(row.encode()) for part in table for row in part["text"].to_pylist()]
            assert sum(sizes) == facts.bytes
            listed += facts.files
            assert numbers == sorted(numbers, key=lambda n: f"{n:b}")
    assert sorted(listed) == sorted(name for name in files(folder.parents[1]) if "parquet" in name)
    assert {subset.value for subset in manifest.subsets.values()} == set(TOPICS)


def test_shards_are_nodes_of_the_tree(by_topic: Path, manifest: Manifest) -> None:
    """The numbers in the names are those of the nodes of a subset's split alone."""
    record = pl.read_parquet(by_topic / "build" / "release.parquet").select("id", "key", "split")
    told = pl.DataFrame([{k: r[k] for k in ("id", "topic", "text")} for r in rows(by_topic)])
    record = record.join(told, on="id").sort("key")
    several = 0
    for name, subset in manifest.subsets.items():
        for split, facts in subset.splits.items():
            one = pl.col("topic").eq_missing(pl.lit(subset.value, pl.String))
            inside = record.filter(one & (pl.col("split") == split))
            cut = nodes(inside["key"].to_numpy(), inside["text"].str.len_bytes().to_numpy(), 400)
            assert facts.files == tuple(f"data/{name}/{split}-{n.number}.parquet" for n in cut)
            several += len(facts.files) > 1
    assert several >= 3


def test_default_reads_every_file_once(folder: Path, manifest: Manifest) -> None:
    """Its data files are those of all subsets, in the manifest and in the card."""
    config = front(folder)["configs"][0]
    assert config["config_name"] == "default"
    paths = [path for entry in config["data_files"] for path in entry["path"]]
    assert Counter(paths) == Counter(name for name in files(folder.parents[1]) if "data/" in name)
    assert paths == [path for split in manifest.splits.values() for path in split.files]
    assert {entry["split"]: tuple(entry["path"]) for entry in config["data_files"]} == {
        name: split.files for name, split in manifest.splits.items()
    }


def test_the_card_says_all_of_each_config(folder: Path, manifest: Manifest) -> None:
    """Version, digest, files, columns and counts stand in every config's own entry."""
    said = front(folder)
    names = ["default", *manifest.subsets]
    assert [config["config_name"] for config in said["configs"]] == names
    assert [info["config_name"] for info in said["dataset_info"]] == names
    sizes = {file.path: file.bytes for file in manifest.files}
    for config, info in zip(said["configs"], said["dataset_info"], strict=True):
        assert config["version"] == "1.0.0"
        assert manifest.digest in config["description"]
        assert info["features"] == said["dataset_info"][0]["features"]
        within = manifest.subsets.get(config["config_name"], manifest)
        assert [entry["split"] for entry in config["data_files"]] == list(within.splits)
        assert info["splits"] == [
            {"name": name, "num_bytes": split.bytes, "num_examples": split.records}
            for name, split in within.splits.items()
        ]
        paths = [path for split in within.splits.values() for path in split.files]
        assert info["download_size"] == sum(sizes[path] for path in paths)
        assert info["dataset_size"] == sum(split.bytes for split in within.splits.values())
    text = (folder / "README.md").read_text()
    assert "&id" not in text.partition("imprint:begin")[0]
    for name, subset in manifest.subsets.items():
        shown = re.escape(name).replace("\\", "")
        assert re.search(rf"\n\| {shown} \|.* {subset.records} \|", text.replace("\\", ""))


def test_the_sums_are_those_of_the_whole(manifest: Manifest) -> None:
    """Of every split the subsets have all records and bytes, and none twice."""
    assert sum(subset.records for subset in manifest.subsets.values()) == 120
    for name, split in manifest.splits.items():
        parts = [each.splits[name] for each in manifest.subsets.values() if name in each.splits]
        assert sum(part.records for part in parts) == split.records
        assert sum(part.bytes for part in parts) == split.bytes


# Loading.


def test_datasets_loads_each_config(by_topic: Path, manifest: Manifest, tmp_path: Path) -> None:
    """`datasets` alone gives `default` where none is named, and each subset by its name."""
    import datasets

    where = str(by_topic / "build" / "dataset")
    everything = datasets.load_dataset(where, cache_dir=str(tmp_path))
    splits = places(everything)
    assert len(splits) == 120
    assert {row["raw_index"]: row["split"] for row in rows(by_topic)} == splits
    seen: list[int] = []
    for name, subset in manifest.subsets.items():
        found = datasets.load_dataset(where, name, cache_dir=str(tmp_path))
        assert list(found) == list(subset.splits)
        assert {split: part.num_rows for split, part in found.items()} == {
            split: facts.records for split, facts in subset.splits.items()
        }
        inside = places(found)
        assert inside.items() <= splits.items()
        assert {row["topic"] for part in found.values() for row in part} == {subset.value}
        for split, part in found.items():
            assert part.features == everything[split].features
        seen += inside
    assert sorted(seen) == sorted(splits)
    assert sorted(datasets.get_dataset_config_names(where)) == sorted(
        ["default", *manifest.subsets]
    )


def test_imprint_loads_a_subset(by_topic: Path, manifest: Manifest) -> None:
    """`config` names a subset; without it, all records are there."""
    name = subset_name("politik", "topic")
    assert name == "politik"
    some = imprint.load(str(by_topic), config=name, split="train", columns=["topic"])
    assert set(some["topic"]) == {"politik"}
    assert some.num_rows == manifest.subsets[name].splits["train"].records
    stream = imprint.load(str(by_topic), config=name, split="train", streaming=True)
    assert [row["topic"] for row in stream] == list(some["topic"])
    for config in (None, "default"):
        found = imprint.load(str(by_topic), config=config)
        assert sum(split.num_rows for split in found.values()) == 120


def test_a_split_that_is_empty_is_left_out_of_that_subset_alone(
    by_topic: Path, manifest: Manifest
) -> None:
    """The one record of a value is in one split; the others are there elsewhere, and said."""
    name = subset_name("", "topic")
    (there,) = manifest.subsets[name].splits
    empty = manifest.subsets[name].empty_splits
    assert {there, *empty} == {"train", "validation", "test"}
    assert manifest.empty_splits == ()
    assert list(imprint.load(str(by_topic), config=name)) == [there]
    with pytest.raises(imprint.UsageError) as error:
        imprint.load(str(by_topic), config=name, split=empty[0])
    told = f"split '{empty[0]}' was left out because no record fell to it; there are {there}"
    assert told in str(error.value)
    with pytest.raises(imprint.UsageError, match=f"split 'dev' is not in this subset, {name};"):
        imprint.load(str(by_topic), config=name, split="dev")


def test_a_subset_that_is_not_there(whole: Path, by_topic: Path, manifest: Manifest) -> None:
    """It is named, with those that there are; where there are none, too."""
    known = ", ".join(["default", *manifest.subsets])
    with pytest.raises(loader.NoSuchConfigError) as error:
        loader.open_dataset(by_topic / "build" / "dataset", config="Politik")
    assert str(error.value) == f"config 'Politik' is not in this dataset; there are {known}"
    with pytest.raises(imprint.UsageError, match=r"'politik' is not .*; there are default, wanted"):
        imprint.load(str(whole), config="politik")
    assert imprint.load(str(whole), config="default", split="test").num_rows == 12


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("year", ["2000", "2001"]),
        ("good", ["false", "no-good", "true"]),
        ("source", ["no-source"]),
        ("language", ["id"]),
    ],
)
def test_any_column_of_single_values(
    divided_by: Callable[[str], Path], whole: Path, column: str, names: list[str], tmp_path: Path
) -> None:
    """Numbers, truth values, language and source divide as texts do; names stay texts in YAML."""
    import datasets

    root = divided_by(column)
    found = Manifest.open(root / "build" / "dataset")
    assert list(found.subsets) == names
    assert found.subsets_by == column
    assert rows(root) == rows(whole)
    told = [config["config_name"] for config in front(root / "build" / "dataset")["configs"]]
    assert told == ["default", *names]
    part = datasets.load_dataset(
        str(root / "build" / "dataset"), names[0], split="train", cache_dir=str(tmp_path)
    )
    assert len(set(part[column])) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_croissant_is_valid_and_gives_every_record_once(folder: Path, manifest: Manifest) -> None:
    """Ids are unique though files have one name in several folders; the standard reads all rows."""
    import mlcroissant

    said = json.loads((folder / "croissant.json").read_text())
    sets = [each["@id"] for each in said["recordSet"]]
    ids = sets + [field["@id"] for each in said["recordSet"] for field in each["field"]]
    ids += [file["@id"] for file in said["distribution"]]
    assert len(set(ids)) == len(ids)
    found = mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    parts = [key for key in sets if key.startswith(("ekonomi.bisnis.", "politik."))]
    texts = [row[f"{key}/text"].decode() for key in parts for row in found.records(key)]
    wanted = [manifest.subsets[name].records for name in ("ekonomi.bisnis", "politik")]
    assert len(texts) == len(set(texts)) == sum(wanted)
    assert len(sets) == 1 + sum(file.path.startswith("data/") for file in manifest.files)


def test_what_is_shown(by_topic: Path, whole: Path, manifest: Manifest) -> None:
    """`show` and the summary of a build count each subset; without any they say nothing."""
    shown = catalog.show(str(by_topic))
    assert shown.subsets == {name: each.records for name, each in manifest.subsets.items()}
    told = ", ".join(f"{name} {number}" for name, number in shown.subsets.items())
    assert f"  subsets    {told}\n" in summary.show(shown)
    assert f"  subsets     {told}\n" in summary.build(imprint.build(by_topic))
    assert "subsets" not in summary.show(catalog.show(str(whole)))


# Building.


def test_the_same_bytes_with_any_number_of_workers(by_topic: Path, tmp_path: Path) -> None:
    """A fresh build by two workers, and the rebuild of `verify`, give what one worker gave."""
    other = project(tmp_path / "p", news(), SMALL + BY_TOPIC)
    imprint.build(other, workers=2)
    assert files(other) == files(by_topic)
    assert imprint.verify(by_topic, workers=1).differences == ()
    stray = by_topic / "build" / "dataset" / "data" / "politik" / "x.parquet"
    stray.write_bytes(b"PAR1")
    assert [each.rpartition("/")[2] for each in imprint.verify(by_topic).differences] == [
        "x.parquet: new"
    ]
    stray.unlink()


def test_subsets_that_come_and_go(tmp_path: Path) -> None:
    """A build over one with other subsets leaves what a fresh one does, and no folder of before."""
    root = project(tmp_path / "p", news(40), "")
    toml = root / "schema" / "dataset.toml"
    plain = toml.read_text()
    imprint.build(root, workers=1)
    before = files(root)
    for more in (BY_TOPIC, BY_TOPIC.replace("topic", "year")):
        toml.write_text(plain + more)
        imprint.build(root, workers=1)
        after = files(root)
        imprint.build(root, workers=1, fresh=True)
        assert files(root) == after
    toml.write_text(plain)
    imprint.build(root, workers=1)
    assert files(root) == before
    assert not [path for path in (root / "build" / "dataset" / "data").iterdir() if path.is_dir()]


@pytest.mark.parametrize("row_group", [ROW_GROUP_BYTES, 2_000])
def test_a_small_change_rewrites_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row_group: int
) -> None:
    """A record that changes rewrites one shard of its own subset; all others are linked."""
    monkeypatch.setattr(publish, "ROW_GROUP_BYTES", row_group)
    more = "[splits]\nshares = { train = 1 }\n" + BY_TOPIC
    root = project(tmp_path / "p", news(80), more)
    imprint.build(root, workers=1)
    data = root / "build" / "dataset" / "data"
    before = {path.relative_to(data): path.stat().st_ino for path in data.rglob("*.parquet")}
    changed = news(80)
    changed[1]["text"] = "Teks yang lain sama sekali."
    assert changed[1]["topic"] == "Politik"
    project(root, changed, more)
    imprint.build(root, workers=1)
    after = {path.relative_to(data): path.stat().st_ino for path in data.rglob("*.parquet")}
    name = subset_name("Politik", "topic")
    assert {path for path in after if before.get(path) != after[path]} == {
        Path(name, "train-1.parquet")
    }
    groups = pq.ParquetFile(data / "politik" / "train-1.parquet").num_row_groups
    assert (groups > 1) == (row_group < publish.OTHER_BYTES * 40)
    left = files(root)
    imprint.build(root, workers=1, fresh=True)
    assert files(root) == left
    assert sorted(row["text"] for row in rows(root)) == sorted(each["text"] for each in changed)


@pytest.mark.parametrize("column", ["id", "corrections", "nothing", "document"])
def test_columns_that_divide_nothing_are_refused(tmp_path: Path, column: str) -> None:
    """Lists, what is no column, and the id, of which each record has its own."""
    root = project(tmp_path / "p", news(3), f'[subsets]\nby = "{column}"\n')
    with pytest.raises(imprint.ProjectError) as error:
        imprint.Project.open(root)
    assert f'subsets.by = "{column}", wanted "", "language", "source" or ' in str(error.value)
    assert f'by = "{column}".' not in str(error.value)


def test_too_many_subsets_leave_the_old_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column of too many values is refused by check and build, and nothing is changed."""
    root = project(tmp_path / "p", news(20), BY_TOPIC)
    imprint.build(root, workers=1)
    before = files(root)
    monkeypatch.setattr(subsets, "MOST", 10)
    toml = root / "schema" / "dataset.toml"
    toml.write_text(toml.read_text().replace('"topic"', '"raw_index"'))
    for command in (imprint.check, imprint.build):
        with pytest.raises(imprint.RawError, match=r'the column "raw_index".*has 20 values'):
            command(root, workers=1)
    assert files(root) == before


def test_a_wheel_opens_a_subset(by_topic: Path, manifest: Manifest, tmp_path: Path) -> None:
    """The data wheel holds the folders, and its `load` takes `config`."""
    import subprocess
    import sys
    import zipfile

    from imprint.wheels import press_wheel

    wheel = press_wheel(by_topic / "build" / "dataset", manifest, tmp_path)
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import imprint_data_small_news as data\n"
        "print(data.load(config='politik', split='train').num_rows, data.load('train').num_rows)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "site")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    wanted = [manifest.subsets["politik"].splits["train"].records, manifest.splits["train"].records]
    assert [int(each) for each in done.stdout.split()] == wanted
    assert imprint.diff(str(wheel), str(by_topic)).change == "nothing"
