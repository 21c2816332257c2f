"""What running tasks promises."""

from __future__ import annotations

import gc
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from imprint.engine import MUCH, SMALL, Local, compiled, engine
from imprint.errors import Fault, MachineError, RawError


def square_late(number: int) -> int:
    """Return the square, the sooner the larger the number."""
    time.sleep(0.05 / (number + 1))
    return number * number


def take_and_free(size: int) -> int:
    """Return how many fresh pages a process gets that takes and frees the same pieces again."""
    before = 0
    for again in range(20):
        if again == 2:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        pieces = [b"x" * (size + more) for more in range(4)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def die(number: int) -> int:
    """Kill this very process."""
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number: int) -> int:
    """Raise one of our errors."""
    raise RawError(Fault(f"raw/{number}", "x", "y", "z"))


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    """Results come in the order of the arguments, whichever is done first."""
    with engine(workers) as tasks:
        assert list(tasks.run(square_late, range(8))) == [n * n for n in range(8)]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other ways")
def test_workers_keep_memory() -> None:
    """What a worker frees it takes again, without asking the system for fresh pages."""
    with engine(2) as tasks:
        pages = list(tasks.run(take_and_free, [3_000_000] * 2))
    assert max(pages) < 18 * 4 * 3_000_000 / 4096 / 10


def take_much(seconds: float) -> int:
    """Take 50 MB in small pieces and free them; return what this process still holds of memory."""
    pieces = [bytes(20_000) for _ in range(2_500)]
    pieces.clear()
    return resident(seconds)


def resident(seconds: float) -> int:
    """Return how much memory this process has, in bytes, after a while."""
    time.sleep(seconds)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other ways")
@pytest.mark.parametrize("size", [MUCH, MUCH - 1])
def test_workers_give_back_what_much_work_took(size: int) -> None:
    """After much work the memory that is free is the system's again; else it is kept."""
    with engine(2) as tasks:
        before = min(tasks.run(take_much, [0.3] * 2, size))  # so that each takes one
        time.sleep(0.3)
        after = min(tasks.run(resident, [0.3] * 2))
    assert (before - after > 30_000_000) == (size >= MUCH)


def test_killed_worker_is_one_line() -> None:
    """A worker that the system killed is said, with what to do."""
    local = Local(2)
    try:
        with pytest.raises(MachineError, match="give fewer --workers"):
            list(local.run(die, [1, 2]))
    finally:
        local.close()


def test_faults_come_through() -> None:
    """An error of ours arrives with its faults, as it was raised in the worker."""
    with engine(2) as tasks, pytest.raises(RawError) as error:
        list(tasks.run(refuse, [7, 7]))
    assert error.value.faults == (Fault("raw/7", "x", "y", "z"),)


def beside() -> dict[str, str]:
    """Return an environment in which a script finds these tests, and imprint where they do."""
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


PARENT = """
import time
from imprint.engine import Local
from tests.test_engine import name_and_wait
if __name__ == "__main__":
    for process in Local(2).run(name_and_wait, [0.0, 60.0]):
        print(process, flush=True)
"""


def name_and_wait(seconds: float) -> int:
    """Return the number of this process, after a while."""
    time.sleep(seconds)
    return os.getpid()


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    """Workers whose parent was killed do not wait for it for ever."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)], env=beside(), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail(f"worker {worker} is still there")


SPARING = """
import sys
import threading
from imprint.engine import Local, spare_pandas
from tests.test_engine import knows_pandas
if __name__ == "__main__":
    if "spare" in sys.argv:
        spare_pandas()
    local = Local(2)
    print(knows_pandas(0), *local.run(knows_pandas, [0, 1]))
    local.close()
    import pyarrow as pa
    assert list(pa.array([1, None]).to_pandas())[0] == 1 and "pandas" in sys.modules
"""


def knows_pandas(number: int) -> bool:
    """Make an array of a list and of numbers; say whether this process has pandas then."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    assert pa.array([number, None]).null_count == 1
    assert pa.table({"a": ["x"], "b": [[1.5]]}).num_rows == 1
    assert pa.array(np.arange(3)).cast(pa.string()).to_pylist() == ["0", "1", "2"]
    assert pl.Series(["x"]).to_arrow().to_pylist() == ["x"]
    return "pandas" in sys.modules


@pytest.mark.parametrize("spare", [True, False])
def test_pandas_is_spared(tmp_path: Path, spare: bool) -> None:
    """Pyarrow imports no pandas by itself where it is told so, nor in the workers; else it does."""
    script = tmp_path / "parent.py"
    script.write_text(SPARING)
    command = [sys.executable, str(script), *(["spare"] if spare else [])]
    ran = subprocess.run(command, env=beside(), capture_output=True, text=True, check=True)
    assert ran.stdout.split() == [str(not spare)] * 3


SETTING = """
import os
import polars  # it sets a variable of its own
from imprint.engine import Local
from tests.test_engine import setting
if __name__ == "__main__":
    before = dict(os.environ)
    local = Local(2)
    print(*set(local.run(setting, [0, 1])))
    local.close()
    assert dict(os.environ) == before
"""


def setting(_: int) -> str:
    """Return where Arrow takes its memory, how many threads others start, and what is frozen."""
    import pyarrow as pa

    threads = [os.environ[name] for name in ("OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")]
    many = gc.get_freeze_count() > 10_000
    return ",".join([pa.default_memory_pool().backend_name, *threads, str(many)])


@pytest.mark.parametrize("pool", ["", "mimalloc"])
def test_workers_are_set_up(tmp_path: Path, pool: str) -> None:
    """They take memory from the C library, unless the user says otherwise; the parent stays."""
    script = tmp_path / "parent.py"
    script.write_text(SETTING)
    chosen = {"ARROW_DEFAULT_MEMORY_POOL": pool} if pool else {}
    environment = {**beside(), **chosen}
    ran = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == [f"{pool or 'system'},1,1,True"]


@compiled(starts=False)
def where(seconds: float) -> tuple[int, int]:
    """Return the number of this process and of this thread, after a while."""
    time.sleep(seconds)
    return os.getpid(), threading.get_ident()


def test_compiled_tasks_take_threads_first() -> None:
    """Tasks of compiled code start no processes, and take those that are there; in their order."""
    local = Local(2)
    try:
        found = list(local.run(where, [0.2, 0.1]))
        assert {process for process, _ in found} == {os.getpid()}
        assert len({thread for _, thread in found} | {threading.get_ident()}) == 3
        assert list(local.run(square_late, range(4))) == [0, 1, 4, 9]
        assert os.getpid() not in {process for process, _ in local.run(where, [0.2, 0.1])}
    finally:
        local.close()


@compiled(starts=True)
def look_about(seconds: float) -> tuple[int, int]:
    """Return the number of this process and of this thread, after a while."""
    return where(seconds)


def test_compiled_tasks_go_on_while_processes_start() -> None:
    """What comes first takes threads while processes start, which what comes after finds there."""
    local = Local(2)
    try:
        found = list(local.run(look_about, [0.2, 0.1], SMALL))
        assert {process for process, _ in found} == {os.getpid()}
        assert len({thread for _, thread in found} | {threading.get_ident()}) == 3
        assert os.getpid() not in {process for process, _ in local.run(where, [0.2, 0.1])}
    finally:
        local.close()


def test_faults_come_through_threads() -> None:
    """An error of ours arrives from a thread too, and what had not begun is dropped."""
    begun: list[int] = []

    @compiled(starts=False)
    def refuse_first(number: int) -> int:
        begun.append(number)
        time.sleep(0.05)
        return refuse(number) if number == 0 else number

    with engine(2) as tasks, pytest.raises(RawError):
        list(tasks.run(refuse_first, range(50)))
    assert len(begun) < 20
