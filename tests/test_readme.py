"""What the README shows is what happens."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.bench import TOKEN
from tests.hub.server import HubServer
from tests.hub.store import Account
from tests.projects import sentences

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)

NOT_RUN = {"scripts/test": "runs this very test", "pip install .": "the gate does it"}
"""Commands that no test runs, and why."""


def commands() -> list[tuple[str, str]]:
    """Return each command of the README with the output that it shows."""
    found = []
    for kind, block in BLOCKS:
        if kind == "console":
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append((command.partition(" #")[0].strip(), output))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the project, and raw text beside it as the README has it."""
    root = tmp_path_factory.mktemp("readme")
    for name in ("raw", "schema"):
        shutil.copytree(ROOT / name, root / name)
    shutil.rmtree(root / "schema" / "releases", ignore_errors=True)
    (root / "schema" / "releases.toml").unlink(missing_ok=True)
    (root / "corpus" / "raw").mkdir(parents=True)
    for name, text in sentences(12).items():
        (root / "corpus" / "raw" / name).write_text(str(text))
    return root


def test_every_command_runs(place: Path) -> None:
    """Each command of the README ends with 0 and prints what the README shows."""
    with HubServer() as hub:
        hub.accounts[TOKEN] = Account("ada", organizations=("org",))
        environment = os.environ | {
            "HF_ENDPOINT": hub.endpoint,
            "HF_TOKEN": TOKEN,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        for command, shown in commands():
            if command in NOT_RUN:
                continue
            call = shlex.split(command.replace("scripts/build", "imprint build"))
            done = subprocess.run(
                call, cwd=place, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            assert not shown.strip() or done.stdout.strip() == shown.strip(), command
    with (place / "corpus" / "schema" / "dataset.toml").open("a") as declared:
        declared.writelines(block for _, block in BLOCKS if block.startswith("[subsets]"))
    for kind, block in BLOCKS:
        if kind == "python":
            done = subprocess.run(
                [sys.executable, "-c", block],
                cwd=place,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr


def test_first_screen_shows_real_output() -> None:
    """By line 10 the README shows what a command prints."""
    lines = README.split("\n")[:10]
    assert any(line.startswith("$ scripts/build") for line in lines)
    assert lines[-1].strip("$ ")


def test_toml_blocks_are_valid() -> None:
    """Each TOML block parses, and knows no key that is not there."""
    import tomllib

    for kind, block in BLOCKS:
        if kind == "toml":
            tomllib.loads(block)
