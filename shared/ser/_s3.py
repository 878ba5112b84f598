"""The configuration of clients of S3, for AWS and for every other server with its protocol."""

from __future__ import annotations

from typing import Any

from botocore.config import Config
from botocore.session import get_session

from ser._s3_data import DataLoader


def create_client(
    endpoint: str | None = None, *, connect_timeout: float = 5, read_timeout: float = 30
) -> Any:
    """Return a botocore client of S3 with the standard AWS variables and files.

    It has the operations in :data:`ser._s3_data.OPERATIONS`.

    Parameters
    ----------
    endpoint
        URL of the server. Default: that of the AWS settings.
    connect_timeout, read_timeout
        Time-outs in seconds.

    Raises
    ------
    botocore.exceptions.BotoCoreError
        The AWS settings cannot be used.
    """
    config = Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 3},
        # botocore adds checksums to uploads, which many servers refuse, and verifies those of
        # downloads, although some servers send the checksum of the whole object with a part of it
        # (https://github.com/ceph/ceph/pull/61901). Manifests have checksums of their own.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = get_session()
    session.register_component("data_loader", DataLoader(session.get_config_variable("data_path")))
    return session.create_client("s3", endpoint_url=endpoint, config=config)
