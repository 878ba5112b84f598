"""Files of models, whose digests match: anyone who may write to a registry can publish one."""

from __future__ import annotations

import json
from pathlib import Path

import graphs
import made
from resilience.fuzzing.functions import JSON, FunctionClient, settings
from resilience.fuzzing.mutations import mutate_protobuf
from resilience.fuzzing.parser import Opened, Parser
from resilience.fuzzing.parsers.registries import SAMPLE
from stack import ROOT

FORMER = ("model-0.1.0-discriminant.onnx", "model-0.1.0-forest.onnx")
"""Models of an earlier version, in tests/data."""


def opened(folder: Path) -> Opened:
    del folder
    predict = FunctionClient("predict")
    held = {SAMPLE: made.sound(made.signal(SAMPLE)[:3200])}

    def read(data: bytes, case: Path) -> None:
        model_id = graphs.publish(case / "model", data, held)
        settings(case, SER_MODEL_SAVE_PATH=str(case / "model"))
        body = json.dumps({"model_id": model_id, "sample_name": SAMPLE}).encode()
        predict.request("POST", "/predict", body, headers=JSON)

    made_now = [graphs.model(), graphs.model(takes_domain=True, measures_familiarity=True)]
    former = [(ROOT / "tests" / "data" / name).read_bytes() for name in FORMER]
    return Opened([*made_now, *former], read)


PARSERS = (Parser("model.onnx", opened, mutate_protobuf, share=4),)
