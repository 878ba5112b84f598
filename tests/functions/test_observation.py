"""Log lines, headers, metrics and traces of requests, through both functions."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import graphs
import made
import ser
from applications import served
from clients import Client
from ser.errors import InvalidInput
from ser.registry import Registry, open_registry
from ser.service import metrics, tracing
from ser.service.keys import line_of, new_key
from ser.service.observer import wants_traces

SOUND = made.sound(made.signal("03a01Wa.wav"))
SILENCE = made.sound(0 * made.signal("03a01Wa.wav"))


@pytest.fixture
def registry(bounds: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry of the setting, with a model as ``latest``."""
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(bounds / "model"))
    registry = open_registry(bounds / "model")
    registry.move("latest", graphs.publish(bounds / "model", graphs.model()))
    return registry


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count from zero."""
    fresh = metrics.Metrics()
    for module in ("ser.service.observer", "ser.service.metrics.answer", "ser.service.metrics"):
        monkeypatch.setattr(f"{module}.METRICS", fresh)


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that returns the lines of events so far."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("ser.events")
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in found]
    logger.removeHandler(handler)


def ask(client: Client, sound: bytes = SOUND, **options: Any) -> Any:
    return client.post("/predict", data=sound, content_type="audio/wav", **options)


def samples(client: Client, path: str = "/metrics") -> dict[str, dict[tuple[str, ...], float]]:
    """Return the samples of the metrics by name, and by the values of their labels."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    # Labels are in the order of their names.
    found: dict[str, dict[tuple[str, ...], float]] = {}
    parse: Callable[[str], Iterable[Any]] = text_string_to_metric_families
    for family in parse(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_prometheus_accepts_the_metrics_and_finds_what_was_asked(
    predict: Client, registry: Registry, counted: None
) -> None:
    model_id = registry.resolve("latest")
    for sound in (SOUND, SOUND, SILENCE):
        assert ask(predict, sound).status_code == 200
    assert ask(predict, b"no sound").status_code == 422
    found = samples(predict)
    requests = found["ser_requests_total"]
    assert requests["predict", "POST", "/predict", "200"] == 3
    assert requests["predict", "POST", "/predict", "422"] == 1
    assert found["ser_request_seconds_count"]["predict", "/predict"] == 4
    assert found["ser_stage_seconds_count"]["predict", "predict"] == 3
    assert found["ser_model_loads_total"]["predict",] == 1
    assert found["ser_sounds_total"] == {("true",): 2, ("false",): 1}
    assert found["ser_sound_seconds_total"][()] == pytest.approx(
        3 * len(made.signal("03a01Wa.wav")) / 16_000, abs=0.01
    )
    assert found["ser_confidence_count"] == {(model_id,): 2}
    assert sum(found["ser_emotions_total"].values()) == 2
    assert {model for _, model in found["ser_emotions_total"]} == {model_id}
    assert list(found["ser_info"]) == [(ser.__version__,)]
    # A counter only grows.
    assert ask(predict).status_code == 200
    assert samples(predict)["ser_requests_total"]["predict", "POST", "/predict", "200"] == 4


def test_an_answer_in_lines_is_recorded_once_it_has_been_sent(
    predict: Client,
    registry: Registry,
    counted: None,
    lines: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[str, Any] = {
        "query_string": "timeline=true",
        "headers": {"Accept": "application/x-ndjson"},
    }
    with ask(predict, **options) as answer:
        assert lines() == []
        assert len(answer.text.splitlines()) > 1
    (line,) = lines()
    assert (line["status"], line["sounds"], "problem" in line) == (200, 1, False)
    assert sum(samples(predict)["ser_emotions_total"].values()) == 1

    def failing(*_: object) -> Any:
        raise InvalidInput("no window")

    monkeypatch.setattr("ser.service.inference.predictor.answer_of", failing)
    with ask(predict, **options) as answer:
        problem = json.loads(answer.text.splitlines()[-1])
    assert problem["detail"] == "no window"
    assert lines()[-1]["problem"] == problem["type"]


def test_requests_add_no_labels_of_their_own(
    predict: Client, registry: Registry, counted: None
) -> None:
    for number in range(30):
        predict.get(f"/no/such/path/{number}")
        predict.open("/predict", method=f"METHOD{number}")
        predict.get(f"/models/model-{number}")
        predict.get(f"/predict/job-{number}")
        ask(predict, query_string={"model_id": f"alias-{number}"})
    found = samples(predict)
    keys = found["ser_requests_total"]
    assert {key[1] for key in keys} <= {"GET", "POST", "OTHER"}
    assert {key[2] for key in keys} == {
        *("unmatched", "/models/{model_id}", "/predict/{job_id}", "/predict")
    }
    assert "ser_emotions_total" not in found


def test_a_process_names_a_bounded_number_of_models(
    predict: Client, bounds: Path, counted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_MODELS", 2)
    for _ in range(4):
        model_id = graphs.publish(bounds / "model", graphs.model())
        query = {"model_id": model_id, "model_save_path": "model"}
        assert ask(predict, query_string=query).status_code == 200
    assert len(samples(predict)["ser_confidence_count"]) == 3
    assert samples(predict)["ser_confidence_count"]["other",] == 2


def test_jobs_are_counted_by_state_and_ended_ones_read_once(
    predict: Client, bounds: Path, counted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ser.service.jobs.jobs import open_jobs
    from ser.service.jobs.work import work_named
    from ser.service.metrics import job_states
    from ser.service.settings import Settings

    settings = Settings(jobs_uri=str(bounds / "jobs"))
    jobs = open_jobs(settings, work_named("predict"))
    added = [jobs.add({}) for _ in range(3)]
    jobs.cancel(added[0].job_id)
    now = 0.0
    states = job_states.JobStates("predict", clock=lambda: now)
    assert states.numbers(settings) == {("predict", "queued"): 2, ("predict", "cancelled"): 1}
    jobs.cancel(added[1].job_id)
    assert states.numbers(settings)["predict", "queued"] == 2
    now = job_states.FRESH_SECONDS
    jobs.store.delete(f"predictions/{added[2].job_id}.json")
    assert states.numbers(settings) == {("predict", "cancelled"): 2}
    monkeypatch.setenv("SER_JOBS_URI", str(bounds / "jobs"))
    assert samples(predict, "/predict/metrics")["ser_jobs"] == {("predict", "cancelled"): 2.0}


def test_processes_add_up_their_counts(tmp_path: Path) -> None:
    """Also those of a process that has ended, and without files that are broken."""
    from ser.service.observation import Observation, Sound

    processes = [metrics.Metrics() for _ in range(3)]
    for number, each in enumerate(processes):
        each.share(tmp_path)
        seen = Observation()
        seen.model_id, seen.sounds = "m", [Sound("anger", 0.5 + number / 10, True)]
        each.record("predict", "POST", "/predict", 200, seen, cold=True)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("[!.]*.json"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (tmp_path / "broken.json").write_bytes(b"{")
    for each in processes:
        total = each.total()
        assert sum(total.counters["ser_requests"].values()) == 3
        assert sum(total.counters["ser_cold_starts"].values()) == 3
        (row,) = total.histograms["ser_confidence"].values()
        assert sum(row[:-1]) == 3
        assert row[-1] == pytest.approx(1.8)


def test_each_request_is_one_line_without_sound_or_secret(
    predict: Client, registry: Registry, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    monkeypatch.setenv("SER_API_KEYS", line_of(key, "alice", "predict"))
    bearer = {"Authorization": f"Bearer {key}"}
    ask(predict, headers={**bearer, "X-Request-Id": "mine-1"}, query_string={"gender": "male"})
    ask(predict, headers={**bearer, "X-Request-Id": key})
    ask(predict, headers={**bearer, "X-Request-Id": 'a "quoted"\tname'})
    predict.get("/models/none", headers=bearer)
    for path in ("/healthz", "/predict/healthz", "/readyz"):
        predict.get(path)
    first, second, third, fourth = lines()
    assert first == first | {
        "event": "request",
        "function": "predict",
        "request_id": "mine-1",
        "method": "POST",
        "route": "/predict",
        "status": 200,
        "caller": "alice",
        "model_id": registry.resolve("latest"),
        "sounds": 1,
        "start": "cold",
    }
    assert set(first["stages"]) >= {"read", "model", "decode", "predict"}
    assert first["sound_seconds"] == pytest.approx(
        len(made.signal("03a01Wa.wav")) / 16_000, abs=0.01
    )
    assert first["seconds"] >= sum(first["stages"].values()) > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first["time"])
    assert second["start"] == "warm"
    assert third["request_id"] == "not a plain name"
    assert (fourth["status"], fourth["problem"]) == (404, "urn:ser:problem:not-found")
    # Messages to callers who are at fault may repeat what they sent.
    assert "detail" not in fourth
    assert key not in json.dumps(lines())


def test_requests_are_not_logged_where_the_operator_says_so(
    predict: Client, lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_LOG_REQUESTS", "false")
    ask(predict)
    assert lines() == []


def test_changes_of_aliases_and_deletions_are_lines_of_their_own(
    predict: Client, registry: Registry, lines: Any
) -> None:
    old, new = (graphs.publish(Path(registry.uri), graphs.model()) for _ in range(2))
    for body in ({"model_id": old}, {"model_id": new}, {"rollback": True}):
        predict.post("/aliases/production", json=body)
    predict.delete(f"/models/{new}")
    changes = [line for line in lines() if line["event"] != "request"]
    assert [(line["event"], line["model_id"], line.get("action")) for line in changes] == [
        ("alias", old, "move"),
        ("alias", new, "move"),
        ("alias", old, "rollback"),
        ("deletion", new, None),
    ]


def test_a_training_and_a_job_are_lines_with_the_times_of_their_steps(
    train: Client, train_body: dict[str, Any], lines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ser.service.jobs.jobs import open_jobs
    from ser.service.jobs.running import run_job
    from ser.service.jobs.trainings import Trainings
    from ser.service.settings import Settings
    from ser.service.training.request import read_train_request

    answer = train.post("/train", json=train_body)
    assert answer.status_code == 200, answer.text
    (line,) = lines()
    assert (line["function"], line["model_id"]) == ("train", answer.json["model_id"])
    assert set(line["stages"]) >= {"load", "features", "fit", "export", "evaluate"}
    assert "fit;dur=" in answer.headers["Server-Timing"]
    monkeypatch.setenv("SER_JOBS_URI", "jobs")
    settings = Settings.from_environment()
    jobs = open_jobs(settings, Trainings())
    good = jobs.add(read_train_request(train_body, settings))
    bad = jobs.add(read_train_request({**train_body, "remote_url": "none.zip"}, settings))
    for job in (good, bad):
        run_job(jobs, job.job_id, settings)
    _, succeeded, failed = lines()
    assert (succeeded["event"], succeeded["status"]) == ("job", "succeeded")
    assert succeeded["job_id"] == succeeded["model_id"] == good.job_id
    assert set(succeeded["stages"]) >= {"load", "fit"}
    assert (failed["job_id"], failed["status"], failed["attempts"]) == (bad.job_id, "failed", 1)
    assert "none.zip" in failed["detail"]


def test_every_answer_names_the_version_and_the_time_of_its_stages(
    predict: Client, train: Client
) -> None:
    for answer in (ask(predict), predict.get("/nowhere"), train.get("/healthz")):
        assert answer.headers["X-Ser-Version"] == ser.__version__
        entries = answer.headers["Server-Timing"].split(", ")
        assert all(re.fullmatch(r"\w+;dur=\d+\.\d", entry) for entry in entries)
        assert entries[-1].startswith("total;")
    stages = [
        entry.partition(";")[0] for entry in ask(predict).headers["Server-Timing"].split(", ")
    ]
    assert stages == ["read", "model", "decode", "enrol", "predict", "total"]


class Collector:
    """A receiver of traces."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.names: set[str] = set()
        self.received = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert environ["PATH_INFO"] == "/v1/traces"
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.names.add(attribute.value.string_value)
            for scope in resource.scope_spans:
                self.spans += scope.spans
        self.received.set()
        start_response("200 OK", [("Content-Type", "application/x-protobuf")])
        return [b""]


def test_a_request_is_a_trace_where_the_standard_variables_name_a_receiver(
    predict: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    collector = Collector()
    tracing.tracer_of.cache_clear()
    trace_id, parent_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with served(collector) as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        answer = ask(predict, headers={"traceparent": f"00-{trace_id}-{parent_id}-01"})
        assert answer.status_code == 200
        assert collector.received.wait(60)
        deadline = time.monotonic() + 60
        while not any(span.name == "POST /predict" for span in collector.spans):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    tracing.tracer_of.cache_clear()
    assert collector.names == {"ser-predict"}
    (request,) = (span for span in collector.spans if span.name == "POST /predict")
    assert request.trace_id.hex() == trace_id
    assert request.parent_span_id.hex() == parent_id
    stages = [span for span in collector.spans if span is not request]
    assert {span.name for span in stages} >= {"read", "model", "decode", "predict"}
    for span in stages:
        assert span.parent_span_id == request.span_id
        assert request.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano
    attributes = {each.key: each.value for each in request.attributes}
    assert attributes["http.response.status_code"].int_value == 200
    assert attributes["http.route"].string_value == "/predict"
    assert attributes["ser.model_id"].string_value == "ready"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_traces_are_wanted_by_the_standard_variables(
    variables: dict[str, str], wanted: bool
) -> None:
    assert wants_traces(variables) is wanted
