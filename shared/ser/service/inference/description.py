"""What predict says of itself to programs: its OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from ser._speaker_profile import SpeakerProfile
from ser.service.inference.request import PredictRequest, ReportRequest
from ser.sounds import SPEECH_LEVEL

FIELDS = {
    "model_id": "An id, or an alias such as `latest` or `production`.",
    "model_save_path": "A folder or `s3://bucket/prefix`.",
    "sample_name": "Held-out utterances of the model: `test_samples` in the answer of /train.",
    "audio": "Sounds to be judged: files of any kind that libsndfile reads, in base64.",
    "enrolment": "Sounds of the one speaker of all the sounds to be judged, as `audio`; the model "
    "learns from them what the speaker sounds like. Some 20, said in different moods, help most.",
    "speaker_profile": "`speaker_profile` of an earlier answer: what was learned then. It grows by "
    "the sounds of `enrolment`. It fits every model whose front-end has the same digest.",
    "speaker": "Who speaks, for models trained on SpeakerAndGenderAndTextType.",
    "gender": "As `speaker`.",
    "text": "As `speaker`: which sentence is said.",
}
"""What each field of POST /predict means, as Markdown."""

PROFILE = {"$ref": f"#/components/schemas/{SpeakerProfile.__name__}"}
STRINGS = {"type": "array", "items": {"type": ["string", "null"]}}
FILES = {"type": "array", "items": {"type": "string", "format": "binary"}}

ANSWER = {
    "type": "object",
    "description": "Lists are parallel: one entry for each sound that was to be judged.",
    "properties": {
        "sample_name": STRINGS,
        "ground_truth": STRINGS,
        "speech": {
            "type": "array",
            "items": {"type": "boolean"},
            "description": f"False where no frame of the sound is louder than {SPEECH_LEVEL:g} "
            "dBFS. There `prediction` and `emotions` are null and all `probabilities` the same.",
        },
        "prediction": STRINGS,
        "probabilities": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": "number"}},
        },
        "emotions": STRINGS,
        "speaker_profile": {
            **PROFILE,
            "description": "If the request brought `enrolment` or `speaker_profile`: what the "
            "speaker sounds like, to be kept and sent with later requests.",
        },
        "model_id": {"type": "string"},
    },
}
FORM = {
    "type": "object",
    "required": ["model_id"],
    "properties": {
        "model_id": {"type": "string"},
        "audio": FILES,
        "enrolment": FILES,
        "speaker_profile": {"type": "string", "description": "The object as JSON."},
    },
    "description": "The other fields may stand in the form or in the query.",
}


def describe_predict() -> dict[str, Any]:
    """Return the OpenAPI document of POST /predict and of the reports."""
    from ser.service.openapi import document, page

    described = document(
        "/predict",
        "The emotions that sounds are heard to express",
        PredictRequest,
        answer=ANSWER,
        other_bodies={
            "multipart/form-data": {"schema": FORM},
            "audio/*": {"schema": {"description": "The sound; other fields stand in the query."}},
        },
        optional=("model_save_path",),
        pages=page(
            "/models/{model_id}/report",
            "How well a model does, as a page to read",
            ReportRequest,
            optional=("model_save_path",),
        ),
    )
    schemas = described["components"]["schemas"]
    schemas |= msgspec.json.schema_components([SpeakerProfile])[1]
    fields = schemas[PredictRequest.__name__]["properties"]
    fields["speaker_profile"]["anyOf"][0] = PROFILE
    for name, description in FIELDS.items():
        fields[name]["description"] = description
    return described
