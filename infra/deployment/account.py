"""The AWS account of the standard environment variables and files."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session, get_session

from deployment.errors import DeploymentError


class Account:
    """The account that the credentials belong to, in the configured region."""

    def __init__(self) -> None:
        self._session: Session = get_session()

    @cached_property
    def region(self) -> str:
        """The region; empty if none is set."""
        # Terraform's provider reads this variable first; botocore ignores it.
        return os.environ.get("AWS_REGION") or str(
            self._session.get_config_variable("region") or ""
        )

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """The caller according to STS: ``Account``, ``Arn``.

        Raises
        ------
        DeploymentError
            AWS refuses the credentials.
        """
        try:
            identity: Mapping[str, str] = self._client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise DeploymentError(f"AWS refuses the credentials: {error}") from error
        return identity

    @property
    def number(self) -> str:
        """The twelve digits of the account."""
        return self.identity["Account"]

    def is_known(self) -> bool:
        """Return whether AWS accepts the credentials."""
        try:
            return bool(self.number)
        except DeploymentError:
            return False

    def registry(self) -> str:
        """Return the address of the account's registry of images."""
        return f"{self.number}.dkr.ecr.{self.region}.amazonaws.com"

    def registry_login(self) -> tuple[str, str]:
        """Return a user and a password for the registry, valid for twelve hours."""
        answer = self._client("ecr").get_authorization_token()
        token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        user, _, password = token.partition(":")
        return user, password

    def has_image(self, repository: str, tag: str) -> bool:
        """Return whether ``repository``, an address in the account's registry, has ``tag``."""
        name = repository.partition("/")[2]
        try:
            self._client("ecr").describe_images(repositoryName=name, imageIds=[{"imageTag": tag}])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ImageNotFoundException":
                raise DeploymentError(f"{repository} cannot be read: {error}") from error
            return False
        return True

    def is_empty(self, bucket: str) -> bool:
        """Return whether ``bucket`` does not exist, or holds no version of any object."""
        client = self._client("s3")
        try:
            held = client.list_object_versions(Bucket=bucket, MaxKeys=1)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise DeploymentError(f"s3://{bucket} cannot be read: {error}") from error
            return True
        return not held.get("Versions") and not held.get("DeleteMarkers")

    def signature(self, url: str) -> Mapping[str, str]:
        """Return the headers that sign ``GET url`` for an API with authorization ``AWS_IAM``."""
        request = AWSRequest("GET", url)
        SigV4Auth(self._session.get_credentials(), "execute-api", self.region).add_auth(request)
        return dict(request.headers.items())

    def _client(self, service: str) -> Any:
        return self._session.create_client(service)
