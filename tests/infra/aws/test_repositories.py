"""The image repositories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from applied import AWS, IMAGES
from terraform import ACCOUNT, REGION, Cloud, Root


def test_the_repositories_scan_and_encrypt_images_with_immutable_tags(
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
