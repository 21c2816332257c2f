"""Bytes: large file storage, resolve, and the content store behind Xet."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tests.hub.routes import find, signed_in
from tests.hub.store import StoreError
from tests.hub.wire import Answer
from tests.hub.xet import parse_shard, parse_xorb

if TYPE_CHECKING:
    from tests.hub.server import HubServer
    from tests.hub.wire import Request
    from tests.hub.xet import XetFile

FOREVER = 4_102_444_800
"""When the tokens of the content store end: the year 2100, in Unix seconds."""


def lfs_batch(hub: HubServer, request: Request) -> Answer:
    """Tell for each object where its bytes go, or that they are there."""
    asked = request.json()
    name = find(hub, request, write="ref" in asked).name
    signed_in(hub, request)
    if asked["operation"] != "upload" or asked["hash_algo"] != "sha256":
        raise StoreError(422, "only uploads of sha256 objects")
    verify = f"{hub.endpoint}/datasets/{name}.git/info/lfs/objects/verify"
    objects = []
    for item in asked["objects"]:
        oid, size = item["oid"], item["size"]
        told: dict[str, Any] = {"oid": oid, "size": size}
        if oid not in hub.objects:
            upload: dict[str, Any] = {"href": f"{hub.endpoint}/lfs/{oid}", "header": {}}
            if size > hub.part_bytes:
                count = -(-size // hub.part_bytes)
                upload["href"] += "/complete"
                upload["header"] = {"chunk_size": str(hub.part_bytes)} | {
                    str(n): f"{hub.endpoint}/lfs/{oid}/part/{n}" for n in range(1, count + 1)
                }
            told["actions"] = {"upload": upload, "verify": {"href": verify}}
        objects.append(told)
    return Answer.json({"transfer": "basic", "objects": objects})


def lfs_put(hub: HubServer, request: Request) -> Answer:
    """Take an object whole."""
    _keep(hub, request.parts["oid"], request.body)
    return Answer()


def lfs_part(hub: HubServer, request: Request) -> Answer:
    """Take one part of an object."""
    number = int(request.parts["number"])
    hub.parts[request.parts["oid"], number] = request.body
    return Answer(headers={"ETag": f'"{hashlib.sha256(request.body).hexdigest()[:16]}"'})


def lfs_complete(hub: HubServer, request: Request) -> Answer:
    """Put the parts together, and check each one's ETag."""
    oid = request.parts["oid"]
    content = b""
    for part in request.json()["parts"]:
        piece = hub.parts.get((oid, part["partNumber"]), b"")
        if part["etag"] != f'"{hashlib.sha256(piece).hexdigest()[:16]}"':
            raise StoreError(400, f"part {part['partNumber']}: the ETag does not fit")
        content += piece
    _keep(hub, oid, content)
    return Answer()


def lfs_verify(hub: HubServer, request: Request) -> Answer:
    """Say whether an object arrived."""
    find(hub, request)
    asked = request.json()
    if len(hub.objects.get(asked["oid"], b"")) != asked["size"]:
        raise StoreError(404, "no such object", "EntryNotFound")
    return Answer()


def _keep(hub: HubServer, oid: str, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() != oid:
        raise StoreError(400, f"these bytes are not the object {oid}")
    hub.objects[oid] = content


def resolve(hub: HubServer, request: Request) -> Answer:
    """Give a file's bytes, or a range of them, with what the client's cache asks for."""
    state = find(hub, request).resolve(request.parts["rev"])
    path = request.parts["path"]
    if path not in state.files:
        missing = Answer.error(404, "Entry not found", "EntryNotFound")
        return Answer(404, missing.body, {**missing.headers, "X-Repo-Commit": state.oid})
    entry = state.files[path]
    headers = {"X-Repo-Commit": state.oid, "ETag": f'"{entry.oid}"', "Accept-Ranges": "bytes"}
    if entry.lfs:
        headers["X-Linked-Etag"] = f'"{entry.sha256}"'
        headers["X-Linked-Size"] = str(len(entry.content))
        file = next((f for f in hub.xet_files.values() if f.sha256 == entry.sha256), None)
        if hub.xet_reads and file is not None:
            headers["X-Xet-Hash"] = file.hash
            token = (
                f"{hub.endpoint}/api/datasets/{request.parts['repo']}/xet-read-token/{state.oid}"
            )
            headers["Link"] = f'<{token}>; rel="xet-auth"'
    return ranged(request, entry.content, headers)


def ranged(request: Request, content: bytes, headers: dict[str, str] | None = None) -> Answer:
    """Give bytes, or the range of them that was asked for."""
    given = dict(headers or {})
    asked = request.headers.get("range", "")
    if not asked.startswith("bytes="):
        return Answer(200, content, given)
    first, _, last = asked.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last), len(content) - 1) if first and last else len(content) - 1
    if start >= len(content):
        return Answer(416, b"", {**given, "Content-Range": f"bytes */{len(content)}"})
    given["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return Answer(206, content[start : end + 1], given)


def xet_token(hub: HubServer, request: Request) -> Answer:
    """Give a token for the content store, in the body and in the headers."""
    write = request.parts["right"] == "write"
    find(hub, request, write=write and "create_pr" not in request.query)
    if write:
        signed_in(hub, request)
    token = f"cas-{request.parts['right']}-{len(hub.cas_tokens)}"
    hub.cas_tokens.add(token)
    base = f"{hub.endpoint}/cas"
    headers = {
        "X-Xet-Cas-Url": base,
        "X-Xet-Access-Token": token,
        "X-Xet-Token-Expiration": str(FOREVER),
    }
    told = {"accessToken": token, "exp": FOREVER, "casUrl": base}
    return Answer.json(told, headers=headers)


def xet_unknown(hub: HubServer, request: Request) -> Answer:
    """Say that a chunk is not known, or that grants are not offered."""
    _admit(hub, request)
    return Answer.error(404, "not found")


def telemetry(hub: HubServer, request: Request) -> Answer:
    """Take what the client tells about itself, and tell it nothing."""
    return Answer.json({})


def xet_xorb(hub: HubServer, request: Request) -> Answer:
    """Take a run of chunks."""
    _admit(hub, request, "write")
    try:
        parse_xorb(request.body)
    except (ValueError, OSError) as error:
        raise StoreError(400, f"broken xorb: {error}") from error
    new = request.parts["hash"] not in hub.xorbs
    hub.xorbs[request.parts["hash"]] = request.body
    return Answer.json({"was_inserted": new})


def xet_shard(hub: HubServer, request: Request) -> Answer:
    """Take the list of files, put each together from its chunks, and check its digest."""
    _admit(hub, request, "write")
    for file in parse_shard(request.body):
        _keep(hub, file.sha256, _assemble(hub, file))
        hub.xet_files[file.hash] = file
    lines = b'{"type":"validating","verified":1,"total":1}\n{"type":"result"}\n'
    return Answer(200, lines, {"Content-Type": "application/x-ndjson"})


def _assemble(hub: HubServer, file: XetFile) -> bytes:
    content = b""
    for segment in file.segments:
        if segment.xorb not in hub.xorbs:
            raise StoreError(400, f"the xorb {segment.xorb} was not uploaded")
        chunks = parse_xorb(hub.xorbs[segment.xorb])[segment.start : segment.end]
        content += b"".join(chunk.content for chunk in chunks)
    return content


def xet_reconstruction(hub: HubServer, request: Request) -> Answer:
    """Tell of which chunks a file is made, and where each run of them lies."""
    _admit(hub, request)
    file = hub.xet_files.get(request.parts["hash"])
    if file is None:
        raise StoreError(404, "no such file", "EntryNotFound")
    asked = request.headers.get("range", "bytes=0-").removeprefix("bytes=")
    if int(asked.split("-")[0]) >= file.bytes:
        return Answer(416)
    # The whole file is told whatever was asked: the client takes the part that it wants.
    terms: list[dict[str, object]] = []
    places: dict[str, list[object]] = {}
    for segment in file.segments:
        span = {"start": segment.start, "end": segment.end}
        chunks = parse_xorb(hub.xorbs[segment.xorb])
        first, last = chunks[segment.start].offset, chunks[segment.end - 1].end - 1
        url = f"{hub.endpoint}/xorbs/{segment.xorb}"
        place = {"range": span, "url": url, "url_range": {"start": first, "end": last}}
        terms.append({"hash": segment.xorb, "unpacked_length": segment.bytes, "range": span})
        places.setdefault(segment.xorb, []).append(place)
    told = {"offset_into_first_range": 0, "terms": terms, "fetch_info": places}
    return Answer.json(told)


def xorb_bytes(hub: HubServer, request: Request) -> Answer:
    """Give the bytes of a xorb; its address is the permission."""
    if request.parts["hash"] not in hub.xorbs:
        raise StoreError(404, "no such xorb")
    return ranged(request, hub.xorbs[request.parts["hash"]])


def _admit(hub: HubServer, request: Request, right: str = "") -> None:
    if request.token not in hub.cas_tokens or right not in request.token:
        raise StoreError(401, "this token is not for the content store")
