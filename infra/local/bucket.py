"""Create the bucket of the local stack and configure its notifications; safe to run again.

``SER_BUCKET`` names the bucket, ``SER_NOTIFY`` the ARN that is notified of new objects. The
standard variables of AWS name the server and hold the credentials.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import botocore.exceptions
import botocore.session

from ser.fetching import ARCHIVE_SUFFIXES

ARRIVALS = {
    **{f"corpora{suffix}": ("inbox/", suffix) for suffix in ARCHIVE_SUFFIXES},
    "requests": ("inbox/", ".train.json"),
    "jobs": ("jobs/requests/", ".train.json"),
    "predictions": ("jobs/requests/", ".predict.json"),
}
"""Prefix and suffix of the objects that are announced: uploads, and asynchronous jobs."""


def notifications(arn: str) -> dict[str, Any]:
    """Return the configuration by which a bucket announces all ``ARRIVALS`` to ``arn``."""
    return {
        "QueueConfigurations": [
            {
                "Id": name,
                "QueueArn": arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {
                    "Key": {
                        "FilterRules": [
                            {"Name": "prefix", "Value": prefix},
                            {"Name": "suffix", "Value": suffix},
                        ]
                    }
                },
            }
            for name, (prefix, suffix) in ARRIVALS.items()
        ]
    }


def make(s3: Any, bucket: str, arn: str) -> None:
    """Create ``bucket`` unless it exists, and have it announce arrivals to ``arn``."""
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=notifications(arn)
    )


def main() -> None:
    """Create the bucket that the environment names."""
    bucket, arn = os.environ["SER_BUCKET"], os.environ["SER_NOTIFY"]
    try:
        make(botocore.session.get_session().create_client("s3"), bucket, arn)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        sys.exit(f"s3://{bucket} cannot be created: {error}")
    print(f"s3://{bucket} exists and announces new objects.")


if __name__ == "__main__":
    main()
