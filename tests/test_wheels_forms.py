"""What the data wheel promises of its form: its version, its bytes, its rank."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from imprint.catalog import SHIPPED
from imprint.manifest import Manifest
from imprint.wheels import press_wheel, python_version

OFF = """
import importlib.abc, socket, sys
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "imprint":
            raise ImportError("imprint is not here")
sys.meta_path.insert(0, Refuse())
def refuse(*_, **__):
    raise AssertionError("a socket was opened")
socket.socket.__init__ = refuse
socket.create_connection = socket.getaddrinfo = refuse
try:
    import imprint
except ImportError:
    import imprint_data_csto_news as data
    print(data.load("train").num_rows, data.__version__)
"""

RANK = """
import imprint
from imprint import catalog
print(catalog.resolve("csto-news"))
print(imprint.load("csto-news", split="train").num_rows)
"""


def pressed(out: Path, **facts: str) -> Path:
    """Press the dataset that ships, with some facts of its manifest replaced."""
    out.mkdir()
    folder = SHIPPED / "csto-news"
    return press_wheel(folder, msgspec.structs.replace(Manifest.open(folder), **facts), out)


def run(site: Path, code: str, home: Path) -> list[str]:
    """Run code where the installed wheel is found, the Hub not declared offline; what it prints."""
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_OFFLINE")}
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment |= {"PYTHONPATH": os.pathsep.join(paths)}
    environment |= {"HF_HOME": str(home), "XDG_CACHE_HOME": str(home)}
    call = [sys.executable, "-c", code]
    done = subprocess.run(
        call, env=environment, cwd=home.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where a wheel is installed that is named like the dataset that ships."""
    root = tmp_path_factory.mktemp("forms")
    wheel = pressed(root / "out", version="9.9.9-rc.2")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(root / "site"), str(wheel)], check=True)
    return root / "site"


def test_opens_no_socket(site: Path, tmp_path: Path) -> None:
    """With no socket to be had, and imprint out of reach, the rows are there."""
    rows = str(Manifest.open(SHIPPED / "csto-news").splits["train"].records)
    assert run(site, OFF, tmp_path / "home") == [f"{rows} 9.9.9rc2"]


def test_installed_outranks_shipped(site: Path, tmp_path: Path) -> None:
    """A wheel that is installed is opened rather than the copy that ships under its name."""
    folder, rows = run(site, RANK, tmp_path / "home")
    assert Path(folder) == site / "imprint_data_csto_news" / "dataset"
    assert int(rows) > 0


def test_a_version_before_the_release_is_one_for_pip(tmp_path: Path) -> None:
    """The name and the metadata carry the version in the form of PEP 440, and both the same."""
    wheel = pressed(tmp_path / "out", version="1.2.0-rc.3")
    assert wheel.name == "imprint_data_csto_news-1.2.0rc3-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as file:
        text = file.read("imprint_data_csto_news-1.2.0rc3.dist-info/METADATA").decode()
    said = Parser().parsestr(text, headersonly=True)
    assert said["Name"].replace("_", "-") == "imprint-data-csto-news"
    assert (said["Version"], said.get_all("Requires-Dist")) == ("1.2.0rc3", ["datasets"])


NUMBERS = st.integers(0, 10**6)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.none() | NUMBERS)
def test_versions_are_those_of_pep_440(release: tuple[int, int, int], rc: int | None) -> None:
    """Every version that can be declared is a normal one of PEP 440, with the same parts."""
    plain = ".".join(map(str, release))
    found = python_version(plain if rc is None else f"{plain}-rc.{rc}")
    assert str(Version(found)) == found
    assert Version(found).release == release
    assert Version(found).pre == (None if rc is None else ("rc", rc))


def test_bytes_do_not_hang_on_the_machine(tmp_path: Path) -> None:
    """Another folder, other dates, other rights and another umask give the same bytes."""
    folder = shutil.copytree(SHIPPED / "csto-news", tmp_path / "elsewhere")
    for path in [*folder.rglob("*")]:
        os.utime(path, (10**9, 10**9))
        path.chmod(0o700)
    before = os.umask(0o077)
    try:
        (tmp_path / "b").mkdir()
        other = press_wheel(folder, Manifest.open(folder), tmp_path / "b")
    finally:
        os.umask(before)
    assert other.read_bytes() == pressed(tmp_path / "a").read_bytes()


def test_leaves_the_machine_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel alone is left in its folder, and the current folder is what it was."""
    monkeypatch.chdir(tmp_path)
    wheel = pressed(tmp_path / "out")
    assert [*wheel.parent.iterdir()] == [wheel]
    assert Path.cwd() == tmp_path


def test_record_lists_every_entry(tmp_path: Path) -> None:
    """Every entry has the size and the digest that RECORD says, is stored, and bears one date."""
    with zipfile.ZipFile(pressed(tmp_path / "out")) as file:
        entries = {entry.filename: entry for entry in file.infolist()}
        (record,) = (name for name in entries if name.endswith(".dist-info/RECORD"))
        listed = list(csv.reader(io.StringIO(file.read(record).decode())))
        assert {name for name, _, _ in listed} == entries.keys()
        for name, digest, size in listed:
            content = file.read(name)
            encoded = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
            told = f"sha256={encoded.rstrip('=')}", str(len(content))
            assert (digest, size) == (("", "") if name == record else told)
    assert {entry.compress_type for entry in entries.values()} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries.values()} == {(1980, 1, 1, 0, 0, 0)}
