"""Package, deploy and undeploy: ``python -m deployment package|deploy|undeploy [target]``."""

from __future__ import annotations

import sys
from collections.abc import Callable

from deployment.aws import Aws
from deployment.choices import Choices
from deployment.compose import Compose
from deployment.errors import DeploymentError
from deployment.images import Images
from deployment.knative import Knative
from deployment.plan import Target, carry_out, check

TARGETS: dict[str, Callable[[Choices], Target]] = {
    "aws": Aws,
    "knative": Knative,
    "compose": Compose,
}


def package(target: str, choices: Choices) -> None:
    """Build the images of both functions, those for Lambda if ``target`` is ``aws``, and list what
    they contain."""
    images = Images(choices, for_lambda=target == "aws")
    check([images.need()])
    # It only adds local images, so it needs no consent.
    steps = [*images.build(), *images.bills()]
    carry_out("The images of both functions:", steps, confirmed=True)


def deploy(target: str, choices: Choices) -> None:
    """Deploy to ``target``, and return once the deployment is healthy."""
    chosen = TARGETS[target](choices)
    check([*chosen.needs(), *chosen.needs_to_deploy()])
    carry_out(f"Deploy to {chosen.place()}:", chosen.deploy(), confirmed=choices.yes == "1")


def undeploy(target: str, choices: Choices) -> None:
    """Remove the deployment from ``target``."""
    chosen = TARGETS[target](choices)
    check(chosen.needs())
    carry_out(f"Remove from {chosen.place()}:", chosen.undeploy(), confirmed=choices.yes == "1")


COMMANDS = {"package": package, "deploy": deploy, "undeploy": undeploy}


def main(arguments: list[str]) -> None:
    """Run the command of the command line; exit with a message and code 1 if it fails."""
    try:
        match arguments:
            case ["package"]:
                package("", Choices.from_environment())
            case [("package" | "deploy" | "undeploy") as command, target] if target in TARGETS:
                COMMANDS[command](target, Choices.from_environment())
            case _:
                given = " ".join(arguments[1:])
                raise DeploymentError(f"TARGET is {given!r}; allowed: {', '.join(TARGETS)}")
    except DeploymentError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Interrupted; the same command continues from here.")


if __name__ == "__main__":
    main(sys.argv[1:])
