"""Profiles of speakers and domains, which clients keep."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import graphs
import made
from resilience.fuzzing.functions import JSON, FunctionClient, settings
from resilience.fuzzing.mutations import mutate_json
from resilience.fuzzing.parser import Opened, Parser

SOUND = b64encode(made.sound(made.signal("03a01Wa.wav")[:4800])).decode()


def opened(field: str, folder: Path) -> Opened:
    """Return POST /predict with the profile ``field`` of an answer."""
    model_id = graphs.publish(folder / "model", graphs.model(takes_domain=True))
    predict = FunctionClient("predict")
    enrolment = {"speaker_profile": "enrolment", "domain_profile": "domain_enrolment"}[field]

    def ask(**fields: object) -> dict[str, object]:
        settings(folder, SER_MODEL_SAVE_PATH=str(folder / "model"))
        body = json.dumps({"model_id": model_id, "audio": SOUND, **fields}).encode()
        answer: dict[str, object] = json.loads(
            predict.request("POST", "/predict", body, headers=JSON)
        )
        return answer

    def read(data: bytes, _case: Path) -> None:
        settings(folder, SER_MODEL_SAVE_PATH=str(folder / "model"))
        start = json.dumps({"model_id": model_id, "audio": SOUND})[:-1]
        body = f'{start}, "{field}": '.encode() + data + b"}"
        predict.request("POST", "/predict", body, headers=JSON)

    profile = ask(**{enrolment: [SOUND, SOUND]})[field]
    return Opened([json.dumps(profile).encode()], read)


PARSERS = (
    Parser("speaker profiles", lambda folder: opened("speaker_profile", folder), mutate_json),
    Parser("domain profiles", lambda folder: opened("domain_profile", folder), mutate_json),
)
