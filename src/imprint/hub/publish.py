"""Publish what a build left as one commit.

    look    the built files are what the manifest says; the repository at its head
    plan    compare digests: what is new, changed, gone, the same; refuse what would do harm
    send    the bytes of large files, then one commit on the head that was looked at
    look    at the new commit: every file's digest and size

A commit that fails in a way that tells nothing is looked for before it is sent again: the plan is
made anew, and when nothing is left to do, it had landed.
"""

from __future__ import annotations

import dataclasses
import re
import time
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from imprint.errors import DatasetError, Fault, HubError, RefusedError
from imprint.hub import remote as hubs
from imprint.hub.plan import (
    Listing,
    OurFile,
    Plan,
    PushedFile,
    merge_card,
    our_files,
    plan,
    read_listing,
    refuse_foreign,
)
from imprint.loader import CARD, MANIFEST
from imprint.manifest import File

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from huggingface_hub import CommitInfo, CommitOperationAdd

    from imprint.hub.remote import Remote, RemoteFile
    from imprint.manifest import Manifest

AGAIN = "run the same command again"


@dataclasses.dataclass(frozen=True, slots=True)
class PushOptions:
    """How to publish."""

    dry_run: bool = False
    """Say what would be done, and send nothing."""
    private: bool | None = None
    """Of a new repository; None is private. An existing one's visibility is never changed."""
    revision: str | None = None
    """The branch; None is main. One that is not there begins at main."""
    tag: str | None = None
    """Set on the commit; one that exists is never moved."""
    pr: bool = False
    """Open a pull request in place of a commit on the branch."""


@dataclasses.dataclass(frozen=True, slots=True)
class StillOnline:
    """A revision that holds records which schema/removals.toml has taken out since."""

    version: str
    revision: str
    """The commit."""
    records: int
    tags: tuple[str, ...]
    """That stand on it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did, or with `dry_run` what it would do."""

    repository: str
    url: str
    """Where people find it: the repository, or the pull request."""
    revision: str
    """The commit that holds these files; of a dry run the head, "" where there is none."""
    version: str
    digest: str
    """Of the rows, as the manifest has it."""
    added: tuple[PushedFile, ...]
    changed: tuple[PushedFile, ...]
    deleted: tuple[PushedFile, ...]
    unchanged: tuple[PushedFile, ...]
    committed: bool
    """False where nothing had changed, and for a dry run."""
    created: bool
    """Whether the repository was made, or would be."""
    dry_run: bool
    tag: str
    """The tag on `revision`, or ""."""
    pull_request: bool
    still_online: tuple[StillOnline, ...] = ()
    """Earlier revisions that hold what was taken down since."""


def push(folder: Path, manifest: Manifest | Listing, repository: str, **options: Any) -> Pushed:
    """Publish a built dataset as one commit, or change nothing.

    Running it again when nothing has changed makes no commit. Files that imprint did not make are
    never touched; text of the card outside the markers is kept.

    Args:
        folder: build/dataset, which holds what the manifest says.
        manifest: its manifest.
        repository: `org/name`.
        **options: the fields of `PushOptions`.

    Raises:
        DatasetError: the folder is not what its manifest says.
        RefusedError: the repository is in a state that does not allow it.
        HubError: token, name or network; the message says what has happened so far.
    """
    check_name(repository)
    chosen = PushOptions(**options)
    remote = hubs.Remote(repository)
    if not remote.token:
        fix = f'run "hf auth login" or set HF_TOKEN, then {AGAIN}'
        wanted = "one that may write there"
        raise HubError(Fault(repository, "no token (nothing was uploaded)", wanted, fix))
    files = our_files(folder, manifest)
    if remote.role() == "read" and not chosen.pr:
        told = "a token that may only read (nothing was uploaded)"
        fix = f"make one with write access at {hubs.TOKENS}, then {AGAIN}"
        raise HubError(Fault(repository, told, "one that may write there", fix))
    return _Publisher(remote, chosen, manifest, files).publish()


def check_name(name: str) -> None:
    """Refuse a name that the Hub would refuse.

    Raises:
        HubError: it is not `org/name`, or breaks the Hub's rules for names.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    fits = re.fullmatch(r"[^/\s]+/[^/\s]+", name) is not None
    if fits:
        try:
            validate_repo_id(name)
        except HFValidationError:
            fits = False
    if not fits:
        wanted = "ORG/NAME of letters, digits, '-', '_' and '.', none of them doubled or at an end"
        fix = 'give another, as in "imprint push org/my-news"'
        raise HubError(Fault(name or "''", "no name that the Hub takes", wanted, fix))


@dataclasses.dataclass(frozen=True, slots=True)
class _Sent:
    """A plan that was carried out."""

    plan: Plan
    commit: str
    url: str
    committed: bool


class _Publisher:
    """One push on its way."""

    def __init__(
        self,
        remote: Remote,
        options: PushOptions,
        manifest: Manifest | Listing,
        files: Sequence[OurFile],
    ) -> None:
        self.remote = remote
        self.options = options
        self.branch = options.revision or "main"
        self.manifest = manifest
        self.files = tuple(files)

    def publish(self) -> Pushed:
        """Plan, send, look, tag."""
        head = self.remote.head(self.branch)
        created = head is None
        first = self._plan(head)
        tagged = not created and self._is_tagged(first)
        if self.options.dry_run or first.nothing:
            if first.nothing and not self.options.dry_run:
                self._has_room(head)
            sent = _Sent(first, first.head, self.remote.url, committed=False)
        else:
            sent = self._send(first if self._has_room(head) else self._plan(self._head()))
            self._look_again(sent)
        if self.options.tag and not tagged and not self.options.dry_run:
            self._tag(self.options.tag, sent)
        return self._told(sent, created=created)

    def _head(self) -> str | None:
        return self.remote.head(self.branch)

    def _plan(self, head: str | None) -> Plan:
        """Compare our files with those of a head; refuse what would do harm there."""
        base = head or (self.remote.head("main") if head == "" else None) or ""
        there = self.remote.tree(base) if base else {}
        before = self._before(base, there)
        ours = list(self.files)
        for index, file in enumerate(ours):
            if file.path == CARD and CARD in there:
                merged = merge_card(file.content, self.remote.read(CARD, base))
                ours[index] = OurFile.small(CARD, merged)
        refuse_foreign(self.remote.name, ours, there, before)
        return plan(base, ours, there, before)

    def _before(self, base: str, there: Mapping[str, RemoteFile]) -> tuple[File, ...]:
        """Return the files that an earlier push made, by its manifest."""
        if MANIFEST not in there:
            return ()
        place = f"{self.remote.name}/{MANIFEST}"
        try:
            earlier = read_listing(self.remote.read(MANIFEST, base))
        except msgspec.DecodeError as error:
            fix = f"delete or rename it there, then {AGAIN}"
            _refuse(place, str(error), "a manifest of imprint", fix)
        if earlier.version == self.manifest.version and earlier.digest != self.manifest.digest:
            told = f"version {earlier.version} with other rows, digest {earlier.digest[:12]}"
            fix = 'raise `version` in schema/dataset.toml, then run "imprint build" again'
            _refuse(place, told, "a version of its own for what changed", fix)
        # The manifest does not list itself, and is as much ours as what it lists.
        itself = there[MANIFEST]
        return (*earlier.files, File(MANIFEST, itself.bytes, itself.sha256))

    def _is_tagged(self, first: Plan) -> bool:
        """Tell whether the tag stands where it should; refuse one that stands elsewhere."""
        if not self.options.tag:
            return False
        there = self.remote.tags().get(self.options.tag)
        if there is not None and not (first.nothing and there == first.head):
            self._refuse_tag(self.options.tag, there)
        return there is not None

    def _has_room(self, head: str | None) -> bool:
        """Make the repository and the branch that are not there; tell whether all was there."""
        if head is None:
            self.remote.create(private=self.options.private is not False)
        if not head and self.branch != "main":
            self.remote.branch(self.branch)
        return bool(head)

    def _send(self, wanted: Plan) -> _Sent:
        """Upload and commit; on a race or a lost answer look again and go on from there."""
        unknown = False
        for wait in (*hubs.WAITS, None):
            made = self._commit(wanted)
            if not isinstance(made, hubs.NotNow):
                url = (self.options.pr and made.pr_url) or self.remote.url
                return _Sent(wanted, made.oid, url, committed=True)
            unknown = unknown or made.unknown
            if self.options.pr and unknown:
                self._ask_to_look(made)
            time.sleep(max(wait or 0.0, made.wait))
            fresh = self._plan(self._head())
            if fresh.nothing:
                # Ours, if its answer was lost; else another session published the same files.
                done = wanted if unknown else fresh
                return _Sent(done, fresh.head, self.remote.url, committed=unknown)
            if wait is None:
                self._give_up(made)
            wanted = fresh
        raise AssertionError("the last round returns or raises")

    def _give_up(self, failed: hubs.NotNow) -> NoReturn:
        self.remote.state = "nothing was committed"
        if failed.raced:
            told = f"{failed.told} ({len(hubs.WAITS) + 1} times; {self.remote.state})"
            _refuse(self.remote.name, told, "a moment without other commits", AGAIN)
        self.remote.fail(failed.error)

    def _ask_to_look(self, failed: hubs.NotNow) -> NoReturn:
        """Leave it to a person: to send it again could open a second pull request."""
        told = f"{failed.told} (it is not known whether the pull request was opened)"
        fix = f"look at {self.remote.url}/discussions, and {AGAIN} if it is not there"
        raise HubError(Fault(self.remote.name, told, "an answer", fix)) from None

    def _commit(self, wanted: Plan) -> CommitInfo | hubs.NotNow:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        send = (*wanted.added, *wanted.changed)
        adds = [CommitOperationAdd(file.path, file.source) for file in send]
        self.remote.upload(adds, self.branch, pr=self.options.pr)
        self._check_sent(send, adds)
        gone = [CommitOperationDelete(file.path, is_folder=False) for file in wanted.deleted]
        return self.remote.commit(
            [*adds, *gone],
            title=f"{self.manifest.name} {self.manifest.version}",
            parent=wanted.head,
            revision=self.branch,
            pr=self.options.pr,
        )

    def _check_sent(self, send: Sequence[OurFile], adds: Sequence[CommitOperationAdd]) -> None:
        """Refuse to commit what is not what was checked, or not all of it."""
        for file, add in zip(send, adds, strict=True):
            if add.upload_info.sha256.hex() != file.sha256:
                told, fix = "altered (nothing was committed)", 'run "imprint build" again'
                raise DatasetError(Fault(file.path, told, "what was built", fix))
            if add._should_ignore:  # noqa: SLF001 (the client would leave it out without a word)
                told = f"a .gitignore that leaves out {file.path} (nothing was committed)"
                _refuse(self.remote.name, told, "all files", "mend .gitignore on the Hub")

    def _look_again(self, sent: _Sent) -> None:
        """Read the new commit back and compare every file with ours."""
        self.remote.state = f"committed as {sent.commit[:7]}"
        wrong = sent.plan.missing(self.remote.tree(sent.commit))
        if wrong:
            where = f"{self.remote.name}@{sent.commit}"
            fix = f"{AGAIN}; if it stays so, report it with this line"
            raise HubError(
                Fault(where, f"{path} is not what was sent", "the same bytes", fix)
                for path in wrong
            )

    def _tag(self, name: str, sent: _Sent) -> None:
        done = f"committed as {sent.commit[:7]}" if sent.committed else "nothing was committed"
        self.remote.state = f"{done}, not tagged"
        self.remote.tag(name, sent.commit)
        there = self.remote.tags().get(name, "")
        if there != sent.commit:
            self._refuse_tag(name, there)

    def _refuse_tag(self, name: str, there: str) -> NoReturn:
        told = f"tag {name} stands on {there[:7]} already ({self.remote.state})"
        _refuse(self.remote.name, told, "a tag that is not there yet", "give another --tag")

    def _told(self, sent: _Sent, *, created: bool) -> Pushed:
        def named(files: Iterable[OurFile]) -> tuple[PushedFile, ...]:
            return tuple(PushedFile(file.path, file.length) for file in files)

        return Pushed(
            repository=self.remote.name,
            url=sent.url,
            revision=sent.commit,
            version=self.manifest.version,
            digest=self.manifest.digest,
            added=named(sent.plan.added),
            changed=named(sent.plan.changed),
            deleted=sent.plan.deleted,
            unchanged=named(sent.plan.unchanged),
            committed=sent.committed,
            created=created,
            dry_run=self.options.dry_run,
            tag=self.options.tag or "",
            pull_request=self.options.pr,
        )


def _refuse(place: str, told: str, wanted: str, fix: str) -> NoReturn:
    raise RefusedError(Fault(place, told, wanted, fix))
