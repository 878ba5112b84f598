"""What may be chosen on make's command line, which passes it on as environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from deployment.errors import DeploymentError

ENGINES = ("docker", "podman", "buildah")
PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Every field is the variable of its name in capitals; empty means not chosen."""

    engine: str = ""
    """What builds images: one of ``ENGINES``; the first that works."""
    base: str = ""
    """The image that ours begin with; that of the Dockerfile."""
    pip_conf: str = ""
    """A file that tells pip where packages come from; it stays out of the images."""
    platform: str = ""
    """What images are for: one of ``PLATFORMS``; this machine."""
    registry: str = ""
    """Where images are pushed to for Knative: ``registry.example.com/somebody``."""
    train_image: str = ""
    predict_image: str = ""
    """Images that are in a registry already: none is built then."""
    deployment: str = "ser"
    """What things on AWS are called; a second deployment has another name."""
    bucket: str = ""
    """The bucket that functions on Knative keep everything in."""
    s3_endpoint: str = ""
    """The address of that bucket's store, if it is not AWS's."""
    aws_default_region: str = "us-east-1"
    """The region of that bucket."""
    context: str = ""
    """kubectl's; the current one."""
    namespace: str = ""
    """Of the cluster; that of the context."""
    address: str = ""
    """Where /healthz of AWS is asked: a domain of your own."""
    jwt: str = ""
    """What /healthz of AWS is asked with where a JWT is wanted; otherwise requests are signed."""
    port: str = "5000"
    """Of the local stack."""
    wait: str = "300"
    """How many seconds a deployment has to become healthy."""
    delete: str = ""
    """``data``: undeploy deletes models, jobs and corpora, too."""
    yes: str = ""
    """``1``: do it without asking."""

    @property
    def wait_seconds(self) -> int:
        return int(self.wait)

    @property
    def deletes_data(self) -> bool:
        return self.delete == "data"

    @property
    def images(self) -> dict[str, str]:
        """The images that are there already, by function; empty if they have to be built."""
        images = {"train": self.train_image, "predict": self.predict_image}
        return images if self.train_image else {}

    @property
    def images_in_words(self) -> str:
        """What a plan says of the images."""
        return " and ".join(self.images.values()) or "these images"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Choices:
        """The choices in ``environment`` (default: the process's own).

        Raises
        ------
        DeploymentError
            One is not allowed; all of them are named.
        """
        told = os.environ if environment is None else environment
        chosen = cls(
            **{
                name: value
                for name in cls.__dataclass_fields__
                if (value := told.get(name.upper(), "").strip())
            }
        )
        if refusals := chosen.refusals():
            raise DeploymentError("\n".join(refusals))
        return chosen

    def refusals(self) -> list[str]:
        """Return what is wrong, each with what is allowed."""
        fits = {
            "ENGINE": (self.engine, self.engine in ("", *ENGINES), ", ".join(ENGINES)),
            "PLATFORM": (self.platform, self.platform in ("", *PLATFORMS), ", ".join(PLATFORMS)),
            "PORT": (self.port, self.port.isdecimal(), "a number"),
            "WAIT": (self.wait, self.wait.isdecimal(), "a number of seconds"),
            "DELETE": (self.delete, self.delete in ("", "data"), "data"),
            "YES": (self.yes, self.yes in ("", "1"), "1"),
            "TRAIN_IMAGE and PREDICT_IMAGE": (
                f"{self.train_image} {self.predict_image}".strip(),
                bool(self.train_image) == bool(self.predict_image),
                "both or none",
            ),
        }
        return [
            f"{name} is {value!r}; allowed: {allowed}"
            for name, (value, is_allowed, allowed) in fits.items()
            if not is_allowed
        ]
