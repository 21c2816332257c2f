"""Accounts, repositories, references and commits: what the Hub answers to each call.

Every function takes the server's state and a request, and gives an answer or raises `StoreError`.
"""

from __future__ import annotations

import base64
import binascii
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

import yaml

from tests.hub.store import Change, Entry, Repository, StoreError, is_text, upload_mode
from tests.hub.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.hub.server import HubServer
    from tests.hub.store import Account, Commit
    from tests.hub.wire import Request


def signed_in(hub: HubServer, request: Request) -> Account:
    """Return whose token it is.

    Raises:
        StoreError: 401, without a token or with an unknown one.
    """
    account = hub.account(request.token)
    if account is None:
        known = "Invalid credentials in Authorization header" if request.token else ""
        raise StoreError(401, known or "Invalid username or password.")
    return account


def find(hub: HubServer, request: Request, *, write: bool = False) -> Repository:
    """Return the repository of a request, if its token may see it.

    Raises:
        StoreError: 404 where it is not or may not be seen, 401 and 403 where it may not be changed.
    """
    if request.token:
        signed_in(hub, request)
    name = request.parts["repo"]
    account = hub.account(request.token)
    found = hub.repositories.get(name)
    if found is None or (found.private and not _may_see(account, name)):
        raise StoreError(404, "Repository not found", "RepoNotFound")
    if write and not signed_in(hub, request).may_write(name):
        raise StoreError(403, f"You don't have the rights to write to {name}")
    return found


def _may_see(account: Account | None, name: str) -> bool:
    if account is None:
        return False
    return account.may_write(name) or name.split("/")[0] in (account.name, *account.organizations)


def whoami(hub: HubServer, request: Request) -> Answer:
    """Tell whose token it is, and what it may."""
    account = signed_in(hub, request)
    return Answer.json(
        {
            "type": "user",
            "id": account.name,
            "name": account.name,
            "fullname": account.name.title(),
            "email": f"{account.name}@example.org",
            "emailVerified": True,
            "orgs": [{"name": name, "type": "org"} for name in account.organizations],
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": "a token", "role": account.role},
            },
        }
    )


def create(hub: HubServer, request: Request) -> Answer:
    """Make a repository; one that exists is a 409 that carries its address."""
    account = signed_in(hub, request)
    asked = request.json()
    name = f"{asked.get('organization') or account.name}/{asked['name']}"
    url = {"url": f"{hub.endpoint}/datasets/{name}"}
    if not account.may_write(name):
        space = name.split("/")[0]
        text = f'You don\'t have the rights to create a dataset under the namespace "{space}"'
        raise StoreError(403, text)
    if name in hub.repositories:
        return Answer.json({"error": "You already created this dataset repo", **url}, 409)
    private = asked.get("visibility") == "private"
    hub.repositories[name] = Repository(name, private=private, author=account.name)
    return Answer.json(url)


def info(hub: HubServer, request: Request) -> Answer:
    """Describe a repository at a revision."""
    found = find(hub, request)
    commit = found.resolve(request.parts.get("rev", "main"))
    return Answer.json(
        {
            "id": found.name,
            "author": found.name.split("/")[0],
            "sha": commit.oid,
            "lastModified": _date(commit),
            "createdAt": _date(commit),
            "private": found.private,
            "gated": False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
        }
    )


def validate_yaml(hub: HubServer, request: Request) -> Answer:
    """Look at the front matter of a README."""
    content: str = request.json()["content"]
    faults: list[str] = []
    warnings: list[str] = []
    parts = content.split("---\n", 2)
    if parts[0] or len(parts) < 3:
        warnings.append("empty or missing yaml metadata in repo card")
    else:
        try:
            if not isinstance(yaml.safe_load(parts[1]), dict):
                faults.append("metadata must be a mapping")
        except yaml.YAMLError as error:
            faults.append(str(error))
    told = {
        "errors": [{"message": text} for text in faults],
        "warnings": [{"message": text} for text in warnings],
    }
    return Answer.json(told, 400 if faults else 200)


def preupload(hub: HubServer, request: Request) -> Answer:
    """Decide for each file how it is uploaded, and tell what is there now."""
    found = find(hub, request, write="create_pr" not in request.query)
    signed_in(hub, request)
    there = found.resolve(request.parts["rev"]).files
    told = []
    for file in request.json()["files"]:
        path, size = file["path"], file["size"]
        mode = upload_mode(path, size, base64.b64decode(file["sample"]))
        line = {"path": path, "uploadMode": mode, "shouldIgnore": path in hub.ignored}
        if hub.preupload_oid and path in there:
            line["oid"] = there[path].oid
        told.append(line)
    return Answer.json({"files": told})


def commit(hub: HubServer, request: Request) -> Answer:
    """Put one commit on a branch, or on a new pull request."""
    propose = "create_pr" in request.query
    found = find(hub, request, write=not propose)
    change = _change(hub, request, signed_in(hub, request).name)
    revision = request.parts["rev"]
    url = None
    if propose:
        number, made = found.propose(revision, change)
        url = f"{hub.endpoint}/datasets/{found.name}/discussions/{number}"
    else:
        made = found.commit(revision, change)
    place = f"{hub.endpoint}/datasets/{found.name}/commit/{made.oid}"
    return Answer.json({"commitUrl": place, "commitOid": made.oid, "pullRequestUrl": url})


def _change(hub: HubServer, request: Request, author: str) -> Change:
    """Read the lines of a commit, and check every file that they bring."""
    header: dict[str, Any] = {}
    put: dict[str, Entry] = {}
    delete: list[str] = []
    for line in request.body.splitlines():
        item = json.loads(line)
        value = item["value"]
        if item["key"] == "header":
            header = value
        elif item["key"] == "file":
            put[value["path"]] = _regular(value)
        elif item["key"] == "lfsFile":
            put[value["path"]] = _large(hub, value)
        elif item["key"] in ("deletedFile", "deletedFolder"):
            delete.append(value["path"])
        else:
            raise StoreError(400, f"unknown key {item['key']}")
    if not header.get("summary"):
        raise StoreError(400, "a commit needs a summary")
    text, parent = header.get("description", ""), header.get("parentCommit")
    return Change(header["summary"], author, text, parent, put, tuple(delete))


def _regular(value: dict[str, str]) -> Entry:
    try:
        content = base64.b64decode(value["content"], validate=True)
    except binascii.Error as error:
        raise StoreError(400, f"{value['path']}: broken base64") from error
    large = content and upload_mode(value["path"], len(content), b"") == "lfs"
    if large or not is_text(content):
        raise StoreError(400, f"{value['path']}: binary and large files must go to LFS or Xet")
    return Entry(content, lfs=False)


def _large(hub: HubServer, value: dict[str, Any]) -> Entry:
    content = hub.objects.get(value["oid"])
    if content is None or value.get("size", len(content)) != len(content):
        raise StoreError(400, f"{value['path']}: the LFS object {value['oid']} was not uploaded")
    return Entry(content, lfs=True)


def tree(hub: HubServer, request: Request) -> Answer:
    """List a folder, page by page."""
    found = find(hub, request)
    state = found.resolve(request.parts["rev"])
    folder = request.parts.get("dir", "").strip("/")
    lines = list(_listing(state, folder, request.query.get("recursive") in ("true", "True")))
    if folder and not lines:
        raise StoreError(404, f"{folder} does not exist on {state.oid}", "EntryNotFound")
    start = int(request.query.get("cursor", 0))
    end = start + hub.page_size
    links = {}
    if end < len(lines):
        query = urllib.parse.urlencode({**request.query, "cursor": end})
        links["Link"] = f'<{hub.endpoint}{request.path}?{query}>; rel="next"'
    return Answer.json(lines[start:end], headers=links)


def _listing(state: Commit, folder: str, recursive: bool) -> Sequence[dict[str, object]]:
    lines: dict[str, dict[str, object]] = {}
    for path, entry in sorted(state.files.items()):
        inside = path[len(folder) :].lstrip("/") if folder else path
        if folder and not path.startswith(folder + "/"):
            continue
        steps = inside.split("/")
        for depth in range(1, len(steps) if recursive else min(2, len(steps))):
            name = "/".join(filter(None, (folder, *steps[:depth])))
            lines[name] = {"type": "directory", "oid": state.oid, "size": 0, "path": name}
        if recursive or len(steps) == 1:
            lines[path] = _described(path, entry)
    return list(lines.values())


def _described(path: str, entry: Entry) -> dict[str, object]:
    size = len(entry.content)
    line: dict[str, object] = {"type": "file", "oid": entry.blob, "size": size, "path": path}
    if entry.lfs:
        line["lfs"] = {"oid": entry.sha256, "size": size, "pointerSize": len(entry.pointer)}
    return line


def paths_info(hub: HubServer, request: Request) -> Answer:
    """Describe some paths; those that are not there are left out."""
    files = find(hub, request).resolve(request.parts["rev"]).files
    asked = urllib.parse.parse_qs(request.body.decode()).get("paths", [])
    return Answer.json([_described(path, files[path]) for path in asked if path in files])


def refs(hub: HubServer, request: Request) -> Answer:
    """List branches, tags, and pull requests where they are asked for."""
    found = find(hub, request)
    told: dict[str, list[dict[str, str]]] = {
        "branches": [],
        "converts": [],
        "tags": [],
        "pullRequests": [],
    }
    groups = {"heads": "branches", "tags": "tags", "pr": "pullRequests"}
    for reference, oid in found.references.items():
        _, group, name = reference.split("/", 2)
        told[groups[group]].append({"name": name, "ref": reference, "targetCommit": oid})
    if "include_prs" not in request.query:
        del told["pullRequests"]
    return Answer.json(told)


def commits(hub: HubServer, request: Request) -> Answer:
    """List the history of a revision."""
    found = find(hub, request)
    return Answer.json(
        [
            {
                "id": state.oid,
                "title": state.title,
                "message": state.message,
                "date": _date(state),
                "authors": [{"user": state.author}],
            }
            for state in found.history(request.parts["rev"])
        ]
    )


def tag(hub: HubServer, request: Request) -> Answer:
    """Tag a revision; a tag that exists is never moved."""
    found = find(hub, request, write=True)
    found.refer(f"refs/tags/{request.json()['tag']}", request.parts["rev"])
    return Answer.json({})


def branch(hub: HubServer, request: Request) -> Answer:
    """Make a branch."""
    name = request.parts["rev"]
    if name.startswith("refs/"):
        raise StoreError(400, f"Invalid branch name: {name}")
    found = find(hub, request, write=True)
    found.refer(f"refs/heads/{name}", request.json().get("startingPoint", "main"))
    return Answer.json({})


def delete_tag(hub: HubServer, request: Request) -> Answer:
    """Take a tag away."""
    find(hub, request, write=True).unrefer(f"refs/tags/{request.parts['rev']}")
    return Answer.json({})


def delete_branch(hub: HubServer, request: Request) -> Answer:
    """Take a branch away."""
    find(hub, request, write=True).unrefer(f"refs/heads/{request.parts['rev']}")
    return Answer.json({})


def _date(state: Commit) -> str:
    """Return a date that only depends on how many commits came before."""
    minutes, seconds = divmod(state.number, 60)
    return f"2026-01-01T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000Z"
