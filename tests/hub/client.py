"""The client's side: a process of its own, whose environment points at a server.

`huggingface_hub` reads its settings when it is imported, so a test cannot set them in its own
process, and must never read or write the settings of the person who runs it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SECONDS = 120
"""How long a process may take before it counts as hanging."""


@dataclasses.dataclass(frozen=True, slots=True)
class Client:
    """Runs Python against a server, with a home folder that nobody else uses."""

    endpoint: str
    home: Path
    token: str = ""
    xet: bool = False
    more: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Further variables of the environment; one that is "" is not set at all."""

    def environment(self) -> dict[str, str]:
        """Return the process's environment: nothing of the person's own settings."""
        kept = {n: text for n, text in os.environ.items() if not n.startswith(("HF_", "HUGGING"))}
        given = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(self.home / "hub-home"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_XET": "0" if self.xet else "1",
            "HF_XET_CLIENT_RETRY_BASE_DELAY": "50ms",
            "HOME": str(self.home),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        token = {"HF_TOKEN": self.token} if self.token else {}
        all_of_it = {**kept, **given, **token, **self.more}
        return {name: text for name, text in all_of_it.items() if text}

    def process(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a script and return what it printed and how it ended."""
        return self._run("-c", textwrap.dedent(script), *arguments)

    def imprint(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of imprint and return what it printed and how it ended."""
        return self._run("-m", "imprint", *arguments)

    def run(self, script: str, *arguments: str) -> Any:
        """Run a script that ends well, and return the JSON of its last line."""
        done = self.process(script, *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            env=self.environment(),
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
