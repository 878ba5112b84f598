"""The function predict: probabilities of emotions for sounds, and the models of a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from ser.registry import READY
from ser.service import preparation
from ser.service.answers import (
    AliasAnswer,
    AliasList,
    DeletedModel,
    ModelAnswer,
    ModelList,
    PredictAnswer,
    PredictJobAnswer,
)
from ser.service.bodies import JSON_TYPE
from ser.service.catalogue import routes as catalogue_routes
from ser.service.catalogue.request import AliasesQuery, AliasRequest, FileRequest, ModelsQuery
from ser.service.http import File, Function, Lines, Page, Plain, Reply, get_health
from ser.service.inference import (
    CSV,
    NDJSON,
    Predictor,
    PredictRequest,
    ReportRequest,
    charge_of,
    routes,
    with_timeline,
)
from ser.service.page import routes as page_routes
from ser.service.preparation import MODELS
from ser.service.probes import metrics_handler, readiness_handler
from ser.service.routes import Call

if TYPE_CHECKING:
    from ser.service.catalogue.operations import Catalogue

predictor = Predictor(MODELS)


def post_predict(call: Call[PredictRequest]) -> PredictAnswer | Reply | Plain | Lines:
    """Return the predictions for the sounds that the request carries or names, or a new job if the
    client prefers not to wait."""
    request = call.request if call.form == JSON_TYPE else with_timeline(call.request)
    if call.wants_job:
        # Imported here, like all of jobs, because cold starts must be short.
        from ser.service.inference import jobs

        return Reply.of_job(jobs.create(request, call.settings, call.caller), "/predict")
    charge = charge_of(call.caller, call.settings)
    if call.form == JSON_TYPE:
        return predictor.predict(request, call.settings, charge)
    if call.form == NDJSON:
        return Lines(predictor.lines(request, call.settings, charge), NDJSON)
    timeline = predictor.timeline(request, call.form, call.settings, charge)
    text = timeline.to_csv() if call.form == CSV else timeline.to_vtt()
    return Plain(text.encode(), f"{call.form}; charset=utf-8")


def get_report(call: Call[ReportRequest]) -> Page:
    """Return the report of the model with the given id or alias."""
    model_id, html = predictor.report(call.request, call.settings)
    # An alias may move to another model, and the next version of the software has another `ready`.
    immutable = model_id == call.request.model_id and model_id != READY
    return Page(html, immutable=immutable)


def get_job(call: Call[None]) -> PredictJobAnswer:
    """Return the state of a job, with its result once it has ended."""
    from ser.service.inference import jobs

    return jobs.get(call.path["job_id"], call.settings, call.caller)


def cancel_job(call: Call[None]) -> PredictJobAnswer:
    """Cancel a job and return it."""
    from ser.service.inference import jobs

    return jobs.cancel(call.path["job_id"], call.settings, call.caller)


def list_models(call: Call[ModelsQuery]) -> ModelList:
    """Return a page of models, newest first."""
    return catalogue().models(call.request, call.settings)


def get_model(call: Call[ReportRequest]) -> ModelAnswer:
    """Return all that is known about a model."""
    return catalogue().model(call.request, call.settings)


def get_model_file(call: Call[FileRequest]) -> File:
    """Return the file of a model."""
    return catalogue().file(call.request, call.settings)


def delete_model(call: Call[ReportRequest]) -> DeletedModel:
    """Delete a model to which no alias leads."""
    return catalogue().delete(call.request, call.settings)


def list_aliases(call: Call[AliasesQuery]) -> AliasList:
    """Return all aliases with their history."""
    return catalogue().aliases(call.request, call.settings)


def change_alias(call: Call[AliasRequest]) -> AliasAnswer:
    """Move an alias, forwards or back, and return it."""
    return catalogue().change(call.path["alias"], call.request, call.settings)


def page_of(name: str) -> File:
    """Return a document of the page in browsers, whose module predictions do not need."""
    from ser.service.page.files import document

    return document(name)


def get_asset(call: Call[None]) -> File:
    """Return a file that the page loads."""
    from ser.service.page.files import asset

    return asset(call.path["digest"], call.path["name"])


def catalogue() -> Catalogue:
    """Return the catalogue of models, whose module predictions do not need."""
    from ser.service.catalogue.operations import Catalogue

    return Catalogue(MODELS)


function = Function(
    (routes.PREDICT, post_predict),
    (routes.GET_JOB, get_job),
    (routes.CANCEL_JOB, cancel_job),
    (routes.REPORT, get_report),
    (catalogue_routes.LIST_MODELS, list_models),
    (catalogue_routes.GET_MODEL, get_model),
    (catalogue_routes.GET_FILE, get_model_file),
    (catalogue_routes.DELETE_MODEL, delete_model),
    (catalogue_routes.LIST_ALIASES, list_aliases),
    (catalogue_routes.CHANGE_ALIAS, change_alias),
    (routes.HEALTH, get_health),
    (routes.READINESS, readiness_handler(("store", "model"), preparation.check)),
    (routes.METRICS, metrics_handler("predict")),
    (page_routes.JUDGE, lambda _: page_of("judge")),
    (page_routes.MODELS, lambda _: page_of("models")),
    (page_routes.DOCS, lambda _: page_of("docs")),
    (page_routes.ASSET, get_asset),
)


def predict(request: Request) -> Response:
    """Answer a request."""
    return function(request)
