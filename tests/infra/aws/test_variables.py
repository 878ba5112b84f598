"""The variables of infra/aws, planned but never applied."""

from __future__ import annotations

import json

import pytest

from applied import REQUIRED
from terraform import Change, Root

APP = "https://app.example"
JWT = {"issuer": "https://id.example/pool", "audience": ["robots", "ser"]}


def test_the_files_are_formatted_and_valid(spare: Root) -> None:
    spare.run("fmt", "-check", "-recursive", "-diff")
    spare.run("validate")


def test_an_invalid_value_is_refused_with_the_allowed_ones(spare: Root) -> None:
    refusals = {
        "name=Ser": 'name is "Ser"; allowed: a lower-case letter, then',
        "train_image=ser": 'train_image is "ser"; allowed: <account>.dkr.ecr.<region>.amazonaws',
        "predict_image=docker.io/ser:1": 'predict_image is "docker.io/ser:1"; allowed: <account>.',
        "architecture=x86": 'architecture is "x86"; allowed: "x86_64", "arm64".',
        "train_memory=100": "train_memory is 100; allowed: a whole number from 1024 to 10240.",
        "predict_memory=1.5": "predict_memory is 1.5; allowed: a whole number from 256 to 10240.",
        "train_storage=1": "train_storage is 1; allowed: a whole number from 512 to 10240.",
        "predict_concurrency=0": "predict_concurrency is 0; allowed: -1, or a whole number from 1",
        "train_concurrency=1": "train_concurrency is 1; allowed: -1, or a whole number from 2 on",
        'train_defaults="loso"': 'train_defaults is "loso"; allowed: an object, such as',
        'allowed_origins=["https://a.example/x"]': 'allowed_origins is ["https://a.example/x"]; al',
        "throttling={rate=0,burst=1}": 'throttling is {"burst":1,"rate":0}; allowed: a rate above',
        "train_throttling={rate=1,burst=0}": 'train_throttling is {"burst":0,"rate":1}; allowed: a',
        "bucket=Models": 'bucket is "Models"; allowed: 3 to 63 lower-case letters, digits and',
        "job_retention_days=0": "job_retention_days is 0; allowed: a whole number from 1 on.",
        "noncurrent_version_days=0.5": "noncurrent_version_days is 0.5; allowed: a whole number",
        "log_retention_days=2": "log_retention_days is 2; allowed: 1, 3, 5, 7, 14, 30, 60,",
        "alarm_topic_arn=me": 'alarm_topic_arn is "me"; allowed: null or arn:aws:sns:<region>:',
        "cold_start_alarm_ms=0": "cold_start_alarm_ms is 0; allowed: a number above 0.",
    }
    jwt = {
        'jwt is set and authorization is "AWS_IAM"; allowed: both jwt and "JWT", or neither.',
        'jwt.issuer is "http://id.example"; allowed: an https:// address without query, as the',
        'jwt.audience is ["","ser"]; allowed: one or more names, none empty.',
    }
    values = [*refusals, 'jwt={issuer="http://id.example",audience=["","ser"]}']
    messages = spare.refusals(*(f"-var={value}" for value in values))
    for refusal in jwt.union(refusals.values()):
        assert any(each.startswith(refusal) for each in messages), refusal
    assert len(messages) == len(refusals) + len(jwt)


@pytest.mark.parametrize(
    ("authorization", "refusal"),
    [
        ("NONE", 'authorization is "NONE"; allowed: "AWS_IAM", "JWT".'),
        (
            "JWT",
            'jwt is not set and authorization is "JWT"; allowed: both jwt and "JWT", or neither.',
        ),
    ],
)
def test_authorization_cannot_be_turned_off(authorization: str, refusal: str, spare: Root) -> None:
    assert spare.refusals(*REQUIRED, f"-var=authorization={authorization}") == [refusal]


@pytest.fixture(scope="module")
def planned(spare: Root) -> dict[str, Change]:
    """The plan with authorization JWT, one allowed origin and no other choice."""
    chosen = ("-var=authorization=JWT", f"-var=jwt={json.dumps(JWT)}")
    return spare.changes(*REQUIRED, *chosen, f"-var=allowed_origins={json.dumps([APP])}")


def test_with_jwt_every_route_requires_a_token_of_the_issuer(planned: dict[str, Change]) -> None:
    authorizer = planned["aws_apigatewayv2_authorizer.jwt[0]"].after
    assert authorizer["authorizer_type"] == "JWT"
    assert authorizer["identity_sources"] == ["$request.header.Authorization"]
    assert authorizer["jwt_configuration"] == [JWT]
    routes = [each for name, each in planned.items() if name.startswith("aws_apigatewayv2_route.")]
    assert len(routes) == 22
    for route in routes:
        assert route.after["authorization_type"] == "JWT"
        # The id of the authorizer, which is created by the apply.
        assert "authorizer_id" in route.unknown
    (log,) = planned["aws_apigatewayv2_stage.default"].after["access_log_settings"]
    assert json.loads(log["format"])["caller"] == "$context.authorizer.claims.sub"


def test_models_are_managed_by_tokens_with_that_scope_where_the_operator_says_so(
    spare: Root, planned: dict[str, Change]
) -> None:
    jwt = ("-var=authorization=JWT", f"-var=jwt={json.dumps(JWT)}")
    managed = spare.changes(*REQUIRED, *jwt, "-var=manage=true")
    added = {name for name in managed if name.startswith("aws_apigatewayv2_route.")} - {*planned}
    assert added == {
        f'aws_apigatewayv2_route.route["{route}"]'
        for route in ("DELETE /models/{model_id}", "POST /aliases/{alias}")
    }
    for name, change in managed.items():
        if name.startswith("aws_apigatewayv2_route."):
            scopes = change.after.get("authorization_scopes")
            assert scopes == (["manage"] if name in added else None)


def test_files_of_models_stay_inside_where_the_operator_says_so(
    spare: Root, planned: dict[str, Change]
) -> None:
    kept = spare.changes(*REQUIRED, "-var=model_files=false")
    for plan, given in ((planned, "true"), (kept, "false")):
        (environment,) = plan['aws_lambda_function.function["predict"]'].after["environment"]
        assert environment["variables"]["SER_MODEL_FILES"] == given


def test_the_api_answers_web_pages_of_the_allowed_origins_itself(
    planned: dict[str, Change],
) -> None:
    (cors,) = planned["aws_apigatewayv2_api.api"].after["cors_configuration"]
    assert cors["allow_origins"] == [APP]
    assert {"GET", "POST", "DELETE"} <= set(cors["allow_methods"])
    assert {"authorization", "content-type", "prefer"} <= set(cors["allow_headers"])
    assert {"location", "retry-after"} <= set(cors["expose_headers"])


def test_by_default_nothing_is_reserved_no_model_destroyed_and_no_topic_notified(
    planned: dict[str, Change],
) -> None:
    assert planned["aws_s3_bucket.registry"].after["force_destroy"] is False
    for function in ("train", "predict"):
        made = planned[f'aws_lambda_function.function["{function}"]'].after
        assert made["reserved_concurrent_executions"] == -1
    alarms = [each.after for name, each in planned.items() if "_metric_alarm." in name]
    assert alarms
    assert not any(alarm.get("alarm_actions") for alarm in alarms)
