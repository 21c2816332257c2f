"""What the command line prints, and what it asks.

The only module that prints. Results go to standard output, progress and errors to standard error.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import click

from imprint.errors import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from imprint.press import Progress

CONTROLS = re.compile("[\x7f-\x9f]")
"""Control characters that JSON does not escape by itself."""


def print_result(as_json: bool, result: object, text: Callable[[], str]) -> None:
    """Print a result, as JSON or as text."""
    if as_json:
        import msgspec

        written = msgspec.json.format(msgspec.json.encode(_plain(result))).decode()
        written = CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", written)
    else:
        written = "\n".join(map(escape, text().split("\n")))
    try:
        click.echo(written)
    except BrokenPipeError:  # who read it has read enough; the exit status is that of the command
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _plain(value: object) -> object:
    """Return a result as dicts, lists, strings and numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _plain(getattr(value, field.name)) for field in fields}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, os.PathLike) else value


def complain(*lines: str) -> None:
    """Print each line as an error."""
    for line in lines:
        click.echo(f"imprint: error: {line}", err=True)


def warn(warnings: tuple[str, ...], *, strict: bool) -> None:
    """Print the warnings; with --strict they are what is wrong."""
    for warning in warnings:
        click.echo(f"imprint: warning: {escape(warning)}", err=True)
    if warnings and strict:
        raise SystemExit(1)


def ask(question: str, default: str, *, silent: bool) -> str:
    """Ask for a value on a terminal; take the default where nobody is asked."""
    if silent:
        return default
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a library may have taken Ctrl-C
    return str(click.prompt(question, default=default, err=True))


@contextlib.contextmanager
def progress(quiet: bool) -> Iterator[Progress]:
    """Give what shows progress: a bar on a terminal, nothing elsewhere."""
    if quiet or not sys.stderr.isatty():
        yield lambda stage, done, total: None  # noqa: ARG005 - nobody is told
        return
    from tqdm import tqdm

    bar = tqdm(bar_format="{desc:<9}{bar:30} {n_fmt}/{total_fmt}", leave=False, file=sys.stderr)

    def show(stage: str, done: int, total: int) -> None:
        bar.desc, bar.n, bar.total = stage, done, total
        bar.refresh()

    try:
        yield show
    finally:
        bar.close()
