"""Pushing: one commit or nothing, whatever the network and others do meanwhile."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hub import server as answers
from hub.client import Client
from hub.pusher import Pusher, PushError
from hub.server import HubServer, nobody
from hub.store import Account, Change, Entry, Repository
from hub.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.store import Commit

TOKEN = "hf_" + "w" * 20
READER = "hf_" + "r" * 20
NARROW = "hf_" + "n" * 20

CARD = """---
license: cc0-1.0
configs:
- config_name: default
  version: {version}
  data_files:
  - split: train
    path: data/train-*.parquet
---
<!-- imprint:begin -->
# news {version}
<!-- imprint:end -->
"""


def build(folder: Path, version: str = "1.0.0", shards: tuple[str, ...] = ("a",)) -> Path:
    """Make what a build leaves: a shard for each text, the card, and the manifest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from imprint.hub.plan import front_and_block

    (folder / "data").mkdir(parents=True, exist_ok=True)
    for old in (folder / "data").iterdir():
        old.unlink()
    for number, text in enumerate(shards, start=1):
        table = pa.table({"text": [f"{text} {row}" for row in range(50)]})
        pq.write_table(table, folder / f"data/train-{number}.parquet")
    (folder / "README.md").write_text(CARD.format(version=version))
    (folder / "croissant.json").write_text(json.dumps({"name": "news", "version": version}))
    files = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        counted = front_and_block(content) if name == "README.md" else content
        digest = hashlib.sha256(counted).hexdigest()
        if name != "imprint.json":
            files.append({"path": name, "bytes": len(counted), "sha256": digest})
    digest = hashlib.sha256("".join(shards).encode()).hexdigest()
    manifest = {"name": "news", "version": version, "digest": digest, "files": files}
    (folder / "imprint.json").write_text(json.dumps(manifest))
    return folder


@dataclasses.dataclass(frozen=True, slots=True)
class Bench:
    """A server, a client process, and a built dataset."""

    hub: HubServer
    pusher: Pusher
    folder: Path

    def push(self, token: str = TOKEN, **options: object) -> dict[str, Any]:
        """Push the dataset to org/news."""
        return self.pusher.push(self.hub.endpoint, token, self.folder, "org/news", **options)

    def refused(self, token: str = TOKEN, **options: object) -> PushError:
        """Push the dataset to org/news, and return why it did not go."""
        with pytest.raises(PushError) as caught:
            self.push(token, **options)
        assert "\n" not in caught.value.text
        return caught.value

    def put(self, **files: str) -> None:
        """Commit files of somebody else's, as another client would. `_` is '/', `__` is '.'."""
        names = {name.replace("__", ".").replace("_", "/"): text for name, text in files.items()}
        entries = {
            path: Entry(text.encode(), lfs=path.endswith(".parquet"))
            for path, text in names.items()
        }
        self.repository.commit("main", Change("by hand", "eve", put=entries))

    @property
    def repository(self) -> Repository:
        """The repository on the server."""
        return self.hub.repositories["org/news"]

    @property
    def head(self) -> Commit:
        """The head of main on the server."""
        return self.repository.resolve("main")

    @property
    def titles(self) -> list[str]:
        """The titles of the commits on main, oldest first."""
        return [commit.title for commit in self.repository.history("main")][::-1]


@pytest.fixture(scope="module", params=[False, True], ids=["lfs", "xet"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pusher]:
    """A client process for each transport."""
    home = tmp_path_factory.mktemp("home")
    with (
        HubServer() as any_hub,
        Pusher(Client(any_hub.endpoint, home, xet=request.param)) as pusher,
    ):
        yield pusher
        _assert_quiet(pusher)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pusher]:
    """A client process that uploads over LFS."""
    home = tmp_path_factory.mktemp("home")
    with HubServer() as any_hub, Pusher(Client(any_hub.endpoint, home)) as pusher:
        yield pusher
        _assert_quiet(pusher)


def _assert_quiet(pusher: Pusher) -> None:
    """Nothing was printed below the command line, and no token got out, in any of the tests."""
    assert pusher.complaints == ""
    for token in (TOKEN, READER, NARROW):
        assert token not in pusher.heard
        for path in pusher.client.home.rglob("*"):
            assert not path.is_file() or token.encode() not in path.read_bytes()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A server with a writer, a reader, and a token for one other repository."""
    with HubServer() as server:
        server.accounts[TOKEN] = Account("ada", organizations=("org",))
        server.accounts[READER] = Account("ada", role="read", organizations=("org",))
        narrow = ("org/other",)
        server.accounts[NARROW] = Account(
            "ada", role="fineGrained", organizations=("org",), writable=narrow
        )
        yield server


@pytest.fixture
def bench(hub: HubServer, one: Pusher, tmp_path: Path) -> Bench:
    """A bench that uploads over LFS."""
    one.waits, one.patience = [0.0, 0.0, 0.0], 20.0
    return Bench(hub, one, build(tmp_path / "dataset"))


LOAD = """
    import json
    from datasets import load_dataset
    print(json.dumps(load_dataset("org/news", split="train")["text"][:2]))
"""


def test_two_pushes_make_one_commit(hub: HubServer, both: Pusher, tmp_path: Path) -> None:
    """The first push makes a private repository and one commit; the second finds nothing to do."""
    bench = Bench(hub, both, build(tmp_path / "dataset"))
    first = bench.push()
    assert (first["committed"], first["created"]) == (True, True)
    assert first["revision"] == bench.head.oid
    paths = ["README.md", "croissant.json", "data/train-1.parquet", "imprint.json"]
    assert sorted(file["path"] for file in first["added"]) == paths
    assert all(bench.head.files[p].content == (bench.folder / p).read_bytes() for p in paths)
    assert bench.repository.private
    since = len(hub.log)
    second = bench.push()
    assert (second["committed"], second["created"]) == (False, False)
    assert second["revision"] == first["revision"]
    assert len(second["unchanged"]) == 4
    assert hub.changes(since) == []
    assert bench.titles == ["initial commit", "news 1.0.0"]
    assert ("xet-shard" in hub.kinds()) == both.client.xet
    home = tmp_path / "reader"
    home.mkdir()
    assert Client(hub.endpoint, home, TOKEN, xet=both.client.xet).run(LOAD) == ["a 0", "a 1"]


def test_only_what_changed_is_sent(hub: HubServer, both: Pusher, tmp_path: Path) -> None:
    """A new version adds, changes and deletes in one commit; the other shards stay."""
    bench = Bench(hub, both, build(tmp_path / "dataset", shards=("a", "b", "c")))
    bench.push()
    build(bench.folder, "2.0.0", ("a", "B"))
    done = bench.push()
    assert [file["path"] for file in done["deleted"]] == ["data/train-3.parquet"]
    assert [file["path"] for file in done["unchanged"]] == ["data/train-1.parquet"]
    assert "data/train-2.parquet" in [file["path"] for file in done["changed"]]
    assert done["added"] == []
    assert "data/train-3.parquet" not in bench.head.files
    assert bench.titles == ["initial commit", "news 1.0.0", "news 2.0.0"]


def test_a_dry_run_sends_nothing(bench: Bench) -> None:
    """It says what would be added, with bytes, and asks only with GET and HEAD."""
    done = bench.push(dry_run=True)
    assert (done["dry_run"], done["committed"], done["created"]) == (True, False, True)
    sizes = {file["path"]: file["bytes"] for file in done["added"]}
    assert sizes["data/train-1.parquet"] == (bench.folder / "data/train-1.parquet").stat().st_size
    assert bench.hub.changes() == []
    assert bench.hub.repositories == {}
    bench.push()
    build(bench.folder, "2.0.0", ("b",))
    since = len(bench.hub.log)
    assert len(bench.push(dry_run=True, revision="next", tag="v2")["changed"]) == 4
    assert bench.hub.changes(since) == []


def test_visibility_is_of_new_repositories_only(bench: Bench) -> None:
    """--public makes a public one; the visibility of one that exists is never changed."""
    bench.push(private=False)
    assert not bench.repository.private
    build(bench.folder, "2.0.0", ("b",))
    bench.push(private=True)
    assert not bench.repository.private


@pytest.mark.parametrize("name", ["news", "org/a--b", "org/-a", "org/a.", "a/b/c", "org/ a", ""])
def test_a_name_that_the_hub_refuses(bench: Bench, name: str) -> None:
    """It is refused before the Hub is asked anything."""
    with pytest.raises(PushError, match="wanted ORG/NAME") as caught:
        bench.pusher.push(bench.hub.endpoint, TOKEN, bench.folder, name)
    assert (caught.value.kind, caught.value.status) == ("HubError", 2)
    assert bench.hub.log == []


def test_without_a_token(bench: Bench) -> None:
    """The remedy is named, and the Hub is not asked."""
    failure = bench.refused(token="")
    assert (failure.kind, failure.status) == ("HubError", 2)
    assert failure.text == (
        "org/news: no token (nothing was uploaded), wanted one that may write there. "
        'To fix: run "hf auth login" or set HF_TOKEN, then run the same command again.'
    )
    assert bench.hub.log == []


@pytest.mark.parametrize("token", [READER, NARROW, "hf_unknown"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_token_without_the_right(bench: Bench, token: str, exists: bool) -> None:
    """The missing right is named, that nothing was uploaded too, and nothing was."""
    if exists:
        bench.hub.repositories["org/news"] = Repository("org/news", private=True, author="ada")
    failure = bench.refused(token)
    assert (failure.kind, failure.status) == ("HubError", 2)
    assert "nothing was uploaded" in failure.text
    assert "write" in failure.text or "hf auth login" in failure.text
    assert bench.hub.objects == {}
    assert not exists or bench.titles == ["initial commit"]


def test_a_token_that_the_hub_repeats_is_not_passed_on(bench: Bench) -> None:
    """What the Hub says is told without the token in it."""
    bench.hub.fail("preupload", answer=answers.forbidden(f"{TOKEN} may not"))
    failure = bench.refused()
    assert "403: hf_*** may not (" in failure.text
    assert "give it write access" in failure.text


def test_a_hub_that_nobody_reaches(bench: Bench) -> None:
    """It is said in one line, with the address."""
    endpoint = nobody()
    with pytest.raises(PushError, match=endpoint) as caught:
        bench.pusher.push(endpoint, TOKEN, bench.folder, "org/news")
    assert (caught.value.kind, caught.value.status) == ("HubError", 2)
    assert "\n" not in caught.value.text


def test_a_commit_that_comes_in_between(bench: Bench) -> None:
    """The push looks again and goes on top; the other commit stays, and its file too."""
    bench.push()
    build(bench.folder, "2.0.0", ("b",))
    bench.hub.fail("commit", before=lambda: bench.put(notes__txt="mine"))
    done = bench.push()
    assert done["committed"]
    assert bench.titles == ["initial commit", "news 1.0.0", "by hand", "news 2.0.0"]
    assert bench.head.files["notes.txt"].content == b"mine"
    assert [line.status for line in bench.hub.log if line.kind == "commit"] == [200, 412, 200]


def test_commits_that_keep_coming_in_between(bench: Bench) -> None:
    """After a few rounds the push gives up, and nothing of it was committed."""
    bench.push()
    build(bench.folder, "2.0.0", ("b",))
    bench.hub.fail("commit", times=99, before=lambda: bench.put(notes__txt=str(len(bench.titles))))
    failure = bench.refused()
    assert (failure.kind, failure.status) == ("RefusedError", 1)
    assert "nothing was committed" in failure.text
    assert bench.titles == ["initial commit", "news 1.0.0", *["by hand"] * 4]


@pytest.mark.parametrize(
    "answer", [answers.BUSY, answers.UNAVAILABLE, answers.RETRY_AFTER, answers.RATE_LIMIT]
)
def test_a_commit_that_may_be_tried_again(bench: Bench, answer: Answer) -> None:
    """409, 503 and 429 of a commit are tried again, and one commit is made."""
    bench.hub.fail("commit", answer=answer)
    assert bench.push()["committed"]
    assert bench.titles == ["initial commit", "news 1.0.0"]
    assert bench.hub.kinds().count("commit") == 2


@pytest.mark.parametrize("fault", [{"answer": answers.HTML}, {"cut": True}])
def test_a_commit_that_landed_though_its_answer_was_lost(
    bench: Bench, fault: dict[str, Any]
) -> None:
    """It is found on the Hub, not sent again, and told as what it is."""
    bench.hub.fail("commit", after=True, **fault)
    done = bench.push()
    assert done["committed"]
    assert done["revision"] == bench.head.oid
    assert len(done["added"]) == 4
    assert bench.titles == ["initial commit", "news 1.0.0"]
    assert bench.hub.kinds().count("commit") == 1


def test_an_answer_that_does_not_come(bench: Bench) -> None:
    """The silence ends after a while; the commit that landed meanwhile is found."""
    bench.pusher.patience = 0.3
    bench.hub.fail("commit", delay=1.0)
    assert bench.push()["committed"]
    assert bench.titles == ["initial commit", "news 1.0.0"]


def test_a_hub_that_stays_down(bench: Bench) -> None:
    """After a few rounds it is an error that says that nothing was committed."""
    bench.hub.fail("commit", times=99, answer=answers.UNAVAILABLE)
    failure = bench.refused()
    assert (failure.kind, failure.status) == ("HubError", 2)
    assert "503" in failure.text
    assert "nothing was committed" in failure.text
    assert bench.titles == ["initial commit"]


@pytest.mark.parametrize("kind", ["whoami", "info", "create", "validate-yaml", "tag", "refs"])
def test_calls_that_the_client_does_not_repeat_are_repeated(bench: Bench, kind: str) -> None:
    """A page of HTML in place of an answer is not the end of a push."""
    bench.hub.fail(kind, answer=answers.HTML)
    assert bench.push(tag="v1.0.0")["committed"]
    assert bench.titles == ["initial commit", "news 1.0.0"]
    assert bench.repository.references["refs/tags/v1.0.0"] == bench.head.oid


def test_an_upload_that_is_refused_for_a_moment(bench: Bench) -> None:
    """The client's own repetition of preupload carries a push through."""
    bench.hub.fail("preupload", answer=answers.UNAVAILABLE)
    assert bench.push()["committed"]


@pytest.mark.parametrize(
    ("kind", "status"), [("xet-token", 403), ("xet-shard", 400), ("preupload", 403)]
)
def test_an_upload_that_the_hub_refuses(
    hub: HubServer, both: Pusher, tmp_path: Path, kind: str, status: int
) -> None:
    """Whatever exception the client makes of it, it is one HubError with the status."""
    if not both.client.xet and kind.startswith("xet"):
        kind = "lfs-batch" if status == 403 else "lfs-put"
    bench = Bench(hub, both, build(tmp_path / "dataset"))
    hub.fail(kind, times=9, answer=Answer.error(status, "no"))
    failure = bench.refused()
    assert (failure.kind, failure.status) == ("HubError", 2)
    assert f"{status}" in failure.text
    assert bench.titles == ["initial commit"]


def test_files_of_others_are_left_alone(bench: Bench) -> None:
    """A file that imprint did not make stays, whatever is added, changed and deleted beside it."""
    bench.push()
    bench.put(notes__txt="mine", data_extra__csv="a,b")
    build(bench.folder, "2.0.0", ("b",))
    bench.push()
    assert bench.head.files["notes.txt"].content == b"mine"
    assert bench.head.files["data/extra.csv"].content == b"a,b"


def test_a_file_of_others_that_would_be_read_as_data(bench: Bench) -> None:
    """It is refused by name, with exit 1, and nothing is changed."""
    bench.push()
    bench.put(**{"data_train-9__parquet": "PAR1"})
    since = len(bench.hub.log)
    build(bench.folder, "2.0.0", ("b",))
    failure = bench.refused()
    assert (failure.kind, failure.status) == ("RefusedError", 1)
    assert "data/train-9.parquet, which imprint did not make" in failure.text
    assert bench.hub.changes(since) == []


def test_a_shard_that_somebody_replaced_is_not_deleted(bench: Bench) -> None:
    """A path of an earlier push with other bytes is somebody's file now: refused, not deleted."""
    build(bench.folder, shards=("a", "b"))
    bench.push()
    bench.put(**{"data_train-2__parquet": "PAR1"})
    build(bench.folder, "2.0.0", ("c",))
    assert "data/train-2.parquet" in bench.refused().text
    assert bench.head.files["data/train-2.parquet"].content == b"PAR1"


def test_a_repository_that_was_never_imprints(bench: Bench) -> None:
    """A file that stands where one of ours would go is refused, not written over."""
    bench.hub.repositories["org/news"] = Repository("org/news", private=True, author="eve")
    bench.put(croissant__json="{}", README__md="---\nlicense: mit\n---\nHello\n")
    assert "croissant.json, which imprint did not make" in bench.refused().text
    assert bench.titles == ["initial commit", "by hand"]


def test_text_of_others_on_the_card_is_kept(bench: Bench) -> None:
    """What stands outside the markers on the Hub stays; our part and the front matter are ours."""
    bench.push()
    card = bench.head.files["README.md"].content.decode()
    bench.put(
        README__md=card.replace("<!-- imprint:begin", "Before\n\n<!-- imprint:begin") + "After\n"
    )
    build(bench.folder, "2.0.0", ("b",))
    bench.push()
    text = bench.head.files["README.md"].content.decode()
    assert text.startswith("---\nlicense: cc0-1.0\n")
    assert "version: 2.0.0" in text
    assert "Before\n\n<!-- imprint:begin -->\n# news 2.0.0\n<!-- imprint:end -->\nAfter\n" in text
    assert bench.push()["committed"] is False


def test_a_version_with_other_rows_is_refused(bench: Bench) -> None:
    """What was published under a version stays what it is."""
    bench.push()
    build(bench.folder, "1.0.0", ("b",))
    failure = bench.refused()
    assert (failure.kind, failure.status) == ("RefusedError", 1)
    assert "version 1.0.0 with other rows" in failure.text
    assert bench.titles == ["initial commit", "news 1.0.0"]


def test_a_tag_is_set_last_and_never_moved(bench: Bench) -> None:
    """It stands on the commit; the same push finds it; another commit cannot have it."""
    done = bench.push(tag="v1")
    assert bench.repository.references["refs/tags/v1"] == done["revision"]
    assert bench.push(tag="v1")["committed"] is False
    assert bench.push(tag="also")["committed"] is False
    assert bench.repository.references["refs/tags/also"] == done["revision"]
    build(bench.folder, "2.0.0", ("b",))
    since = len(bench.hub.log)
    failure = bench.refused(tag="v1")
    assert (failure.kind, failure.status) == ("RefusedError", 1)
    assert "tag v1 stands on" in failure.text
    assert bench.hub.changes(since) == []


def test_a_branch_is_made_where_it_is_not(bench: Bench) -> None:
    """The commit goes to the branch, which begins at main; main stays where it was."""
    first = bench.push()
    build(bench.folder, "2.0.0", ("b",))
    done = bench.push(revision="next/two")
    assert bench.repository.resolve("next/two").oid == done["revision"]
    assert bench.repository.resolve("next/two").parent == first["revision"]
    assert bench.head.oid == first["revision"]
    assert bench.push(revision="next/two")["committed"] is False


def test_a_pull_request_leaves_the_branch_alone(bench: Bench) -> None:
    """It holds the commit, and its address is told."""
    first = bench.push()
    build(bench.folder, "2.0.0", ("b",))
    done = bench.push(pr=True)
    assert done["url"] == f"{bench.hub.endpoint}/datasets/org/news/discussions/1"
    assert bench.repository.resolve("refs/pr/1").oid == done["revision"]
    assert bench.head.oid == first["revision"]


def test_a_pull_request_whose_answer_was_lost_is_not_opened_twice(bench: Bench) -> None:
    """It is not known whether it is there, so that is said, with where to look."""
    bench.push()
    build(bench.folder, "2.0.0", ("b",))
    bench.hub.fail("commit", answer=answers.BROKEN, after=True)
    assert "/datasets/org/news/discussions" in bench.refused(pr=True).text
    assert sum(name.startswith("refs/pr/") for name in bench.repository.references) == 1


@pytest.mark.parametrize("path", ["README.md", "croissant.json", "data/train-1.parquet"])
def test_a_file_that_is_not_what_the_manifest_says(bench: Bench, path: str) -> None:
    """It is refused by name, and nothing is committed."""
    content = (bench.folder / path).read_bytes()
    (bench.folder / path).write_bytes(content[:-25] + b"?" + content[-24:])
    failure = bench.refused()
    assert failure.status == 1
    assert path in failure.text
    assert "org/news" not in bench.hub.repositories or bench.titles == ["initial commit"]


def test_a_file_that_is_missing(bench: Bench) -> None:
    """It is refused by name, before the Hub is asked."""
    (bench.folder / "data/train-1.parquet").unlink()
    assert "data/train-1.parquet: missing" in bench.refused().text
    assert bench.hub.log == []


def test_a_gitignore_that_would_leave_files_out(bench: Bench) -> None:
    """The client would drop them without a word; the push refuses."""
    bench.hub.ignored.add("croissant.json")
    assert ".gitignore that leaves out croissant.json" in bench.refused().text
    assert bench.titles == ["initial commit"]


def test_the_commit_is_read_back(bench: Bench) -> None:
    """A commit that does not hold what was sent is an error that names commit and file."""

    def lose() -> None:
        commits = bench.repository.commits
        head = bench.head
        files = {**head.files, "croissant.json": Entry(b"{}", lfs=False)}
        commits[head.oid] = dataclasses.replace(head, files=files)

    bench.hub.fail("tree", nth=2, before=lose)
    failure = bench.refused()
    assert "croissant.json is not what was sent" in failure.text
    assert f"org/news@{bench.head.oid}" in failure.text


def test_pages_and_a_missing_oid_change_nothing(bench: Bench) -> None:
    """A Hub that lists two files a page, and does not say what it holds, gets the same commit."""
    bench.hub.page_size, bench.hub.preupload_oid = 2, False
    assert bench.push()["committed"]
    assert bench.push()["committed"] is False
    assert bench.titles == ["initial commit", "news 1.0.0"]


def test_fetch_takes_what_the_manifest_lists(bench: Bench) -> None:
    """Exactly those files, at the revision that was asked for, and again with no network."""
    bench.push(tag="v1")
    bench.put(notes__txt="mine")
    asked = {"fetch": ["org/news"]}
    from pathlib import Path

    folder = Path(bench.pusher.ask(bench.hub.endpoint, TOKEN, **asked))
    assert folder.name == bench.head.oid
    paths = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert paths == {"README.md", "croissant.json", "data/train-1.parquet", "imprint.json"}
    for path in paths:
        assert (folder / path).read_bytes() == (bench.folder / path).read_bytes()
    assert bench.pusher.ask(nobody(), TOKEN, **asked) == str(folder)
    tagged = bench.pusher.ask(bench.hub.endpoint, TOKEN, fetch=["org/news", "v1"])
    assert Path(tagged).name == bench.repository.references["refs/tags/v1"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("org/plain", "DatasetError"), ("org/none", "HubError"), ("org", "HubError")],
)
def test_fetch_of_what_imprint_did_not_publish(bench: Bench, name: str, kind: str) -> None:
    """A dataset without a manifest, and one that is not there, are told apart."""
    bench.hub.repositories["org/plain"] = Repository("org/plain", private=False, author="eve")
    with pytest.raises(PushError) as caught:
        bench.pusher.ask(bench.hub.endpoint, TOKEN, fetch=[name])
    assert caught.value.kind == kind
    assert "uploaded" not in caught.value.text
