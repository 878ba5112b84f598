"""The API and the permissions to invoke the functions."""

from __future__ import annotations

import json

from applied import BUCKET_ARN, Deployment
from clients import client_of
from terraform import ACCOUNT, REGION


def test_the_api_has_the_documented_routes_and_no_other(deployed: Deployment) -> None:
    page = ("GET /", "GET /docs", "GET /assets/{digest}/{name}")
    routes = dict.fromkeys((*page, "GET /openapi.json"), "ser-predict")
    for name in ("train", "predict"):
        routes[f"GET /{name}/openapi.json"] = f"ser-{name}"
        for path, operations in client_of(name).get("/openapi.json").json["paths"].items():
            routes |= {f"{method.upper()} {path}": f"ser-{name}" for method in operations}
    # The bucket invokes train directly, so the route is not public.
    del routes["POST /events"]
    # Those that change models are public only with the variable `manage`.
    del routes["POST /aliases/{alias}"], routes["DELETE /models/{model_id}"]
    found = deployed.routes()
    assert {key: function for key, (function, _) in found.items()} == routes


def test_web_pages_of_other_origins_are_not_served_by_default(deployed: Deployment) -> None:
    api = deployed.client("apigatewayv2").get_api(ApiId=deployed.api_id)
    assert "CorsConfiguration" not in api


def test_every_training_is_a_job_because_the_api_times_out_after_half_a_minute(
    deployed: Deployment,
) -> None:
    preferred = {
        route: headers["Prefer"]
        for route, (_, headers) in deployed.routes().items()
        if "Prefer" in headers
    }
    assert preferred == {"POST /train": "respond-async"}
    found = deployed.client("apigatewayv2").get_integrations(ApiId=deployed.api_id)["Items"]
    for integration in found:
        assert integration["IntegrationType"] == "AWS_PROXY"
        assert integration["PayloadFormatVersion"] == "2.0"
        assert integration["TimeoutInMillis"] == 30_000


def test_a_request_has_one_id_in_answers_and_logs(deployed: Deployment) -> None:
    for _, headers in deployed.routes().values():
        assert headers["X-Request-Id"] == "$context.requestId"


def test_every_route_requires_a_signature_of_aws_by_default(
    deployed: Deployment,
) -> None:
    routes = deployed.client("apigatewayv2").get_routes(ApiId=deployed.api_id)["Items"]
    assert {route["AuthorizationType"] for route in routes} == {"AWS_IAM"}


def test_paths_have_no_stage_and_calls_are_throttled_trainings_most(
    deployed: Deployment,
) -> None:
    (stage,) = deployed.client("apigatewayv2").get_stages(ApiId=deployed.api_id)["Items"]
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    throttled = ("ThrottlingRateLimit", "ThrottlingBurstLimit")
    everything, train = stage["DefaultRouteSettings"], stage["RouteSettings"]["POST /train"]
    assert [everything[limit] for limit in throttled] == [20, 40]
    assert [train[limit] for limit in throttled] == [1, 5]
    assert list(stage["RouteSettings"]) == ["POST /train"]
    assert deployed.outputs["url"] == (
        f"https://{deployed.api_id}.execute-api.{REGION}.amazonaws.com"
    )


def test_callers_and_routes_are_logged_as_json(deployed: Deployment) -> None:
    (stage,) = deployed.client("apigatewayv2").get_stages(ApiId=deployed.api_id)["Items"]
    settings = stage["AccessLogSettings"]
    assert settings["DestinationArn"].endswith(":log-group:/aws/vendedlogs/apigateway/ser")
    line = json.loads(settings["Format"])
    assert line["caller"] == "$context.identity.userArn"
    assert {"ip", "requestId", "routeKey", "status", "integrationError", "error"} <= line.keys()


def test_the_api_may_invoke_both_functions_and_the_bucket_of_this_account_train(
    deployed: Deployment,
) -> None:
    api = {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Condition": {"ArnLike": {"AWS:SourceArn": f"{deployed.outputs['execution_arn']}/*/*"}},
    }
    bucket = {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Condition": {
            "ArnLike": {"AWS:SourceArn": BUCKET_ARN},
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
        },
    }
    for name, allowed in (("predict", [api]), ("train", [api, bucket])):
        answer = deployed.client("lambda").get_policy(FunctionName=f"ser-{name}")
        found = json.loads(answer["Policy"])["Statement"]
        statements = [{key: each[key] for key in api} for each in found]
        assert sorted(statements, key=str) == sorted(allowed, key=str)
