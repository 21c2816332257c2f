"""What keeps the house simple: sizes, docstrings, names. A rule that is not a test is a wish."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import imprint

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "imprint").rglob("*.py"))
IDS = [path.relative_to(ROOT / "src" / "imprint").as_posix() for path in SOURCES]

FILE_LINES = 400
FUNCTION_LINES = 45
PARAMETERS = 8
DRAWERS = {"utils", "util", "helpers", "common", "base", "misc"}

pytestmark = pytest.mark.skipif(not SOURCES, reason="the source is out of the way")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def definitions(path: Path) -> Iterator[ast.ClassDef | Function]:
    """Yield every class and function of a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def public(tree: ast.Module) -> Iterator[ast.ClassDef | Function]:
    """Yield what others can use: the classes, their methods and the functions of a module."""
    for node in tree.body:
        if isinstance(node, Function) and node.name[0] != "_":
            yield node
        if isinstance(node, ast.ClassDef) and node.name[0] != "_":
            yield node
            inside = (each for each in node.body if isinstance(each, Function))
            yield from (each for each in inside if each.name[0] != "_")


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_sizes(path: Path) -> None:
    """Files, functions and signatures stay short."""
    lines = path.read_text("utf-8").count("\n")
    assert lines <= FILE_LINES, f"{lines} lines"
    for node in definitions(path):
        if isinstance(node, ast.ClassDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        assert length <= FUNCTION_LINES, f"{node.name} has {length} lines"
        given = node.args
        named = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
        named = [name for name in named if name not in {"self", "cls"}]
        assert len(named) <= PARAMETERS, f"{node.name} takes {len(named)} parameters"


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_docstrings(path: Path) -> None:
    """Every module, class and function that others see says in one sentence what it does."""
    tree = ast.parse(path.read_text("utf-8"))
    told = [(path.name, ast.get_docstring(tree))]
    told += [(node.name, ast.get_docstring(node)) for node in public(tree)]
    for name, docstring in told:
        assert docstring, f"{name} has no docstring"
        first = docstring.splitlines()[0]
        assert len(first) <= 100, f"{name}: {first}"
        assert first.endswith((".", ":")), f"{name}: {first}"


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_no_drawer(path: Path) -> None:
    """No file is a drawer for everything."""
    assert path.stem not in DRAWERS


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_only_the_command_line_prints(path: Path) -> None:
    """Nothing but terminal.py prints."""
    if path.name == "terminal.py":
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"line {node.lineno}"


def test_public_names() -> None:
    """Every public name is there, and `dir` lists them."""
    assert dir(imprint) == sorted(imprint.__all__) == imprint.__all__
    for name in imprint.__all__:
        assert getattr(imprint, name).__doc__, name


def test_public_functions_outlive_the_modules() -> None:
    """No module takes the place of a public function, whatever was imported before."""
    code = (
        "import pkgutil, importlib, imprint\n"
        "for m in pkgutil.walk_packages(imprint.__path__, 'imprint.'):\n"
        "    if m.name != 'imprint.__main__': importlib.import_module(m.name)\n"
        "assert all(callable(getattr(imprint, n)) for n in imprint.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_import_is_cheap() -> None:
    """`import imprint.cli` brings none of the heavy libraries."""
    heavy = {
        "pyarrow",
        "polars",
        "datasets",
        "huggingface_hub",
        "numpy",
        "pandas",
        "ftfy",
        "chardet",
    }
    code = f"import sys, imprint.cli; print(sorted({heavy!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_loader_stands_alone() -> None:
    """The loader travels in data wheels: it imports nothing of imprint."""
    tree = ast.parse((ROOT / "src" / "imprint" / "loader.py").read_text("utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "", "." * node.level]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not {
        name for name in imported if name.split(".")[0] == "imprint" or name.startswith(".")
    }


def test_readme_names_every_command_and_option() -> None:
    """Every command and every option of it stands in the README."""
    from imprint.cli import commands

    readme = (ROOT / "README.md").read_text("utf-8")
    for name, command in commands.commands.items():
        assert f"imprint {name}" in readme, name
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option.startswith("--"):
                    assert option in readme, f"{name} {option}"


def test_every_command_shows_an_example() -> None:
    """Each command's help ends with an example."""
    from imprint.cli import commands

    for name, command in commands.commands.items():
        assert command.epilog, name
        assert "Example" in command.epilog, name
