"""Routes of train."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ser._schemas import Name, Schema
from ser.service.answers import EventsAnswer, JobAnswer, JobList, TrainAnswer
from ser.service.bodies import JSON, NOTIFICATION
from ser.service.routes import ASYNC_HEADERS, Route, health_of, job_answer, metrics_of, readiness_of
from ser.service.training.request import TrainRequest, read_train_request
from ser.training import DEFAULT_PRESET

FIELDS = {
    "preset": "Sets the classifier, its options, the front-ends, the augmentation and the length "
    "of the chunks, unless they are given. `accurate`: a pretrained encoder; 422 where its weights "
    "are missing. `light`: no encoder. Mandatory without a `model_type`.",
    "data_path": "A folder for the corpus: `pristine/` holds the archive, `working/` its content.",
    "remote_url": "An archive, zip or tar, which is copied: `http(s)://`, `s3://bucket/key`, "
    "`gs://bucket/key`, or a path. Or files that are read where they are: a folder, or "
    "`s3://bucket/prefix/` or `gs://bucket/prefix/`, with loose sounds, tar shards as webdataset "
    "writes them, or Parquet tables as Hugging Face `datasets` does; several shards by a pattern, "
    "`corpus-{000000..000009}.tar`; or a CSV or Parquet table. Or a list of sources, each an "
    "object with `remote_url`, `corpus` and `labels`, or a place alone: labels with the same "
    "English word are one class, speakers are kept apart.",
    "corpus": "The rules for the emotion and the speaker of each file.",
    "labels": "New labels by label (a code, or the English word), null to leave one out; or "
    "a list of the labels to keep; or `common`: only the emotions that all corpora share. Follows "
    "the `labels` of each source.",
    "random_state": "Seed of everything random: equal requests have equal metrics.",
    "dataset_force": "Repeat all steps, the download included.",
    "dataset_load_split_at": "Length of the chunks that utterances are cut into: that of the "
    "shortest, longest or mean utterance, or milliseconds; null: utterances stay whole.",
    "dataset_load_normalize": "Apply one gain to the whole corpus, and store it with the model.",
    "dataset_feature_extract_methods": "Front-ends: METHOD_NAME -> CONFIG; their features are "
    "concatenated in this order.",
    "dataset_augmentation": "Augmentation: METHOD_NAME -> CONFIG of the altered copies that are "
    "added to the training utterances.",
    "model_type": "The classifier, mandatory without a `preset`, and that of the `preset` if both "
    "are given. `DiscriminantClassifier` alone has the other fields of the preset `light`.",
    "model_config": "Options of the classifier, merged over its defaults and those of `preset`.",
    "model_save_path": "The registry of models: a folder or `s3://bucket/prefix`. May be missing "
    "where the setting `SER_MODEL_SAVE_PATH` names one.",
    "split": "The held-out part: a tenth of the utterances of each emotion, or of the speakers.",
    "evaluation": "`holdout`: evaluate the held-out part. `loso`: also leave each speaker out "
    "once, and each of several corpora, and train on each alone. `auto`: `loso` in at most ten "
    "folds if speakers are known, else `holdout`. `full`: also leave each text out "
    "once, enrol speakers, and degrade sounds.",
    "speaker_folds": "Number of folds in which speakers are left out; null: one for each speaker.",
    "leave_out": "How speakers, texts and corpora are left out. `exact`: each fold has scalers of "
    "its own. `differences`: the sums of a fold are subtracted from those of all utterances, "
    "with the scalers of all; several times faster, only for `DiscriminantClassifier`.",
    "alias": "A further alias that moves to the model, unless it points at a newer one.",
    "promote_if": "The condition under which `alias` moves: the new model must not be worse than "
    "the one that it points at, by more than `tolerance`, in a paired bootstrap on the same "
    "held-out utterances. `promotion` of the answer says why it moved or did not.",
}
"""Descriptions of the fields of POST /train, in Markdown."""

JOB_EXAMPLE = {
    "job_id": "20261122T193834Z-ef40734d",
    "status": "running",
    "stage": "features",
    "progress": 0.357,
    "attempts": 1,
    "created_at": "2026-11-22T19:38:34.988126Z",
    "begun_at": "2026-11-22T19:38:35.120458Z",
    "ended_at": None,
    "trigger": None,
}
REQUEST_EXAMPLE = {
    "data_path": "./data",
    "remote_url": "s3://corpora/emodb.zip",
    "model_save_path": "./model",
    "preset": DEFAULT_PRESET,
}
TRAIN_EXAMPLE = {
    "model_id": "20261122T193834Z-ef40734d",
    "test_samples": ["03a05Nd.wav"],
    "classes": ["N - Neutral", "W - Ärger (Wut)"],
    "metrics": {
        "uar": 1.0,
        "wa": 1.0,
        "macro_f1": 1.0,
        "ece": 0.25,
        "reliability": [{"confidence": 0.75, "accuracy": 1.0, "count": 1}],
        "per_class": {"N - Neutral": {"recall": 1.0, "precision": 1.0, "f1": 1.0, "support": 1}},
        "per_speaker": {"03": 1.0},
        "per_gender": {"male": 1.0},
        "confusion_matrix": [[1, 0], [0, 0]],
    },
    "notes": [],
    "split": "utterance",
    "speaker_dependent": True,
    "rejected": [{"file": "wav/laughter.wav", "reason": "the name is not that of an utterance"}],
    "chosen": None,
    "seconds": {"load": 0.832, "features": 1.574},
}


class JobsQuery(Schema, frozen=True, kw_only=True):
    """The query of GET /train."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Largest number of jobs.")] = 20
    before: Annotated[Name | None, Meta(description="Id of the last job of the page before.")] = (
        None
    )


TRAIN = Route(
    method="POST",
    path="/train",
    operation="train",
    tag="train",
    summary="Train a model on a corpus and publish it",
    scope="train",
    request=TrainRequest,
    parse=read_train_request,
    fields=FIELDS,
    reads=(JSON,),
    body="The recipe, the corpus and the registry.",
    headers=ASYNC_HEADERS,
    answer=TrainAnswer,
    others={202: job_answer(JobAnswer)},
    problems=(400, 404, 409, 413, 415, 422, 429, 502, 503, 507),
    example=REQUEST_EXAMPLE,
    answer_example=TRAIN_EXAMPLE,
)
LIST_JOBS = Route(
    method="GET",
    path="/train",
    operation="list_jobs",
    tag="train",
    summary="List jobs, newest first",
    scope="train",
    request=JobsQuery,
    answer=JobList,
    problems=(404, 422, 502),
    answer_example={"jobs": [JOB_EXAMPLE | {"problem": None}]},
)
GET_JOB = Route(
    method="GET",
    path="/train/{job_id}",
    operation="get_job",
    tag="train",
    summary="Get the progress of a job, or its result",
    scope="train",
    answer=JobAnswer,
    problems=(404, 409, 502),
    answer_example=JOB_EXAMPLE | {"request": REQUEST_EXAMPLE, "result": None, "problem": None},
)
CANCEL_JOB = Route(
    method="DELETE",
    path="/train/{job_id}",
    operation="cancel_job",
    tag="train",
    summary="Cancel a job that is queued or running",
    scope="train",
    answer=JobAnswer,
    problems=(404, 409, 502, 503),
    answer_example=JOB_EXAMPLE
    | {"status": "cancelled", "ended_at": "2026-11-22T19:39:01.733190Z"}
    | {"request": REQUEST_EXAMPLE, "result": None, "problem": None},
)
EVENTS = Route(
    method="POST",
    path="/events",
    operation="receive_events",
    tag="train",
    summary="Train on objects whose arrival a store announces",
    scope="events",
    parse=lambda fields, _settings: fields["body"],
    reads=(NOTIFICATION,),
    body="A notification of S3, EventBridge, MinIO or Cloud Storage. An object `*.train.json` is "
    "a body of POST /train, an archive (`*.zip`, `*.tar.gz`, ...) a corpus; others are ignored.",
    answer=EventsAnswer,
    problems=(400, 404, 413, 415, 429, 502, 503),
    example={
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "bucket": {"name": "corpora"},
                    "object": {
                        "key": "inbox/emodb.zip",
                        "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                    },
                },
            }
        ]
    },
    answer_example={"jobs": [JOB_EXAMPLE | {"problem": None}], "refused": []},
)
HEALTH = health_of("train")
READINESS = readiness_of("train")
METRICS = metrics_of("train")

ROUTES = (TRAIN, LIST_JOBS, GET_JOB, CANCEL_JOB, EVENTS, HEALTH, READINESS, METRICS)
