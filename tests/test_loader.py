"""What the loader promises: nothing altered is opened, and nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imprint import loader
from imprint.catalog import SHIPPED

if TYPE_CHECKING:
    from pathlib import Path

ALONE = """
import importlib.abc, socket, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "imprint":
            raise ImportError("imprint is not here")
sys.meta_path.insert(0, Refuse())
def refuse(*_, **__):
    raise OSError("the network is off")
socket.socket.connect = socket.getaddrinfo = refuse
sys.path.insert(0, sys.argv[1])
import lone
assert "datasets" not in sys.modules
print(lone.open_dataset(sys.argv[2], "train").num_rows)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the dataset that ships, which a test may spoil."""
    return shutil.copytree(SHIPPED / "csto-news", tmp_path / "d")


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "imprint" / "checked"


def found(folder: Path) -> list[str]:
    """Return what the loader says of a folder that it refuses, without the folder's name."""
    with pytest.raises(loader.DatasetAlteredError) as error:
        loader.verify_files(folder)
    return [each.removeprefix(f"{folder}/") for each in error.value.found]


def test_stands_alone(folder: Path, tmp_path: Path) -> None:
    """The file alone, without imprint and without a network, opens a dataset."""
    shutil.copyfile(loader.__file__, tmp_path / "lone.py")
    call = [sys.executable, "-c", ALONE, str(tmp_path), str(folder)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_HUB_OFFLINE")}
    done = subprocess.run(call, env=environment, cwd="/", capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "23"), done.stderr


def test_opens_without_a_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked, though the Hub is not declared offline."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    data: Any = loader.open_dataset(folder)
    assert {name: split.num_rows for name, split in data.items()} == {
        "train": 23,
        "validation": 3,
        "test": 3,
    }


@pytest.mark.parametrize("streaming", [False, True])
def test_columns_in_the_order_asked_for(folder: Path, streaming: bool) -> None:
    """Only the columns that were asked for are there; the next call has all of them again."""
    some: Any = loader.open_dataset(folder, "test", ["id", "text"], streaming)
    assert [list(row) for row in some] == [["id", "text"]] * 3
    whole: Any = loader.open_dataset(folder, "test", streaming=streaming)
    assert {"id", "text", "corrections"} <= set(next(iter(whole)))


@pytest.mark.parametrize(
    ("columns", "told"),
    [(["text", "txt"], "column 'txt' is not there"), ([], "no column was named")],
)
def test_column_that_is_not_there(folder: Path, columns: list[str], told: str) -> None:
    """A column that no record has is named, with those that there are."""
    with pytest.raises(loader.NoSuchColumnError) as error:
        loader.open_dataset(folder, columns=columns)
    assert str(error.value).startswith(f"{told}; there are id, text, ")


def test_split_that_is_not_there(folder: Path) -> None:
    """A split that nobody declared is named, with those that there are."""
    with pytest.raises(loader.NoSuchSplitError) as error:
        loader.open_dataset(folder, "dev")
    told = "split 'dev' is not in this dataset; there are train, validation, test"
    assert str(error.value) == told


def test_everything_that_was_altered_is_named_at_once(folder: Path) -> None:
    """A file that is gone, one that changed, one that is new: each by its name."""
    (folder / "data" / "test-1.parquet").unlink()
    (folder / "croissant.json").write_text("{}")
    (folder / "data" / "more").mkdir()
    (folder / "data" / "more" / "x.parquet").write_bytes(b"PAR1")
    assert found(folder) == [
        "data/test-1.parquet: gone",
        "croissant.json: changed",
        "data/more/x.parquet: new",
    ]


def test_nothing_redirects_the_reader(folder: Path) -> None:
    """The file with which `datasets` would read other files than the card says is refused."""
    other = "configs:\n- config_name: default\n  data_files: [{split: train, path: x.parquet}]\n"
    shutil.copy(folder / "data" / "test-1.parquet", folder / "x.parquet")
    loader.verify_files(folder)
    (folder / ".huggingface.yaml").write_text(other)
    assert found(folder) == [".huggingface.yaml: new"]


def test_card_is_ours_between_the_marks(folder: Path) -> None:
    """Text outside the marks is anyone's; front matter and what lies between them is not."""
    card = folder / "README.md"
    text = card.read_text()
    card.write_text(text.replace("<!-- imprint:begin", "Hello.\n\n<!-- imprint:begin") + "\nBye.\n")
    loader.verify_files(folder)
    for old in ("num_examples: 23", "| train | 23 |", "<!-- imprint:end -->"):
        assert old in text
        card.write_text(text.replace(old, old.replace("23", "25").replace(":end", ":fin")))
        assert found(folder) == ["README.md: changed"]


def test_checked_once_for_each_state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are hashed again only once size, time or inode say so."""
    hashed: list[str] = []
    real = loader.digest_of

    def counted(path: Path) -> tuple[int, str]:
        hashed.append(path.name)
        return real(path)

    monkeypatch.setattr(loader, "digest_of", counted)
    loader.verify_files(folder)
    assert len(hashed) == 5
    loader.verify_files(folder)
    assert len(hashed) == 5
    shard = folder / "data" / "test-1.parquet"
    os.utime(shard, ns=(0, 0))
    loader.verify_files(folder)
    assert len(hashed) == 10
    shutil.copy(shard, folder / "x")
    os.utime(folder / "x", ns=(0, 0))
    (folder / "x").replace(shard)
    loader.verify_files(folder)
    assert len(hashed) == 15


def test_what_is_altered_is_never_remembered(folder: Path) -> None:
    """A dataset that was refused is refused again, and again once its manifest says otherwise."""
    loader.verify_files(folder)
    shard = folder / "data" / "test-1.parquet"
    shard.write_bytes(shard.read_bytes()[:-1])
    for _ in range(2):
        assert found(folder) == ["data/test-1.parquet: changed"]
    manifest = folder / "imprint.json"
    manifest.write_text(manifest.read_text().replace('"bytes": 6141', '"bytes": 6140'))
    assert found(folder) == ["data/test-1.parquet: changed"]


def test_another_manifest_is_checked_anew(folder: Path) -> None:
    """What was right by one manifest is not taken for right by another, the files untouched."""
    loader.verify_files(folder)
    manifest = json.loads((folder / "imprint.json").read_text())
    (croissant,) = (file for file in manifest["files"] if file["path"] == "croissant.json")
    croissant["sha256"] = "0" * 64
    (folder / "imprint.json").write_text(json.dumps(manifest))
    assert found(folder) == ["croissant.json: changed"]


def test_writes_into_the_cache_alone(folder: Path, memory: Path) -> None:
    """The folder of a dataset stays as it is, its times too; nothing half-written is left."""
    before = {path: path.stat().st_mtime_ns for path in (folder, *folder.rglob("*"))}
    loader.open_dataset(folder, "test")
    assert {path: path.stat().st_mtime_ns for path in (folder, *folder.rglob("*"))} == before
    (state,) = memory.iterdir()
    assert len(state.name) == 64


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"files": [1]}',
        b'{"files": [{"path": 1, "bytes": 1, "sha256": ""}], "splits": {}}',
        b"[" * 100_000,
    ],
    ids=lambda content: str(content[:50]),
)
def test_damaged_manifest_is_named(folder: Path, content: bytes) -> None:
    """A manifest that is none is refused by its name."""
    (folder / "imprint.json").write_bytes(content)
    (told,) = found(folder)
    assert told.startswith("imprint.json: no manifest of a dataset")


@pytest.mark.parametrize("key", ["files", "splits"])
def test_manifest_without_a_part_is_named(folder: Path, key: str) -> None:
    """A manifest that lacks what the loader reads is refused as one, not with a traceback."""
    path = folder / "imprint.json"
    manifest = json.loads(path.read_text())
    del manifest[key]
    path.write_text(json.dumps(manifest))
    (told,) = found(folder)
    assert told.startswith("imprint.json: no manifest of a dataset")


def test_a_folder_that_is_a_link_is_the_folder(folder: Path, tmp_path: Path) -> None:
    """A dataset is opened through links, as they lie in the cache of the Hub."""
    blob = tmp_path / "blob"
    (folder / "data" / "test-1.parquet").rename(blob)
    (folder / "data" / "test-1.parquet").symlink_to(blob)
    (tmp_path / "link").symlink_to(folder)
    data: Any = loader.open_dataset(tmp_path / "link", "test")
    assert data.num_rows == 3
    blob.write_bytes(b"PAR1")
    assert found(folder) == ["data/test-1.parquet: changed"]


LINES = st.lists(st.sampled_from(["a: 1", "", "text", loader.BEGIN.decode(), loader.END.decode()]))


@given(title=LINES, before=st.text(), inside=st.text(), behind=LINES)
def test_marks_elsewhere_do_not_move_ours(
    title: list[str], before: str, inside: str, behind: list[str]
) -> None:
    """Marks in the front matter, or behind our part, leave what counts as it is."""
    front = "---\na: >\n" + "".join(f"  {line}\n" for line in title) + "---\n"
    block = f"{loader.BEGIN.decode()}\n{inside}\n{loader.END.decode()}"
    card = f"{front}{before}\n{block}\n" + "\n".join(behind)
    ours = (front + block).encode()
    assert loader.front_and_block(card.encode()) == ours
    assert loader.front_and_block(ours) == ours
