"""A long-lived client process that pushes and fetches as it is told, a line of JSON at a time.

One process serves many tests, because importing the client takes most of a second. Where to push,
and with which token, comes with every line.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hub.client import Client

SECONDS = 60
"""How long one answer may take before the process counts as hanging."""

SCRIPT = """
import dataclasses, io, json, os, sys
from contextlib import redirect_stdout
from pathlib import Path
from imprint import hub
from imprint.errors import ImprintError
from imprint.hub import remote

def work(asked):
    os.environ["HF_ENDPOINT"] = asked["endpoint"]
    os.environ["HF_TOKEN"] = asked["token"]
    remote.WAITS = tuple(asked["waits"])
    remote.ANSWER_SECONDS = asked["patience"]
    if "fetch" in asked:
        return str(hub.fetch(*asked["fetch"]))
    folder = Path(asked["folder"])
    manifest = hub.read_listing((folder / "imprint.json").read_bytes())
    pushed = hub.push(folder, manifest, asked["repository"], **asked["options"])
    return dataclasses.asdict(pushed)

for line in sys.stdin:
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            told = {"done": work(json.loads(line))}
    except ImprintError as error:
        told = {"error": type(error).__name__, "status": error.exit_status, "text": str(error)}
    print(json.dumps({**told, "printed": printed.getvalue()}), flush=True)
"""


@dataclasses.dataclass(frozen=True, slots=True)
class PushError(Exception):
    """What an error of imprint said, in the other process."""

    kind: str
    status: int
    text: str


class Pusher:
    """A client process, and the way to talk to it.

    Attributes:
        heard: all that it ever printed or said, for looking for what must not be there.
        waits, patience: the waits between repetitions and the longest silence, in seconds.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard = ""
        self.waits = [0.0, 0.0, 0.0]
        self.patience = 20.0
        self._errors = client.home / "stderr"

    def __enter__(self) -> Self:
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SCRIPT],
                env=self.client.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def complaints(self) -> str:
        """All that the process wrote to its standard error."""
        return self._errors.read_text()

    def ask(self, endpoint: str, token: str, **what: object) -> Any:
        """Let the process do one thing; return what it gave.

        Raises:
            PushError: it raised an error of imprint.
        """
        line = {"endpoint": endpoint, "token": token, "waits": self.waits, **what}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watch = threading.Timer(SECONDS, self._process.kill)
        watch.start()
        self._process.stdin.write(json.dumps({"patience": self.patience, **line}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        watch.cancel()
        assert answer, self.complaints
        self.heard += answer
        told = json.loads(answer)
        assert told["printed"] == ""
        if "error" in told:
            raise PushError(told["error"], told["status"], told["text"])
        return told["done"]

    def push(
        self, endpoint: str, token: str, folder: Path, repository: str, **options: object
    ) -> dict[str, Any]:
        """Push a built dataset; return the fields of `Pushed`."""
        asked = {"folder": str(folder), "repository": repository, "options": options}
        done: dict[str, Any] = self.ask(endpoint, token, **asked)
        return done
