"""One dataset repository on the Hub: the patience and plain errors that the client lacks.

The client retries some calls and not others, waits for ever for an answer, and reports a failure as
any of six unrelated exceptions. Here every call has a time limit, what may be repeated is repeated,
and what remains is one `HubError` that says in what state things are now. Nothing here decides what
is published. A token is never part of a message.

Source: huggingface_hub 2.4, driven against a server under each fault.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http
import json
import os
import re
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from imprint.errors import Fault, HubError
from imprint.swap import machine_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import huggingface_hub

T = TypeVar("T")

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each repetition of a call that may be repeated. Chosen: a short outage."""

LONGEST_WAIT = 300.0
"""Seconds that the Hub may ask us to wait. Source: its headers, whose window is as long."""

CONNECT_SECONDS = 10.0
"""How long a connection may take. Chosen: the client's own limit for the calls that have one."""

ANSWER_SECONDS = 120.0
"""How long the Hub may be silent. Chosen: twice what a gateway before it waits."""

PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses that say "not now" and not "no"."""

RACED = (409, 412)
"""Statuses of a commit that found another one before it."""

SILENT = 50
"""The level of logging that lets nothing of the client's through. Source: logging.CRITICAL."""

TOLD = 200
"""How much of what the Hub said is passed on, in characters. Chosen: two lines."""

TOKENS = "https://huggingface.co/settings/tokens"


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file as the Hub lists it."""

    bytes: int
    blob: str
    """The git blob id: of the content, or of the pointer to a large file."""
    sha256: str
    """Of the content of a large file; "" for others."""


@dataclasses.dataclass(frozen=True, slots=True)
class NotNow:
    """A commit that did not go through as it was: look again, then try again."""

    error: BaseException
    """The client's own."""
    told: str
    """What happened, in a line."""
    raced: bool
    """Another commit was before it, and this one is not there."""
    unknown: bool
    """It may have landed all the same."""
    wait: float
    """The seconds that the Hub asked for."""


class Remote:
    """One dataset repository on the Hub.

    Attributes:
        name: `org/name`.
        endpoint: the Hub's address.
        state: what has happened so far, as an error is to say it.
        token: whether there is one; what it is stays inside the client.
    """

    def __init__(self, name: str, state: str = "nothing was uploaded") -> None:
        import huggingface_hub

        self.name = name
        self.state = state
        self.api = huggingface_hub.HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None)
        self.endpoint: str = self.api.endpoint
        self.token = _has_token()

    @property
    def url(self) -> str:
        """Where people find the repository."""
        return f"{self.endpoint}/datasets/{self.name}"

    def role(self) -> str:
        """Ask what the token may do: "read", "write", "fineGrained", or "" if untold."""
        told = self.call(self.api.whoami)
        auth = told.get("auth") or {}
        return str((auth.get("accessToken") or {}).get("role", ""))

    def head(self, revision: str) -> str | None:
        """Return the commit that a revision stands for.

        Returns:
            The commit's id; "" where there is no such revision, None where there is no repository.
        """
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        def look() -> str | None:
            try:
                return str(self.api.dataset_info(self.name, revision=revision).sha)
            except RevisionNotFoundError:
                return ""
            except RepositoryNotFoundError:
                return None

        return self.call(look)

    def tree(self, commit: str) -> dict[str, RemoteFile]:
        """List all files of a commit."""
        from huggingface_hub import RepoFile

        def look() -> dict[str, RemoteFile]:
            settings: Any = {"recursive": True, "revision": commit, "repo_type": "dataset"}
            return {
                file.path: RemoteFile(file.size, file.blob_id, file.lfs.sha256 if file.lfs else "")
                for file in self.api.list_repo_tree(self.name, **settings)
                if isinstance(file, RepoFile)
            }

        return self.call(look, again=False)

    def read(self, path: str, commit: str) -> bytes:
        """Return the content of a file of a commit."""

        def look() -> bytes:
            kept = self.api.hf_hub_download(self.name, path, repo_type="dataset", revision=commit)
            return Path(kept).read_bytes()

        return self.call(look)

    def tags(self) -> dict[str, str]:
        """Return the tags and the commits that they stand for."""
        told = self.call(lambda: self.api.list_repo_refs(self.name, repo_type="dataset"))
        return {tag.name: tag.target_commit for tag in told.tags}

    def create(self, *, private: bool) -> None:
        """Make the repository."""
        settings: Any = {"repo_type": "dataset", "private": private, "exist_ok": True}
        self.call(lambda: self.api.create_repo(self.name, **settings))
        self.state = "the repository was created, nothing was uploaded"

    def branch(self, name: str) -> None:
        """Make a branch that begins at the head of main."""
        settings: Any = {"repo_type": "dataset", "exist_ok": True}
        self.call(lambda: self.api.create_branch(self.name, branch=name, **settings))

    def tag(self, name: str, commit: str) -> None:
        """Set a tag on a commit; one of that name is left where it is."""
        settings: Any = {"repo_type": "dataset", "exist_ok": True}
        self.call(lambda: self.api.create_tag(self.name, tag=name, revision=commit, **settings))

    def upload(
        self, additions: Sequence[huggingface_hub.CommitOperationAdd], revision: str, *, pr: bool
    ) -> None:
        """Send the bytes of large files. Until a commit names them nobody sees them."""
        settings: Any = {"repo_type": "dataset", "revision": revision, "create_pr": pr}
        send = self.api.preupload_lfs_files
        self.call(lambda: send(self.name, additions, free_memory=False, **settings), again=False)
        self.state = "nothing was committed"

    def commit(
        self, operations: Sequence[Any], *, title: str, parent: str, revision: str, pr: bool
    ) -> huggingface_hub.CommitInfo | NotNow:
        """Make one commit, once.

        Returns:
            The commit; or why it has to be looked for, or tried on another head.

        Raises:
            HubError: the Hub does not take it.
        """
        with self._patience():
            settings: Any = {"repo_type": "dataset", "revision": revision, "create_pr": pr}
            try:
                made: huggingface_hub.CommitInfo = self.api.create_commit(
                    self.name, operations, commit_message=title, parent_commit=parent, **settings
                )
                return made  # noqa: TRY300 (all that can fail is the line above)
            except _failures() as error:
                status = _status(error)
                raced = status in RACED
                if not raced and not _passes(error):
                    self.fail(error)
                unknown = not raced and status != http.HTTPStatus.TOO_MANY_REQUESTS
                if unknown:
                    self.state = "whether the commit landed is not known"
                return NotNow(error, _told(error), raced, unknown, _asked_wait(error))

    def call(self, ask: Callable[[], T], *, again: bool = True) -> T:
        """Ask the Hub something, and ask again while it only says "not now".

        Args:
            ask: the call; it must be one that may be repeated.
            again: False where the client itself repeats.

        Raises:
            HubError: it did not work out.
        """
        for wait in (*(WAITS if again else ()), None):
            with self._patience():
                try:
                    return ask()
                except _failures() as error:
                    if wait is None or not _passes(error):
                        self.fail(error)
                    pause = max(wait, _asked_wait(error))
            time.sleep(pause)
        raise AssertionError("the last round returns or raises")

    def fail(self, error: BaseException) -> NoReturn:
        """Raise what an error of the client means to the person at the keyboard.

        Raises:
            MachineError: it was the disk.
            HubError: everything else.
        """
        status = _status(error)
        for each in _chain(error):
            if isinstance(each, OSError) and each.filename:
                with machine_faults(Path(each.filename)):
                    raise each
        again = "then run the same command again"
        place, seen = self.name, _told(error) + (f" ({self.state})" if self.state else "")
        if status == 401:
            wanted = "a token that the Hub knows"
            fix = f'run "hf auth login" or set HF_TOKEN, {again}'
        elif status == 403:
            wanted = "a token that may write there"
            fix = f"give it write access at {TOKENS}, {again}"
        elif status == 404:
            wanted = "a repository and revision that exist and that the token may see"
            fix = "mend the name or the revision, or give the token access"
        elif status == 400 or (status is None and _is_refusal(error)):
            wanted = "files that the Hub takes"
            fix = "mend what it names, and build again"
        elif _is_offline(error):
            place, wanted = self.endpoint, "a way to the Hub"
            fix = f"unset HF_HUB_OFFLINE, {again}"
        elif status is None:
            place, wanted = self.endpoint, f"an answer about {self.name}"
            fix = f"look at the network and at HF_ENDPOINT, {again}"
        else:
            wanted, fix = "an answer", "wait a while, then run the same command again"
        raise HubError(Fault(place, seen, wanted, fix)) from None

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        """Give the client's session time limits, and keep it from printing; both only for a while.

        The session is the one that the whole process shares, which is why it is set back: a factory
        of one's own (for a proxy, say) stays in force.
        """
        import httpx2
        from huggingface_hub import get_session
        from huggingface_hub.utils import logging

        session, level = get_session(), logging.get_verbosity()
        before = session.timeout
        session.timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        logging.set_verbosity(SILENT)
        try:
            with warnings.catch_warnings(action="ignore"), _no_bars():
                yield
        finally:
            session.timeout = before
            logging.set_verbosity(level)


def _has_token() -> bool:
    from huggingface_hub import get_token

    try:
        return get_token() is not None
    except Exception:  # noqa: BLE001 (an exchange of tokens that fails is no token)
        return False


def _failures() -> tuple[type[BaseException], ...]:
    """Return all that the client raises: its own, of HTTP, of hf_xet, of LFS, of bodies."""
    import httpx2

    return (httpx2.HTTPError, OSError, RuntimeError, ValueError, KeyError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__


def _status(error: BaseException) -> int | None:
    """Return the HTTP status behind an error, wherever the client buried it."""
    for each in _chain(error):
        status = getattr(getattr(each, "response", None), "status_code", None)
        if isinstance(status, int):
            return status
        # hf_xet has only its text: "Network error: ... 403 Forbidden ..."
        if type(each) is ConnectionError and (found := re.search(r"\b([45]\d\d)\b", str(each))):
            return int(found[1])
    return None


def _passes(error: BaseException) -> bool:
    """Tell whether the same call may work a moment later."""
    import httpx2

    if _is_offline(error):
        return False
    status = _status(error)
    if status is not None:
        return status in PASSING
    kinds = (httpx2.TransportError, json.JSONDecodeError)
    return any(isinstance(each, kinds) for each in _chain(error))


def _is_refusal(error: BaseException) -> bool:
    """Tell whether the client itself would not do it."""
    return isinstance(error, ValueError) and not isinstance(error, json.JSONDecodeError)


def _is_offline(error: BaseException) -> bool:
    from huggingface_hub.errors import OfflineModeIsEnabled

    return any(isinstance(each, OfflineModeIsEnabled) for each in _chain(error))


def _asked_wait(error: BaseException) -> float:
    """Return the seconds that the Hub asked for, in either of its two ways."""
    told = (getattr(each, "response", None) for each in _chain(error))
    headers: Mapping[str, str] = next((each.headers for each in told if each is not None), {})
    asked = re.search(r"r=0;\s*t=(\d+)", headers.get("RateLimit", "")) or re.fullmatch(
        r"\s*(\d+)\s*", headers.get("Retry-After", "")
    )
    return min(float(asked[1]), LONGEST_WAIT) if asked else 0.0


def _told(error: BaseException) -> str:
    """Return what happened in one line: the status, and what the Hub said about it."""
    from huggingface_hub import get_token

    status, cause = _status(error), list(_chain(error))[-1]
    messages = (getattr(each, "server_message", None) for each in _chain(error))
    said = next((str(message) for message in messages if message), "")
    if not said and status is not None:
        said = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else "refused"
    elif not said and isinstance(cause, json.JSONDecodeError):
        said = "an answer that is no JSON"
    text = " ".join((said or str(cause) or type(cause).__name__).split())
    text = text if status is None else f"{status}: {text}"
    with contextlib.suppress(Exception):
        text = text.replace(get_token() or "\0", "hf_***")
    return text[:TOLD].rstrip(". ")


@contextlib.contextmanager
def _no_bars() -> Iterator[None]:
    """Keep the client's progress bars away: only the command line prints."""
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
