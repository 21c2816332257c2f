"""The test server against the unmodified client: what it says is what the client understands."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.hub import server as answers
from tests.hub.client import Client
from tests.hub.server import HubServer
from tests.hub.store import Account, Entry, Repository, StoreError, git_blob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "hf_" + "w" * 20
READER = "hf_" + "r" * 20

FIRST = """
    import json, sys
    from huggingface_hub import HfApi
    api = HfApi()
    url = api.create_repo("org/news", repo_type="dataset", private=True)
    again = api.create_repo("org/news", repo_type="dataset", exist_ok=True)
    made = api.upload_file(repo_id="org/news", repo_type="dataset", path_or_fileobj=sys.argv[1],
                           path_in_repo="data/train-1.parquet", commit_message="first")
    same = api.upload_file(repo_id="org/news", repo_type="dataset", path_or_fileobj=sys.argv[1],
                           path_in_repo="data/train-1.parquet", commit_message="again")
    info = api.dataset_info("org/news")
    print(json.dumps([str(url), str(again), made.oid, same.oid, info.sha, info.private]))
"""

COMMIT = """
    import json, sys
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
    from huggingface_hub.errors import HfHubHTTPError
    api = HfApi()
    api.create_repo("org/news", repo_type="dataset")
    def commit(parent, **put):
        adds = [CommitOperationAdd(name + ".txt", text.encode()) for name, text in put.items()]
        return api.create_commit("org/news", adds, repo_type="dataset", commit_message="m",
                                 parent_commit=parent).oid
    base = api.dataset_info("org/news").sha
    one = commit(base, a="1", b="2")
    try:
        commit(base, a="3")
        status = 200
    except HfHubHTTPError as error:
        status = error.response.status_code
    two = api.create_commit("org/news", [CommitOperationDelete("b.txt")], repo_type="dataset",
                            commit_message="gone", parent_commit=one[:8]).oid
    tree = sorted(f.path for f in api.list_repo_tree("org/news", repo_type="dataset"))
    titles = [c.title for c in api.list_repo_commits("org/news", repo_type="dataset")]
    api.create_tag("org/news", tag="v1", revision=one, repo_type="dataset")
    api.create_branch("org/news", branch="next", revision="v1", repo_type="dataset")
    pr = api.create_commit("org/news", [CommitOperationAdd("c.txt", b"3")], repo_type="dataset",
                           commit_message="please", create_pr=True)
    refs = api.list_repo_refs("org/news", repo_type="dataset", include_pull_requests=True)
    kinds = [refs.branches, refs.tags, refs.pull_requests]
    there = sorted(f.path for f in api.list_repo_tree("org/news", repo_type="dataset",
                                                      revision=pr.pr_revision))
    infos = api.get_paths_info("org/news", ["a.txt", "none"], repo_type="dataset")
    print(json.dumps([base, one, two, status, tree, titles, there, [i.path for i in infos],
                      [[(r.ref, r.target_commit) for r in kind] for kind in kinds]]))
"""

LOAD = """
    import json
    from datasets import load_dataset
    rows = load_dataset("org/news", split="train")
    print(json.dumps([rows.column_names, rows["text"][:2], rows.num_rows]))
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    """A server with a member of org who may write, and one who may only read."""
    with HubServer() as server:
        server.accounts[TOKEN] = Account("ada", organizations=("org",))
        server.accounts[READER] = Account("bob", role="read", organizations=("org",))
        yield server


def parquet(folder: Path, rows: int = 100) -> Path:
    """Write a file of `rows` records."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "made.parquet"
    texts = [f"berita {number} " + "x" * (number % 50) for number in range(rows)]
    pq.write_table(pa.table({"text": texts}), path)
    return path


@pytest.mark.parametrize("xet", [False, True], ids=["lfs", "xet"])
def test_what_is_uploaded_is_read_back_by_datasets(
    hub: HubServer, tmp_path: Path, xet: bool
) -> None:
    """A file goes up over LFS or Xet, twice makes one commit, and load_dataset reads its rows."""
    path = parquet(tmp_path)
    client = Client(hub.endpoint, tmp_path, TOKEN, xet=xet)
    url, again, made, same, head, private = client.run(FIRST, str(path))
    assert url == again == f"{hub.endpoint}/datasets/org/news"
    assert made == same == head
    assert private
    assert hub.kinds().count("commit") == 1
    assert hashlib.sha256(path.read_bytes()).hexdigest() in hub.objects
    assert ("xet-shard" in hub.kinds()) == xet
    assert ("lfs-put" in hub.kinds()) == (not xet)
    assert client.run(LOAD) == [["text"], ["berita 0 ", "berita 1 x"], 100]
    assert [line.path for line in hub.log if line.kind == "unknown"] == []


def test_a_file_that_came_over_xet_is_read_over_xet(hub: HubServer, tmp_path: Path) -> None:
    """With reading over Xet switched on, the bytes come from the content store."""
    hub.xet_reads = True
    path = parquet(tmp_path, 20_000)
    client = Client(hub.endpoint, tmp_path, TOKEN, xet=True)
    client.run(FIRST, str(path))
    assert client.run(LOAD)[2] == 20_000
    assert "xet-reconstruction" in hub.kinds()
    assert "xet-bytes" in hub.kinds()


def test_a_large_file_goes_in_parts(hub: HubServer, tmp_path: Path) -> None:
    """An object above the server's part size is put together from its parts."""
    hub.part_bytes = 1000
    path = parquet(tmp_path)
    Client(hub.endpoint, tmp_path, TOKEN).run(FIRST, str(path))
    assert hub.kinds().count("lfs-part") == -(-path.stat().st_size // 1000)
    assert path.read_bytes() in hub.objects.values()


def test_commits_references_and_pull_requests(hub: HubServer, tmp_path: Path) -> None:
    """A commit on an old parent is a 412; deletion, tag, branch and pull request do as they say."""
    hub.page_size = 2
    told = Client(hub.endpoint, tmp_path, TOKEN).run(COMMIT)
    base, one, two, status, tree, titles, there, infos, refs = told
    assert status == 412
    assert tree == [".gitattributes", "a.txt"]
    assert titles == ["gone", "m", "initial commit"]
    assert there == [".gitattributes", "a.txt", "c.txt"]
    assert infos == ["a.txt"]
    branches, tags, proposals = refs
    assert branches == [["refs/heads/main", two], ["refs/heads/next", one]]
    assert tags == [["refs/tags/v1", one]]
    assert [name for name, _ in proposals] == ["refs/pr/1"]
    assert hub.repositories["org/news"].resolve(base[:7]).oid == base


REFUSED = """
    import json
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError
    api = HfApi()
    def status(call, *args, **more):
        try:
            call(*args, **more)
            return "fine"
        except HfHubHTTPError as error:
            return f"{type(error).__name__} {error.response.status_code}"
    kind = {"repo_type": "dataset"}
    file = {"path_or_fileobj": b"text", "path_in_repo": "a"}
    print(json.dumps([
        status(api.whoami),
        status(api.dataset_info, "org/news"),
        status(api.dataset_info, "org/open", revision="none"),
        status(api.create_repo, "org/new", **kind),
        status(api.create_tag, "org/open", tag="v1", **kind),
        status(api.upload_file, repo_id="org/open", **file, **kind),
    ]))
"""


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (
            READER,
            [
                "fine",
                "fine",
                "RevisionNotFoundError 404",
                "HfHubHTTPError 403",
                "HfHubHTTPError 403",
                "HfHubHTTPError 403",
            ],
        ),
        (
            "hf_unknown",
            [
                "HfHubHTTPError 401",
                "HfHubHTTPError 401",
                "HfHubHTTPError 401",
                "HfHubHTTPError 401",
                "HfHubHTTPError 401",
                "HfHubHTTPError 401",
            ],
        ),
    ],
)
def test_tokens_have_rights(hub: HubServer, tmp_path: Path, token: str, told: list[str]) -> None:
    """A token that may only read is refused every change with 403, an unknown one with 401."""
    hub.repositories["org/news"] = Repository("org/news", private=True, author="ada")
    hub.repositories["org/open"] = Repository("org/open", private=False, author="ada")
    assert Client(hub.endpoint, tmp_path, token).run(REFUSED) == told
    assert not any(token in repr(line) for line in hub.log)


def test_a_private_repository_is_hidden_from_strangers(hub: HubServer, tmp_path: Path) -> None:
    """Without rights a private repository looks as if it were not there."""
    hub.accounts["hf_stranger"] = Account("eve")
    hub.repositories["org/news"] = Repository("org/news", private=True, author="ada")
    hub.repositories["org/open"] = Repository("org/open", private=False, author="ada")
    told = Client(hub.endpoint, tmp_path, "hf_stranger").run(REFUSED)
    assert told[1] == "RepositoryNotFoundError 404"


FAULTS = """
    import json
    from huggingface_hub import HfApi
    api = HfApi()
    api.create_repo("org/news", repo_type="dataset")
    told = []
    for text in (b"1", b"2", b"3"):
        try:
            made = api.upload_file(repo_id="org/news", repo_type="dataset", path_or_fileobj=text,
                                   path_in_repo="a.txt")
            told.append("fine")
        except Exception as error:
            told.append(type(error).__name__)
    print(json.dumps(told))
"""


def test_faults_strike_the_request_that_they_name(hub: HubServer, tmp_path: Path) -> None:
    """The client retries preupload, and gives up on a commit that is cut or landed and was lost."""
    hub.fail("preupload", answer=answers.UNAVAILABLE)
    hub.fail("commit", nth=2, cut=True)
    hub.fail("commit", nth=3, answer=answers.BROKEN, after=True)
    told = Client(hub.endpoint, tmp_path, TOKEN).run(FAULTS)
    assert told == ["fine", "RemoteProtocolError", "HfHubHTTPError"]
    files = hub.repositories["org/news"].resolve("main").files
    assert files["a.txt"].content == b"3"
    assert [line.status for line in hub.log if line.kind == "commit"] == [200, 0, 500]


def test_a_large_file_that_was_never_uploaded_is_refused(hub: HubServer) -> None:
    """A commit cannot name an object that the store does not hold."""
    import json

    import httpx2

    hub.repositories["org/news"] = Repository("org/news", private=False, author="ada")
    lines = [
        {"key": "header", "value": {"summary": "m"}},
        {
            "key": "lfsFile",
            "value": {"path": "a.bin", "algo": "sha256", "oid": "0" * 64, "size": 1},
        },
    ]
    body = "\n".join(json.dumps(line) for line in lines)
    url = f"{hub.endpoint}/api/datasets/org/news/commit/main"
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx2.post(url, content=body, headers=headers)
    assert answer.status_code == 400
    assert httpx2.put(f"{hub.endpoint}/lfs/{'0' * 64}", content=b"other").status_code == 400


def test_the_head_moves_in_one_step_with_the_look_at_it() -> None:
    """Of many commits on one parent exactly one lands, however they are interleaved."""
    from concurrent.futures import ThreadPoolExecutor

    from tests.hub.store import Change

    repository = Repository("org/news", private=False, author="ada")
    base = repository.resolve("main").oid

    def commit(number: int) -> bool:
        put = {"a": Entry(b"%d" % number, lfs=False)}
        try:
            repository.commit("main", Change(f"{number}", "ada", parent=base, put=put))
        except StoreError as error:
            return error.status != 412
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(commit, range(50))) == 1
    assert len(list(repository.history("main"))) == 2


def test_git_knows_a_file_by_the_same_id() -> None:
    """The blob id is the one that `git hash-object` gives."""
    assert git_blob(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
