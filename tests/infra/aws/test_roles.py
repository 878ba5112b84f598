"""The permissions of each function, as stated and as enforced."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from applied import BUCKET, BUCKET_ARN, IMAGES, Deployment
from terraform import ACCOUNT, REGION


def allowed(statements: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the resources of each allowed action, none of which has conditions."""
    resources: dict[str, set[str]] = {}
    for statement in statements:
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            resources.setdefault(action, set()).update(listed(statement["Resource"]))
    return resources


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def log_of(name: str) -> str:
    return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/ser-{name}:*"


def test_predict_may_read_models_and_sounds_and_write_its_jobs_and_log_and_nothing_else(
    deployed: Deployment,
) -> None:
    jobs, requests = (
        f"{BUCKET_ARN}/jobs/predictions/*",
        f"{BUCKET_ARN}/jobs/requests/*.predict.json",
    )
    assert allowed(deployed.cloud.policy("ser-predict")) == {
        "s3:GetObject": {
            *(f"{BUCKET_ARN}/{folder}/*" for folder in ("models", "sounds")),
            *(jobs, requests),
        },
        "s3:PutObject": {jobs, requests},
        "s3:DeleteObject": {requests},
        "s3:ListBucket": {BUCKET_ARN},
        "logs:CreateLogStream": {log_of("predict")},
        "logs:PutLogEvents": {log_of("predict")},
    }


def test_train_may_work_in_its_own_bucket_and_nowhere_else(deployed: Deployment) -> None:
    inbox, corpora, sounds, jobs, models = (
        f"{BUCKET_ARN}/{folder}/*" for folder in ("inbox", "corpora", "sounds", "jobs", "models")
    )
    assert allowed(deployed.cloud.policy("ser-train")) == {
        "s3:GetObject": {inbox, corpora, sounds, jobs, models},
        "s3:GetObjectVersion": {inbox},
        "s3:PutObject": {jobs, models},
        "s3:DeleteObject": {models, f"{BUCKET_ARN}/jobs/requests/*.predict.json"},
        "s3:ListBucket": {BUCKET_ARN},
        "sqs:SendMessage": {f"arn:aws:sqs:{REGION}:{ACCOUNT}:ser-dead-letters"},
        "logs:CreateLogStream": {log_of("train")},
        "logs:PutLogEvents": {log_of("train")},
    }


def test_only_lambda_may_assume_the_roles(deployed: Deployment) -> None:
    for name in IMAGES:
        role = deployed.client("iam").get_role(RoleName=f"ser-{name}")["Role"]
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Action"] == "sts:AssumeRole"
        assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert deployed.function(name)["Configuration"]["Role"] == role["Arn"]


def test_both_functions_read_sounds_that_requests_name(
    deployed: Deployment, open_bucket: Any
) -> None:
    sound = {"Bucket": BUCKET, "Key": "sounds/a.wav"}
    open_bucket.put_object(**sound, Body=b"RIFF")
    for name in IMAGES:
        role = deployed.cloud.client("s3", role=f"arn:aws:iam::{ACCOUNT}:role/ser-{name}")
        with deployed.cloud.guarded():
            assert role.get_object(**sound)["Body"].read() == b"RIFF"
            with pytest.raises(ClientError, match="AccessDenied"):
                role.put_object(**sound, Body=b"")


def test_actions_without_permission_are_refused(deployed: Deployment, open_bucket: Any) -> None:
    s3 = open_bucket
    s3.create_bucket(Bucket="others", CreateBucketConfiguration={"LocationConstraint": REGION})
    for bucket in ("others", BUCKET):
        s3.put_object(Bucket=bucket, Key="models/thing", Body=b"")
    s3.put_object(Bucket=BUCKET, Key="inbox/thing", Body=b"")
    foreign, ours = {"Bucket": "others", "Key": "models/thing"}, {"Bucket": BUCKET}
    refused = {
        "predict": [
            ("put_object", {**ours, "Key": "models/thing"}),
            ("delete_object", {**ours, "Key": "models/thing"}),
            ("put_object", {**ours, "Key": "models/aliases/latest.json"}),
            ("get_object", {**ours, "Key": "inbox/thing"}),
            ("get_object", foreign),
            ("list_objects_v2", {"Bucket": "others"}),
        ],
        "train": [
            ("put_object", {**ours, "Key": "inbox/thing"}),
            ("delete_object", {**ours, "Key": "inbox/thing"}),
            ("get_object", foreign),
            ("put_object", foreign),
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
    s3.delete_object(**foreign)
    s3.delete_bucket(Bucket="others")
