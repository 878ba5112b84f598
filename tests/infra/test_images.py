"""The images, built and run with a read-only root and an unprivileged user, over HTTP."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import urllib3
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from websockets.sync.client import connect

import browsers
import images
import made
from images import DOCKERFILE, SECONDS, UNPRIVILEGED, Buildah, Container
from probes import INSTALLED, PROBE, WITHOUT_BYTECODE, WRITABLE
from stack import HOST, ROOT, SCRIPTS, free_port

FUNCTIONS = ("train", "predict")
MEGABYTE = 1_000_000
BUILD_TOOLS = re.compile(r"(pip[\d.]*|gcc|g\+\+|cc|c\+\+|ld|make|cmake)(-[\d.]+)?")


class Built(NamedTuple):
    """Both images, and a container of each; the containers share their ``/tmp``."""

    buildah: Buildah
    images: dict[str, str]
    containers: dict[str, Container]
    scratch: Path


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    if missing := [tool for tool in images.TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"{', '.join(missing)} missing")
    if os.getuid() != 0:
        pytest.skip("only root may build with buildah's chroot isolation on its own Debian")
    with images.workshop() as buildah:
        images.make_base(buildah)
        wheels, scratch = buildah.folder / "wheels", buildah.folder / "scratch"
        images.fetch_wheels(wheels, *(lock for each in FUNCTIONS for lock in locks(each)))
        names = {each: images.build(buildah, each, wheels) for each in FUNCTIONS}
        scratch.mkdir()
        scratch.chmod(0o1777)
        containers = {each: images.container(buildah, names[each], scratch) for each in FUNCTIONS}
        yield Built(buildah, names, containers, scratch)


def locks(function: str) -> list[Path]:
    """Return the files with the pinned requirements of a function."""
    return sorted((ROOT / "functions" / function).glob("requirements*.txt"))


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def container(built: Built, function: str) -> Container:
    return built.containers[function]


@pytest.fixture(scope="module")
def addresses(built: Built) -> Iterator[dict[str, str]]:
    """The address of each function."""
    with ExitStack() as stack:
        ports = {each: free_port() for each in FUNCTIONS}
        for each, port in ports.items():
            wait(stack.enter_context(built.containers[each].serving(port)), port)
        yield {each: f"http://{HOST}:{port}" for each, port in ports.items()}


def wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"it exited with code {process.returncode}"
        try:
            urllib3.request("GET", f"http://{HOST}:{port}/healthz", retries=False, timeout=SECONDS)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("it does not answer")


def post(url: str, body: dict[str, Any]) -> Any:
    response = urllib3.request("POST", url, json=body, retries=False, timeout=SECONDS)
    answer = msgspec.json.decode(response.data)
    assert response.status == 200, answer
    return answer


def output_of(container: Container, script: str) -> list[str]:
    """Return the lines that a Python script prints in the container."""
    run = container.run("python3", "-c", script)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_hadolint_and_shellcheck_find_nothing() -> None:
    scripts = sorted(DOCKERFILE.parent.glob("*.sh"))
    assert scripts
    for command in ([SCRIPTS / "hadolint", DOCKERFILE], [SCRIPTS / "shellcheck", *scripts]):
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout


def test_the_health_check_succeeds_only_if_the_function_answers(
    container: Container, function: str, addresses: dict[str, str]
) -> None:
    kind, *check = container.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    port = addresses[function].rpartition(":")[2]
    assert container.run(*check, PORT=port).returncode == 0
    assert container.run(*check, PORT=str(free_port())).returncode == 1


# XGBoost needs a system library that the base lacks.
@pytest.mark.parametrize("model_type", ["KerasClassifier", "XGBoostClassifier"])
def test_train_and_predict_work_over_http(
    built: Built, addresses: dict[str, str], model_type: str
) -> None:
    corpus = made.corpus(built.scratch / "corpus.zip")
    place = {"data_path": "/tmp/data", "remote_url": f"/tmp/{corpus.name}"}
    models = {"model_save_path": "/tmp/model"}
    trained = post(f"{addresses['train']}/train", place | models | {"model_type": model_type})
    asked = {"model_id": trained["model_id"], "sample_name": trained["test_samples"]}
    predicted = post(f"{addresses['predict']}/predict", asked | models)
    assert predicted["sample_name"] == trained["test_samples"]
    recordings = [b64encode(data).decode() for data in browsers.voice_messages().values()]
    heard = post(
        f"{addresses['predict']}/predict",
        models | {"model_id": trained["model_id"], "audio": recordings},
    )
    # Chromium records a tone, the other file a voice.
    assert heard["speech"][-1]
    assert [sum(each.values()) for each in heard["probabilities"]] == pytest.approx(
        [1, 1], abs=1e-4
    )
    right = sum(map(str.__eq__, predicted["prediction"], predicted["ground_truth"]))
    assert right / len(predicted["prediction"]) == pytest.approx(trained["metrics"]["wa"])


def test_the_image_of_predict_serves_live_time_lines(built: Built) -> None:
    port = free_port()
    listener = ("python3", "-m", "ser.service.listening")
    with built.containers["predict"].serving(port, *listener) as process:
        wait(process, port)
        with connect(f"ws://{HOST}:{port}/listen?model_id=ready", open_timeout=SECONDS) as client:
            client.send(bytes(64_000))
            client.send('{"end": true}')
            segment, last = map(msgspec.json.decode, client)
    assert (segment["end"], segment["speech"], last["model_id"]) == (2, 0, "ready")


def test_the_user_is_unprivileged_and_can_write_to_tmp_alone(container: Container) -> None:
    assert container.config["User"] == f"{UNPRIVILEGED}:{UNPRIVILEGED}"
    output_of(container, PROBE)
    written = [path for path in output_of(container, WRITABLE) if not path.startswith("/tmp")]
    assert written == []


def test_a_termination_signal_reaches_the_server(built: Built) -> None:
    port = free_port()
    with built.containers["predict"].serving(port) as process:
        wait(process, port)
        os.kill(server(process.pid), signal.SIGTERM)
        assert process.wait(timeout=SECONDS) == 0


def server(pid: int) -> int:
    """Return the first process in the container of buildah process ``pid``: Python, no shell."""
    while "buildah" in (program := Path(f"/proc/{pid}/exe").resolve().name):
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        pid = int(" ".join(each.read_text() for each in threads).split()[0])
    assert program.startswith("python")
    return pid


def test_exactly_the_pinned_packages_are_installed(container: Container, function: str) -> None:
    lock = "".join(path.read_text() for path in locks(function))
    lock = re.sub(r" \\?\n? *--hash=\S*| \\\n", "", lock)
    pinned = map(Requirement, re.findall(r"^[^#\s].*", lock, flags=re.MULTILINE))
    wanted = {
        f"{canonicalize_name(each.name)} {str(each.specifier).removeprefix('==')}"
        for each in pinned
        if each.marker is None or each.marker.evaluate({"python_full_version": "3.11"})
    }
    found = (line.split() for line in output_of(container, INSTALLED))
    assert {f"{canonicalize_name(name)} {version}" for name, version in found} == wanted


def test_images_contain_no_installers_and_compilers(container: Container) -> None:
    found = [
        path
        for path in container.root.rglob("*")
        if path.name in ("pip", "ensurepip", "python-wheels")
        or (path.parent.name == "bin" and BUILD_TOOLS.fullmatch(path.name))
    ]
    assert found == []


def test_images_add_the_function_and_libraries_without_tests(
    container: Container,
) -> None:
    added_folder = container.root / "opt"
    assert {path.name for path in added_folder.iterdir()} == {"function", "venv"}
    ours = {path.name for path in (added_folder / "function").iterdir()}
    assert ours == {"__pycache__", "main.py", "ser"}
    tests = [path for path in added_folder.rglob("tests") if ".dist-info/" not in str(path)]
    assert tests == []
    leftovers = [*container.root.glob("build"), *container.root.glob("root/.cache")]
    assert [*leftovers, *(container.root / "tmp").iterdir()] == []


def test_the_synthesiser_of_the_demo_corpus_is_not_inside(container: Container) -> None:
    corpora = container.root / "opt" / "function" / "ser" / "corpora"
    assert (corpora / "grammars" / "emodb.py").is_file()
    assert [*container.root.glob("opt/**/*synthesis*")] == []


def test_the_page_is_in_the_image_of_predict_alone(container: Container, function: str) -> None:
    page = container.root / "opt" / "function" / "ser" / "service" / "page"
    assert (page / "routes.py").is_file()
    assert (page / "static").exists() == (function == "predict")
    assert (page / "runtime").exists() <= (function == "predict")


def test_starting_a_function_compiles_nothing(container: Container) -> None:
    assert output_of(container, WITHOUT_BYTECODE) == []


def test_predict_adds_at_most_370_megabytes_to_its_base(built: Built) -> None:
    """120 of them are the decoder of further containers, which CONTAINERS=0 leaves out."""
    _base, *added = built.buildah.layers(built.images["predict"])
    assert sum(added) <= 370 * MEGABYTE
    decoder = built.containers["predict"].root.glob("opt/venv/lib/python3*/site-packages/av*/**/*")
    assert sum(path.stat().st_size for path in decoder if path.is_file()) <= 120 * MEGABYTE


def test_labels_describe_the_image_and_its_origin(container: Container, function: str) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in container.config["Labels"].items()
    }
    assert labels["title"] == f"ser-{function}"
    assert "Speech emotion recognition" in labels["description"]
    assert [labels[name.lower()] for name in images.LABELS] == list(images.LABELS.values())
    assert labels["base.name"] == images.BASE


def test_the_image_for_lambda_adds_the_adapter_to_the_function(
    built: Built, tmp_path: Path
) -> None:
    """A script takes the place of the adapter, which only its registry has."""
    image = images.build_lambda(built.buildah, built.images["predict"], tmp_path)
    function, config = (built.buildah.config(each) for each in (built.images["predict"], image))
    adapter = {name: value for name, value in variables(config) if name.startswith("AWS_LWA_")}
    assert adapter == {
        "AWS_LWA_READINESS_CHECK_PATH": "/healthz",
        "AWS_LWA_PASS_THROUGH_PATH": "/events",
    }
    # An instance of Lambda gets one request at a time.
    own = {*adapter.items(), ("WORKERS", "1")}
    assert set(variables(config)) == {*variables(function), *own}
    assert (config["Cmd"], config["User"]) == (function["Cmd"], function["User"])
    container = images.container(built.buildah, image, built.scratch)
    assert container.run("/opt/extensions/lambda-adapter").stdout == "adapter\n"


def test_an_error_of_train_makes_lambda_deliver_the_event_again(
    built: Built,
) -> None:
    config = built.buildah.config(built.images["train"])
    assert ("AWS_LWA_ERROR_STATUS_CODES", "500-599") in variables(config)


def variables(config: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for variable in config["Env"]:
        name, _, value = variable.partition("=")
        yield name, value
