"""The deployment that the tests of infra/aws apply, and access to it."""

from __future__ import annotations

from typing import Any, NamedTuple

from clients import ROOT
from terraform import ACCOUNT, REGION, Cloud, Root

AWS = ROOT / "infra" / "aws"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IMAGES = {name: f"{REGISTRY}/ser-{name}-lambda:1.0.0" for name in ("train", "predict")}
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:operators"
BUCKET = f"ser-{ACCOUNT}-{REGION}"
BUCKET_ARN = f"arn:aws:s3:::{BUCKET}"

REQUIRED = [f"-var={name}_image={image}" for name, image in IMAGES.items()]
CHOSEN = [
    *REQUIRED,
    "-var=force_destroy=true",
    "-var=train_concurrency=4",
    "-var=predict_concurrency=7",
    '-var=train_defaults={evaluation="loso"}',
    f"-var=alarm_topic_arn={TOPIC}",
    '-var=tags={Team="speech"}',
]


class Deployment(NamedTuple):
    """An applied root module, and the cloud that it was applied to."""

    root: Root
    cloud: Cloud
    before: list[str]
    """Inventory of the cloud before."""
    outputs: dict[str, Any]

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def function(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client("lambda").get_function(FunctionName=f"ser-{name}")
        return found

    @property
    def api_id(self) -> str:
        found = self.client("apigatewayv2").get_apis()["Items"]
        (api_id,) = (each["ApiId"] for each in found if each["Name"] == "ser")
        return str(api_id)

    def routes(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Return by route the function behind it, and the headers that the API sets."""
        api, api_id = self.client("apigatewayv2"), self.api_id
        integrations = {
            f"integrations/{each['IntegrationId']}": each
            for each in api.get_integrations(ApiId=api_id)["Items"]
        }
        routes = {}
        for route in api.get_routes(ApiId=api_id)["Items"]:
            integration = integrations[route["Target"]]
            function = integration["IntegrationUri"].rpartition(":function:")[2]
            headers = {
                each.removeprefix("overwrite:header."): value
                for each, value in integration["RequestParameters"].items()
            }
            routes[route["RouteKey"]] = (function.removesuffix("/invocations"), headers)
        return routes
