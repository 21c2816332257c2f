"""A bench for tests of pushing: a server, a client process, and a dataset as a build leaves it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.hub.client import Client
from tests.hub.pusher import Pusher, PushError
from tests.hub.server import HubServer
from tests.hub.store import Account, Change, Entry, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hub.store import Commit

TOKEN = "hf_" + "w" * 20
"""Of a member of org who may write."""

READER = "hf_" + "r" * 20
"""Of the same person, for reading only."""

NARROW = "hf_" + "n" * 20
"""Of the same person, for one other repository."""

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

    from imprint.loader import front_and_block

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
        """Commit as another client would. In names `_` is '/', and `__` is '.'."""
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


@contextlib.contextmanager
def open_pusher(home: Path, *, xet: bool = False) -> Iterator[Pusher]:
    """Start a client process; at the end look whether it let anything out."""
    with HubServer() as any_hub, Pusher(Client(any_hub.endpoint, home, xet=xet)) as pusher:
        yield pusher
        _assert_quiet(pusher)


def _assert_quiet(pusher: Pusher) -> None:
    """Nothing was printed below the command line, and no token got out, in any of the tests."""
    assert pusher.complaints == ""
    for token in (TOKEN, READER, NARROW):
        assert token not in pusher.heard
        for path in pusher.client.home.rglob("*"):
            assert not path.is_file() or token.encode() not in path.read_bytes()


@contextlib.contextmanager
def open_bench(pusher: Pusher, folder: Path) -> Iterator[Bench]:
    """Start a server with three tokens, and build a dataset."""
    with HubServer() as server:
        member = Account("ada", organizations=("org",))
        server.accounts[TOKEN] = member
        server.accounts[READER] = dataclasses.replace(member, role="read")
        narrow = dataclasses.replace(member, role="fineGrained", writable=("org/other",))
        server.accounts[NARROW] = narrow
        pusher.waits, pusher.patience = [0.0, 0.0, 0.0], 20.0
        yield Bench(server, pusher, build(folder))
