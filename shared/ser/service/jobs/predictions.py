"""Predictions as the work of jobs.

The sounds of a request are no part of its job, which is written at every sign of life. They are in
the object that hands the job over, which is removed when the job has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from ser.errors import NotFound, within
from ser.service.callers import ANYONE
from ser.service.inference import ENROLMENTS, Predictor, PredictRequest, charge_of, ignore_charge
from ser.service.inference.request import allowed_location
from ser.service.inference.uploads import Uploads
from ser.service.jobs.handover import request_key
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import as_transient, open_jobs
from ser.service.jobs.running import RENEWAL_SECONDS, HeldJob
from ser.service.settings import Settings


class Predictions:
    """Predictions, in the process that runs their jobs.

    Parameters
    ----------
    predictor
        Computes the answers; default: a new one.
    """

    name: Literal["predict"] = "predict"
    folder = "predictions"

    def __init__(self, predictor: Predictor | None = None) -> None:
        self._predictor = predictor or Predictor()

    def restore_request(self, stored: object) -> object:
        """Return the request in a job; see :class:`.Work`."""
        return stored

    def describe_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the request, which is stored without its sounds; see :class:`.Work`."""
        return request

    def slot(self, settings: Settings) -> AbstractContextManager[None]:
        """Return a context without a limit; see :class:`.Work`."""
        del settings
        return nullcontext()

    def perform(self, held: HeldJob, settings: Settings) -> dict[str, Any]:
        """Predict and return the answer of POST /predict; see :class:`.Work`."""
        with as_transient():
            stored = held.jobs.store.read(request_key(self.name, held.job.job_id))
        if stored is None:
            raise NotFound("The sounds of the job have been removed.")
        request = decode_request(stored.data)
        with within("model_save_path"):
            place = allowed_location(settings, request.model_save_path)
        request = replace(request, model_save_path=place)
        held.note_progress("predict", 0.0)
        with ThreadPoolExecutor(1) as pool:
            charge = charge_once(held, settings)
            answer = pool.submit(self._predictor.predict, request, settings, charge)
            while not answer.done():
                wait([answer], RENEWAL_SECONDS)
                held.renew_if_due()
        result: dict[str, Any] = msgspec.to_builtins(answer.result())
        return result

    def recover_result(self, job: Job, settings: Settings) -> None:
        """Return ``None``: an attempt leaves nothing behind; see :class:`.Work`."""
        del job, settings

    def clear_away(self, job: Job, settings: Settings) -> None:
        """Remove the sounds of ``job``; see :class:`.Work`."""
        open_jobs(settings, self).store.delete(request_key(self.name, job.job_id))


def charge_once(held: HeldJob, settings: Settings) -> Callable[[float], None]:
    """Return the function that counts the seconds of sound of a job, unless an earlier attempt has
    counted them."""
    charge = charge_of_owner(held.job.owner, settings)

    def charge_unless_charged(seconds: float) -> None:
        if not held.job.is_charged:
            charge(seconds)
            held.note_charge()

    return ignore_charge if charge is ignore_charge else charge_unless_charged


def charge_of_owner(owner: str | None, settings: Settings) -> Callable[[float], None]:
    """Return the function that counts seconds of sound for the caller ``owner`` of a job."""
    if owner is None:
        return ignore_charge
    from ser.service.keys import caller_named

    return charge_of(caller_named(owner, settings.api_keys) or ANYONE, settings)


def encode_request(request: PredictRequest) -> bytes:
    """Return ``request`` with its sounds as JSON, for :func:`decode_request`."""
    return msgspec.json.encode(request, enc_hook=lambda uploads: uploads.stored())


def decode_request(data: bytes) -> PredictRequest:
    """Return the request that :func:`encode_request` encoded."""
    return msgspec.json.decode(data, type=PredictRequest, dec_hook=restore_uploads)


def restore_uploads(_kind: type[Uploads], value: Any) -> Uploads:
    """Return the sounds in ``value``, for msgspec's ``dec_hook``."""
    return Uploads.restored(value)


def described(request: PredictRequest) -> dict[str, Any]:
    """Return ``request`` with the names or addresses of its sounds in place of the sounds."""
    names = ("audio", *ENROLMENTS)
    left_out = dict.fromkeys((*names, "speaker_profile", "domain_profile"))
    fields: dict[str, Any] = msgspec.to_builtins(replace(request, **left_out))
    sounds = {
        name: value.described() for name in names if (value := getattr(request, name)) is not None
    }
    return {name: value for name, value in fields.items() if value is not None} | sounds
