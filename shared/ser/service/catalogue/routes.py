"""Routes about models and aliases, which predict answers."""

from __future__ import annotations

from functools import partial

from ser.service.answers import AliasAnswer, AliasList, DeletedModel, ModelAnswer, ModelList
from ser.service.bodies import JSON
from ser.service.catalogue.request import (
    AliasesQuery,
    AliasRequest,
    FileRequest,
    ModelsQuery,
    read_catalogue_request,
)
from ser.service.inference.request import ReportRequest, read_request
from ser.service.routes import Binary, Route

PROBLEMS = (404, 409, 422, 502, 503)
MODEL_EXAMPLE = {
    "model_id": "20261122T152630Z-f05f17da",
    "created": "2026-11-22T15:26:57.812944Z",
    "corpora": ["emodb"],
    "preset": "accurate",
    "model_type": "DiscriminantClassifier",
    "figures": {"uar": 0.924, "loso_uar": 0.907},
    "aliases": ["latest", "production"],
}
ALIAS_EXAMPLE = {
    "alias": "production",
    "model_id": "20261122T152630Z-f05f17da",
    "history": [
        {
            "model_id": "20261122T152630Z-f05f17da",
            "moved_at": "2026-11-22T15:26:58.104127Z",
            "action": "move",
        }
    ],
}

LIST_MODELS = Route(
    method="GET",
    path="/models",
    operation="list_models",
    tag="predict",
    summary="List models, newest first",
    scope="predict",
    request=ModelsQuery,
    parse=partial(read_catalogue_request, ModelsQuery),
    answer=ModelList,
    problems=PROBLEMS,
    answer_example={"models": [MODEL_EXAMPLE], "next": None},
)
GET_MODEL = Route(
    method="GET",
    path="/models/{model_id}",
    operation="get_model",
    tag="predict",
    summary="Get all that is known about a model",
    scope="predict",
    request=ReportRequest,
    parse=partial(read_request, ReportRequest),
    answer=ModelAnswer,
    problems=PROBLEMS,
    answer_example=MODEL_EXAMPLE
    | {
        "labels": ["N - Neutral", "W - Ärger (Wut)"],
        "emotions": ["neutral", "anger"],
        "size": 20_853_711,
        "test_samples": ["03a05Nd.wav"],
        "metrics": {"uar": 0.924},
        "loso": {"uar": 0.907},
        "request": {"preset": "accurate", "random_state": 42},
        "versions": {"ser": "0.1.0"},
        "notes": [],
    },
)
GET_FILE = Route(
    method="GET",
    path="/models/{model_id}/model.onnx",
    operation="get_model_file",
    tag="predict",
    summary="Get the file of a model, for other runtimes and for browsers",
    scope="predict",
    request=FileRequest,
    parse=partial(read_request, FileRequest),
    answer=Binary("The file: sound in, probabilities out."),
    problems=PROBLEMS,
)
DELETE_MODEL = Route(
    method="DELETE",
    path="/models/{model_id}",
    operation="delete_model",
    tag="predict",
    summary="Delete a model, unless an alias points at it or would after a rollback",
    scope="manage",
    request=ReportRequest,
    parse=partial(read_request, ReportRequest),
    answer=DeletedModel,
    problems=PROBLEMS,
    answer_example={"model_id": "20261122T152630Z-f05f17da"},
)
LIST_ALIASES = Route(
    method="GET",
    path="/aliases",
    operation="list_aliases",
    tag="predict",
    summary="List aliases with their history",
    scope="predict",
    request=AliasesQuery,
    parse=partial(read_catalogue_request, AliasesQuery),
    answer=AliasList,
    problems=PROBLEMS,
    answer_example={"aliases": [ALIAS_EXAMPLE]},
)
CHANGE_ALIAS = Route(
    method="POST",
    path="/aliases/{alias}",
    operation="change_alias",
    tag="predict",
    summary="Move an alias to a model, on a condition if there is one, or back to the model before",
    scope="manage",
    request=AliasRequest,
    parse=partial(read_catalogue_request, AliasRequest),
    reads=(JSON,),
    body="The model, or a rollback.",
    answer=AliasAnswer,
    problems=(400, 415, *PROBLEMS, 507),
    example={"model_id": "20261122T152630Z-f05f17da"},
    answer_example=ALIAS_EXAMPLE,
)

ROUTES = (LIST_MODELS, GET_MODEL, GET_FILE, DELETE_MODEL, LIST_ALIASES, CHANGE_ALIAS)
