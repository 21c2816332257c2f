"""Fetch what a commit holds into the Hub's cache."""

from __future__ import annotations

import glob
from pathlib import Path

import msgspec

from imprint.errors import DatasetError, Fault
from imprint.hub.plan import read_listing
from imprint.hub.publish import check_name
from imprint.hub.remote import Remote
from imprint.manifest import NAME


def fetch(repository: str, revision: str | None = None) -> Path:
    """Fetch exactly the files that a published manifest lists, and return their folder.

    The folder lies in the Hub's own cache, is kept there by commit, and is found there without a
    network too. Whether the files are what the manifest says is for the loader to check.

    Args:
        repository: `org/name`.
        revision: a branch, tag or commit; main unless given.

    Raises:
        DatasetError: imprint did not publish this one.
        HubError: name, token or network.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    check_name(repository)
    remote = Remote(repository, state="")

    def manifest() -> Path | None:
        try:
            return Path(
                remote.api.hf_hub_download(repository, NAME, repo_type="dataset", revision=revision)
            )
        except RemoteEntryNotFoundError:
            return None

    found = remote.call(manifest)
    place = f"{repository}/{NAME}"
    fix = f'load it with datasets.load_dataset("{repository}") if you trust it'
    if found is None:
        raise DatasetError(Fault(place, "not there", "a dataset that imprint published", fix))
    try:
        listed = read_listing(found.read_bytes())
    except msgspec.DecodeError as error:
        raise DatasetError(Fault(place, str(error), "a manifest of imprint", fix)) from error
    # The folder's name is the commit: a branch that moves in between changes nothing.
    commit = found.parent.name
    paths = [glob.escape(path) for path in (NAME, *(file.path for file in listed.files))]
    return remote.call(
        lambda: Path(
            snapshot_download(
                repository,
                repo_type="dataset",
                revision=commit,
                allow_patterns=paths,
                endpoint=remote.endpoint,
            )
        )
    )
