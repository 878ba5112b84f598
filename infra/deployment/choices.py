"""The options of a deployment: variables of make's command line, which exports them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from deployment.errors import DeploymentError

ENGINES = ("docker", "podman", "buildah")
PLATFORMS = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The options; each field is the variable of its name in capitals, empty if not given."""

    engine: str = ""
    """Program that builds images: one of ``ENGINES``. Default: the first that works."""
    base: str = ""
    """Base of the images. Default: that of the Dockerfile."""
    pip_conf: str = ""
    """File with pip's configuration; it stays out of the images."""
    platform: str = ""
    """Platform of the images: one of ``PLATFORMS``. Default: that of this machine."""
    containers: str = ""
    """``0``: predict's image leaves out the decoder of WebM, MP4 and other containers."""
    encoders: str = ""
    """``0``: train's image leaves out the weights of the encoder Whisper-base."""
    registry: str = ""
    """Registry that images for Knative are pushed to: ``registry.example.com/you``."""
    train_image: str = ""
    predict_image: str = ""
    """Images in a registry; if given, none is built."""
    deployment: str = "ser"
    """Name of the deployment on AWS; a second one needs another name."""
    open: str = ""
    """``1``: on Knative, the functions answer everything that reaches them, without keys."""
    bind: str = "127.0.0.1"
    """Address on which the local stack publishes its ports."""
    bucket: str = ""
    """Bucket of the functions on Knative, for models, jobs and corpora."""
    s3_endpoint: str = ""
    """Address of that bucket's store, unless it is AWS's."""
    aws_default_region: str = "us-east-1"
    """Region of that bucket."""
    context: str = ""
    """Context of kubectl. Default: the current one."""
    namespace: str = ""
    """Namespace of the cluster. Default: that of the context."""
    address: str = ""
    """Address at which /healthz on AWS is checked, if you have your own domain."""
    jwt: str = ""
    """Token for that check where authorization is JWT; otherwise requests are signed."""
    port: str = "5000"
    """Port of the local stack."""
    wait: str = "300"
    """Seconds within which a deployment must become healthy."""
    delete: str = ""
    """``data``: undeploy deletes models, jobs and corpora too."""
    yes: str = ""
    """``1``: consent in advance."""

    @property
    def wait_seconds(self) -> int:
        return int(self.wait)

    @property
    def deletes_data(self) -> bool:
        return self.delete == "data"

    @property
    def images(self) -> dict[str, str]:
        """The given images by function; empty if images have to be built."""
        images = {"train": self.train_image, "predict": self.predict_image}
        return images if self.train_image else {}

    @property
    def images_in_words(self) -> str:
        """The images as a plan names them."""
        return " and ".join(self.images.values()) or "these images"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Choices:
        """Return the options in ``environment`` (default: that of this process).

        Raises
        ------
        DeploymentError
            Some are not allowed; all of them are named.
        """
        variables = os.environ if environment is None else environment
        chosen = cls(
            **{
                name: value
                for name in cls.__dataclass_fields__
                if (value := variables.get(name.upper(), "").strip())
            }
        )
        if refusals := chosen.refusals():
            raise DeploymentError("\n".join(refusals))
        return chosen

    def refusals(self) -> list[str]:
        """Return a message for each option that is not allowed, with the allowed values."""
        fits = {
            "ENGINE": (self.engine, self.engine in ("", *ENGINES), ", ".join(ENGINES)),
            "PLATFORM": (self.platform, self.platform in ("", *PLATFORMS), ", ".join(PLATFORMS)),
            "CONTAINERS": (self.containers, self.containers in ("", "0", "1"), "0, 1"),
            "ENCODERS": (self.encoders, self.encoders in ("", "0", "1"), "0, 1"),
            "PORT": (self.port, self.port.isdecimal(), "a number"),
            "WAIT": (self.wait, self.wait.isdecimal(), "a number of seconds"),
            "OPEN": (self.open, self.open in ("", "1"), "1"),
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
