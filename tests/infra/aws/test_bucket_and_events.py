"""The bucket, and the events of new objects in it."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from applied import BUCKET, BUCKET_ARN, Deployment
from ser.fetching import ARCHIVE_SUFFIXES


def test_the_bucket_is_versioned_encrypted_and_private(deployed: Deployment) -> None:
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


def test_requests_without_tls_are_refused(deployed: Deployment) -> None:
    s3 = deployed.client("s3")
    (refusal,) = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert refusal["Effect"] == "Deny"
    assert refusal["Principal"] == "*"
    assert refusal["Action"] == "s3:*"
    assert sorted(refusal["Resource"]) == [BUCKET_ARN, f"{BUCKET_ARN}/*"]
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    with pytest.raises(ClientError, match="403"):
        s3.put_object(Bucket=BUCKET, Key="models/anything", Body=b"")


def test_jobs_incomplete_uploads_and_old_versions_expire(deployed: Deployment) -> None:
    found = deployed.client("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    claims, jobs, leftovers, predictions, requests = sorted(found, key=lambda rule: str(rule["ID"]))
    assert {rule["Status"] for rule in found} == {"Enabled"}
    for rule, folder, days in (
        # No queue repeats an announcement as late as that.
        (claims, "jobs/claims/", 90),
        (jobs, "jobs/jobs/", 30),
        (predictions, "jobs/predictions/", 30),
        (requests, "jobs/requests/", 30),
    ):
        assert rule["Filter"] == {"Prefix": folder}
        assert rule["Expiration"] == {"Days": days}
        assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert leftovers["Filter"] == {"Prefix": ""}
    assert leftovers["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert leftovers["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    # Models and corpora never expire.
    assert leftovers["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_train_is_notified_of_new_corpora_requests_and_jobs(
    deployed: Deployment,
) -> None:
    found = deployed.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)
    assert found.keys() - {"ResponseMetadata"} == {"LambdaFunctionConfigurations"}
    announced = set()
    for each in found["LambdaFunctionConfigurations"]:
        assert each["LambdaFunctionArn"].endswith(":function:ser-train")
        assert each["Events"] == ["s3:ObjectCreated:*"]
        rules = {rule["Name"]: rule["Value"] for rule in each["Filter"]["Key"]["FilterRules"]}
        announced.add((rules["prefix"], rules["suffix"]))
    assert announced == {
        *(("inbox/", suffix) for suffix in ARCHIVE_SUFFIXES),
        ("inbox/", ".train.json"),
        ("jobs/requests/", ".train.json"),
        ("jobs/requests/", ".predict.json"),
    }
    assert deployed.outputs["inbox"] == f"s3://{BUCKET}/inbox/"


def test_an_event_that_failed_three_times_is_kept_encrypted_for_two_weeks(
    deployed: Deployment,
) -> None:
    lambdas, sqs = deployed.client("lambda"), deployed.client("sqs")
    found = lambdas.get_function_event_invoke_config(FunctionName="ser-train")
    assert found["MaximumRetryAttempts"] == 2
    # The third delivery is the last attempt; its failure moves the event to the queue.
    train = deployed.function("train")["Configuration"]["Environment"]["Variables"]
    assert train["SER_MAX_ATTEMPTS"] == str(1 + found["MaximumRetryAttempts"])
    assert found["MaximumEventAgeInSeconds"] == 6 * 60 * 60
    queue = sqs.get_queue_attributes(
        QueueUrl=deployed.outputs["dead_letter_queue"], AttributeNames=["All"]
    )["Attributes"]
    assert found["DestinationConfig"]["OnFailure"] == {"Destination": queue["QueueArn"]}
    assert queue["SqsManagedSseEnabled"] == "true"
    assert queue["MessageRetentionPeriod"] == str(14 * 24 * 60 * 60)
