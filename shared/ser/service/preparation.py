"""What most requests to predict need: read and imported while its other modules are imported."""

from __future__ import annotations

import logging
import threading

from ser.errors import Conflict, NotFound, SerError
from ser.service.access import Access
from ser.service.models import Models
from ser.service.settings import Settings, SettingsError

log = logging.getLogger("ser")

MODELS = Models()
"""The models of this process."""


def prepare() -> None:
    """Load the default model of the registry in the settings, and the libraries that use it.

    A failure is left to the first request that meets it, since it can be answered with its reason.
    Without a registry in the settings no model is loaded: requests may name any.
    """
    # Reading a model from a bucket is mostly waiting.
    imports = threading.Thread(target=import_libraries)
    imports.start()
    try:
        settings = Settings.from_environment()
        if place := settings.model_save_path:
            MODELS.get(Access(settings).location(place), None, settings.model_rules)
    except (SerError, SettingsError) as error:
        log.info("no model was loaded before the first request: %s", error)
    imports.join()


def check(settings: Settings) -> dict[str, str | None]:
    """Return the reasons for which the store or the default model cannot be had now.

    A registry without a model is ready: models can be trained and requests may name others. A look
    reads the alias, at most once in the time for which predictions keep it, and no model that is in
    memory.
    """
    found: dict[str, str | None] = {"store": None, "model": None}
    place = settings.model_save_path
    try:
        MODELS.get(place and Access(settings).location(place), None, settings.model_rules)
    except NotFound as error:
        found["model"] = None if place else error.detail
    except Conflict as error:
        found["model"] = error.detail
    except SerError as error:
        found["store"] = error.detail
    return found


def import_libraries() -> None:
    """Import the libraries that run a model and decode a sound."""
    import onnxruntime  # noqa: F401
    import soundfile  # noqa: F401
