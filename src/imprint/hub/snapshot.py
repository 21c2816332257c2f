"""Fetch what a commit holds into the Hub's cache."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import Any

import msgspec

from imprint.errors import DatasetError, Fault
from imprint.hub.plan import read_listing
from imprint.hub.publish import check_name
from imprint.hub.remote import Remote
from imprint.loader import MANIFEST


def fetch(repository: str, revision: str | None = None) -> Path:
    """Fetch the files that a published manifest lists, and return their folder.

    Nothing else of the repository is fetched. The folder lies in the Hub's own cache, is kept there
    by commit, and is found there without a network too. Whether the files are what the manifest
    says is for the loader to check.

    Args:
        repository: `org/name`.
        revision: a branch, tag or commit; main unless given.

    Raises:
        DatasetError: imprint did not publish this one.
        HubError: name, token or network.
    """
    from huggingface_hub import snapshot_download

    check_name(repository)
    remote = Remote(repository, state="")
    found = _manifest(remote, revision)
    try:
        listed = read_listing(found.read_bytes())
    except msgspec.DecodeError as error:
        raise _not_ours(repository, str(error)) from error
    paths = [glob.escape(path) for path in (MANIFEST, *(file.path for file in listed.files))]
    settings: Any = {"repo_type": "dataset", "endpoint": remote.endpoint, "allow_patterns": paths}
    # The folder's name is the commit: a branch that moves in between changes nothing.
    commit = found.parent.name
    return remote.call(lambda: Path(snapshot_download(repository, revision=commit, **settings)))


def _manifest(remote: Remote, revision: str | None) -> Path:
    """Return where the cache keeps the manifest of a revision."""
    from huggingface_hub.errors import RemoteEntryNotFoundError

    def look() -> Path | None:
        settings: Any = {"repo_type": "dataset", "revision": revision}
        try:
            return Path(remote.api.hf_hub_download(remote.name, MANIFEST, **settings))
        except RemoteEntryNotFoundError:
            return None

    found = remote.call(look)
    if found is None:
        raise _not_ours(remote.name, "not there")
    return found


def _not_ours(repository: str, told: str) -> DatasetError:
    fix = f'load it with datasets.load_dataset("{repository}") if you trust it'
    wanted = "a dataset that imprint published"
    return DatasetError(Fault(f"{repository}/{MANIFEST}", told, wanted, fix))
