"""What the command line promises: one clear line, the right status, nothing half-written."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Any

import pytest

import imprint
from imprint.cli import NOT_YET, commands
from tests.projects import imprint as command
from tests.projects import make, sentences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINE = re.compile(r"imprint: error: [^\n]+, wanted [^\n]+\. To fix: [^\n]+\.")


def declared(root: Path, old: str, new: str) -> None:
    """Replace something in schema/dataset.toml."""
    path = root / "schema" / "dataset.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def add(root: Path, text: str) -> None:
    """Append to schema/dataset.toml."""
    with (root / "schema" / "dataset.toml").open("a") as file:
        file.write(text)


def erratum(root: Path, text: str) -> None:
    """Write schema/errata.toml."""
    (root / "schema" / "errata.toml").write_text(f"[[erratum]]\n{text}\n")


def emptied(folder: Path) -> None:
    """Take everything out of a folder."""
    shutil.rmtree(folder)
    folder.mkdir()


BAD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no raw": (lambda r: shutil.rmtree(r / "raw"), "raw"),
    "empty raw": (lambda r: emptied(r / "raw"), "raw/: no file"),
    "unknown key": (lambda r: add(r, "colour = 1\n"), "schema/dataset.toml:6"),
    "misspelt key": (lambda r: declared(r, "license", "licence"), "license"),
    "bad TOML": (lambda r: add(r, "title = \n"), "schema/dataset.toml:6"),
    "bad regex": (
        lambda r: erratum(r, 'wrong = "(a"\nright = "b"\nmatch = "regex"'),
        "schema/errata.toml:2",
    ),
    "look-around": (
        lambda r: erratum(r, 'wrong = "(?=a)b"\nright = "b"\nmatch = "regex"'),
        "schema/errata.toml:2",
    ),
    "licence": (lambda r: declared(r, "cc-by-4.0", "cc-bye-4.0"), "cc-by-4.0"),
    "shares": (lambda r: add(r, "[splits]\nshares = { train = 0.8, test = 0.15 }\n"), "0.95"),
    "name": (lambda r: declared(r, "small-news", "small--news"), "small--news"),
    "version": (lambda r: declared(r, "1.0.0", "1.0"), "1.0"),
    "wrong type": (lambda r: add(r, "[dedup]\nexact = 1\n"), "schema/dataset.toml:7"),
    "dangling link": (lambda r: (r / "raw" / "x.txt").symlink_to("nowhere"), "raw/x.txt"),
    "no schema": (lambda r: (r / "schema" / "record.json").write_text("[]"), "schema/record.json"),
    "step": (lambda r: add(r, '[[step]]\nrun = "a.py:f"\n'), "schema/dataset.toml:7"),
    "subsets": (lambda r: add(r, '[subsets]\nby = "corrections"\n'), "column than id of single"),
    "privacy": (lambda r: add(r, '[privacy]\nemail = "redact"\n'), "not there yet"),
    "removals": (
        lambda r: (r / "schema" / "removals.toml").write_text('[[removal]]\nwhy = "x"\n'),
        "none of id, source, files, sha256, wanted one of them",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=BAD)
def test_bad_input_is_one_line(tmp_path: Path, case: str) -> None:
    """A fault is one line that says where, what, and how to mend it; exit 2, nothing written."""
    root = make(tmp_path, sentences(2))
    spoil, named = BAD[case]
    spoil(root)
    done = command("build", root)
    lines = done.stderr.strip().split("\n")
    assert done.returncode == 2, done.stderr
    assert all(LINE.fullmatch(line) for line in lines), done.stderr
    assert any(named in line for line in lines), done.stderr
    assert done.stdout == ""
    assert not (root / "build" / "dataset").exists()


def test_no_project_says_what_to_run(tmp_path: Path) -> None:
    """A folder without schema/ is told to run init; one that is not there is said."""
    (tmp_path / "raw").mkdir()
    assert "imprint init" in command("build", tmp_path).stderr
    missing = command("build", tmp_path / "nowhere")
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("name", NOT_YET)
def test_command_to_come_is_refused_by_name(name: str) -> None:
    """A command that is planned says so."""
    done = command(name)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"imprint {name}: a command that is not there yet" in done.stderr


@pytest.mark.parametrize(
    "options",
    [["wheel", "--pin", "a/b"]],
    ids=" ".join,
)
def test_option_to_come_is_refused_by_name(options: list[str]) -> None:
    """An option that is planned says so, and does nothing."""
    done = command(*options)
    assert done.returncode == 2
    assert options[1] in done.stderr
    assert "not there yet" in done.stderr


@pytest.mark.parametrize(
    ("call", "hint"), [(["biuld"], "build"), (["build", "--worker"], "--workers")]
)
def test_misspelt_call_gets_a_hint(call: list[str], hint: str) -> None:
    """A command or option that is nearly right is named."""
    done = command(*call)
    assert done.returncode == 2
    assert LINE.fullmatch(done.stderr.strip())
    assert hint in done.stderr


@pytest.mark.parametrize("name", commands.commands)
def test_help_shows_an_example(name: str) -> None:
    """Every command's help ends with a call that works."""
    done = command(name, "--help")
    assert done.returncode == 0
    assert f"imprint {name}" in done.stdout.partition("Example:")[2]


def test_help_and_version() -> None:
    """`--help` lists the commands, `--version` says which this is."""
    listed = command("--help").stdout
    assert all(f"  {name} " in listed for name in commands.commands)
    assert command("--version").stdout.startswith("imprint 0.")


def test_completion() -> None:
    """The shell is told how to complete."""
    done = command(_IMPRINT_COMPLETE="bash_source")
    assert "_IMPRINT_COMPLETE=bash_complete" in done.stdout


def test_results_and_progress_are_apart(tmp_path: Path) -> None:
    """The result is on standard output; piped, there is no bar; warnings are on standard error."""
    make(tmp_path, {"a.txt": "Satu teks."})
    done = command("build", tmp_path)
    assert "1 record read = 1 published" in done.stdout
    lines = done.stderr.strip().split("\n")
    assert all(line.startswith("imprint: warning: ") for line in lines)
    assert "duplicates  exact 0, near 0 (similarity of 0.8 or more)" in done.stdout


def test_strict_exits_1_on_a_warning(tmp_path: Path) -> None:
    """With --strict a warning is what is wrong."""
    make(tmp_path, {"a.txt": "Satu teks."})
    assert command("check", tmp_path).returncode == 0
    assert command("check", tmp_path, "--strict").returncode == 1
    assert command("build", tmp_path, "--strict").returncode == 1


def test_json_of_every_command(tmp_path: Path) -> None:
    """`--json` gives every result to programs."""
    root = make(tmp_path / "p", sentences(12))
    folder = str(root / "build" / "dataset")
    built = json.loads(command("build", root, "--json").stdout)
    assert built["manifest"]["records"]["published"] == 12
    assert json.loads(command("check", root, "--json").stdout)["problems"] == []
    assert json.loads(command("suggest", root, "--json").stdout) == []
    assert json.loads(command("verify", root, "--json").stdout)["differences"] == []
    assert json.loads(command("load", folder, "--json").stdout)["path"] == folder
    assert json.loads(command("show", folder, "--json").stdout)["name"] == "small-news"
    assert "csto-news" in json.loads(command("show", "--json").stdout)
    assert json.loads(command("wheel", root, "--json").stdout)["wheel"].endswith(".whl")
    new = make(tmp_path / "q", {"a.txt": "x"})
    for path in (new / "schema").iterdir():
        path.unlink()
    given = ("--json", "--name", "q", "--license", "mit", "--language", "id")
    assert json.loads(command("init", new, *given).stdout)["files"][0]["raw_file"] == "a.txt"


def test_control_characters_are_inert(tmp_path: Path) -> None:
    """Nothing from a file name or a text reaches the terminal as a control sequence."""
    make(tmp_path, {"a\x1b[31m.txt": "Teks \x1b[2J.", "b.jsonl": '{"text": "\x1b["}\n'})
    done = command("build", tmp_path)
    shown = command("show", tmp_path / "build" / "dataset")
    assert "\x1b" not in done.stdout + done.stderr + shown.stdout
    assert r"\x1b[31m" in done.stdout


def test_interrupt_is_130_and_leaves_the_old_dataset(tmp_path: Path) -> None:
    """Ctrl-C ends a build with 130; what was there before still is."""
    root = make(tmp_path, sentences(3))
    imprint.build(root, workers=1)
    before = (root / "build" / "dataset" / "imprint.json").read_bytes()
    (root / "raw" / "big.jsonl").write_text('{"text": "satu dua tiga empat"}\n' * 400_000)
    start = [sys.executable, "-m", "imprint", "build", str(root)]
    process = subprocess.Popen(start, stderr=subprocess.PIPE, text=True, start_new_session=True)
    time.sleep(1.5)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "Traceback" not in error
    assert (root / "build" / "dataset" / "imprint.json").read_bytes() == before


def test_bar_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal a bar is drawn; with --quiet none is."""
    root = make(tmp_path, sentences(3))
    for options, drawn in (([], True), (["--quiet"], False)):
        parent, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        start = [sys.executable, "-m", "imprint", "build", str(root), "--fresh", *options]
        process = subprocess.Popen(start, stderr=child, stdout=subprocess.DEVNULL)
        process.wait(timeout=60)
        os.close(child)
        shown = b""
        while True:
            try:
                shown += os.read(parent, 4096)
            except OSError:
                break
        os.close(parent)
        assert (b"1/1" in shown) == drawn


def test_push_without_a_token(tmp_path: Path) -> None:
    """Without a token nothing is sent, and where to get one is said."""
    root = make(tmp_path / "p", sentences(12))
    imprint.build(root, workers=1)
    done = command("push", root, "org/small-news", HF_HOME=str(tmp_path / "hf"), HF_TOKEN="")
    assert (done.returncode, done.stdout) == (2, "")
    assert "token" in done.stderr
    assert done.stderr.count("\n") == 1


def test_push_to_a_hub_that_is_not_there(tmp_path: Path) -> None:
    """A Hub that cannot be reached is one line, and no token is in it."""
    root = make(tmp_path / "p", sentences(12))
    imprint.build(root, workers=1)
    done = command(
        *("push", root, "org/small-news"),
        HF_HOME=str(tmp_path / "hf"),
        HF_ENDPOINT="http://127.0.0.1:9",
        HF_TOKEN="hf_secretsecretsecret",  # noqa: S106 - none that opens anything
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert "hf_secret" not in done.stderr + done.stdout
    assert not (root / "schema" / "releases.toml").exists()
