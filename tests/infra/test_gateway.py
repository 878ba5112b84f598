"""The configuration of the gateway, with each release of Caddy and both functions."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import urllib3

import compose
from ser.registry import new_model_id, open_registry
from ser.service.serving.plan import serving_plan
from ser.service.settings import Settings
from stack import HOST, ROOT, Stack, free_port, function_command, own_folders, process

CADDYFILE = ROOT / "infra" / "gateway" / "Caddyfile"
CADDIES = {
    "of-the-wheel": str(Path(sys.executable).with_name("caddy")),
    "of-debian": "/usr/bin/caddy",
}
APP = "https://app.example"
SECOND = 10**9
"""In the unit of Caddy's configuration."""
ANSWERS = {"Status": "OK!", "Available Endpoints": ["/train", "/predict"]}


@pytest.fixture(scope="module", params=CADDIES)
def caddy(request: pytest.FixtureRequest) -> str:
    path = CADDIES[request.param]
    if shutil.which(path) is None:
        pytest.skip(f"{path} is missing; Debian's package caddy has it")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def functions(folder: Path) -> Iterator[dict[str, str]]:
    """Addresses of both functions by their names in the compose file."""
    addresses = {name: f"{HOST}:{free_port()}" for name in ("train", "predict")}
    environment = os.environ | {
        "SER_ALLOWED_PATHS": str(folder),
        "SER_ALLOWED_ORIGINS": APP,
        "SER_GATEWAY": "true",
        "SER_MAX_BODY_MB": "16",
    }
    with ExitStack() as stack:
        for name, address in addresses.items():
            home = own_folders(folder / name)
            command = function_command(name, address)
            stack.enter_context(process(command, environment | home))
        yield {f"{name}:8080": address for name, address in addresses.items()}


@contextmanager
def gateway(caddy: str, places: dict[str, str], **settings: str) -> Iterator[Stack]:
    """Yield the gateway of the compose file, whether or not functions answer at ``places``."""
    port = free_port()
    command = [caddy, "run", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
    with ExitStack() as stack:
        home = own_folders(Path(stack.enter_context(TemporaryDirectory()), "home"))
        here = {"PORT": str(port), "SER_BIND": HOST, **settings}
        environment = os.environ | compose.environment("gateway", places) | home | here
        running = stack.enter_context(process(command, environment))
        started = Stack(f"http://{HOST}:{port}", [running])
        deadline = time.monotonic() + 60
        while True:
            try:
                ask("GET", f"{started.url}/nowhere")
                break
            except urllib3.exceptions.HTTPError:
                started.check()
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield started


@pytest.fixture(scope="module")
def url(caddy: str, functions: dict[str, str]) -> Iterator[str]:
    """The address of a gateway before both functions."""
    with gateway(caddy, functions) as stack:
        stack.wait()
        yield stack.url


def ask(method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
    return urllib3.request(method, url, retries=False, timeout=60, redirect=False, **options)


@pytest.mark.parametrize("path", ["/", "/healthz"])
def test_the_status_is_ok_if_both_functions_answer(url: str, path: str) -> None:
    answer = ask("GET", url + path)
    assert (answer.status, answer.json()) == (200, ANSWERS)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("accept", "gets_page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("TEXT/HTML", True),
        ("text/*", True),
        ("application/json;q=0.1, text/html;q=0.2", True),
        ("application/json, text/html;q=0", False),
        ("application/json, text/html;q=0.9", False),
        ("application/json, text/htmlx", False),
        ("*/*", False),
    ],
)
def test_a_client_gets_the_page_or_the_status_as_it_prefers(
    url: str, accept: str, gets_page: bool
) -> None:
    for method in ("GET", "HEAD"):
        answer = ask(method, url, headers={"Accept": accept})
        expected = "text/html; charset=utf-8" if gets_page else "application/json"
        assert (answer.status, answer.headers["Content-Type"]) == (200, expected)
        assert "Accept" in answer.headers["Vary"]
        if method == "GET" and not gets_page:
            assert answer.json() == ANSWERS


def test_a_browser_that_has_the_page_gets_it_no_more(url: str) -> None:
    browser = {"Accept": "text/html"}
    kept = {"If-None-Match": ask("GET", url, headers=browser).headers["ETag"]}
    again = ask("GET", url, headers=browser | kept)
    assert (again.status, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        *("/docs", "/models", "/models/ready", "/aliases", "/openapi.json", "/metrics"),
        *("/train/metrics", "/predict/healthz", "/healthz", "/readyz"),
    ],
)
def test_a_slash_at_the_end_of_a_path_is_ignored(url: str, path: str) -> None:
    for accept in ("text/html", "application/json"):
        plain, slashed = (
            ask("GET", url + each, headers={"Accept": accept}) for each in (path, f"{path}/")
        )
        assert plain.status == 200
        if slashed.status == 308:  # a document, whose links are relative to its path
            assert slashed.headers["Location"] == f"..{path}"
            assert plain.headers["Content-Type"].startswith("text/html")
            continue
        assert slashed.status == 200
        assert plain.headers["Content-Type"] == slashed.headers["Content-Type"]


@pytest.mark.parametrize("path", ["/trainer", "/modelsx", "/docsx/", "/x/train", "/openapi-json"])
def test_a_path_that_only_begins_like_one_is_unknown(url: str, path: str) -> None:
    problem = ask("GET", url + path)
    assert (problem.status, problem.headers["Content-Type"]) == (404, "application/problem+json")
    assert "The gateway has no such path" in problem.json()["detail"]


def test_head_is_answered_without_a_body(url: str) -> None:
    answer = ask("HEAD", url)
    assert (answer.status, answer.data) == (200, b"")


def test_the_status_cannot_be_posted(url: str) -> None:
    answer = ask("POST", url, json={})
    assert (answer.status, answer.headers["Content-Type"]) == (405, "application/problem+json")


@pytest.mark.parametrize("name", ["train", "predict"])
def test_each_function_reports_its_health_and_its_own_document(url: str, name: str) -> None:
    assert ask("GET", f"{url}/{name}/healthz").json() == {"status": "ok"}
    described = ask("GET", f"{url}/{name}/openapi.json").json()
    assert next(iter(described["paths"])) == f"/{name}"
    assert [tag["name"] for tag in described["tags"]] == [name]


def test_the_gateway_is_ready_if_both_functions_are(url: str) -> None:
    ready = ask("GET", f"{url}/readyz")
    assert (ready.status, ready.json()) == (200, {"status": "ok"})
    assert ready.headers["Content-Type"] == "application/json"


def test_models_aliases_and_metrics_are_reached_by_their_paths(url: str) -> None:
    assert ask("GET", f"{url}/models").json()["models"][0]["model_id"] == "ready"
    assert ask("GET", f"{url}/models/ready").json()["model_id"] == "ready"
    assert ask("GET", f"{url}/aliases").json() == {"aliases": []}
    refused = ask("POST", f"{url}/aliases/production", json={})
    assert (refused.status, refused.json()["title"]) == (422, "The request does not fit")
    for path, name in (("/metrics", "predict"), ("/train/metrics", "train")):
        assert f'function="{name}"' in ask("GET", url + path).data.decode()


def test_one_document_describes_both_functions(url: str) -> None:
    described = ask("GET", f"{url}/openapi.json").json()
    assert {"/train", "/predict", "/models/{model_id}/report"} <= set(described["paths"])
    assert [tag["name"] for tag in described["tags"]] == ["train", "predict"]


@pytest.mark.parametrize("path", ["/train", "/predict"])
def test_problems_of_functions_pass_through_unchanged(url: str, path: str) -> None:
    problem = ask("POST", url + path, json={"colour": "red"})
    assert (problem.status, problem.headers["Content-Type"]) == (422, "application/problem+json")
    assert {"loc", "msg"} <= set(problem.json()["errors"][0])


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/openapi.json", "/train", "/models/ready/report"]
)
def test_a_page_whose_name_leads_to_the_gateway_is_refused(url: str, path: str) -> None:
    refused = ask("GET", url + path, headers={"Host": "evil.example"})
    assert refused.status == 421


def test_a_request_keeps_the_id_of_its_client(url: str) -> None:
    for path, status in (("/predict", 422), ("/nowhere", 404)):
        problem = ask("POST", url + path, json={}, headers={"X-Request-Id": "mine-1"})
        assert problem.status == status
        assert problem.json()["instance"] == problem.headers["X-Request-Id"] == "mine-1"


@pytest.mark.parametrize("name", ["", 'no","json":"', "long" * 100])
def test_a_request_without_a_plain_id_gets_a_new_one(url: str, name: str) -> None:
    for path, status in (("/predict", 422), ("/nowhere", 404)):
        problem = ask("POST", url + path, json={}, headers={"X-Request-Id": name})
        assert problem.status == status
        assert problem.json()["instance"] == problem.headers["X-Request-Id"] != name
        assert len(problem.json()["instance"]) == 36


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/train", "/train/a-job", "/events", "/predict", "/openapi.json"]
)
def test_pages_of_an_allowed_origin_may_use_every_path(url: str, path: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "prefer"}
    for origin, permitted in ((APP, APP), ("https://other.example", None)):
        preflight = ask("OPTIONS", url + path, headers={"Origin": origin, **asked})
        assert preflight.status == 204
        assert preflight.headers.get("Access-Control-Allow-Origin") == permitted
        answer = ask("GET", url + path, headers={"Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == permitted
    lie = {"Access-Control-Allow-Origin": "https://other.example"}
    assert "Access-Control-Allow-Origin" not in ask("GET", url, headers=lie).headers


def test_pages_and_large_json_are_compressed_on_request(url: str, folder: Path) -> None:
    registry, model_id = open_registry(folder / f"model-{url[-5:]}"), new_model_id()
    page = b"<!doctype html>" + 1000 * b"<p>much the same</p>"
    registry.publish(model_id, {"report.html": page}, {})
    path = f"/models/{model_id}/report?model_save_path={folder}/model-{url[-5:]}"
    for name in (path, "/train/openapi.json"):
        plain = ask("GET", url + name)
        assert "Content-Encoding" not in plain.headers
        packed = ask("GET", url + name, headers={"Accept-Encoding": "gzip"}, preload_content=False)
        assert packed.headers["Content-Encoding"] == "gzip"
        content = packed.read(decode_content=False)
        assert len(content) < len(plain.data) / 3
        assert gzip.decompress(content) == plain.data
        packed.release_conn()


def test_a_large_body_is_refused_by_the_function_not_by_the_gateway(url: str) -> None:
    headers = {"Content-Type": "audio/wav"}
    answer = ask("POST", f"{url}/predict?model_id=latest", body=bytes(17_000_000), headers=headers)
    assert answer.status == 413
    assert "SER_MAX_BODY_MB" in answer.json()["detail"]


@pytest.fixture(scope="module")
def waiting(folder: Path) -> Iterator[str]:
    """The address of a function that answers when a file appears."""
    address = f"{HOST}:{free_port()}"
    command = function_command("predict", address)
    command[command.index("--source") + 1] = str(ROOT / "tests" / "support" / "slowly.py")
    with process(command, os.environ | own_folders(folder / "waiting")):
        wait_until(lambda: is_healthy(address))
        yield address


def is_healthy(address: str) -> bool:
    try:
        return ask("GET", f"http://{address}/healthz").status == 200
    except urllib3.exceptions.HTTPError:
        return False


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_gateway_bounds_requests_and_not_the_time_of_their_answers(
    caddy: str, waiting: str, tmp_path: Path
) -> None:
    limits = {"SER_GATEWAY_HEADER_SECONDS": "1s", "SER_GATEWAY_BODY_SECONDS": "2s"}
    limits |= {"SER_GATEWAY_BODY_LIMIT": "1MB"}
    with gateway(caddy, {"predict:8080": waiting, "train:8080": waiting}, **limits) as stack:
        host, port = stack.url.removeprefix("http://").split(":")
        request = b"POST /predict/wait HTTP/1.1\r\nHost: a\r\n"
        slow = [
            (socket.create_connection((host, int(port)), 60), request + begin)
            for begin in (b"", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        ]
        for connection, begin in slow:
            connection.sendall(begin)
        gate = tmp_path / "gate"
        with ThreadPoolExecutor(1) as threads:
            url = f"{stack.url}/predict/wait"
            headers = {"Content-Type": "application/json", "X-Gate": str(gate)}
            answer = threads.submit(ask, "POST", url, body=b"ab", headers=headers)
            wait_until(gate.with_suffix(".reached").exists)
            for connection, _ in slow:
                # A problem, or the end of the connection.
                connection.recv(1000)
                connection.close()
            # This request has taken longer than the slow ones.
            gate.touch()
            assert answer.result().json() == {"status": "2"}
        pieces = iter([bytes(1_000_000), bytes(1_000_000)])
        assert ask("POST", url, body=pieces).status in (413, 502)


def test_a_client_that_leaves_the_gateway_leaves_the_function(
    caddy: str, waiting: str, tmp_path: Path
) -> None:
    with gateway(caddy, {"predict:8080": waiting, "train:8080": waiting}) as stack:
        client = HTTPConnection(stack.url.removeprefix("http://"))
        headers = {"Content-Type": "application/json", "X-Gate": str(tmp_path / "gate")}
        client.request("POST", "/predict/wait", b"ab", headers)
        wait_until((tmp_path / "gate.reached").exists)
        client.close()
        wait_until((tmp_path / "gate.gone").exists)


def test_the_gateway_does_not_limit_the_duration_of_a_training(caddy: str) -> None:
    environment = os.environ | compose.environment("gateway", {})
    command = [caddy, "adapt", "--adapter", "caddyfile", "--config", str(CADDYFILE)]
    adapted = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "warn" not in adapted.stderr
    # Only unused connections are closed; a pending request may take any time.
    found = list(settings_in(json.loads(adapted.stdout)))
    limits = {(name, value) for name, value in found if "time" in name}
    # The first is for connections to functions, the others for requests of clients.
    assert limits == {
        ("idle_timeout", 60 * SECOND),
        ("idle_timeout", 300 * SECOND),
        ("read_header_timeout", 10 * SECOND),
        ("read_timeout", 600 * SECOND),
    }
    # The functions close it later.
    assert serving_plan("predict", {}).keep_alive > 2 * 60
    # What the functions refuse reaches them.
    assert max(value for name, value in found if name == "max_size") > Settings().max_body_bytes


def settings_in(configuration: Any) -> Iterator[tuple[str, Any]]:
    """Yield every name with its value, at every depth."""
    if isinstance(configuration, list):
        for each in configuration:
            yield from settings_in(each)
    elif isinstance(configuration, dict):
        for name, value in configuration.items():
            yield name, value
            yield from settings_in(value)


class Mirror(BaseHTTPRequestHandler):
    """A function that answers with the request as it arrived."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer({"path": self.path, "size": size, **dict(self.headers)})

    def do_GET(self) -> None:
        self.answer({"path": self.path, "size": 0, **dict(self.headers)})

    def answer(self, received: dict[str, object]) -> None:
        body = json.dumps(received).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def mirror(caddy: str) -> Iterator[str]:
    """The address of a gateway before one :class:`Mirror`."""
    with ThreadingHTTPServer((HOST, 0), Mirror) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"{HOST}:{server.server_port}"
        with gateway(caddy, {"train:8080": address, "predict:8080": address}) as stack:
            yield stack.url
        server.shutdown()
        thread.join()


class Lines(BaseHTTPRequestHandler):
    """A function that sends a line, and the next one after ``go_on`` is set."""

    protocol_version = "HTTP/1.1"
    go_on = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(3):
            self.wfile.write(b"2\r\n%d\n\r\n" % number)
            self.wfile.flush()
            if number == 0:
                assert self.go_on.wait(60)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


def test_lines_are_sent_on_as_they_come(caddy: str) -> None:
    Lines.go_on.clear()
    with ThreadingHTTPServer((HOST, 0), Lines) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        with gateway(caddy, {"predict:8080": f"{HOST}:{server.server_port}"}) as stack:
            connection = HTTPConnection(stack.url.removeprefix("http://"), timeout=60)
            connection.request("POST", "/predict", b"", {"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            assert answer.readline() == b"0\n"
            Lines.go_on.set()
            assert answer.read() == b"1\n2\n"
            connection.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "path", ["/train", "/train/a-job", "/events", "/predict?x=%2F", "/models/a%2Fb/report"]
)
def test_paths_and_bodies_reach_a_function_unchanged(mirror: str, path: str) -> None:
    received = ask("POST", mirror + path, body=bytes(20_000_000)).json()
    assert (received["path"], received["size"]) == (path, 20_000_000)


def test_a_function_receives_the_forwarding_headers_of_the_gateway_alone(mirror: str) -> None:
    lies = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "no"}
    received = ask("POST", f"{mirror}/train", body=b"", headers=lies).json()
    assert received["X-Forwarded-For"] == HOST
    assert received["X-Forwarded-Proto"] == "http"
    assert received["X-Forwarded-Host"] == received["Host"] == mirror.removeprefix("http://")


def test_an_unavailable_function_is_a_problem_with_the_id_of_the_request(
    caddy: str, functions: dict[str, str]
) -> None:
    gone = functions | {"predict:8080": f"{HOST}:{free_port()}"}
    with gateway(caddy, gone) as stack:
        for method, path in (("GET", "/"), ("GET", "/healthz"), ("POST", "/predict")):
            problem = ask(method, stack.url + path, headers={"X-Request-Id": "mine"})
            assert problem.status == 502
            assert problem.headers["Content-Type"] == "application/problem+json"
            assert problem.json()["instance"] == "mine"
        assert ask("POST", f"{stack.url}/train", json={}).status == 422


def test_no_request_is_lost_in_a_connection_that_is_closed_while_idle(
    caddy: str, folder: Path
) -> None:
    """The function closes an idle connection after 2 s here, the gateway after 1 s."""
    address = f"{HOST}:{free_port()}"
    home = own_folders(folder / f"idle-{caddy.count('/')}")
    environment = os.environ | home | {"KEEP_ALIVE": "2"}
    with (
        process(function_command("predict", address), environment),
        gateway(caddy, {"predict:8080": address}, SER_GATEWAY_KEEP_ALIVE="1s") as stack,
    ):
        deadline = time.monotonic() + 60
        while ask("POST", f"{stack.url}/predict", json={}).status != 422:
            assert time.monotonic() < deadline
            time.sleep(0.05)

        def statuses(pause: float) -> list[int]:
            found = []
            for _ in range(3):
                found.append(ask("POST", f"{stack.url}/predict", json={}).status)
                time.sleep(pause)
            return found

        # Around the times at which either of them closes a connection.
        pauses = [base + step / 1000 for base in (1.0, 2.0) for step in (-20, -5, 0, 5, 20)]
        with ThreadPoolExecutor(len(pauses)) as clients:
            assert set(chain(*clients.map(statuses, pauses))) == {422}


def test_a_function_keeps_an_idle_connection_longer_than_the_gateway(
    functions: dict[str, str], url: str
) -> None:
    ask("GET", f"{url}/predict/healthz")  # it has started
    host, port = functions["predict:8080"].split(":")
    connection = HTTPConnection(host, int(port), timeout=60)
    for pause in (3.0, 0.0):  # gunicorn's own default is 2 s
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')
        assert "Connection" not in answer.headers  # HTTP/1.1 keeps it open
        time.sleep(pause)
        connection.auto_open = 0  # raises an error in place of a second connection
    connection.close()
