"""Run tasks over many processes; know nothing of what they do.

A task is a module-level function and one plain argument; it shares nothing with the others but
files. Results come back in the order of the arguments, whatever order they finish in.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import importlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import os
import sys
import threading
from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
from typing import TYPE_CHECKING, Protocol, TypeVar

from imprint.errors import Fault, MachineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

Argument = TypeVar("Argument")
Result = TypeVar("Result")
Task = TypeVar("Task", bound="Callable[..., object]")

ENGINES = ("local", "ray")
"""Processes of this machine, or tasks on a Ray cluster."""


SMALL = 4_000_000
"""Bytes of work below which starting processes costs more than it saves. Measured: a process takes
0.6 s to start and import, in which one core presses some 10 MB."""


PRELOADED = [
    "imprint.press",
    "polars",
    "pyarrow.compute",
    "pyarrow.parquet",
    "pyarrow.json",
    "ftfy",
    "pycld2",
]
"""What the fork server imports; and pandas, which is none of ours, where pyarrow is not told to do
without it: in every worker it would take 0.25 s (measured)."""

MUCH = 256_000_000
"""Bytes of work after which processes give back the memory that is free, as much is taken elsewhere
then: what is known of all records. Below, to take it anew would cost more: 3 % (measured)."""

LATER = ("polars", "pyarrow.parquet", "jinja2")
"""What this process needs once the first tasks are done: imported while it waits for them."""

OURS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}
"""Variables of processes that are ours alone: where Arrow takes its memory (see `_keep_memory`);
and NumPy need not start threads to multiply matrices, as we have none. Source: "Environment
Variables" of Arrow, and of OpenBLAS."""

ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
"""Variables of a worker: there are as many workers as the user wants cores."""

_spared = threading.Event()
"""Set where pyarrow was told that there is no pandas."""


LARGE = 16_000_000
"""Bytes of work below which it is done in this process while others start: it takes as long."""


KEPT = 31 * 2**20
"""Just under the largest piece that glibc learns from. Source: mallopt(3), M_MMAP_THRESHOLD."""


def compiled(*, starts: bool) -> Callable[[Task], Task]:
    """Mark a task that spends its time in compiled code, which other threads need not wait for.

    It takes threads where no processes are there yet: to start those takes longer than the task.

    Args:
        starts: whether processes are started meanwhile, for the tasks that come after.
    """

    def marked(task: Task) -> Task:
        """Note it on the function."""
        task._compiled = starts  # type: ignore[attr-defined]  # noqa: SLF001
        return task

    return marked


class Engine(Protocol):
    """What a pass needs of an engine."""

    def run(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument], size: int = LARGE
    ) -> Iterator[Result]:
        """Yield `task(argument)` for each argument, in their order.

        Args:
            task: a function of a module.
            arguments: of the tasks.
            size: bytes that the tasks work on, together: what is small need not be shared.
        """
        ...


class Here:
    """Runs every task in this process: for one worker, and for work too small to share."""

    def run(
        self,
        task: Callable[[Argument], Result],
        arguments: Sequence[Argument],
        size: int = LARGE,  # noqa: ARG002 - there is nothing to share with
    ) -> Iterator[Result]:
        """Yield `task(argument)` for each argument, in their order."""
        return map(task, arguments)


class Local:
    """Runs tasks in processes of this machine.

    Args:
        workers: how many processes, at least 1.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def run(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument], size: int = LARGE
    ) -> Iterator[Result]:
        """Yield `task(argument)` for each argument, in their order.

        Raises:
            MachineError: a worker was killed, most often for want of memory.
        """
        if len(arguments) < 2 or (self._pool is None and size < SMALL):
            return map(task, arguments)
        starts: bool | None = getattr(task, "_compiled", None)
        if self._pool is not None or (starts is None and size >= LARGE):
            results = (self._pool or self._started()).map(task, arguments)
            return self._results(results, much=size >= MUCH)
        if starts is not False:
            self._started()
        return map(task, arguments) if starts is None else self._in_threads(task, arguments)

    def _started(self) -> ProcessPoolExecutor:
        """Start the processes; what they import first, they import while this one goes on."""
        self._pool = pool = ProcessPoolExecutor(
            self.workers,
            mp_context=_context(),
            initializer=_begin,
            initargs=(_spared.is_set(),),
        )

        # That starts them.
        threading.Thread(target=self._give_each, args=(pool, os.getpid)).start()
        return pool

    def _give_each(self, pool: ProcessPoolExecutor, task: Callable[[], object]) -> None:
        """Give each process something to do; one that is busy may leave it to another."""
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            for _ in range(self.workers):
                pool.submit(task)

    def _in_threads(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument]
    ) -> Iterator[Result]:
        """Yield the results of tasks that run in this process, next to each other."""
        with concurrent.futures.ThreadPoolExecutor(self.workers) as threads:
            try:
                yield from threads.map(task, arguments)
            finally:
                threads.shutdown(cancel_futures=True)

    def _results(self, results: Iterator[Result], *, much: bool) -> Iterator[Result]:
        """Yield the results of tasks that have begun; after `much`, free what they took."""
        for name in LATER:
            importlib.import_module(name)
        try:
            yield from results
            if much and self._pool is not None:
                self._give_each(self._pool, _give_back)
        except BrokenProcessPool as error:
            self._pool = None
            raise MachineError(
                Fault(
                    "a worker process",
                    "killed by the system",
                    "memory enough for it",
                    "give fewer --workers, or more memory; the old dataset is untouched",
                )
            ) from error

    def close(self) -> None:
        """End the processes; tasks that have not begun are dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


@contextlib.contextmanager
def engine(workers: int) -> Iterator[Engine]:
    """Give an engine of that many workers, and end its processes afterwards."""
    if workers == 1:
        yield Here()
        return
    local = Local(workers)
    try:
        yield local
    finally:
        local.close()


def chosen(name: str, workers: int | None, address: str | None) -> AbstractContextManager[Engine]:
    """Give the engine that is asked for.

    Args:
        name: one of `ENGINES`.
        workers: how many tasks run at once; by default one for each core.
        address: of a Ray cluster.

    Raises:
        UsageError: there is no such engine, or an address where none is wanted.
    """
    if name not in ENGINES:
        wanted = " or ".join(ENGINES)
        raise UsageError(Fault("engine", repr(name), wanted, f"give one of {wanted}"))
    if name == "local":
        if address is not None:
            fix = "say --engine ray too, or leave --address out"
            seen = "the address of a cluster for the engine local"
            raise UsageError(Fault(f"--address {address}", seen, "--engine ray", fix))
        return engine(workers or cores())
    from imprint.cluster import cluster

    return cluster(address, workers)


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def make_ours() -> None:
    """Set this process up for pressing, before NumPy and pyarrow are imported: see `OURS`."""
    for name, value in OURS.items():
        os.environ.setdefault(name, value)
    _keep_memory()


def spare_pandas() -> None:
    """Let pyarrow do without pandas in this process and the workers that it starts.

    For the first list that it makes an array of, pyarrow imports pandas, to know its values: a
    fifth of what a small build takes (measured). Told that there is none, it never asks again, so
    this is for a process that is ours alone and runs nobody's steps.
    """
    import pyarrow as pa

    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([None, 0])
    finally:
        sys.meta_path.remove(_NoPandas)
    _spared.set()


class _NoPandas:
    """A place where modules are looked for, at which pandas is refused."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:  # noqa: ARG004
        """Refuse pandas, and know nothing of any other module."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _context() -> multiprocessing.context.BaseContext:
    """Return the way to start a process that inherits no thread and no lock.

    Where there is a fork server, it imports what the workers need while this process goes on.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED if _spared.is_set() else [*PRELOADED, "pandas"])
    with _set(of_worker()):
        multiprocessing.forkserver.ensure_running()
    return context


@contextlib.contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def of_worker() -> dict[str, str]:
    """Return the variables of a worker; of `OURS`, what the user has set stays."""
    return {name: os.environ.get(name, value) for name, value in OURS.items()} | ONE_THREAD


def _begin(spare: bool) -> None:
    """Make a worker: one thread, as there are as many workers as the user wants cores.

    A worker would wait for ever for a parent that was killed, so it watches, and ends with it.

    Args:
        spare: whether the process that starts it does without pandas.
    """
    os.environ.update(ONE_THREAD)
    set_up()
    gc.freeze()  # what the fork server imported stays, and need not be looked through
    if spare:
        spare_pandas()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def set_up() -> None:
    """Let this process work on one core, and keep the memory that it took."""
    import pyarrow as pa

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _keep_memory()


def _keep_memory() -> None:
    """Let the allocator keep what is freed, up to some 60 MB, instead of giving it back each time.

    glibc gives back what is free beyond twice the largest piece that it saw freed, so a process
    that takes and frees blocks of 2 MB gets fresh pages for each: reading JSON lines took 1.3 times
    as long (measured). One large piece, freed before it is touched, is enough. Elsewhere this does
    nothing.

    Arrow is to take its memory there, too: its own allocator gives back what is free for a moment.
    A build spent a fifth of its time in the system, half of that on fresh pages (measured).
    """
    bytes(KEPT)


def _give_back() -> None:
    """Give the system what is free: this process has nothing to do for now, and the next may."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _end_with_parent() -> None:
    """Wait until the process that started this one is gone, then go too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
