"""Pushing and fetching: what lands on the Hub, what is left alone, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hub.bench import NARROW, READER, TOKEN, Bench, build
from tests.hub.client import Client
from tests.hub.pusher import PushError
from tests.hub.server import nobody
from tests.hub.store import Repository

LOAD = """
    import json
    from datasets import load_dataset
    print(json.dumps(load_dataset("org/news", split="train")["text"][:2]))
"""


def test_two_pushes_make_one_commit(either: Bench, tmp_path: Path) -> None:
    """The first push makes a private repository and one commit; the second finds nothing to do."""
    bench = either
    first = bench.push()
    assert (first["committed"], first["created"]) == (True, True)
    assert first["revision"] == bench.head.oid
    paths = ["README.md", "croissant.json", "data/train-1.parquet", "imprint.json"]
    assert sorted(file["path"] for file in first["added"]) == paths
    assert all(bench.head.files[p].content == (bench.folder / p).read_bytes() for p in paths)
    assert bench.repository.private
    since = len(bench.hub.log)
    second = bench.push()
    assert (second["committed"], second["created"]) == (False, False)
    assert second["revision"] == first["revision"]
    assert len(second["unchanged"]) == 4
    assert bench.hub.changes(since) == []
    assert bench.titles == ["initial commit", "news 1.0.0"]
    assert ("xet-shard" in bench.hub.kinds()) == bench.pusher.client.xet
    home = tmp_path / "reader"
    home.mkdir()
    reader = Client(bench.hub.endpoint, home, TOKEN, xet=bench.pusher.client.xet)
    assert reader.run(LOAD) == ["a 0", "a 1"]


def test_only_what_changed_is_sent(either: Bench) -> None:
    """A new version adds, changes and deletes in one commit; the other shards stay."""
    bench = either
    build(bench.folder, shards=("a", "b", "c"))
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
    assert token != READER or bench.hub.kinds() == ["whoami"]
    assert not exists or bench.titles == ["initial commit"]


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
    assert bench.push(revision="next/three", dry_run=True)["committed"] is False
    assert "refs/heads/next/three" not in bench.repository.references


def test_a_branch_is_made_even_where_there_is_nothing_to_commit(bench: Bench) -> None:
    """It begins, and ends, at the head of main."""
    first = bench.push()
    done = bench.push(revision="stable")
    assert (done["committed"], done["revision"]) == (False, first["revision"])
    assert bench.repository.references["refs/heads/stable"] == first["revision"]


def test_a_pull_request_leaves_the_branch_alone(bench: Bench) -> None:
    """It holds the commit, and its address is told."""
    first = bench.push()
    build(bench.folder, "2.0.0", ("b",))
    done = bench.push(pr=True)
    assert done["url"] == f"{bench.hub.endpoint}/datasets/org/news/discussions/1"
    assert bench.repository.resolve("refs/pr/1").oid == done["revision"]
    assert bench.head.oid == first["revision"]


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


def test_fetch_takes_what_the_manifest_lists(bench: Bench) -> None:
    """Exactly those files, at the revision that was asked for, and again with no network."""
    bench.push(tag="v1")
    bench.put(notes__txt="mine")
    asked = {"fetch": ["org/news"]}
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
