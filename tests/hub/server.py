"""A Hub on loopback: start it, drive the unmodified client against it, look at its log."""

from __future__ import annotations

import functools
import re
import threading
import urllib.parse
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from tests.hub import files, routes
from tests.hub.store import Account, Repository, StoreError
from tests.hub.wire import Answer, Fault, Handler, Logged, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hub.xet import XetFile

_API = "/api/datasets/(?P<repo>[^/]+/[^/]+)"
_REV = "(?P<rev>[^/]+)"
_HASH = "(?P<hash>[0-9a-f]{64})"
_OID = "(?P<oid>[0-9a-f]{64})"

ROUTES = (
    ("whoami", "GET", "/api/whoami-v2", routes.whoami),
    ("create", "POST", "/api/repos/create", routes.create),
    ("validate-yaml", "POST", "/api/validate-yaml", routes.validate_yaml),
    ("info", "GET", f"{_API}(/revision/{_REV})?", routes.info),
    ("preupload", "POST", f"{_API}/preupload/{_REV}", routes.preupload),
    ("commit", "POST", f"{_API}/commit/{_REV}", routes.commit),
    ("tree", "GET", f"{_API}/tree/{_REV}(/(?P<dir>.+))?", routes.tree),
    ("paths-info", "POST", f"{_API}/paths-info/{_REV}", routes.paths_info),
    ("refs", "GET", f"{_API}/refs", routes.refs),
    ("commits", "GET", f"{_API}/commits/{_REV}", routes.commits),
    ("tag", "POST", f"{_API}/tag/{_REV}", routes.tag),
    ("tag", "DELETE", f"{_API}/tag/{_REV}", routes.delete_tag),
    ("branch", "POST", f"{_API}/branch/{_REV}", routes.branch),
    ("branch", "DELETE", f"{_API}/branch/{_REV}", routes.delete_branch),
    ("xet-token", "GET", f"{_API}/xet-(?P<right>read|write)-token/{_REV}", files.xet_token),
    (
        "lfs-batch",
        "POST",
        "/datasets/(?P<repo>[^/]+/[^/]+).git/info/lfs/objects/batch",
        files.lfs_batch,
    ),
    (
        "lfs-verify",
        "POST",
        "/datasets/(?P<repo>[^/]+/[^/]+).git/info/lfs/objects/verify",
        files.lfs_verify,
    ),
    ("lfs-put", "PUT", f"/lfs/{_OID}", files.lfs_put),
    ("lfs-part", "PUT", f"/lfs/{_OID}/part/(?P<number>[0-9]+)", files.lfs_part),
    ("lfs-complete", "POST", f"/lfs/{_OID}/complete", files.lfs_complete),
    (
        "resolve",
        "GET|HEAD",
        f"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/{_REV}/(?P<path>.+)",
        files.resolve,
    ),
    ("xet-chunk", "GET", "/cas/v1/chunks/.+", files.xet_unknown),
    ("xet-grant", "POST", "/cas/v1/xorb-grants/.+", files.xet_unknown),
    ("xet-xorb", "POST", f"/cas/v1/xorbs/[^/]+/{_HASH}", files.xet_xorb),
    ("xet-shard", "POST", "/cas/v2/shards", files.xet_shard),
    ("xet-reconstruction", "GET", f"/cas/v1/reconstructions/{_HASH}", files.xet_reconstruction),
    ("xet-bytes", "GET", f"/xorbs/{_HASH}", files.xorb_bytes),
    ("telemetry", "POST", "/v1/telemetry", files.telemetry),
    ("telemetry", "GET", "/api/agent-harnesses", files.telemetry),
)
"""Kind, method, pattern of the raw path, and what answers. Parts are unquoted after the match."""

READS = ("GET", "HEAD")


class HubServer:
    """The Hub's dataset-repository protocol on 127.0.0.1, on a port that was free.

    Attributes:
        endpoint: what HF_ENDPOINT has to be.
        repositories, objects: what was made and uploaded; objects by sha256.
        log: every request that was answered, in order.
        preupload_oid: False leaves out the optional `oid` of preupload.
        page_size: entries of a page of tree.
        part_bytes: LFS objects above this go in parts.
        xet_reads: True makes files that came over Xet be read over Xet too.
        ignored: paths that preupload says to ignore.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.parts: dict[tuple[str, int], bytes] = {}
        self.xorbs: dict[str, bytes] = {}
        self.xet_files: dict[str, XetFile] = {}
        self.cas_tokens: set[str] = set()
        self.log: list[Logged] = []
        self.preupload_oid = True
        self.page_size = 1000
        self.part_bytes = 5_000_000
        self.xet_reads = False
        self.ignored: set[str] = set()
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def fail(self, kind: str, **rule: object) -> Fault:
        """Make requests of a kind fail; the arguments are the fields of `Fault`."""
        fault = Fault(kind, **rule)  # type: ignore[arg-type]
        with self._lock:
            self._faults.append(fault)
        return fault

    def kinds(self, since: int = 0) -> list[str]:
        """Return the kinds of the requests in the log, in order, but for telemetry."""
        return [line.kind for line in self.log[since:] if line.kind != "telemetry"]

    def changes(self, since: int = 0) -> list[str]:
        """Return method and kind of the requests that could have changed something."""
        lines = (line for line in self.log[since:] if line.kind != "telemetry")
        return [f"{line.method} {line.kind}" for line in lines if line.method not in READS]

    def account(self, token: str) -> Account | None:
        """Return what a token stands for."""
        return self.accounts.get(token)

    def route(self, request: Request) -> tuple[str, Callable[[Request], Answer], Request]:
        """Find what answers a request, by its raw path."""
        for kind, methods, pattern, answer in ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match and request.method in methods.split("|"):
                parts = {
                    name: urllib.parse.unquote(text)
                    for name, text in match.groupdict().items()
                    if text is not None
                }
                values = (request.query, request.headers, request.body, request.token, parts)
                asked = Request(request.method, request.path, *values)
                return kind, functools.partial(answer, self), asked
        return "unknown", _unknown, request

    def strike(self, kind: str) -> Fault | None:
        """Return the first rule that a request of this kind falls under."""
        with self._lock:
            struck = [fault for fault in self._faults if fault.kind == kind and fault.strikes()]
        return struck[0] if struck else None

    def record(self, line: Logged) -> None:
        """Keep one line of the log."""
        with self._lock:
            self.log.append(line)


def _unknown(request: Request) -> Answer:
    raise StoreError(404, f"no route for {request.method} {request.path}", "EntryNotFound")


UNAVAILABLE = Answer(503, b"Service Unavailable", {"Content-Type": "text/plain"})
"""A Hub that is down, with a plain text."""

HTML = Answer(502, b"<html><body>Bad gateway</body></html>", {"Content-Type": "text/html"})
"""What a gateway in front of the Hub sends."""

BROKEN = Answer.error(500, "Internal error")
BUSY = Answer.error(409, "Another commit is in progress")
RACED = Answer.error(412, "A commit has happened since. Please refresh and try again.")
RETRY_AFTER = Answer(429, b"", {"Retry-After": "0"})
RATE_LIMIT = Answer(
    429, b"", {"RateLimit": '"api";r=0;t=0', "RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
)


def forbidden(message: str = "You don't have the rights to do this") -> Answer:
    """Return the Hub's refusal of a token that lacks a right."""
    return Answer.error(403, message)


def nobody() -> str:
    """Return an address where nothing listens: one that was free a moment ago."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_address[1]}"
