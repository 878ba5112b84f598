"""The functions: their limits, their settings and their logs."""

from __future__ import annotations

import json

from applied import BUCKET, IMAGES, Deployment


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
    assert deployed.function("predict")["Concurrency"] == {"ReservedConcurrentExecutions": 7}


def test_the_settings_name_the_bucket_and_allow_no_other_place(deployed: Deployment) -> None:
    variables = {
        name: deployed.function(name)["Configuration"]["Environment"]["Variables"]
        for name in IMAGES
    }
    assert variables["predict"] == {
        "SER_MODEL_SAVE_PATH": f"s3://{BUCKET}/models",
        "SER_ALLOWED_BUCKETS": BUCKET,
        "SER_ALLOWED_PATHS": "/tmp",
        "SER_GATEWAY": "true",
        "SER_OPEN": "1",
        "SER_MODEL_KEY": "",
        "SER_MODEL_FILES": "true",
        "SER_JOBS_URI": f"s3://{BUCKET}/jobs",
    }
    defaults = json.loads(variables["train"].pop("SER_TRAIN_DEFAULTS"))
    assert defaults == {"data_path": "/tmp/data", "evaluation": "loso"}
    assert variables["train"] == {
        **variables["predict"],
        "SER_MAX_ATTEMPTS": "3",
        "SER_WAIT_SECONDS": "870",
    }


def test_logs_are_kept_for_a_month(deployed: Deployment) -> None:
    groups = deployed.client("logs").describe_log_groups()["logGroups"]
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
    for name in ("/aws/lambda/ser-train", "/aws/lambda/ser-predict"):
        assert kept[name] == 30
    assert kept["/aws/vendedlogs/apigateway/ser"] == 30
