"""Work on a Dask cluster.

joblib's own backend for Dask is not used, because it hangs after a task has killed several workers
or the scheduler has stopped.
"""

# mypy: disable-error-code="no-untyped-call"
# Only some functions of distributed have type annotations.

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
from ser.parallel._remote_work import RemoteWork, UnusableCluster, pack, split_into_tasks

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

PATIENCE = 30.0
"""Time to wait for an answer of the scheduler, and for a worker, in seconds."""
TASKS_PER_WORKER = 2
"""Number of tasks sent to a worker: one runs while the other waits."""
MAX_FINISHED_PER_WORKER = 2
"""Number of finished tasks for each worker, of which an earlier task is not finished, at which no
task is sent: their results are kept until they are next in the order."""


def map_on_cluster(
    address: str, environment: Mapping[str, str], function: Callable[[T], R], items: Sequence[T]
) -> Generator[R, None, None]:
    """Yield the result of ``function`` for each of ``items``, in their order.

    Tasks of a worker that stops are restarted on another one. Closing the generator early cancels
    the running tasks.
    """
    with open_client(address) as client:
        remote_work = RemoteWork.of(address, environment, function)
        require_same_software(client, remote_work)
        # Broadcast, since data on a single worker would be lost with that worker.
        held = client.scatter(remote_work, broadcast=True, hash=False)
        waiting = split_into_tasks(items, max(1, len(client.nthreads())))
        submitted: dict[Future[list[R]], int] = {}
        finished: dict[int, list[R]] = {}
        following = 0
        while True:
            # The number of workers may have changed.
            workers = len(client.nthreads())
            early = len(finished) > MAX_FINISHED_PER_WORKER * workers
            free = 0 if early else max(0, TASKS_PER_WORKER * workers - len(submitted))
            for task in islice(waiting, free):
                future = client.submit(RemoteWork.run, held, pack(task), pure=False)
                submitted[future] = task.first
            if not submitted and free:
                return
            if not submitted:
                require_worker(client)
            for done in next_done(client, [*submitted]):
                finished[submitted.pop(done)] = done.result()
            while following in finished:
                results = finished.pop(following)
                following += len(results)
                yield from results


def next_done(client: Client, submitted: Sequence[Future[R]]) -> set[Future[R]]:
    """Wait until any of ``submitted`` is done; return all that are done."""
    from distributed import wait

    while True:
        try:
            with client.as_current():
                return set(wait(submitted, timeout=PATIENCE, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            # Either the tasks take long, or all workers are gone.
            require_worker(client)


def require_worker(client: Client) -> None:
    """Raise :class:`TimeoutError` if the cluster has no worker within :data:`PATIENCE`."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        raise TimeoutError(f"no worker in {PATIENCE:g} s") from error


def require_same_software(client: Client, remote_work: RemoteWork) -> None:
    """Raise :class:`UnusableCluster` if the cluster has another version of Python or ``ser``."""
    # These functions are in the standard library, since ``ser`` may be missing on the cluster.
    for name, ask, arguments in (
        ("Python", platform.python_version, ()),
        ("ser", locate, ("ser.__version__",)),
    ):
        # The scheduler unpickles the messages that it forwards, so it needs the same versions.
        found = {"scheduler": client.run_on_scheduler(ask, *arguments)}
        found |= {f"worker {w}": each for w, each in client.run(ask, *arguments).items()}
        for where, value in found.items():
            remote_work.require_same_software(where, {name: value})


@contextmanager
def open_client(address: str) -> Iterator[Client]:
    """Yield a client of the cluster at ``address``, which has a worker; translate its errors.

    Raises
    ------
    UnusableCluster, RemoteFailed
        As :meth:`ser.parallel.Workers.map` does.
    """
    with translated(address), connect(address) as client:
        yield client


def connect(address: str) -> Client:
    """Return a client of the cluster at ``address``, which has a worker."""
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    # The warnings are redundant: failures raise errors, versions are checked, large work is meant.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)
    warnings.filterwarnings("ignore", "Sending large graph")
    # In another thread, since a notebook already runs an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, asyncio.wait_for(check_handshake(address), PATIENCE)).result()
    client = Client(address, timeout=PATIENCE, set_as_default=False)
    try:
        require_worker(client)
    except BaseException:
        client.close()
        raise
    return client


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Translate the errors of the cluster at ``address``, as :func:`open_client` does."""
    try:
        from distributed import CancelledError, KilledWorker
    except ModuleNotFoundError as error:
        raise UnusableCluster(
            f"the Dask scheduler is {address!r}, but {error.name} is not installed; "
            "allowed: ser[cluster] installed, or no scheduler"
        ) from error
    place = f"The Dask cluster of {address}"
    try:
        yield
    except TypeError as error:
        if "ssl_context" not in str(error):
            raise
        raise UnusableCluster(
            f"the Dask scheduler is {address!r}, but Dask's settings name no certificates; "
            "allowed: certificates in distributed.comm.tls, or tcp://host:port"
        ) from error
    except KilledWorker as error:
        raise RemoteFailed(
            f"{place} lost several workers to the same task, most often because memory ran out."
        ) from error
    except CancelledError as error:
        raise RemoteFailed(
            f"{place} lost its running tasks: the scheduler stopped, or all workers at once."
        ) from error
    except OSError as error:
        raise RemoteFailed(
            f"{place} failed: {str(error) or 'no answer'}; allowed: a scheduler that answers and "
            "has workers."
        ) from error


async def check_handshake(address: str) -> None:
    """Raise an error unless a scheduler answers at ``address``.

    A client would wait forever for the handshake of any other server, such as Dask's dashboard.
    """
    from distributed import Security
    from distributed.comm.core import connect

    comm = await connect(address, timeout=PATIENCE, **Security().get_connection_args("client"))
    await comm.close()
