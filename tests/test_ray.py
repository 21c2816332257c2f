"""A Ray cluster gives the bytes that this machine alone gives, whatever dies on the way."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from imprint.engine import chosen
from imprint.errors import Fault, MachineError, RawError, UsageError
from tests.projects import imprint, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imprint.engine import Engine

pytest.importorskip("ray", reason="pip install 'imprint[ray]'")

ROOT = Path(__file__).parents[1]

pytestmark = [
    # Ray leaves pipes and logs of the processes that it started to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MADE = ("dataset", "rejected.jsonl", "raw.parquet", "release.parquet")
"""What a build leaves."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes of one core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    nodes: Any = Cluster()
    for _ in range(2):
        nodes.add_node(num_cpus=1, include_dashboard=False, object_store_memory=100_000_000)
    nodes.wait_for_nodes()
    yield nodes
    nodes.shutdown()


@pytest.fixture(scope="module")
def joined(cluster: Any) -> Iterator[Engine]:
    """An engine that this very process has joined: each joining starts workers anew."""
    with chosen("ray", None, cluster.address) as tasks:
        yield tasks


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 45 MB in several partitions, built by this machine alone."""
    draw = random.Random(7)
    said = [
        path.read_text("utf-8").strip() for path in sorted((ROOT / "raw/id").glob("*.txt"))[:12]
    ]
    raw: dict[str, str | bytes] = {}
    for number in range(600):
        texts = (f"{draw.choice(said)} ({draw.random()})\nSumber: Alhurra." for _ in range(90))
        lines = "\n".join(f'{{"text": {_json(text)}}}' for text in texts)
        raw[f"{number % 7}/{number:03}.jsonl"] = lines
    # All say much the same, which is no matter here.
    shards = "[write]\nshard_bytes = 2_400_000\n[dedup]\nnear = 0\n[splits]\nsimilar = 0\n"
    project = make(tmp_path_factory.mktemp("large") / "corpus", raw, more=shards)
    done = imprint("build", project, "--workers", "2")
    assert done.returncode == 0, done.stderr
    return project


def _json(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=False)


def made(project: Path) -> dict[str, bytes]:
    """Return every file that a build left, but the cache."""
    return {
        path.relative_to(project).as_posix(): path.read_bytes()
        for name in MADE
        for path in sorted((project / "build" / name).rglob("*"), key=str)
        or [project / "build" / name]
        if path.is_file()
    }


def copied(project: Path, place: Path) -> Path:
    """Return a copy of a project's raw/ and schema/."""
    for name in ("raw", "schema"):
        shutil.copytree(project / name, place / name)
    return place


def workers(cluster: Any, task: str) -> list[int]:
    """Return the processes of a cluster that run a task now."""
    ours = {node.all_processes["raylet"][0].process.pid for node in cluster.list_all_nodes()}
    listed = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True).stdout
    found = [line.split(None, 2) for line in listed.splitlines()[1:]]
    return [
        int(pid) for pid, parent, name in found if name == f"ray::{task}" and int(parent) in ours
    ]


def test_first_dataset_is_the_same(cluster: Any, tmp_path: Path) -> None:
    """This repository's own project gives the same bytes, and the command prints the same."""
    here, there = copied(ROOT, tmp_path / "here"), copied(ROOT, tmp_path / "there")
    one = imprint("build", folder=here)
    other = imprint("build", "--engine", "ray", "--address", cluster.address, folder=there)
    assert (other.returncode, other.stdout, other.stderr) == (0, one.stdout, one.stderr)
    assert made(here) == made(there)


def test_large_folder_is_the_same(cluster: Any, large: Path, tmp_path: Path) -> None:
    """Several partitions and shards on two nodes give the same bytes; nothing of Ray is printed."""
    project = copied(large, tmp_path / "corpus")
    done = imprint("build", ".", "--engine", "ray", "--address", cluster.address, folder=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("small-news 1.0.0: ")
    assert all(line.startswith("imprint: ") for line in done.stderr.splitlines())
    assert made(project) == made(large)
    assert len(list((project / "build" / "cache" / "parts").glob("*.json"))) > 4
    assert len(list((project / "build" / "dataset" / "data").iterdir())) > 8


def test_killed_workers_change_nothing(cluster: Any, large: Path, tmp_path: Path) -> None:
    """A worker that is killed half-way costs its task, and no byte: in each parallel pass."""
    project = copied(large, tmp_path / "corpus")
    killed: list[str] = []
    done = threading.Event()

    def kill() -> None:
        for task in ("prepare", "write_group"):
            while not done.is_set() and task not in killed:
                for pid in workers(cluster, task)[:1]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        killed.append(task)
                time.sleep(0.03)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        built = imprint("build", project, "--engine", "ray", "--address", cluster.address)
    finally:
        done.set()
        killer.join()
    assert built.returncode == 0, built.stderr
    assert killed == ["prepare", "write_group"]
    assert made(project) == made(large)


def late(number: int) -> int:
    """Return a number, the sooner the larger it is."""
    time.sleep(0.2 / (number + 1))
    return number


def environment(name: str) -> str:
    """Return what a worker's environment and libraries say."""
    import polars as pl
    import pyarrow as pa

    return f"{os.environ.get(name)} {pl.thread_pool_size()} {pa.cpu_count()} {Path.cwd()}"


def die_once(marker: str) -> str:
    """Kill this very process, the first time."""
    path = Path(marker)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def die(number: int) -> int:
    """Kill this very process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number: int) -> int:
    """Raise one of our errors, or one of others."""
    if number:
        raise RawError(Fault(f"raw/{number}", "x", "y", "z"))
    raise ZeroDivisionError("nothing")


def sleep_or_fail(marker: str) -> str:
    """Fail, or leave a mark after a while."""
    if not marker:
        raise RawError(Fault("raw/", "x", "y", "z"))
    time.sleep(3)
    Path(marker).touch()
    return marker


def test_results_come_in_order(cluster: Any) -> None:
    """Results come in the order of the arguments, more of them than are in flight at once."""
    with chosen("ray", None, cluster.address) as tasks:
        assert list(tasks.run(late, range(20))) == list(range(20))
    with chosen("ray", 1, cluster.address) as tasks:
        assert list(tasks.run(late, range(3))) == [0, 1, 2]
        assert list(tasks.run(late, [])) == []


def test_workers_use_one_thread_in_our_folder(joined: Engine) -> None:
    """Every worker has one thread, and relative paths mean what they mean here."""
    found = list(joined.run(environment, ["POLARS_MAX_THREADS"] * 2))
    assert found == [f"1 1 1 {Path.cwd()}"] * 2


def test_lost_task_runs_again(joined: Engine, tmp_path: Path) -> None:
    """A task whose worker died is run again; one that dies each time is one clear line."""
    assert list(joined.run(die_once, [str(tmp_path / name) for name in "ab"])) == ["done"] * 2
    with pytest.raises(MachineError, match=r"lost a task 4 times .*memory of its nodes"):
        list(joined.run(die, [1, 2]))


def test_faults_come_through(joined: Engine) -> None:
    """An error of ours arrives as it was raised in the worker; another as what it is."""
    with pytest.raises(RawError) as error:
        list(joined.run(refuse, [7, 7]))
    with pytest.raises(ZeroDivisionError) as other:
        list(joined.run(refuse, [0, 0]))
    assert type(error.value) is RawError
    assert error.value.faults == (Fault("raw/7", "x", "y", "z"),)
    assert type(other.value) is ZeroDivisionError


def test_an_error_stops_the_others(joined: Engine, tmp_path: Path) -> None:
    """After an error no task goes on that nobody waits for."""
    marks = [str(tmp_path / name) for name in "abcdef"]
    with pytest.raises(RawError):
        list(joined.run(sleep_or_fail, ["", *marks]))
    done = list(tmp_path.iterdir())
    time.sleep(3.5)
    assert list(tmp_path.iterdir()) == done
    assert len(done) < len(marks)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", r"--address 127\.0\.0\.1:9: connection refused, wanted a Ray cluster"),
        ("nowhere", "'nowhere', wanted the address of a Ray cluster"),
        ("ray://127.0.0.1:9", "'ray://127.0.0.1:9', wanted the address of a Ray cluster"),
    ],
)
def test_unreachable_cluster_is_one_line(tmp_path: Path, address: str, said: str) -> None:
    """A cluster that cannot be joined is said in one line, with what to do, and status 2."""
    project = make(tmp_path, {"a.txt": "Pasukan itu pulang."})
    done = imprint("build", project, "--engine", "ray", "--address", address)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    import re

    assert re.search(said, done.stderr), done.stderr


def test_address_wants_ray(tmp_path: Path) -> None:
    """An address for the local engine, and an engine that is none, are errors of the call."""
    project = make(tmp_path, {"a.txt": "Pasukan itu pulang."})
    done = imprint("build", project, "--address", "127.0.0.1:1")
    assert done.returncode == 2
    assert "the address of a cluster for the engine local" in done.stderr
    with pytest.raises(UsageError, match="engine: 'spark', wanted local or ray"):
        chosen("spark", None, None)


def test_ray_that_is_not_installed(tmp_path: Path) -> None:
    """Without ray the engine says how to get it."""
    (tmp_path / "ray.py").write_text("raise ImportError\n")
    project = make(tmp_path / "corpus", {"a.txt": "Pasukan itu pulang."})
    done = imprint("build", project, "--engine", "ray", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.endswith("To fix: run pip install 'imprint[ray]'.\n")
