"""Captures the notifications that moto's server sends to a queue.

``python tests/shared/ser/service/events/emitted.py`` writes them to tests/events/moto-*.json.
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
"""A key that a wrong encoding changes: a space, an umlaut, a plus, and a literal ``%2F``."""


def capture() -> dict[str, Any]:
    """Return moto's notifications of a new configuration and of created, copied, removed and tagged
    objects, by name."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        session = boto3.Session("user", "secret", region_name="us-east-1")
        address = f"http://{host}:{port}"
        s3, sqs, bridge = (
            session.client(name, endpoint_url=address) for name in ("s3", "sqs", "events")
        )
        queue = sqs.create_queue(QueueName="notifications")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"][
            "QueueArn"
        ]
        send_records(s3, arn)
        records = receive(sqs, queue)
        send_bridged(s3, bridge, arn)
        names = ("test-message", "created", "copied", "removed", "bridged", "bridged-tagged")
        return dict(zip(names, (*records, *receive(sqs, queue)), strict=True))
    finally:
        server.stop()


def send_records(s3: Any, queue_arn: str) -> None:
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


def send_bridged(s3: Any, bridge: Any, queue_arn: str) -> None:
    bridge.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.s3"]}))
    bridge.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": queue_arn}])
    s3.create_bucket(Bucket=VERSIONED)
    s3.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=VERSIONED, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3.put_object(Bucket=VERSIONED, Key=KEY, Body=b"an archive")


def receive(sqs: Any, queue: str) -> Iterator[Any]:
    """Yield the messages of ``queue`` in their order and delete them."""
    while messages := sqs.receive_message(QueueUrl=queue).get("Messages"):
        for message in messages:
            yield json.loads(message["Body"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])


if __name__ == "__main__":
    for kind, message in capture().items():
        file = EVENTS / f"moto-{kind}.json"
        file.write_text(json.dumps(message, indent=2, ensure_ascii=False) + "\n")
