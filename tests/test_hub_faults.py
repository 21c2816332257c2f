"""Pushing while the network fails and others commit: one commit or nothing."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.hub import server as answers
from tests.hub.bench import TOKEN, Bench, build
from tests.hub.client import Client
from tests.hub.pusher import Pusher, PushError
from tests.hub.server import nobody
from tests.hub.store import Entry
from tests.hub.wire import Answer

if TYPE_CHECKING:
    from pathlib import Path


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
    bench.hub.fail("commit", delay=5.0)
    start = time.monotonic()
    assert bench.push()["committed"]
    assert time.monotonic() - start < 4.0
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
def test_an_upload_that_the_hub_refuses(either: Bench, kind: str, status: int) -> None:
    """Whatever exception the client makes of it, it is one HubError with the status."""
    bench = either
    if not bench.pusher.client.xet and kind.startswith("xet"):
        kind = "lfs-batch" if status == 403 else "lfs-put"
    bench.hub.fail(kind, times=9, answer=Answer.error(status, "no"))
    failure = bench.refused()
    assert (failure.kind, failure.status) == ("HubError", 2)
    assert f"{status}" in failure.text
    assert bench.titles == ["initial commit"]


def test_a_pull_request_whose_answer_was_lost_is_not_opened_twice(bench: Bench) -> None:
    """It is not known whether it is there, so that is said, with where to look."""
    bench.push()
    build(bench.folder, "2.0.0", ("b",))
    bench.hub.fail("commit", answer=answers.BROKEN, after=True)
    assert "/datasets/org/news/discussions" in bench.refused(pr=True).text
    assert sum(name.startswith("refs/pr/") for name in bench.repository.references) == 1


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


def test_a_file_that_the_hub_will_not_store(bench: Bench) -> None:
    """Its reason is passed on, in one line, and the network is not blamed."""
    refusal = {"oid": "0" * 64, "size": 1, "error": {"code": 422, "message": "too much"}}
    bench.hub.fail("lfs-batch", answer=Answer.json({"objects": [refusal]}))
    text = bench.refused().text
    assert "too much" in text
    assert "wanted files that the Hub takes" in text


def test_a_disk_that_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    """It is the machine that is named, not the network."""
    bench.push()
    home = tmp_path / "broken"
    home.mkdir()
    (home / "hub-home").write_text("a file where a folder has to be")
    with (
        Pusher(Client(bench.hub.endpoint, home)) as pusher,
        pytest.raises(PushError, match="hub-home") as caught,
    ):
        pusher.push(bench.hub.endpoint, TOKEN, bench.folder, "org/news")
    assert (caught.value.kind, caught.value.status) == ("MachineError", 2)


PROCESS = """
    import sys
    from pathlib import Path
    from imprint import hub
    from imprint.errors import ImprintError
    import huggingface_hub
    import httpx2
    session = huggingface_hub.get_session()
    session.timeout = httpx2.Timeout(77.0)
    folder = Path(sys.argv[1])
    listing = hub.read_listing((folder / "imprint.json").read_bytes())
    try:
        hub.push(folder, listing, "org/news")
    except ImprintError as error:
        print(error)
    print(huggingface_hub.get_session().timeout.read)
    print(huggingface_hub.utils.are_progress_bars_disabled())
    print(huggingface_hub.utils.logging.get_verbosity())
"""


def test_the_client_is_left_as_it_was(bench: Bench, tmp_path: Path) -> None:
    """Time limits, bars and log level of the process's own client are its own again."""
    done = Client(bench.hub.endpoint, tmp_path, TOKEN).process(PROCESS, str(bench.folder))
    assert (done.stdout.split(), done.stderr) == (["77.0", "True", "30"], "")
    assert bench.titles == ["initial commit", "news 1.0.0"]


def test_offline_mode_is_named(bench: Bench, tmp_path: Path) -> None:
    """Who switched the client's network off is told how to switch it on."""
    client = Client(bench.hub.endpoint, tmp_path, TOKEN, more={"HF_HUB_OFFLINE": "1"})
    told = client.process(PROCESS, str(bench.folder)).stdout.splitlines()[0]
    assert told.endswith("To fix: unset HF_HUB_OFFLINE, then run the same command again.")
    assert bench.hub.log == []


def test_bars_are_kept_away(bench: Bench, tmp_path: Path) -> None:
    """The client's bars do not show while a push runs, whatever the person has set."""
    more = {"HF_HUB_DISABLE_PROGRESS_BARS": ""}
    client = Client(bench.hub.endpoint, tmp_path, TOKEN, more=more)
    done = client.process(PROCESS, str(bench.folder))
    assert (done.stdout.split()[1], done.stderr) == ("False", "")
