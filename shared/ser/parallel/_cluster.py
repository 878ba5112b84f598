"""Work on a Dask cluster.

joblib has a backend for Dask, but it waits for ever once a task has killed several workers, or
once the scheduler is gone.
"""

# mypy: disable-error-code="no-untyped-call"
# distributed has types for a part of its functions only.

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
from ser.parallel._remote_work import RemoteWork, UnusableCluster, split_into_tasks

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 30.0
"""How long to wait for an answer of the scheduler, and for a worker; in seconds."""
TASKS_PER_WORKER = 2
"""One at work, and one that waits at the worker."""


def on_cluster(
    address: str, environment: Mapping[str, str], function: Callable[[T], R], items: Sequence[T]
) -> Generator[tuple[int, R], None, None]:
    """Yield the result of ``function`` for each of ``items``, with the index of the item.

    Results come in the order in which they are ready. Tasks of a worker that dies are started again
    on another one. If the generator is closed early, the tasks at work are cancelled.
    """
    with connected(address) as client:
        remote_work = RemoteWork.of(address, environment, function)
        require_same_software(client, remote_work)
        # To all workers: data that only one of them holds are lost with it.
        held = client.scatter(remote_work, broadcast=True, hash=False)
        waiting = split_into_tasks(items, max(1, len(client.nthreads())))
        submitted: dict[Future[list[R]], int] = {}
        while True:
            # The number of workers may have changed.
            free = max(0, TASKS_PER_WORKER * len(client.nthreads()) - len(submitted))
            for task in islice(waiting, free):
                future = client.submit(RemoteWork.run, held, task, pure=False)
                submitted[future] = task.first
            if not submitted and free:
                return
            if not submitted:
                require_worker(client)
            for done in next_done(client, [*submitted]):
                yield from enumerate(done.result(), submitted.pop(done))


def next_done(client: Client, submitted: Sequence[Future[R]]) -> set[Future[R]]:
    """Wait until any of ``submitted`` is done, and return all that are."""
    from distributed import wait

    while True:
        try:
            return set(wait(submitted, timeout=PATIENCE, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            # The tasks take long, or all workers are gone.
            require_worker(client)


def require_worker(client: Client) -> None:
    """Raise :class:`TimeoutError` if the cluster has no worker within :data:`PATIENCE`."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise TimeoutError(f"no worker in {PATIENCE:g} s") from error


def require_same_software(client: Client, remote_work: RemoteWork) -> None:
    """Raise :class:`UnusableCluster` if the cluster has another version of Python or ``ser``."""
    # Asked with functions of the standard library: ``ser`` may be missing there.
    for name, ask, arguments in (
        ("Python", platform.python_version, ()),
        ("ser", locate, ("ser.__version__",)),
    ):
        # The scheduler unpickles the messages that it passes on, so it is checked too.
        found = {"scheduler": client.run_on_scheduler(ask, *arguments)}
        found |= {f"worker {w}": each for w, each in client.run(ask, *arguments).items()}
        for where, value in found.items():
            remote_work.require_same_software(where, {name: value})


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Yield a client of a cluster that has a worker, and translate its errors.

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
            "install ser[cluster], or to name no scheduler"
        ) from error
    # Failures are raised and other versions are refused here; the work is large on purpose.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)
    warnings.filterwarnings("ignore", "Sending large graph")
    place = f"The Dask cluster of {address}"
    try:
        # In a thread: in a notebook, this thread already runs an event loop.
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
            f"{place} loses worker after worker to one task, most often because memory runs out."
        ) from error
    except CancelledError as error:
        raise RemoteFailed(
            f"{place} lost the tasks at work: its scheduler stopped, or all workers at once."
        ) from error
    except OSError as error:
        raise RemoteFailed(
            f"{place} failed: {str(error) or 'no answer'}; allowed: a scheduler that answers and "
            "has workers."
        ) from error


async def greet(address: str) -> None:
    """Shake hands with the scheduler. A client waits for ever for the handshake of another server,
    such as Dask's own dashboard."""
    from distributed import Security
    from distributed.comm.core import connect

    comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    await comm.close()
