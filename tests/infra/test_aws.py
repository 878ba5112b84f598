"""What Terraform makes of infra/aws, at a cloud that moto plays.

The provider watches the lifecycle of a bucket for nearly a minute before it believes in it. So the
deployment begins with the first test, and those that can do without it come first.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

import terraform
from clients import ROOT, Client, client_of
from terraform import ACCOUNT, REGION, Change, Cloud, Root

AWS = ROOT / "infra" / "aws"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGES = {name: f"{REGISTRY}/ser-{name}-lambda:1.0.0" for name in ("train", "predict")}
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:operators"
JWT = {"issuer": "https://id.example/pool", "audience": ["robots", "ser"]}
BUCKET = f"ser-{ACCOUNT}-{REGION}"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"

REQUIRED = [f"-var={name}_image={image}" for name, image in IMAGES.items()]
CHOSEN = [
    *REQUIRED,
    "-var=force_destroy=true",
    "-var=train_concurrency=4",
    '-var=train_defaults={evaluation="loso"}',
    f"-var=alarm_topic_arn={TOPIC}",
    '-var=tags={Team="speech"}',
]


class Deployment(NamedTuple):
    """What was applied, and to what."""

    root: Root
    cloud: Cloud
    before: list[str]
    outputs: dict[str, Any]

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def function(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("lambda").get_function(FunctionName=f"ser-{name}")
        return found


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with terraform.playing() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def root(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Root]:
    """Makes copies of Terraform's folders."""
    return lambda folder: Root(folder, tmp_path_factory.mktemp("root") / folder.name, cloud)


@pytest.fixture(scope="module")
def spare(root: Callable[[Path], Root]) -> Root:
    """The deployment's files, never applied."""
    return root(AWS)


@pytest.fixture(scope="module", autouse=True)
def applying(cloud: Cloud, root: Callable[[Path], Root]) -> Iterator[Future[Deployment]]:
    main = root(AWS)

    def apply() -> Deployment:
        before = cloud.inventory()
        main.apply(*CHOSEN)
        return Deployment(main, cloud, before, main.outputs)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(apply)


@pytest.fixture(scope="module")
def deployed(applying: Future[Deployment]) -> Deployment:
    return applying.result()


# Before anything is deployed


def test_the_files_are_formatted_and_valid(spare: Root) -> None:
    spare.run("fmt", "-check", "-recursive", "-diff")
    spare.run("validate")


def test_a_value_that_does_not_fit_is_refused_with_what_is_allowed(spare: Root) -> None:
    refusals = {
        "name=Ser": 'name is "Ser"; allowed: a lower-case letter, then',
        "train_image=ser": 'train_image is "ser"; allowed: <account>.dkr.ecr.<region>.amazonaws',
        "predict_image=docker.io/ser:1": 'predict_image is "docker.io/ser:1"; allowed: <account>.',
        "architecture=x86": 'architecture is "x86"; allowed: "x86_64", "arm64".',
        "train_memory=100": "train_memory is 100; allowed: a whole number from 1024 to 10240.",
        "predict_memory=1.5": "predict_memory is 1.5; allowed: a whole number from 256 to 10240.",
        "train_storage=1": "train_storage is 1; allowed: a whole number from 512 to 10240.",
        "train_concurrency=1": "train_concurrency is 1; allowed: -1, or a whole number from 2 on",
        'train_defaults="loso"': 'train_defaults is "loso"; allowed: an object, such as',
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
    told = spare.refusals(*(f"-var={value}" for value in values))
    for refusal in jwt.union(refusals.values()):
        assert any(each.startswith(refusal) for each in told), refusal
    assert len(told) == len(refusals) + len(jwt)


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
def test_there_is_no_way_without_an_authorizer(
    authorization: str, refusal: str, spare: Root
) -> None:
    assert spare.refusals(*REQUIRED, f"-var=authorization={authorization}") == [refusal]


def test_the_repositories_scan_encrypt_and_overwrite_no_tag(
    cloud: Cloud, root: Callable[[Path], Root]
) -> None:
    repositories, ecr = root(AWS / "repositories"), cloud.client("ecr")
    repositories.apply()
    assert repositories.outputs == {
        f"{name}_repository": image.partition(":")[0] for name, image in IMAGES.items()
    }
    for name in IMAGES:
        named = {"repositoryName": f"ser-{name}-lambda"}
        (found,) = ecr.describe_repositories(repositoryNames=list(named.values()))["repositories"]
        assert found["imageTagMutability"] == "IMMUTABLE"
        assert found["imageScanningConfiguration"] == {"scanOnPush": True}
        assert found["encryptionConfiguration"] == {"encryptionType": "AES256"}
        (rule,) = json.loads(ecr.get_lifecycle_policy(**named)["lifecyclePolicyText"])["rules"]
        assert rule["action"] == {"type": "expire"}
        assert rule["selection"]["tagStatus"] == "untagged"
        (grant,) = json.loads(ecr.get_repository_policy(**named)["policyText"])["Statement"]
        assert grant["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert sorted(grant["Action"]) == ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ser-{name}"
        assert grant["Condition"] == {"StringLike": {"aws:SourceArn": function}}
    assert repositories.changes() == {}
    repositories.destroy()
    assert ecr.describe_repositories()["repositories"] == []


@pytest.fixture(scope="module")
def planned(spare: Root) -> dict[str, Change]:
    """What is made where tokens are wanted and nothing else is chosen."""
    return spare.changes(*REQUIRED, "-var=authorization=JWT", f"-var=jwt={json.dumps(JWT)}")


def test_with_jwt_every_route_wants_a_token_of_the_issuer(planned: dict[str, Change]) -> None:
    authorizer = planned["aws_apigatewayv2_authorizer.jwt[0]"].after
    assert authorizer["authorizer_type"] == "JWT"
    assert authorizer["identity_sources"] == ["$request.header.Authorization"]
    assert authorizer["jwt_configuration"] == [JWT]
    routes = [each for name, each in planned.items() if name.startswith("aws_apigatewayv2_route.")]
    assert len(routes) == 11
    for route in routes:
        assert route.after["authorization_type"] == "JWT"
        # That of the one authorizer, which is not made yet.
        assert "authorizer_id" in route.unknown
    (log,) = planned["aws_apigatewayv2_stage.default"].after["access_log_settings"]
    assert json.loads(log["format"])["caller"] == "$context.authorizer.claims.sub"


def test_unless_asked_to_it_reserves_nothing_destroys_no_model_and_tells_nobody(
    planned: dict[str, Change],
) -> None:
    assert planned["aws_s3_bucket.registry"].after["force_destroy"] is False
    train = planned['aws_lambda_function.function["train"]'].after
    assert train["reserved_concurrent_executions"] == -1
    alarms = [each.after for name, each in planned.items() if "_metric_alarm." in name]
    assert alarms
    assert not any(alarm.get("alarm_actions") for alarm in alarms)


# The API


def test_the_api_has_the_routes_of_the_functions_and_no_other(deployed: Deployment) -> None:
    routes = {"GET /": "ser-predict"}
    for name in ("train", "predict"):
        routes |= {f"GET /{name}/{each}": f"ser-{name}" for each in ("healthz", "openapi.json")}
        for path, operations in client_of(name).get("/openapi.json").json["paths"].items():
            routes |= {f"{method.upper()} {path}": f"ser-{name}" for method in operations}
    # The bucket announces what arrives to train itself; from outside nobody has to.
    del routes["POST /events"]
    found = deployed_routes(deployed)
    assert {key: function for key, (function, _) in found.items()} == routes


def deployed_routes(deployed: Deployment) -> dict[str, tuple[str, dict[str, str]]]:
    """The function behind each route, and the headers that are set on the way to it."""
    api, api_id = deployed.client("apigatewayv2"), id_of_api(deployed)
    integrations = {
        f"integrations/{each['IntegrationId']}": each
        for each in api.get_integrations(ApiId=api_id)["Items"]
    }
    routes = {}
    for route in api.get_routes(ApiId=api_id)["Items"]:
        integration = integrations[route["Target"]]
        function = integration["IntegrationUri"].rpartition(":function:")[2]
        headers = {
            each.removeprefix("overwrite:header."): value
            for each, value in integration["RequestParameters"].items()
        }
        routes[route["RouteKey"]] = (function.removesuffix("/invocations"), headers)
    return routes


def id_of_api(deployed: Deployment) -> str:
    (api_id,) = (
        each["ApiId"]
        for each in deployed.client("apigatewayv2").get_apis()["Items"]
        if each["Name"] == "ser"
    )
    return str(api_id)


def test_every_training_that_is_asked_for_is_a_job_since_the_api_waits_half_a_minute(
    deployed: Deployment,
) -> None:
    preferred = {
        route: headers["Prefer"]
        for route, (_, headers) in deployed_routes(deployed).items()
        if "Prefer" in headers
    }
    assert preferred == {"POST /train": "respond-async"}
    found = deployed.client("apigatewayv2").get_integrations(ApiId=id_of_api(deployed))["Items"]
    for integration in found:
        assert integration["IntegrationType"] == "AWS_PROXY"
        assert integration["PayloadFormatVersion"] == "2.0"
        assert integration["TimeoutInMillis"] == 30_000


def test_a_request_has_one_id_in_answers_and_logs(deployed: Deployment) -> None:
    for _, headers in deployed_routes(deployed).values():
        assert headers["X-Request-Id"] == "$context.requestId"


def test_every_route_wants_a_signature_of_aws_unless_something_else_is_chosen(
    deployed: Deployment,
) -> None:
    routes = deployed.client("apigatewayv2").get_routes(ApiId=id_of_api(deployed))["Items"]
    assert {route["AuthorizationType"] for route in routes} == {"AWS_IAM"}


def test_paths_begin_with_no_stage_and_calls_are_throttled_trainings_more_so(
    deployed: Deployment,
) -> None:
    (stage,) = deployed.client("apigatewayv2").get_stages(ApiId=id_of_api(deployed))["Items"]
    assert stage["StageName"] == "$default"
    assert stage["AutoDeploy"] is True
    throttled = ("ThrottlingRateLimit", "ThrottlingBurstLimit")
    everything, train = stage["DefaultRouteSettings"], stage["RouteSettings"]["POST /train"]
    assert [everything[limit] for limit in throttled] == [20, 40]
    assert [train[limit] for limit in throttled] == [1, 5]
    assert list(stage["RouteSettings"]) == ["POST /train"]
    assert deployed.outputs["url"] == (
        f"https://{id_of_api(deployed)}.execute-api.{REGION}.amazonaws.com"
    )


def test_who_called_what_is_logged_as_json(deployed: Deployment) -> None:
    (stage,) = deployed.client("apigatewayv2").get_stages(ApiId=id_of_api(deployed))["Items"]
    settings = stage["AccessLogSettings"]
    assert settings["DestinationArn"].endswith(":log-group:/aws/vendedlogs/apigateway/ser")
    line = json.loads(settings["Format"])
    assert line["caller"] == "$context.identity.userArn"
    assert {"ip", "requestId", "routeKey", "status", "integrationError", "error"} <= line.keys()


def test_the_functions_are_called_by_the_api_and_train_by_the_bucket_of_this_account(
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
        told = [{key: each[key] for key in api} for each in found]
        assert sorted(told, key=str) == sorted(allowed, key=str)


# The functions


def test_the_functions_run_their_images_within_the_limits_of_lambda(deployed: Deployment) -> None:
    limits = {"train": (3008, 900, 6144), "predict": (1769, 30, 512)}
    for name, (memory, seconds, storage) in limits.items():
        found = deployed.function(name)
        configuration = found["Configuration"]
        assert found["Code"]["ImageUri"] == IMAGES[name]
        assert configuration["PackageType"] == "Image"
        assert configuration["Architectures"] == ["x86_64"]
        assert configuration["MemorySize"] == memory
        assert configuration["Timeout"] == seconds
        assert configuration["EphemeralStorage"] == {"Size": storage}
    assert deployed.function("train")["Concurrency"] == {"ReservedConcurrentExecutions": 4}
    assert "Concurrency" not in deployed.function("predict")


def test_the_functions_are_told_their_places_and_reach_nothing_else(deployed: Deployment) -> None:
    told = {
        name: deployed.function(name)["Configuration"]["Environment"]["Variables"]
        for name in IMAGES
    }
    assert told["predict"] == {
        "SER_MODEL_SAVE_PATH": f"s3://{BUCKET}/models",
        "SER_ALLOWED_BUCKETS": BUCKET,
        "SER_ALLOWED_PATHS": "/tmp",
    }
    defaults = json.loads(told["train"].pop("SER_TRAIN_DEFAULTS"))
    assert defaults == {"data_path": "/tmp/data", "evaluation": "loso"}
    assert told["train"] == {
        **told["predict"],
        "SER_JOBS_URI": f"s3://{BUCKET}/jobs",
        "SER_MAX_ATTEMPTS": "2",
    }


def test_logs_are_kept_for_a_month(deployed: Deployment) -> None:
    groups = deployed.client("logs").describe_log_groups()["logGroups"]
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
    for name in ("/aws/lambda/ser-train", "/aws/lambda/ser-predict"):
        assert kept[name] == 30
    assert kept["/aws/vendedlogs/apigateway/ser"] == 30


# The bucket


def test_the_bucket_keeps_versions_encrypts_and_is_nobody_elses(deployed: Deployment) -> None:
    s3, bucket = deployed.client("s3"), {"Bucket": deployed.outputs["bucket"]}
    assert bucket["Bucket"] == BUCKET
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    encryption = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]
    (rule,) = encryption["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    ownership = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    blocked = s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]
    assert blocked == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }


def test_nobody_reaches_the_bucket_without_tls(deployed: Deployment) -> None:
    s3 = deployed.client("s3")
    (refusal,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert refusal["Effect"] == "Deny"
    assert refusal["Principal"] == "*"
    assert refusal["Action"] == "s3:*"
    assert sorted(refusal["Resource"]) == [BUCKET_ARN, f"{BUCKET_ARN}/*"]
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket=BUCKET, Key="models/anything", Body=b"")


def test_jobs_leftovers_and_what_was_overwritten_go_after_a_while(deployed: Deployment) -> None:
    found = deployed.client("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    jobs, leftovers, requests = sorted(found, key=lambda rule: str(rule["ID"]))
    assert {rule["Status"] for rule in found} == {"Enabled"}
    for rule, folder in ((jobs, "jobs/jobs/"), (requests, "jobs/requests/")):
        assert rule["Filter"] == {"Prefix": folder}
        assert rule["Expiration"] == {"Days": 30}
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert leftovers["Filter"] == {"Prefix": ""}
    assert leftovers["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert leftovers["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    # Nothing else of a model or a corpus ever goes by itself.
    assert leftovers["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_train_is_told_of_corpora_and_requests_that_arrive_and_of_jobs(
    deployed: Deployment,
) -> None:
    found = deployed.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)
    assert found.keys() - {"ResponseMetadata"} == {"LambdaFunctionConfigurations"}
    told = set()
    for each in found["LambdaFunctionConfigurations"]:
        assert each["LambdaFunctionArn"].endswith(":function:ser-train")
        assert each["Events"] == ["s3:ObjectCreated:*"]
        rules = {rule["Name"]: rule["Value"] for rule in each["Filter"]["Key"]["FilterRules"]}
        told.add((rules["prefix"], rules["suffix"]))
    assert told == {
        ("inbox/", ".zip"),
        ("inbox/", ".train.json"),
        ("jobs/requests/", ".train.json"),
    }
    assert deployed.outputs["inbox"] == f"s3://{BUCKET}/inbox/"


def test_an_event_that_failed_thrice_is_put_aside_encrypted_for_two_weeks(
    deployed: Deployment,
) -> None:
    lambdas, sqs = deployed.client("lambda"), deployed.client("sqs")
    found = lambdas.get_function_event_invoke_config(FunctionName="ser-train")
    assert found["MaximumRetryAttempts"] == 2
    assert found["MaximumEventAgeInSeconds"] == 6 * 60 * 60
    queue = sqs.get_queue_attributes(
        QueueUrl=deployed.outputs["dead_letter_queue"], AttributeNames=["All"]
    )["Attributes"]
    assert found["DestinationConfig"]["OnFailure"] == {"Destination": queue["QueueArn"]}
    assert queue["SqsManagedSseEnabled"] == "true"
    assert queue["MessageRetentionPeriod"] == str(14 * 24 * 60 * 60)


# Who is told


def test_alarms_are_raised_for_errors_throttles_slow_starts_and_what_was_put_aside(
    deployed: Deployment,
) -> None:
    alarms = deployed.client("cloudwatch").describe_alarms()["MetricAlarms"]
    watched = {}
    for alarm in alarms:
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
        of = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        metric = (alarm["Namespace"], alarm["MetricName"], *of.values())
        watched[alarm["AlarmName"]] = (metric, alarm["Statistic"], alarm["Threshold"])
    assert watched == {
        "ser-train-errors": (("AWS/Lambda", "Errors", "ser-train"), "Sum", 0),
        "ser-train-throttles": (("AWS/Lambda", "Throttles", "ser-train"), "Sum", 0),
        "ser-train-cold-start": (("ser", "train-cold-start"), "Average", 5000),
        "ser-predict-errors": (("AWS/Lambda", "Errors", "ser-predict"), "Sum", 0),
        "ser-predict-throttles": (("AWS/Lambda", "Throttles", "ser-predict"), "Sum", 0),
        "ser-predict-cold-start": (("ser", "predict-cold-start"), "Average", 5000),
        "ser-api-errors": (("AWS/ApiGateway", "5xx", id_of_api(deployed)), "Sum", 0),
        "ser-dead-letters": (
            ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "ser-dead-letters"),
            "Maximum",
            0,
        ),
    }


def test_the_time_of_a_cold_start_is_read_from_the_reports_of_lambda(deployed: Deployment) -> None:
    for name in IMAGES:
        (found,) = deployed.client("logs").describe_metric_filters(
            logGroupName=f"/aws/lambda/ser-{name}"
        )["metricFilters"]
        assert found["filterPattern"] == (
            '{ $.type = "platform.report" && $.record.metrics.initDurationMs = * }'
        )
        (metric,) = found["metricTransformations"]
        assert metric["metricNamespace"] == "ser"
        assert metric["metricName"] == f"{name}-cold-start"
        assert metric["metricValue"] == "$.record.metrics.initDurationMs"
        assert metric["unit"] == "Milliseconds"


# Least privilege


def allowed(statements: list[dict[str, Any]]) -> dict[str, set[str]]:
    """The resources of each action."""
    resources: dict[str, set[str]] = {}
    for statement in statements:
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            resources.setdefault(action, set()).update(listed(statement["Resource"]))
    return resources


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def listable(statements: list[dict[str, Any]]) -> list[str]:
    """The prefixes of the keys that may be listed."""
    (condition,) = (
        each["Condition"] for each in statements if listed(each["Action"]) == ["s3:ListBucket"]
    )
    assert condition.keys() == {"StringLike"}
    return sorted(listed(condition["StringLike"]["s3:prefix"]))


def log_of(name: str) -> str:
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/ser-{name}:*"


def test_predict_reads_models_writes_its_log_and_may_do_nothing_else(deployed: Deployment) -> None:
    policy = deployed.cloud.policy("ser-predict")
    assert allowed(policy) == {
        "s3:GetObject": {f"{BUCKET_ARN}/models/*"},
        "s3:ListBucket": {BUCKET_ARN},
        "logs:CreateLogStream": {log_of("predict")},
        "logs:PutLogEvents": {log_of("predict")},
    }
    assert listable(policy) == ["models/*"]


def test_train_works_in_its_own_bucket_and_may_do_nothing_elsewhere(deployed: Deployment) -> None:
    policy = deployed.cloud.policy("ser-train")
    inbox, corpora, jobs, models = (
        f"{BUCKET_ARN}/{folder}/*" for folder in ("inbox", "corpora", "jobs", "models")
    )
    assert allowed(policy) == {
        "s3:GetObject": {inbox, corpora, jobs, models},
        "s3:GetObjectVersion": {inbox},
        "s3:PutObject": {jobs, models},
        "s3:DeleteObject": {models},
        "s3:ListBucket": {BUCKET_ARN},
        "sqs:SendMessage": {f"arn:aws:sqs:{REGION}:{ACCOUNT}:ser-dead-letters"},
        "logs:CreateLogStream": {log_of("train")},
        "logs:PutLogEvents": {log_of("train")},
    }
    assert listable(policy) == ["corpora/*", "inbox/*", "jobs/*", "models/*"]


def test_nobody_but_lambda_takes_the_roles(deployed: Deployment) -> None:
    for name in IMAGES:
        role = deployed.client("iam").get_role(RoleName=f"ser-{name}")["Role"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Action"] == "sts:AssumeRole"
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert deployed.function(name)["Configuration"]["Role"] == role["Arn"]


def test_everything_that_can_bear_tags_does(deployed: Deployment) -> None:
    tags = {"Application": "ser", "ManagedBy": "Terraform", "Team": "speech"}
    assert deployed.function("train")["Tags"] == tags
    bucket = deployed.client("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in bucket} == tags
    role = deployed.client("iam").list_role_tags(RoleName="ser-predict")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in role} == tags
    queue = deployed.client("sqs").list_queue_tags(QueueUrl=deployed.outputs["dead_letter_queue"])
    assert queue["Tags"] == tags


@contextmanager
def acting(deployed: Deployment, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A function with the settings and the rights that were deployed, and no others."""
    configuration = deployed.function(name)["Configuration"]
    settings = configuration["Environment"]["Variables"]
    credentials = deployed.cloud.credentials(configuration["Role"])
    with monkeypatch.context() as patch, deployed.cloud.guarded():
        for each in ({**deployed.cloud.environment, **credentials, **settings}).items():
            patch.setenv(*each)
        yield client_of(name)


@pytest.fixture
def open_bucket(deployed: Deployment) -> Iterator[Any]:
    """The bucket as moto can play it: it speaks no TLS, takes no notice of conditions, and would
    look for Docker to announce anything."""
    s3, named = deployed.client("s3"), {"Bucket": BUCKET}
    policy = s3.get_bucket_policy(**named)["Policy"]
    announced = s3.get_bucket_notification_configuration(**named)
    s3.delete_bucket_policy(**named)
    s3.put_bucket_notification_configuration(**named, NotificationConfiguration={})
    yield s3
    # What Terraform has the provider delete at once, moto deletes one by one.
    for version in versions(s3):
        s3.delete_object(**named, **version)
    del announced["ResponseMetadata"]
    s3.put_bucket_notification_configuration(**named, NotificationConfiguration=announced)
    s3.put_bucket_policy(**named, Policy=policy)


def versions(s3: Any) -> list[dict[str, str]]:
    """Every version of every object of the bucket."""
    found = s3.list_object_versions(Bucket=BUCKET)
    every = found.get("Versions", []) + found.get("DeleteMarkers", [])
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in every]


def announcement(deployed: Deployment, key: str) -> dict[str, Any]:
    """What S3 tells train of an object that has arrived."""
    about = deployed.client("s3").head_object(Bucket=BUCKET, Key=key)
    version = {"eTag": about["ETag"].strip('"'), "versionId": about["VersionId"]}
    place = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key), **version}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": place}]}


def test_what_the_functions_do_their_rights_and_settings_let_them_do(
    deployed: Deployment, open_bucket: Any, monkeypatch: pytest.MonkeyPatch, corpus_zip: Path
) -> None:
    s3 = open_bucket
    s3.put_object(Bucket=BUCKET, Key="corpora/small.zip", Body=corpus_zip.read_bytes())
    s3.put_object(Bucket=BUCKET, Key="inbox/odd.train.json", Body=b"[]")
    _, headers = deployed_routes(deployed)["POST /train"]
    with tempfile.TemporaryDirectory(dir="/tmp") as data_path:
        request = {
            "data_path": data_path,
            "remote_url": f"s3://{BUCKET}/corpora/small.zip",
            "model_type": "RandomForestClassifier",
            "model_config": {"n_estimators": 5},
        }
        with acting(deployed, "train", monkeypatch) as train:
            accepted = train.post("/train", json=request, headers=headers)
            assert accepted.status_code == 202
        job_id = accepted.json["job_id"]
        handed_over = announcement(deployed, f"jobs/requests/{job_id}.train.json")
        odd = announcement(deployed, "inbox/odd.train.json")
        with acting(deployed, "train", monkeypatch) as train:
            assert train.post("/events", json=odd).json["jobs"][0]["status"] == "failed"
            assert train.post("/events", json=handed_over).status_code == 200
            assert len(train.get("/train").json["jobs"]) == 2
            job = train.get(f"/train/{job_id}").json
            assert job["status"] == "succeeded", job
    with acting(deployed, "predict", monkeypatch) as predict:
        asked = {"model_id": "latest", "sample_name": job["result"]["test_samples"][0]}
        answer = predict.post("/predict", json=asked)
        assert answer.status_code == 200
        assert answer.json["model_id"] == job_id
        assert predict.get(f"/models/{job_id}/report").status_code == 200
        unknown = predict.post("/predict", json={**asked, "model_id": "unknown"})
        assert unknown.status_code == 404
        assert "its aliases: latest" in unknown.json["detail"]


def test_what_the_roles_do_not_name_is_refused(deployed: Deployment, open_bucket: Any) -> None:
    s3 = open_bucket
    s3.create_bucket(Bucket="others", CreateBucketConfiguration={"LocationConstraint": REGION})
    for bucket in ("others", BUCKET):
        s3.put_object(Bucket=bucket, Key="models/thing", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="inbox/thing", Body=b"")
    theirs, ours = {"Bucket": "others", "Key": "models/thing"}, {"Bucket": BUCKET}
    refused = {
        "predict": [
            ("put_object", {**ours, "Key": "models/thing"}),
            ("delete_object", {**ours, "Key": "models/thing"}),
            ("put_object", {**ours, "Key": "models/aliases/latest.json"}),
            ("get_object", {**ours, "Key": "inbox/thing"}),
            ("get_object", theirs),
        ],
        "train": [
            ("put_object", {**ours, "Key": "inbox/thing"}),
            ("delete_object", {**ours, "Key": "inbox/thing"}),
            ("get_object", theirs),
            ("put_object", theirs),
            ("list_objects_v2", {"Bucket": "others"}),
            ("delete_bucket_policy", ours),
        ],
    }
    for name, attempts in refused.items():
        role = deployed.cloud.client("s3", role=f"arn:aws:iam::{ACCOUNT}:role/ser-{name}")
        with deployed.cloud.guarded():
            for operation, arguments in attempts:
                with pytest.raises(ClientError, match="AccessDenied"):
                    getattr(role, operation)(**arguments)
    s3.delete_object(**theirs)
    s3.delete_bucket(Bucket="others")


# In the end


def test_a_second_plan_would_change_only_what_moto_does_not_keep(deployed: Deployment) -> None:
    changes = deployed.root.changes(*CHOSEN)
    assert changes.keys() == {f'aws_lambda_function.function["{name}"]' for name in IMAGES}
    for name in IMAGES:
        change = changes[f'aws_lambda_function.function["{name}"]']
        assert change.actions == ["update"]
        # moto answers with a configuration of the image that nobody asked for, and forgets how
        # logs are written.
        assert change.after.keys() == {"image_config", "logging_config"}
        assert change.after["image_config"] == []
        (logging,) = change.after["logging_config"]
        assert logging["log_format"] == "JSON"
        assert logging["log_group"] == f"/aws/lambda/ser-{name}"
        assert logging["system_log_level"] == "INFO"


def test_destroying_leaves_nothing(deployed: Deployment) -> None:
    assert deployed.cloud.inventory() != deployed.before
    deployed.root.destroy(*CHOSEN)
    assert deployed.cloud.inventory() == deployed.before
