"""Tags, a second plan, and the destruction of a deployment."""

from __future__ import annotations

from applied import BUCKET, CHOSEN, IMAGES, Deployment


def test_resources_have_the_tags(deployed: Deployment) -> None:
    tags = {"Application": "ser", "ManagedBy": "Terraform", "Team": "speech"}
    assert deployed.function("train")["Tags"] == tags
    bucket = deployed.client("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in bucket} == tags
    role = deployed.client("iam").list_role_tags(RoleName="ser-predict")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in role} == tags
    queue = deployed.client("sqs").list_queue_tags(QueueUrl=deployed.outputs["dead_letter_queue"])
    assert queue["Tags"] == tags


def test_a_second_plan_changes_only_attributes_that_moto_does_not_store(
    deployed: Deployment,
) -> None:
    changes = deployed.root.changes(*CHOSEN)
    assert changes.keys() == {f'aws_lambda_function.function["{name}"]' for name in IMAGES}
    for name in IMAGES:
        change = changes[f'aws_lambda_function.function["{name}"]']
        assert change.actions == ["update"]
        # moto adds a configuration of the image, and does not store that of logs.
        assert change.after.keys() == {"image_config", "logging_config"}
        assert change.after["image_config"] == []
        (logging,) = change.after["logging_config"]
        assert logging["log_format"] == "JSON"
        assert logging["log_group"] == f"/aws/lambda/ser-{name}"
        assert logging["system_log_level"] == "INFO"


def test_destroying_leaves_nothing(destroyable: Deployment) -> None:
    assert destroyable.cloud.inventory() != destroyable.before
    destroyable.root.destroy(*CHOSEN)
    assert destroyable.cloud.inventory() == destroyable.before
