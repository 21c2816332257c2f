"""The steps that a project declares: functions of the curator's, as source text.

Nothing is run here. A step is looked at as text, so that opening a project stays harmless; the text
travels to the workers as it was read, so that what runs is what the cache knows and the manifest
lists.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import symtable
import warnings
from typing import TYPE_CHECKING

import msgspec

from imprint.declare import nearest, toml, written
from imprint.errors import Fault, ImprintError
from imprint.places import decode

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Collection, Iterator

    from imprint.places import Located, Path

SCHEMA = "schema/"
"""Where the files of steps stand."""

FILE = re.compile(r"(?!releases/)(?:[^./\\][^/\\]*/)*[^./\\][^/\\]*\.py")
"""A file of Python under schema/ that the manifest lists: hidden ones and releases/ it does not."""

FORM = '"FILE.py:FUNCTION", a file under schema/ and a function in it'


@dataclasses.dataclass(frozen=True, slots=True)
class StepCode:
    """One step, and all that decides what it does."""

    run: str
    """As it is declared: `steps.py:drop_boilerplate`. Ledger and `corrections` name it so."""
    root: str
    """The project's folder."""
    source: str
    """The text of the file."""
    beside: str
    """A digest of the files of schema/ that nothing but a step could read."""

    @property
    def place(self) -> str:
        """Return the file, relative to the project."""
        return SCHEMA + self.run.rpartition(":")[0]

    @property
    def function(self) -> str:
        """Return the name of the function."""
        return self.run.rpartition(":")[2]

    def digest(self) -> str:
        """Return a digest of all that decides what the step does."""
        plain = [self.run, self.source, self.beside]
        return hashlib.sha256(msgspec.json.encode(plain)).hexdigest()


def read_steps(
    located: Located, root: pathlib.Path, others: Collection[str]
) -> tuple[tuple[StepCode, ...], list[Fault]]:
    """Read the steps that schema/dataset.toml declares.

    Args:
        located: schema/dataset.toml.
        root: the project's folder.
        others: the files of schema/ that imprint itself does not read, by their paths from `root`.

    Returns:
        The steps in their order, and what is wrong with them.
    """
    steps, faults = [], []
    beside = _digest(root, others) if located.get(("step",)) else ""
    known: dict[str, Path] = {}
    for path, run in _declared(located):
        place = located.at(path)
        try:
            source = _source(run, root, others)
        except _Wrong as wrong:
            faults.append(Fault(place, wrong.seen, wrong.wanted, wrong.fix))
            continue
        first = known.setdefault(run, path)
        if first != path:
            seen = f"{toml(run)} for the second time (first: {located.at(first)})"
            faults.append(Fault(place, seen, "it once", "take one of the two out"))
        steps.append(StepCode(run, str(root.absolute()), source, beside))
    return tuple(steps), faults


def _declared(located: Located) -> Iterator[tuple[Path, str]]:
    """Yield where each `run` stands, and what it says; what is no text is told elsewhere."""
    listed = located.get(("step",))
    for number in range(len(listed) if isinstance(listed, list) else 0):
        path = ("step", number, "run")
        run = located.get(path)
        if isinstance(run, str) and run:
            yield path, run


class _Wrong(Exception):  # noqa: N818 - it never leaves this module
    """What is wrong with a step: what was seen, what was wanted, how it is mended."""

    def __init__(self, seen: str, wanted: str, fix: str) -> None:
        super().__init__(seen, wanted, fix)
        self.seen, self.wanted, self.fix = seen, wanted, fix


def _source(run: str, root: pathlib.Path, others: Collection[str]) -> str:
    """Return the text of the file of a step, in which its function is."""
    shown, (file, _, function) = written(("step", 0, "run"), run), run.rpartition(":")
    if not file or not function.isidentifier():
        path = run.partition(":")[0]
        given = f"{path}:FUNCTION" if FILE.fullmatch(path) else "steps.py:FUNCTION"
        raise _Wrong(shown, FORM, f"write run = {toml(given)}")
    if not FILE.fullmatch(file):
        raise _Wrong(shown, FORM, "put the file under schema/, and name it from there")
    place = SCHEMA + file
    try:
        source = decode((root / place).read_bytes(), place)
    except ImprintError as error:
        raise _Wrong(f"{shown}, but {error.faults[0].seen} in it", "UTF-8", "save it so") from error
    except OSError as error:
        files = [each.removeprefix(SCHEMA) for each in others if each.endswith(".py")]
        near = nearest(file, files)
        fix = f"write run = {toml(f'{near}:{function}')}" if near else f"write {place}"
        there = f"{place}: {error.strerror}" if (root / place).exists() else f"no file {place}"
        raise _Wrong(f"{shown}, but {there}", near or "a file of Python", fix) from error
    symbols = _symbols(source, place, shown)
    if function not in symbols:
        functions = sorted(name for name, defined in symbols.items() if defined)
        near = nearest(function, functions)
        fix = f"write run = {toml(f'{file}:{near}')}" if near else f"define it in {place}"
        wanted = near or (f"one of {', '.join(functions)}" if functions else "a function of it")
        raise _Wrong(f"{shown}, but no {function} in {place}", wanted, fix)
    return source


def _symbols(source: str, place: str, shown: str) -> dict[str, bool]:
    """Return the names that a file of Python gives, True where it defines them; run nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, place, "exec", dont_inherit=True)
        symbols = symtable.symtable(source, place, "exec").get_symbols()
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{place}:{line}" if line else place
        seen = f"{shown}, but {where} is no Python ({getattr(error, 'msg', error)})"
        raise _Wrong(seen, "a file that Python reads", "mend that line") from error
    given = (each for each in symbols if each.is_assigned() or each.is_imported())
    return {each.get_name(): each.is_namespace() for each in given}


def _digest(root: pathlib.Path, names: Collection[str]) -> str:
    """Return a digest of files, of their names and of what stands in them."""
    digests = [[name, hashlib.sha256((root / name).read_bytes()).hexdigest()] for name in names]
    return hashlib.sha256(msgspec.json.encode(sorted(digests))).hexdigest()
