"""Keeps the tests to themselves: caches of their own, no network, no bars."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hub.bench import Bench
    from tests.hub.pusher import Pusher

# Read by huggingface_hub and datasets when they are imported, so before any test is.
_HOME = tempfile.TemporaryDirectory(prefix="imprint-tests-")
os.environ |= {
    "HF_HOME": f"{_HOME.name}/hf",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "XDG_CACHE_HOME": f"{_HOME.name}/cache",
}
os.environ.pop("HF_TOKEN", None)

# No test is timed; the gate draws the same examples every time, a developer's machine new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("gate", deadline=None, derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "here")


LONG = ["test_store.py", "test_ray.py", "test_press.py", "test_bench.py", "test_readme.py"]
"""Files that take longest, the longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let processes that share the files begin with the long ones, so that all end at once."""
    if hasattr(config, "workerinput"):
        rank = {name: place for place, name in enumerate(LONG)}
        items.sort(key=lambda item: rank.get(item.path.name, len(LONG)))


@pytest.fixture(scope="module")
def pusher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pusher]:
    """A client process that uploads over LFS."""
    from tests.hub.bench import open_pusher

    with open_pusher(tmp_path_factory.mktemp("home")) as opened:
        yield opened


@pytest.fixture
def bench(pusher: Pusher, tmp_path: Path) -> Iterator[Bench]:
    """A fresh server, and a dataset."""
    from tests.hub.bench import open_bench

    with open_bench(pusher, tmp_path / "dataset") as opened:
        yield opened


@pytest.fixture(scope="module", params=[False, True], ids=["lfs", "xet"])
def either_pusher(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pusher]:
    """A client process for each transport."""
    from tests.hub.bench import open_pusher

    with open_pusher(tmp_path_factory.mktemp("home"), xet=request.param) as opened:
        yield opened


@pytest.fixture
def either(either_pusher: Pusher, tmp_path: Path) -> Iterator[Bench]:
    """A bench for each transport."""
    from tests.hub.bench import open_bench

    with open_bench(either_pusher, tmp_path / "dataset") as opened:
        yield opened
