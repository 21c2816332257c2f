"""Run tasks on a Ray cluster: the second engine, behind the protocol of the first.

A task that was lost with its worker or its node is run again. Ray itself brings nothing home but
what the tasks return: text stays in files, which every node has to see under the same path.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import logging
import os
import socket
import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from imprint.engine import of_worker, set_up
from imprint.errors import Fault, ImprintError, MachineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Argument = TypeVar("Argument")
Result = TypeVar("Result")

PER_CORE = 4
"""Tasks in flight for each core of the cluster: one runs, the others wait where the cores are, and
a cluster that grows with its queue sees one. Chosen."""

SMALL = 16_000_000
"""Bytes of work below which no node is asked. Measured: workers take 3 s to start and import."""

RETRIES = 3
"""How often a task is run again that was lost with its worker. Source: Ray's own default."""

REACH_SECONDS = 10
"""How long a cluster may take to answer. Chosen: Ray itself would try for ever."""

FOUND = ("auto", "local")
"""Addresses that Ray looks up, or starts, by itself."""


class Cluster:
    """Runs tasks on the nodes of a cluster that this process has joined.

    Args:
        ray: the module.
        workers: how many tasks are in flight at most; by default some for each core there is.
    """

    def __init__(self, ray: Any, workers: int | None) -> None:
        self._ray = ray
        self._workers = workers
        self._begun = False
        self._perform = ray.remote(
            num_cpus=1, max_retries=RETRIES, runtime_env={"env_vars": of_worker()}
        )(_perform)

    def run(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument], size: int = SMALL
    ) -> Iterator[Result]:
        """Yield `task(argument)` for each argument, in their order.

        Args:
            task: a function of a module.
            arguments: of the tasks.
            size: bytes that the tasks work on, together: what is small is done here.

        Raises:
            ImprintError: as a task raised it.
            MachineError: a task was lost again and again.
        """
        if len(arguments) < 2 or (not self._begun and size < SMALL):
            return map(task, arguments)
        self._begun = True
        return self._results(task, arguments)

    def _results(
        self, task: Callable[[Argument], Result], arguments: Sequence[Argument]
    ) -> Iterator[Result]:
        """Send the tasks to the nodes, a bounded number at a time, and yield their results."""
        name = (task.func if isinstance(task, functools.partial) else task).__name__
        remote = self._perform.options(name=name)
        folder = os.getcwd()  # noqa: PTH109 - a name that other machines understand, no path
        waiting: collections.deque[Any] = collections.deque()
        running: list[Any] = []
        try:
            for argument in arguments:
                while len(running) >= self._most():
                    _, running = self._ray.wait(running, num_returns=1)
                waiting.append(remote.remote(task, argument, folder))
                running.append(waiting[-1])
                while waiting[0] not in running:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            self._cancel(list(waiting))

    def _most(self) -> int:
        """Return how many tasks may be in flight now; a cluster may grow and shrink."""
        if self._workers is not None:
            return self._workers
        return PER_CORE * max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def _result(self, reference: Any) -> Any:
        """Wait for a task and return what it gave, or raise what it raised."""
        lost = self._ray.exceptions
        try:
            result, error = self._ray.get(reference)
        except lost.RayTaskError as failed:
            raise failed.cause from failed
        except lost.RayError as failed:
            raise MachineError(
                Fault(
                    "the Ray cluster",
                    f"lost a task {RETRIES + 1} times ({_first_line(failed)})",
                    "workers that live through a task",
                    "look at the memory of its nodes, then run the same command again: what is "
                    "done is kept, and the old dataset is untouched",
                )
            ) from failed
        if error is not None:
            raise error
        return result

    def _cancel(self, references: list[Any]) -> None:
        """Stop tasks whose results nobody wants any more, and wait until they have stopped."""
        for reference in references:
            self._ray.cancel(reference, force=True)
        if references:
            self._ray.wait(references, num_returns=len(references), timeout=REACH_SECONDS)


@contextlib.contextmanager
def cluster(address: str | None, workers: int | None) -> Iterator[Cluster]:
    """Join a Ray cluster and leave it afterwards; one that this process is in already is used.

    Args:
        address: HOST:PORT of its head, or "auto" for the one that runs on this machine. By default
            RAY_ADDRESS, the one on this machine, or a new one of this machine alone.
        workers: how many tasks are in flight at most.

    Raises:
        MachineError: ray is not installed, or the cluster cannot be joined.
        UsageError: the address is none.
    """
    try:
        import ray
    except ImportError as error:
        fix = "run pip install 'imprint[ray]'"
        raise MachineError(Fault("--engine ray", "ray is not installed", "it", fix)) from error
    ours = not ray.is_initialized()
    if ours:
        _join(ray, address)
    try:
        yield Cluster(ray, workers)
    finally:
        if ours:
            ray.shutdown()


def _join(ray: Any, address: str | None) -> None:
    """Connect to a cluster, or start one; say nothing on any output."""
    address = address or os.environ.get("RAY_ADDRESS") or None
    if address is not None and address not in FOUND:
        _refuse_unreachable(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a build opens no connection of its own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Ray itself will change one day
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                include_dashboard=False,
            )
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreachable(address or "auto", _first_line(error)) from error


def _refuse_unreachable(address: str) -> None:
    """Refuse an address where nobody answers."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in address:
        seen, fix = repr(address), "give HOST:PORT as `ray start --head` prints it, or auto"
        raise UsageError(Fault("--address", seen, "the address of a Ray cluster", fix))
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, _first_line(error).lower()) from error


def _unreachable(address: str, seen: str) -> MachineError:
    """Return the error of a cluster that cannot be joined."""
    fix = "start one with `ray start --head`, or give the --address of one that runs"
    wanted = "a Ray cluster of the same versions of Ray and Python"
    return MachineError(Fault(f"--address {address}", seen.rstrip("."), wanted, fix))


def _first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its kind."""
    said = getattr(error, "strerror", None) or str(error)
    return said.strip().split("\n")[0] if said.strip() else type(error).__name__


def _perform(
    task: Callable[[Argument], Result], argument: Argument, folder: str
) -> tuple[Result | None, ImprintError | None]:
    """Run a task in a worker; an error of ours is a result, so that Ray neither wraps nor logs it.

    Args:
        task: what to run.
        argument: its argument.
        folder: what relative paths are relative to, where the nodes share it.
    """
    set_up()
    with contextlib.suppress(OSError):
        os.chdir(folder)
    try:
        return task(argument), None
    except ImprintError as error:
        return None, error
