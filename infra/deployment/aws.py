"""AWS: images in ECR, and everything else made by Terraform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from deployment.account import Account
from deployment.choices import Choices
from deployment.health import wait_until_healthy
from deployment.images import FUNCTIONS, Images, architecture
from deployment.plan import Need, Step, tool
from deployment.terraform import Terraform
from stack import ROOT

FUNCTIONS_ROOT = ROOT / "infra" / "aws"
REPOSITORIES_ROOT = FUNCTIONS_ROOT / "repositories"
BUCKET = "aws_s3_bucket"
"""Prefix of the Terraform types of the bucket and its settings."""
NOTIFICATION = "aws_s3_bucket_notification"
"""The one of these settings that refers to a function, and is destroyed with it."""


class Aws:
    """The account and region of the standard AWS variables and files.

    Terraform's own ``TF_VAR_...`` set the other variables of infra/aws.
    """

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._account = Account()
        self._images = Images(choices, for_lambda=True)
        self._names = dict(choices.images)

    def needs(self) -> Iterator[Need]:
        yield tool("terraform", "install Terraform 1.9 or newer")
        yield Need(
            "credentials of AWS",
            self._account.is_known,
            "AWS_PROFILE, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or `aws configure`",
        )
        yield Need("a region of AWS", lambda: bool(self._account.region), "AWS_DEFAULT_REGION=")

    def needs_to_deploy(self) -> Iterator[Need]:
        if not self._choices.images:
            yield self._images.need()

    def place(self) -> str:
        arn = self._account.identity["Arn"]
        return f"AWS account {self._account.number}, region {self._account.region}, as {arn}"

    def deploy(self) -> list[Step]:
        name = self._choices.deployment
        building: list[Step] = []
        if not self._choices.images:
            building = [
                Step(
                    f"Create the image repositories {name}-...-lambda unless they exist.",
                    self._create_repositories,
                ),
                *self._images.build(),
                Step("Push both images unless the registry has them.", self._push),
            ]
        return [
            *building,
            Step(f"Apply infra/aws as {name!r} with {self._choices.images_in_words}.", self._apply),
            Step("Check /healthz of both functions.", self._check_health),
        ]

    def undeploy(self) -> list[Step]:
        destruction = f"Destroy the resources of infra/aws named {self._choices.deployment!r}"
        self._functions.open()
        bucket = self._functions.outputs().get("bucket", "")
        if not bucket or self._account.is_empty(bucket):
            step = Step(f"{destruction}; the bucket is empty.", self._destroy)
        elif self._choices.deletes_data:
            data = f"s3://{bucket} included: ALL MODELS, JOBS AND CORPORA IN IT ARE LOST"
            step = Step(f"{destruction}, {data}.", self._destroy_with_data)
        else:
            data = f"except s3://{bucket}, which is not empty (DELETE=data deletes it)"
            step = Step(f"{destruction}, {data}.", self._destroy_without_data)
        return [
            step,
            Step("Destroy the image repositories with their images.", self._destroy_repositories),
        ]

    def _create_repositories(self) -> None:
        self._repositories.open()
        self._repositories.apply({})

    def _push(self) -> None:
        addresses = self._repositories.outputs()
        self._images.log_in(self._account.registry(), *self._account.registry_login())
        for function in FUNCTIONS:
            repository = addresses[f"{function}_repository"]
            # Tags are immutable there and derived from the content, so it is the same image.
            if self._account.has_image(repository, self._images.tag):
                self._names[function] = f"{repository}:{self._images.tag}"
            else:
                self._names[function] = self._images.push(function, repository)

    def _apply(self) -> None:
        self._functions.open()
        self._functions.apply(image_variables(self._names))

    def _check_health(self) -> None:
        url = self._choices.address.rstrip("/") or self._functions.outputs()["url"]
        for function in FUNCTIONS:
            healthz = f"{url}/{function}/healthz"
            wait_until_healthy(healthz, self._choices.wait_seconds, self._credentials)

    def _credentials(self, url: str) -> Mapping[str, str]:
        if self._choices.jwt:
            return {"Authorization": f"Bearer {self._choices.jwt}"}
        return self._account.signature(url)

    def _destroy(self) -> None:
        self._functions.destroy(self._placeholder_images)

    def _destroy_with_data(self) -> None:
        wanted = {**self._placeholder_images, "force_destroy": "true"}
        # Terraform empties a bucket only if the state already has force_destroy.
        self._functions.apply(wanted, "-target=aws_s3_bucket.registry")
        self._functions.destroy(wanted)

    def _destroy_without_data(self) -> None:
        # The bucket stays in the state, so that the next deployment uses it again.
        resources = self._functions.resources()
        if rest := [f"-target={each}" for each in resources if not stays_with_data(each)]:
            self._functions.destroy(self._placeholder_images, *rest)

    def _destroy_repositories(self) -> None:
        wanted = {"force_delete": "true"}
        self._repositories.open()
        if self._repositories.resources():
            self._repositories.apply(wanted)
            self._repositories.destroy(wanted)

    @property
    def _placeholder_images(self) -> dict[str, str]:
        """Variables for images that need not exist: Terraform requires them to destroy, too."""
        return image_variables(dict.fromkeys(FUNCTIONS, f"{self._account.registry()}/ser:none"))

    @cached_property
    def _functions(self) -> Terraform:
        variables = {"name": self._choices.deployment}
        if not self._choices.images or self._choices.platform:
            variables["architecture"] = architecture(self._choices)
        return Terraform(FUNCTIONS_ROOT, self._workspace, variables)

    @cached_property
    def _repositories(self) -> Terraform:
        variables = {"name": self._choices.deployment}
        return Terraform(REPOSITORIES_ROOT, self._workspace, variables)

    @property
    def _workspace(self) -> str:
        return f"{self._choices.deployment}-{self._account.number}-{self._account.region}"


def image_variables(images: Mapping[str, str]) -> dict[str, str]:
    """Return the Terraform variables that name ``images``."""
    return {f"{function}_image": image for function, image in images.items()}


def stays_with_data(resource: str) -> bool:
    """Return whether the address ``resource`` is that of the bucket or of one of its settings."""
    kind = resource.partition(".")[0]
    return kind.startswith(BUCKET) and kind != NOTIFICATION
