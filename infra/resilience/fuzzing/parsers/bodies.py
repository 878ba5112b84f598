"""Bodies, paths, queries and headers of requests."""

from __future__ import annotations

import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from pathlib import Path

import made
from resilience.fuzzing.functions import JSON, FunctionClient, settings
from resilience.fuzzing.functions import SOUND as SOUND_TYPE
from resilience.fuzzing.mutations import mutate_json
from resilience.fuzzing.parser import Opened, Parser
from ser.service.base64_dialects import decode_base64
from stack import ROOT

SOUND = made.sound(made.signal("03a01Wa.wav")[:3200])
ENCODED = b64encode(SOUND).decode()
BOUNDARY = "limit-0123456789"
NOT_WAITING = {"Prefer": "respond-async"}
"""A training that is accepted would begin; without SER_JOBS_URI a job is refused."""


def predict_bodies() -> list[bytes]:
    bodies: list[dict[str, object]] = [
        {"audio": ENCODED},
        {"audio": [ENCODED, {"url": "https://192.0.2.1/a.wav"}], "on_error": "report"},
        {"audio": ENCODED, "enrolment": [ENCODED], "abstain_below": 0.5, "model_id": "ready"},
        {"sample_name": ["a.wav"], "model_id": "latest", "model_save_path": "model"},
    ]
    return [json.dumps(body).encode() for body in bodies]


def train_bodies() -> list[bytes]:
    """Return the bodies of requests/ that need no pretrained encoder."""
    found = []
    for file in sorted((ROOT / "requests").glob("*.json")):
        body = json.loads(file.read_text())
        if "remote_url" in body and body.get("preset") != "accurate":
            found.append(json.dumps(body | {"model_save_path": "model"}).encode())
    return found


def multipart_bodies() -> list[bytes]:
    """Return forms as browsers send them, with one file or two."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="'.encode()
    text = head + b'model_id"\r\n\r\nready\r\n'
    file = head + b'audio"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n' + SOUND + b"\r\n"
    star = head + b"audio\"; filename*=UTF-8''%C3%84.wav\r\n\r\n" + SOUND + b"\r\n"
    end = f"--{BOUNDARY}--\r\n".encode()
    return [text + file + end, text + file + star + end, file + end]


def open_json(name: str, payloads: list[bytes], headers: dict[str, str]) -> Opened:
    """Return POST of JSON to the function ``name``."""
    function = FunctionClient(name)

    def read(data: bytes, case: Path) -> None:
        settings(case)
        function.request("POST", f"/{name}", data, headers=JSON | headers)

    return Opened(payloads, read)


def open_multipart() -> Opened:
    predict = FunctionClient("predict")

    def read(data: bytes, case: Path) -> None:
        settings(case)
        media_type = f"multipart/form-data; boundary={BOUNDARY}"
        predict.request("POST", "/predict", data, headers={"Content-Type": media_type})

    return Opened(multipart_bodies(), read)


def open_base64() -> Opened:
    """Return the reader of base64 in all dialects."""

    def read(data: bytes, _case: Path) -> None:
        decode_base64(data.decode(errors="surrogateescape"))

    url = b"data:audio/wav;base64,"
    dialects = [b64encode(SOUND), urlsafe_b64encode(SOUND), encodebytes(SOUND)]
    return Opened([*dialects, url + dialects[0], dialects[1].rstrip(b"=")], read)


def open_queries() -> Opened:
    """Return requests whose path and query are the payload: ``METHOD path?query``."""
    functions = {name: FunctionClient(name) for name in ("train", "predict")}

    def read(data: bytes, case: Path) -> None:
        settings(case, SER_JOBS_URI=str(case / "jobs"))
        # WSGI's texts are latin-1: PEP 3333.
        method, _, address = data.decode("latin-1").partition(" ")
        path, _, query = address.partition("?")
        name = "train" if path.startswith("/train") else "predict"
        # A training or a job that is accepted would begin.
        body = b"" if name == "train" else SOUND
        functions[name].request(
            method if method.isascii() and method.isalpha() else "GET",
            "/",
            body,
            variables={"PATH_INFO": path, "QUERY_STRING": query},
            headers=SOUND_TYPE,
        )

    return Opened(
        [
            b"GET /train?limit=3&before=20260101T000000Z-0123abcd",
            b"GET /train/20260101T000000Z-0123abcd",
            b"DELETE /train/20260101T000000Z-0123abcd",
            b"GET /predict/20260101T000000Z-0123abcd",
            b"GET /models/latest/report?model_save_path=model",
            b"POST /predict?model_id=ready&abstain_below=0.5&on_error=report&speaker=%C3%84",
            b"GET /predict/healthz",
            b"GET /openapi.json",
        ],
        read,
    )


def open_headers() -> Opened:
    """Return POST /predict with headers that are lines of the payload."""
    predict = FunctionClient("predict")

    def read(data: bytes, case: Path) -> None:
        settings(case, SER_ALLOWED_ORIGINS="https://app.example")
        changes: dict[str, str] = {}
        for line in data.decode("latin-1").split("\n"):
            name, _, value = line.partition(":")
            variable = name.strip().upper().replace("-", "_")
            # Servers take no control characters in headers (RFC 9110, 5.5).
            text = "".join(c for c in value.strip() if c.isprintable() or c == "\t")
            changes[variable if variable in BARE else f"HTTP_{variable}"] = text
        predict.request("POST", "/predict", SOUND, variables=changes)

    return Opened(
        [
            b"Content-Type: audio/wav\nX-Request-Id: 0123\nPrefer: wait=10",
            b"Content-Type: multipart/form-data; boundary=x\nAccept: */*",
            b'Content-Type: application/json; charset="utf-8"\nContent-Encoding: gzip',
            b"Content-Type: audio/flac\nOrigin: https://app.example\nHost: localhost:5000",
            b"Content-Type: audio/wav\nPrefer: respond-async, wait=1\nIf-None-Match: *",
            b"Content-Type: audio/wav\nAuthorization: Bearer ser_0123456789abcdef",
        ],
        read,
    )


BARE = ("CONTENT_TYPE",)
"""Headers whose variables have no prefix; a server checks Content-Length itself."""

PARSERS = (
    Parser("JSON of /predict", lambda _: open_json("predict", predict_bodies(), {}), mutate_json),
    Parser(
        "JSON of /train", lambda _: open_json("train", train_bodies(), NOT_WAITING), mutate_json, 6
    ),
    Parser("multipart", lambda _: open_multipart()),
    Parser("base64", lambda _: open_base64()),
    Parser("paths and queries", lambda _: open_queries()),
    Parser("headers", lambda _: open_headers()),
)
