"""Runs a program to its end: its time, its output, and the peak memory of all its processes.

Memory is PSS, summed over the processes of the program's session: a page that several share counts
once. It is there on Linux only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROC = Path("/proc")

EVERY = 0.05
"""Seconds between two looks at the memory."""

SHARE = 0.1
"""Of one core at most for looking: the sizes of large processes take long to add up."""


class RunError(Exception):
    """A program that ended with a fault."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What a program took and said."""

    seconds: float
    peak: int
    """Bytes; 0 where the system does not tell."""
    output: str


def run(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Run:
    """Run a command in a session of its own.

    Args:
        command: program and arguments.
        environment: variables beside our own.
        log: the file that takes its standard error.

    Raises:
        RunError: it ended with a fault; with the last line of its standard error.
    """
    with log.open("wb") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
            start_new_session=True,
            text=True,
        )
        watch = _Watch(process.pid)
        watch.start()
        try:
            output, _ = process.communicate()
            seconds = time.perf_counter() - start
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            watch.stop()
    if process.returncode:
        last = (log.read_text("utf-8", errors="replace").strip().splitlines() or ["no word"])[-1]
        shown = " ".join(command[1:4])
        raise RunError(f"{shown}: status {process.returncode}: {last}")
    return Run(seconds, watch.peak, output)


class _Watch(threading.Thread):
    """Looks again and again at the memory of a session."""

    def __init__(self, session: int) -> None:
        super().__init__(daemon=True)
        self.session = session
        self.peak = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until the program has ended."""
        pause = 0.0
        while PROC.joinpath("self", "smaps_rollup").exists() and not self._ended.wait(pause):
            start = time.perf_counter()
            self.peak = max(self.peak, sum(map(_pss, _session(self.session))))
            pause = max(EVERY, (time.perf_counter() - start) / SHARE)

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


def _session(session: int) -> list[Path]:
    """Return the folders of /proc of a session's processes, whoever their parent is by now."""
    found = []
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # gone since
                fields = (folder / "stat").read_text("utf-8", errors="replace").rpartition(")")[2]
                if int(fields.split()[3]) == session:
                    found.append(folder)
    return found


def _pss(folder: Path) -> int:
    """Return the proportional set size of a process in bytes."""
    with contextlib.suppress(OSError):  # gone since
        for line in (folder / "smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0
