"""What the command line promises on a terminal, under signals, and in any locale."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

import imprint
from tests.projects import imprint as command
from tests.projects import make, sentences

IMPRINT = [sys.executable, "-m", "imprint"]

SECONDS = 30
"""How long a process may take before it counts as hanging."""

CTRL_C = "\x03"

TEXT = "Pasukan CTSO meninggalkan kota itu pada hari Kamis bersama perlengkapannya."

Answers = tuple[tuple[str, str], ...]


def on_terminal(
    *arguments: str | Path, answers: Answers = (), **environment: str
) -> tuple[int, str]:
    """Run imprint on a terminal; give each answer after its question; return status and screen."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("4H", 24, 100, 0, 0))
    start = [*IMPRINT, *map(str, arguments)]
    process = subprocess.Popen(
        start, stdin=child, stdout=child, stderr=child, env=os.environ | environment
    )
    os.close(child)
    screen, waiting, told = b"", list(answers), 0
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if not select.select([parent], [], [], 0.2)[0]:
            continue
        try:
            screen += os.read(parent, 4096)
        except OSError:  # Linux says so when the last process has closed the terminal
            break
        if waiting and waiting[0][0].encode() in screen[told:]:
            told = len(screen)
            answer = waiting.pop(0)[1]
            if answer == CTRL_C:
                time.sleep(0.5)  # the question is written before the answer is waited for
                process.send_signal(signal.SIGINT)
            else:
                os.write(parent, answer.encode())
    os.close(parent)
    return process.wait(SECONDS), screen.decode()


def test_init_asks_on_a_terminal(tmp_path: Path) -> None:
    """Name, licence and languages are asked; what is typed is taken, Enter takes the default."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("Satu teks.")
    asked = (("Name", "kz-news\n"), ("Licence", "\n"), ("Languages", "id ms\n"))
    status, screen = on_terminal("init", tmp_path, answers=asked)
    assert status == 0, screen
    written = tomllib.loads((tmp_path / "schema" / "dataset.toml").read_text())
    assert [written[key] for key in ("name", "license")] == ["kz-news", "unknown"]
    assert written["languages"] == ["id", "ms"]
    assert "a.txt" in screen


def test_init_left_by_ctrl_c_writes_nothing(tmp_path: Path) -> None:
    """Ctrl-C at a question: 130, and no schema/."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("Satu teks.")
    status, screen = on_terminal("init", tmp_path, answers=(("Name", CTRL_C),))
    assert status == 130, screen
    assert "Traceback" not in screen
    assert not (tmp_path / "schema").exists()


def test_init_without_a_terminal_takes_the_defaults(tmp_path: Path) -> None:
    """Nobody is asked, and the build takes what was written."""
    (tmp_path / "Berita 2022" / "raw").mkdir(parents=True)
    (tmp_path / "Berita 2022" / "raw" / "a.txt").write_text("Satu teks.")
    assert command("init", "Berita 2022", folder=tmp_path).returncode == 0
    written = (tmp_path / "Berita 2022" / "schema" / "dataset.toml").read_text()
    assert tomllib.loads(written)["name"] == "berita-2022"
    assert command("build", "Berita 2022", folder=tmp_path).returncode == 0


def test_init_again_changes_nothing(tmp_path: Path) -> None:
    """What a person may have edited is not written over: exit 1."""
    make(tmp_path, sentences(1))
    before = {path: path.read_bytes() for path in (tmp_path / "schema").iterdir()}
    done = command("init", tmp_path, "--yes")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "nothing was written" in done.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "schema").iterdir()} == before


@pytest.mark.parametrize(
    "given",
    [("--name", "Bad Name"), ("--license", "cc-bye"), ("--language", "zzzz")],
    ids=lambda given: given[0],
)
def test_init_refuses_what_a_build_would(tmp_path: Path, given: tuple[str, str]) -> None:
    """A name, licence or language that no build takes is refused at once, and nothing written."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text("Satu teks.")
    done = command("init", tmp_path, "--yes", *given)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f'imprint init {given[0]}: "{given[1]}"' in done.stderr
    assert not (tmp_path / "schema").exists()


@pytest.mark.parametrize("raw", [False, True], ids=["no raw", "empty raw"])
def test_init_without_raw_text(tmp_path: Path, raw: bool) -> None:
    """It says where the raw text belongs: exit 2, nothing written."""
    if raw:
        (tmp_path / "raw").mkdir()
    done = command("init", tmp_path, "--yes")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "raw" in done.stderr
    assert not (tmp_path / "schema").exists()


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}], ids=["plain", "NO_COLOR"])
def test_there_is_no_colour(tmp_path: Path, environment: dict[str, Any]) -> None:
    """On a terminal neither help, nor a fault, nor a result has a colour."""
    make(tmp_path, sentences(1))
    root = str(tmp_path)
    for call in (["--help"], ["build", root], ["build", f"{root}/x"], ["show", "csto-news"]):
        _, screen = on_terminal(*call, **environment)
        assert "\x1b[3" not in screen
        assert "\x1b[1m" not in screen


def test_both_names_of_the_program() -> None:
    """`imprint` and `python -m imprint` are the same."""
    script = Path(sys.executable).with_name("imprint")
    calls = [[str(script), "--version"], [*IMPRINT, "--version"]]
    said = {subprocess.run(c, capture_output=True, text=True, check=True).stdout for c in calls}
    assert len(said) == 1


def test_without_a_command_there_is_help() -> None:
    """`imprint` alone is no call, so its help goes to standard error."""
    done = command()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == command("--help").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_every_shell(shell: str) -> None:
    """Each shell gets its script, and a command that was begun is completed."""
    assert "imprint" in command(_IMPRINT_COMPLETE=f"{shell}_source").stdout
    words = {"bash": "imprint bu", "zsh": "imprint bu", "fish": "imprint bu"}[shell]
    done = command(_IMPRINT_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD="1")
    assert "build" in done.stdout or shell == "fish"


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`imprint show | head -1`: no word about the pipe, and the status of the command."""
    make(tmp_path, sentences(1))
    for call, status in ((["show", "csto-news"], 0), (["check", str(tmp_path), "--strict"], 1)):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write) as gone:
            start = [*IMPRINT, *call]
            done = subprocess.run(start, stdout=gone, stderr=subprocess.PIPE, check=False)
        assert done.returncode == status
        assert b"rror" not in done.stderr


def test_text_of_any_script_in_any_locale(tmp_path: Path) -> None:
    """A locale that knows ASCII only changes nothing of what is done, and nothing fails."""
    root = make(tmp_path, {"ar/نص.txt": "قوات حفظ السلام — “ألماتي”."}, errata="")
    bare: dict[str, Any] = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for call in ("build", "show", "verify", "check"):
        done = command(call, root, "--json", **bare)
        assert done.returncode == 0, done.stderr


def test_a_folder_with_the_signs_of_a_glob(tmp_path: Path) -> None:
    """A folder is a folder, whatever signs are in its name."""
    root = make(tmp_path / "berita [2022] {a,b} 100% #1", sentences(3))
    for call in ("build", "check", "verify", "show", "wheel"):
        done = command(call, root)
        assert done.returncode == 0, done.stderr


def test_a_folder_with_control_characters_is_inert(tmp_path: Path) -> None:
    """The name of the folder itself reaches the terminal escaped, as do C1 controls in JSON."""
    root = make(tmp_path / "a\x1b[31mb", {"a.txt": "Teks\u009b31m satu.", "b\u009b.txt": "Dua."})
    for call in (["build"], ["build", "--json"], ["verify"], ["wheel"], ["check", "--json"]):
        done = command(call[0], root, *call[1:])
        assert done.returncode == 0, done.stderr
        assert not set("\x1b\u009b") & set(done.stdout + done.stderr)


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupt_while_records_are_read(tmp_path: Path, workers: int) -> None:
    """Ctrl-C reaches the workers too: one line, 130, the old dataset whole, and the next build."""
    root = make(tmp_path / "p", sentences(3))
    imprint.build(root, workers=1)
    old = shutil.copytree(root / "build" / "dataset", tmp_path / "old")
    for number in range(4):
        lines = (f'{{"text": "{TEXT} {number} {n}"}}\n' for n in range(20_000))
        (root / "raw" / f"big{number}.jsonl").write_text("".join(lines))
    start = [*IMPRINT, "build", str(root), "--workers", str(workers), "--fresh"]
    parts = root / "build" / "cache" / "parts"
    shutil.rmtree(parts)
    process = subprocess.Popen(start, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + SECONDS
    while not parts.is_dir() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, error
    assert error.strip() == "imprint: error: interrupted; what was there before is still there"
    for path in old.rglob("*.*"):
        assert (
            path.read_bytes() == (root / "build" / "dataset" / path.relative_to(old)).read_bytes()
        )
    for path in (root / "raw").glob("big*"):
        path.unlink()
    assert command("verify", root).returncode == 0
    assert [path.name for path in (root / "build").glob("*.new*")] == []
