"""One request, one answer, the rules that make an answer fail, and how they travel."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Protocol

from tests.hub.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.hub.store import Account


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What the client sent, with the path as it stood on the wire."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    token: str
    """The bearer token, or ""."""
    parts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The named parts of the route, unquoted once."""

    def json(self) -> Any:
        """Return the body as JSON; a broken one is the client's fault."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise StoreError(400, f"the body is no JSON: {error}") from error


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def json(
        cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return `value` as a JSON answer."""
        given = {"Content-Type": "application/json", **(headers or {})}
        return cls(status, json.dumps(value).encode(), given)

    @classmethod
    def error(cls, status: int, message: str, code: str = "") -> Answer:
        """Return a refusal as the Hub words it: in the headers, and as JSON."""
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        return cls.json({"error": message}, status, headers)


@dataclasses.dataclass(frozen=True, slots=True)
class Logged:
    """One line of the log. A token is never in it: the user's name stands for it."""

    kind: str
    method: str
    path: str
    user: str
    status: int
    """0 where the connection was cut instead of answered."""
    received: int
    """Bytes of the request's body."""
    headers: Mapping[str, str]
    """Of the request, without `authorization`."""
    body: bytes
    """The request's body, where it was JSON."""


@dataclasses.dataclass(slots=True)
class Fault:
    """A rule: which request of a kind fails, and how.

    Without `after` the work is not done. With it the work is done and the answer is lost, which is
    what a gateway's timeout looks like to the client.
    """

    kind: str
    nth: int = 1
    """The first request of this kind that fails, counted from 1 when the rule was made."""
    times: int = 1
    """How many fail in a row."""
    answer: Answer | None = None
    """What is sent instead; None: the request is answered as ever (for `before` and `delay`)."""
    cut: bool = False
    """Close the connection without an answer."""
    delay: float = 0.0
    """Seconds to wait before answering."""
    after: bool = False
    before: Callable[[], object] | None = None
    """Run before the request is handled, as another client would come in between."""
    count: int = dataclasses.field(default=0, init=False)

    def strikes(self) -> bool:
        """Count one request, and tell whether it is one that fails."""
        self.count += 1
        return self.nth <= self.count < self.nth + self.times


class Server(Protocol):
    """What the handler needs of a server."""

    def account(self, token: str) -> Account | None:
        """Return what a token stands for, None without one."""

    def route(self, request: Request) -> tuple[str, Callable[[Request], Answer], Request]:
        """Return the request's kind, what handles it, and the request with its parts."""

    def strike(self, kind: str) -> Fault | None:
        """Return the rule that this request falls under."""

    def record(self, line: Logged) -> None:
        """Keep one line of the log."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, lets the server answer, and plays the faults."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement
    hub: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Stay silent: the log is kept as data."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Handle every method in one place."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        request = self._read()
        kind, handle, request = self.hub.route(request)
        fault = self.hub.strike(kind)
        if fault and fault.before:
            fault.before()
        answer = self._answer(handle, request, fault)
        if fault and fault.delay:
            time.sleep(fault.delay)
        cut = bool(fault and fault.cut)
        account = self.hub.account(request.token)
        kept = request.body if "json" in self.headers.get("content-type", "") else b""
        headers = {name.lower(): text for name, text in self.headers.items()}
        headers.pop("authorization", None)
        status = 0 if cut else answer.status
        user = account.name if account else ""
        self.hub.record(
            Logged(
                kind, request.method, request.path, user, status, len(request.body), headers, kept
            )
        )
        if cut:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
        else:
            self._write(answer)

    def _answer(
        self, handle: Callable[[Request], Answer], request: Request, fault: Fault | None
    ) -> Answer:
        fails = fault is not None and (fault.cut or fault.answer is not None)
        answer = Answer()
        if fault is None or not fails or fault.after:
            try:
                answer = handle(request)
            except StoreError as error:
                answer = Answer.error(error.status, str(error), error.code)
        return fault.answer if fault is not None and fault.answer is not None else answer

    def _read(self) -> Request:
        url = urllib.parse.urlsplit(self.path)
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return Request(
            self.command,
            url.path,
            dict(urllib.parse.parse_qsl(url.query)),
            {name.lower(): text for name, text in self.headers.items()},
            self._body(),
            token if scheme.lower() == "bearer" else "",
        )

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def _write(self, answer: Answer) -> None:
        with contextlib.suppress(ConnectionError):  # the client may have given up on a slow answer
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
