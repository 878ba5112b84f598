"""The notifications that moto's server emits, received by a queue; run this to keep them anew.

``python tests/shared/ser/events/emitted.py`` writes them to tests/events/moto-*.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

EVENTS = Path(__file__).parents[4] / "events"
PLAIN, VERSIONED = "speech-plain", "speech-versioned"
KEY = "in box/Ärger+1/a%2Fb.zip"
"""All that an encoding may spoil: a space, an umlaut, a plus, and what looks encoded and is not."""


def emitted() -> dict[str, Any]:
    """Return what moto tells of a bucket being wired, of objects created, tagged and removed."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        session = boto3.Session("somebody", "secret", region_name="us-east-1")
        address = f"http://{host}:{port}"
        s3, sqs, bridge = (
            session.client(name, endpoint_url=address) for name in ("s3", "sqs", "events")
        )
        queue = sqs.create_queue(QueueName="notifications")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"][
            "QueueArn"
        ]
        provoke_records(s3, arn)
        records = received(sqs, queue)
        provoke_bridged(s3, bridge, arn)
        names = ("test-message", "created", "copied", "removed", "bridged", "bridged-tagged")
        return dict(zip(names, (*records, *received(sqs, queue)), strict=True))
    finally:
        server.stop()


def provoke_records(s3: Any, queue_arn: str) -> None:
    configuration = {
        "Id": "to-the-queue",
        "QueueArn": queue_arn,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    }
    s3.create_bucket(Bucket=PLAIN)
    s3.put_bucket_notification_configuration(
        Bucket=PLAIN, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    s3.put_object(Bucket=PLAIN, Key=KEY, Body=b"an archive")
    s3.copy_object(Bucket=PLAIN, Key="b.zip", CopySource={"Bucket": PLAIN, "Key": KEY})
    s3.delete_object(Bucket=PLAIN, Key=KEY)


def provoke_bridged(s3: Any, bridge: Any, queue_arn: str) -> None:
    bridge.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.s3"]}))
    bridge.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": queue_arn}])
    s3.create_bucket(Bucket=VERSIONED)
    s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=VERSIONED, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3.put_object(Bucket=VERSIONED, Key=KEY, Body=b"an archive")


def received(sqs: Any, queue: str) -> Iterator[Any]:
    """Yield the messages of ``queue``, in their order, and take them out."""
    while messages := sqs.receive_message(QueueUrl=queue).get("Messages"):
        for message in messages:
            yield json.loads(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    for kind, message in emitted().items():
        file = EVENTS / f"moto-{kind}.json"
        file.write_text(json.dumps(message, indent=2, ensure_ascii=False) + "\n")
