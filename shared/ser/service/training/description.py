"""What train says of itself to programs: its OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ser.classifiers import MODEL_TYPES, RECIPE
from ser.corpora import corpus_schema
from ser.frontends import METHODS as AUGMENTATIONS
from ser.frontends import METHODS as FRONT_ENDS
from ser.service.training.request import TrainRequest

FIELDS = {
    "data_path": "A folder for the corpus: `pristine/` the archive, `working/` its content.",
    "remote_url": "A zip archive: `http(s)://`, `s3://bucket/key`, a path or `file://`.",
    "corpus": "What tells the emotion and the speaker of a file.",
    "random_state": "Seeds everything: the same request has the same metrics.",
    "dataset_force": "Take all steps anew, the download included.",
    "dataset_load_split_at": "Length of the chunks that utterances are cut into: of the shortest, "
    "the longest or the mean utterance, or milliseconds; null: utterances stay whole.",
    "dataset_load_normalize": "One gain for the whole corpus, kept with the model.",
    "dataset_feature_extract_methods": "METHOD_NAME -> CONFIG, concatenated in this order.",
    "dataset_augmentation": "METHOD_NAME -> CONFIG of what makes altered copies of the utterances "
    "that are trained on.",
    "model_type": f"`{RECIPE}` is the recipe for whoever has no reason to take another one; it "
    "brings features, augmentation and whole utterances of its own.",
    "model_config": "Merged over the defaults of the type.",
    "model_save_path": "A folder or `s3://bucket/prefix`.",
    "split": "What is held out: a tenth of the utterances of each emotion, or of the speakers.",
    "evaluation": "`holdout`: what is held out is judged. `loso`: all utterances too, each speaker "
    "left out once. `full`: each text left out once too, speakers enrolled, sounds degraded.",
    "alias": "Moves to the model beside `latest`, unless it points at a newer one.",
}
"""What each field of POST /train means, as Markdown."""

NUMBER = {"type": "number"}
NUMBERS = {"type": "object", "additionalProperties": NUMBER}
METRICS = {
    "type": "object",
    "properties": {
        "uar": {**NUMBER, "description": "Unweighted average recall."},
        "uar_deviation": {**NUMBER, "description": "Standard deviation of the UAR of speakers."},
        "wa": {**NUMBER, "description": "Weighted accuracy: the share of what is right."},
        "macro_f1": NUMBER,
        "ece": {**NUMBER, "description": "Expected calibration error, 10 bins."},
        "reliability": {"type": "array", "items": NUMBERS},
        "per_class": {"type": "object", "additionalProperties": NUMBERS},
        "per_speaker": {**NUMBERS, "description": "UAR of each speaker."},
        "per_gender": {**NUMBERS, "description": "UAR of each gender."},
        "confusion_matrix": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "integer"}},
            "description": "Rows: truth; columns: prediction; both in the order of `classes`.",
        },
    },
}
ANSWER = {
    "type": "object",
    "properties": {
        "model_id": {"type": "string"},
        "test_samples": {"type": "array", "items": {"type": "string"}},
        "classes": {"type": "array", "items": {"type": "string"}},
        "metrics": {"$ref": "#/components/schemas/Metrics"},
        "loso": {"$ref": "#/components/schemas/Metrics"},
        "leave_one_text_out": {"$ref": "#/components/schemas/Metrics"},
        "enrolment": {
            "type": "array",
            "items": {"type": "object"},
            "description": "UAR with so many `clips` of the speaker enrolled, which are not "
            "judged, over `draws` of them, and `without` for the same sounds if nothing is known; "
            "`clips` null: all of them, which are judged too.",
        },
        "degraded": {
            "type": "object",
            "additionalProperties": NUMBERS,
            "description": "UAR after a degradation, and how much of it that loses.",
        },
        "split": {"type": "string"},
        "speaker_dependent": {
            "type": "boolean",
            "description": "Whether `metrics` are, or may be, of speakers heard before.",
        },
        "rejected": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Sounds that were not used, each with the reason.",
        },
        "chosen": {
            "type": "string",
            "description": "How many recipes were compared to choose the defaults of this type.",
        },
        "notes": {"type": "array", "items": {"type": "string"}},
        "seconds": NUMBERS,
    },
}


def describe_train() -> dict[str, Any]:
    """Return the OpenAPI document of POST /train."""
    from ser.service.openapi import document

    described = document(
        "/train",
        "Train a model on a corpus and publish it",
        TrainRequest,
        answer=ANSWER,
        optional=("model_save_path",),
    )
    schemas = described["components"]["schemas"]
    schemas["Metrics"] = METRICS
    fields = schemas[TrainRequest.__name__]["properties"]
    fields["corpus"] = corpus_schema()
    kinds: dict[str, Mapping[str, type[msgspec.Struct]]] = {
        "dataset_feature_extract_methods": FRONT_ENDS,
        "dataset_augmentation": AUGMENTATIONS,
    }
    for name, methods in kinds.items():
        fields[name] |= {"properties": configs(methods), "additionalProperties": False}
    fields["model_config"] = {
        "anyOf": list(configs({n: kind.config_type for n, kind in MODEL_TYPES.items()}).values())
    }
    for name, description in FIELDS.items():
        fields[name]["description"] = description
    return described


def configs(kinds: Mapping[str, type[msgspec.Struct]]) -> dict[str, Any]:
    """Return the JSON schema of the CONFIG of each of ``kinds``, by name."""
    _, schemas = msgspec.json.schema_components(kinds.values())
    return {name: schemas[kind.__name__] for name, kind in kinds.items()}
