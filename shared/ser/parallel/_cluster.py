"""Work on a Dask cluster: sent there, watched, and brought back.

joblib has a backend for Dask, but that waits for ever when a task has cost several workers their
lives, or when the scheduler is gone.
"""

# mypy: disable-error-code="no-untyped-call"
# distributed states types, but not of all.

from __future__ import annotations

import asyncio
import logging
import platform
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pydoc import locate
from typing import TYPE_CHECKING, TypeVar

from ser.errors import RemoteFailed
from ser.parallel._remote_work import RemoteWork, UnusableCluster, tasks

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 30.0
"""Seconds: for the scheduler to answer, and for a worker to be there."""
TASKS = 2
"""Of each worker: one under way, and one to go on with."""


def on_cluster(
    address: str, environment: Mapping[str, str], work: Callable[[T], R], things: Sequence[T]
) -> Generator[tuple[int, R], None, None]:
    """Yield what ``work`` makes of each of ``things``, with its place, as it is done.

    What a worker had begun when it died is begun again by another one. Left early, it ends what is
    under way.
    """
    with connected(address) as client:
        remote_work = RemoteWork.of(address, environment, work)
        require_alike(client, remote_work)
        # To all of them: what one alone holds would be lost with it.
        held = client.scatter(remote_work, broadcast=True, hash=False)
        waiting = tasks(things, max(1, len(client.nthreads())))
        begun: dict[Future[list[R]], int] = {}
        while True:
            # Some may have come since, or gone.
            free = max(0, TASKS * len(client.nthreads()) - len(begun))
            for task in islice(waiting, free):
                begun[client.submit(RemoteWork.done, held, task, pure=False)] = task.first
            if not begun and free:
                return
            if not begun:
                require_worker(client)
            for done in next_done(client, [*begun]):
                yield from enumerate(done.result(), begun.pop(done))


def next_done(client: Client, begun: Sequence[Future[R]]) -> set[Future[R]]:
    """Return those of ``begun`` that are done, at least one."""
    from distributed import wait

    while True:
        try:
            return set(wait(begun, timeout=PATIENCE, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            # They take long, or there is nobody left.
            require_worker(client)


def require_worker(client: Client) -> None:
    """Raise :class:`TimeoutError` if there is no worker, and none comes."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise TimeoutError(f"no worker in {PATIENCE:g} s") from error


def require_alike(client: Client, remote_work: RemoteWork) -> None:
    """Raise :class:`UnusableCluster` if there is no such Python or ``ser`` where the work goes."""
    # Asked through the standard library: ours may be missing.
    for trait, ask, about in (
        ("Python", platform.python_version, ()),
        ("ser", locate, ("ser.__version__",)),
    ):
        # The scheduler, too, reads what it passes on.
        found = {"scheduler": client.run_on_scheduler(ask, *about)}
        found |= {f"worker {name}": each for name, each in client.run(ask, *about).items()}
        for where, value in found.items():
            remote_work.require_alike(where, {trait: value})


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Yield a client of the cluster, which has a worker, and tell what goes wrong with it.

    Raises
    ------
    UnusableCluster, RemoteFailed
        As :meth:`ser.parallel.Workers.map` does.
    """
    try:
        from distributed import CancelledError, Client, KilledWorker
        from distributed.versions import VersionMismatchWarning
    except ModuleNotFoundError as error:
        raise UnusableCluster(
            f"the Dask scheduler is {address!r}, but {error.name} is not installed; allowed: to "
            "install ser[cluster], or not to set it"
        ) from error
    # What goes wrong is raised, other versions are refused, and what is sent is meant to be large.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)
    warnings.filterwarnings("ignore", "Sending large graph")
    place = f"The Dask cluster of {address}"
    try:
        # In a thread: a notebook has an event loop of its own in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, asyncio.wait_for(greet(address), PATIENCE)).result()
        with Client(address, timeout=PATIENCE) as client:
            require_worker(client)
            yield client
    except TypeError as error:
        if "ssl_context" not in str(error):
            raise
        raise UnusableCluster(
            f"the Dask scheduler is {address!r}, but Dask's settings name no certificates; "
            "allowed: to name them (distributed.comm.tls), or tcp://host:port"
        ) from error
    except KilledWorker as error:
        raise RemoteFailed(
            f"{place} loses worker after worker to one task, most often for want of memory."
        ) from error
    except CancelledError as error:
        raise RemoteFailed(
            f"{place} lost what was under way: its scheduler went away, or all workers at once."
        ) from error
    except OSError as error:
        raise RemoteFailed(
            f"{place} failed: {str(error) or 'no answer'}; allowed: a scheduler that answers and "
            "has workers."
        ) from error


async def greet(address: str) -> None:
    """Exchange greetings with the scheduler: a client waits for ever for those of another server,
    such as Dask's own dashboard."""
    from distributed import Security
    from distributed.comm.core import connect

    comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    await comm.close()
