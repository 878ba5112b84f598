"""What becomes of a deployment when it is tagged, planned again and destroyed."""

from __future__ import annotations

from applied import BUCKET, CHOSEN, IMAGES, Deployment


def test_everything_that_can_bear_tags_does(deployed: Deployment) -> None:
    tags = {"Application": "ser", "ManagedBy": "Terraform", "Team": "speech"}
    assert deployed.function("train")["Tags"] == tags
    bucket = deployed.client("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in bucket} == tags
    role = deployed.client("iam").list_role_tags(RoleName="ser-predict")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in role} == tags
    queue = deployed.client("sqs").list_queue_tags(QueueUrl=deployed.outputs["dead_letter_queue"])
    assert queue["Tags"] == tags


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


def test_destroying_leaves_nothing(doomed: Deployment) -> None:
    assert doomed.cloud.inventory() != doomed.before
    doomed.root.destroy(*CHOSEN)
    assert doomed.cloud.inventory() == doomed.before
