"""AWS: images in ECR, everything else by Terraform."""

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
"""What the types of the bucket and of its settings begin with."""
NOTIFICATION = "aws_s3_bucket_notification"
"""The one of them that leads to a function, and goes with it."""


class Aws:
    """The account and region of the standard AWS variables and files.

    Whatever else infra/aws has variables for is chosen by Terraform's own ``TF_VAR_...``.
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
        who = self._account.identity["Arn"]
        return f"AWS account {self._account.number}, region {self._account.region}, as {who}"

    def deploy(self) -> list[Step]:
        name = self._choices.deployment
        made = []
        if not self._choices.images:
            made = [
                Step(f"Have the image repositories {name}-...-lambda.", self._have_repositories),
                *self._images.build(),
                Step("Push both images, unless they are there.", self._push),
            ]
        return [
            *made,
            Step(f"Apply infra/aws as {name!r} with {self._choices.images_in_words}.", self._apply),
            Step("Ask /healthz of both functions.", self._ask),
        ]

    def undeploy(self) -> list[Step]:
        made = f"Destroy what infra/aws made as {self._choices.deployment!r}"
        self._functions.open()
        bucket = self._functions.outputs().get("bucket", "")
        if not bucket or self._account.is_empty(bucket):
            step = Step(f"{made}; nothing is in its bucket.", self._destroy)
        elif self._choices.deletes_data:
            says = f"{made}, s3://{bucket} with it: ALL MODELS, JOBS AND CORPORA THERE ARE LOST."
            step = Step(says, self._destroy_with_data)
        else:
            says = f"{made}, but for s3://{bucket}, which is not empty (DELETE=data deletes it)."
            step = Step(says, self._destroy_without_data)
        return [
            step,
            Step("Destroy the image repositories with their images.", self._destroy_repositories),
        ]

    def _have_repositories(self) -> None:
        self._repositories.open()
        self._repositories.apply({})

    def _push(self) -> None:
        addresses = self._repositories.outputs()
        self._images.log_in(self._account.registry(), *self._account.registry_login())
        for function in FUNCTIONS:
            repository = addresses[f"{function}_repository"]
            # Nothing overwrites a tag there; ours tell the content, so it is the same image.
            if self._account.has_image(repository, self._images.tag):
                self._names[function] = f"{repository}:{self._images.tag}"
            else:
                self._names[function] = self._images.push(function, repository)

    def _apply(self) -> None:
        self._functions.open()
        self._functions.apply(image_variables(self._names))

    def _ask(self) -> None:
        url = self._choices.address.rstrip("/") or self._functions.outputs()["url"]
        for function in FUNCTIONS:
            healthz = f"{url}/{function}/healthz"
            wait_until_healthy(healthz, self._choices.wait_seconds, self._credentials)

    def _credentials(self, url: str) -> Mapping[str, str]:
        if self._choices.jwt:
            return {"Authorization": f"Bearer {self._choices.jwt}"}
        return self._account.signature(url)

    def _destroy(self) -> None:
        self._functions.destroy(self._gone)

    def _destroy_with_data(self) -> None:
        wanted = {**self._gone, "force_destroy": "true"}
        # Terraform deletes what is in a bucket only if the state said so beforehand.
        self._functions.apply(wanted, "-target=aws_s3_bucket.registry")
        self._functions.destroy(wanted)

    def _destroy_without_data(self) -> None:
        # The bucket stays in the state, so that deploying again takes it up.
        resources = self._functions.resources()
        if rest := [f"-target={each}" for each in resources if not stays_with_data(each)]:
            self._functions.destroy(self._gone, *rest)

    def _destroy_repositories(self) -> None:
        wanted = {"force_delete": "true"}
        self._repositories.open()
        if self._repositories.resources():
            self._repositories.apply(wanted)
            self._repositories.destroy(wanted)

    @property
    def _gone(self) -> dict[str, str]:
        """Images that need not be there: Terraform wants to hear of some to destroy, too."""
        return image_variables(dict.fromkeys(FUNCTIONS, f"{self._account.registry()}/ser:gone"))

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
    return {f"{function}_image": image for function, image in images.items()}


def stays_with_data(resource: str) -> bool:
    """Tell whether ``resource``, an address of Terraform's, is the bucket or a setting of it."""
    kind = resource.partition(".")[0]
    return kind.startswith(BUCKET) and kind != NOTIFICATION
