"""From raw text to the Hub and back, by the command line, on a real build."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.hub.bench import TOKEN
from tests.hub.client import Client
from tests.hub.server import HubServer
from tests.hub.store import Account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = (
    "Pasukan perdamaian CTSO tiba di Almaty pada hari Kamis untuk menjaga gedung pemerintah.",
    "Presiden Kazakhstan mengatakan keadaan di semua daerah negara itu sudah kembali tenang.",
    "Menteri pertahanan Rusia melaporkan bahwa penarikan pasukan berlangsung menurut rencana.",
)

LOAD = """
    import json
    from datasets import load_dataset
    rows = load_dataset("org/kz-news")
    print(json.dumps(sorted(text for split in rows.values() for text in split["text"])))
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A server with a member of org who may write."""
    with HubServer() as server:
        server.accounts[TOKEN] = Account("ada", organizations=("org",))
        yield server


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three short texts, built; nobody changes it."""
    home = tmp_path_factory.mktemp("built")
    folder = home / "project"
    (folder / "raw").mkdir(parents=True)
    for number, text in enumerate(TEXTS):
        (folder / f"raw/{number}.txt").write_text(text + "\n", "utf-8")
    client = Client("http://127.0.0.1:9", home)
    named = ("--name", "kz-news", "--license", "cc0-1.0", "--language", "id")
    for command in (("init", str(folder), "--yes", *named), ("build", str(folder))):
        done = client.imprint(*command)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(built, tmp_path / "project")


def files(folder: Path) -> dict[str, bytes]:
    """Return all files of a folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_a_release(hub: HubServer, project: Path, tmp_path: Path, xet: bool) -> None:
    """Two pushes make one commit; datasets reads it; a rebuild gives the bytes of before."""
    client = Client(hub.endpoint, tmp_path, TOKEN, xet=xet)
    before = files(project / "build/dataset")
    dry = client.imprint("push", str(project), "org/kz-news", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert hub.changes() == []
    assert not (project / "schema/releases.toml").exists()
    first = client.imprint("push", str(project), "org/kz-news", "--tag", "v1", "--json")
    assert first.returncode == 0, first.stderr
    recorded = files(project / "schema")
    second = client.imprint("push", str(project), "org/kz-news")
    assert second.returncode == 0, second.stderr
    repository = hub.repositories["org/kz-news"]
    assert [commit.parent == "" for commit in repository.history("main")] == [False, True]
    assert json.loads(first.stdout)["revision"] == repository.resolve("v1").oid
    assert repository.resolve("main").oid in recorded["releases.toml"].decode()
    assert files(project / "schema") == recorded
    assert client.run(LOAD) == sorted(TEXTS)
    assert client.imprint("build", str(project)).returncode == 0
    assert files(project / "build/dataset") == before
    printed = dry.stdout + dry.stderr + first.stdout + first.stderr + second.stdout + second.stderr
    assert TOKEN not in printed
    assert not any(TOKEN.encode() in content for content in files(tmp_path).values())


LOAD_SUBSETS = """
    import json
    from datasets import get_dataset_config_names, load_dataset
    names = get_dataset_config_names("org/kz-news")
    found = {name: load_dataset("org/kz-news", name) for name in names}
    count = lambda rows: sum(split.num_rows for split in rows.values())
    print(json.dumps({name: count(rows) for name, rows in found.items()}))
"""


def test_subsets_on_the_hub(hub: HubServer, project: Path, tmp_path: Path) -> None:
    """Subsets come to a dataset that was pushed without: the old files go, each config loads."""
    client = Client(hub.endpoint, tmp_path, TOKEN)
    for by in ("raw_index", "raw_file"):
        done = client.imprint("push", str(project), "org/kz-news")
        assert done.returncode == 0, done.stderr
        toml = (project / "schema/dataset.toml").read_text().partition("[subsets]")[0]
        (project / "schema/dataset.toml").write_text(f'{toml}\n[subsets]\nby = "{by}"\n')
        assert client.imprint("build", str(project)).returncode == 0
    done = client.imprint("push", str(project), "org/kz-news")
    assert done.returncode == 0, done.stderr
    assert "data/0/" in done.stdout.partition("deleted")[2]
    there = set(hub.repositories["org/kz-news"].resolve("main").files)
    assert {path for path in files(project / "build/dataset") if "data/" in path} == {
        path for path in there if "data/" in path
    }
    assert client.run(LOAD_SUBSETS) == {"default": 3, "0.txt": 1, "1.txt": 1, "2.txt": 1}


@pytest.mark.parametrize("path", ["raw/0.txt", "schema/dataset.toml"])
def test_what_changed_since_the_build_is_not_pushed(
    hub: HubServer, project: Path, tmp_path: Path, path: str
) -> None:
    """It is named, with exit 1, and the Hub is asked for no change."""
    with (project / path).open("a") as opened:
        opened.write("\n# once more\n")
    done = Client(hub.endpoint, tmp_path, TOKEN).imprint("push", str(project), "org/kz-news")
    assert done.returncode == 1
    assert done.stderr.startswith("imprint: error: ")
    assert path.split("/")[0] in done.stderr
    assert hub.changes() == []


@pytest.mark.parametrize("token", ["", "hf_unknown"])
def test_without_a_right_it_is_one_line(project: Path, tmp_path: Path, token: str) -> None:
    """Exit 2, one line on standard error, nothing on standard output."""
    with HubServer() as server:
        client = Client(server.endpoint, tmp_path, token)
        done = client.imprint("push", str(project), "org/kz-news")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "nothing was uploaded" in done.stderr
    assert not (project / "schema/releases.toml").exists()


def test_a_pull_request_is_no_release(hub: HubServer, project: Path, tmp_path: Path) -> None:
    """Nothing is put on record until it was merged and pushed again."""
    client = Client(hub.endpoint, tmp_path, TOKEN)
    proposed = client.imprint("push", str(project), "org/kz-news", "--pr")
    assert proposed.returncode == 0, proposed.stderr
    assert "on record in" not in proposed.stdout
    assert not (project / "schema/releases.toml").exists()
    repository = hub.repositories["org/kz-news"]
    merged = repository.resolve("refs/pr/1").oid
    repository.references["refs/heads/main"] = merged
    again = client.imprint("push", str(project), "org/kz-news")
    assert again.returncode == 0, again.stderr
    assert "nothing was sent" in again.stdout
    assert f"org/kz-news@{merged}" in (project / "schema/releases.toml").read_text()
