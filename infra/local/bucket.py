"""Makes the bucket of the local stack, and has it announce what arrives: run once, again at will.

``SER_BUCKET`` names the bucket, ``SER_NOTIFY`` the ARN of whoever hears of new objects; which
server to ask, and as whom, say the standard variables of AWS.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import botocore.exceptions
import botocore.session

ARRIVALS = {
    "corpora": ("inbox/", ".zip"),
    "requests": ("inbox/", ".train.json"),
    "jobs": ("jobs/requests/", ".train.json"),
}
"""Prefix and suffix of what is announced: what people bring, and jobs that nobody waits for."""


def notifications(listener: str) -> dict[str, Any]:
    """Return the configuration by which a bucket announces all ``ARRIVALS`` to ``listener``."""
    return {
        "QueueConfigurations": [
            {
                "Id": name,
                "QueueArn": listener,
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


def make(s3: Any, bucket: str, listener: str) -> None:
    """Make ``bucket`` unless it is there, and have it announce arrivals to ``listener``."""
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=bucket)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration=notifications(listener)
    )


def main() -> None:
    """Make the bucket that the environment names."""
    bucket, listener = os.environ["SER_BUCKET"], os.environ["SER_NOTIFY"]
    try:
        make(botocore.session.get_session().create_client("s3"), bucket, listener)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        sys.exit(f"s3://{bucket} cannot be made: {error}")
    print(f"s3://{bucket} announces what arrives.")


if __name__ == "__main__":
    main()
