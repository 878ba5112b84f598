"""Whether trainings can begin: the registry and the store of jobs answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from ser.errors import SerError
from ser.registry import open_registry
from ser.service.access import Access
from ser.service.settings import Settings
from ser.store import open_store

# A client of S3 takes longer to make than to use.
registry_at = lru_cache(maxsize=4)(open_registry)
store_at = lru_cache(maxsize=4)(open_store)


def check(settings: Settings) -> dict[str, str | None]:
    """Return the reasons for which the registry, or the store of jobs, cannot be read now."""
    place, jobs = settings.model_save_path, settings.jobs_uri
    return {
        "store": place
        and failure(lambda: registry_at(Access(settings).location(place)).check_readable()),
        "jobs": jobs and failure(lambda: store_at(jobs).read("jobs/readiness")),
    }


def failure(use: Callable[[], object]) -> str | None:
    """Return the error of ``use`` in words; ``None`` if there is none."""
    try:
        use()
    except SerError as error:
        return error.detail
    return None
