"""Documents of a registry: manifests and aliases."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import graphs
import made
from resilience.fuzzing.functions import JSON, FunctionClient, settings
from resilience.fuzzing.mutations import mutate_json
from resilience.fuzzing.parser import Opened, Parser
from ser.errors import NotFound, SerError
from ser.registry import open_registry, ready_model

SAMPLE = "03a01Wa.wav"


def publish(folder: Path) -> tuple[str, str]:
    """Publish two small models with an alias; return their ids."""
    held = {SAMPLE: made.sound(made.signal(SAMPLE)[:3200])}
    data = graphs.model(takes_domain=True, measures_familiarity=True)
    ids = [graphs.publish(folder, data, held, request={"model_type": "x"}) for _ in range(2)]
    registry = open_registry(folder)
    registry.move("latest", ids[0])
    registry.move("latest", ids[1])
    return ids[0], ids[1]


def copy(folder: Path, place: Path) -> None:
    """Link the files of a registry in ``folder`` to ``place``."""
    for file in folder.rglob("*"):
        if file.is_file():
            target = place / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(file)


def predict_with(registry: Path, name: str, predict: FunctionClient, folder: Path) -> None:
    """Ask for the report of a model and for a prediction."""
    settings(folder, SER_MODEL_SAVE_PATH=str(registry))
    with suppress(SerError):
        predict.request("GET", f"/models/{name}/report")
    body = json.dumps({"model_id": name, "sample_name": SAMPLE}).encode()
    predict.request("POST", "/predict", body, headers=JSON)


def opened(document: str, folder: Path) -> Opened:
    """Return a reader of ``manifest`` or ``alias`` documents."""
    ids = publish(folder / "model")
    paths = {"manifest": f"{ids[1]}/manifest.json", "alias": "aliases/latest.json"}
    payloads = [(folder / "model" / paths[document]).read_bytes()]
    if document == "manifest":
        payloads.append(json.dumps(ready_model().manifest | {"model_id": ids[1]}).encode())
    predict = FunctionClient("predict")

    def read(data: bytes, case: Path) -> None:
        copy(folder / "model", case / "model")
        path = case / "model" / paths[document]
        path.unlink()
        path.write_bytes(data)
        registry = open_registry(case / "model")
        for call in (registry.show, registry.load, registry.history, registry.resolve):
            with suppress(SerError):
                call("latest")
        list(registry.models())
        with suppress(SerError):
            registry.aliases()
        with suppress(NotFound):
            predict_with(case / "model", "latest", predict, case)
        with suppress(SerError):
            registry.rollback("latest")
        registry.move("latest", ids[1])

    return Opened(payloads, read)


PARSERS = (
    Parser("manifests", lambda folder: opened("manifest", folder), mutate_json),
    Parser("aliases", lambda folder: opened("alias", folder), mutate_json),
)
