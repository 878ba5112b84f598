"""The README's commands work, and their answers have the fields that it shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

import made
import weights
from makes import make
from stacks import ROOT, Client, serving

CURL_SECONDS = 600
README = (ROOT / "README.md").read_text()
CONSOLES = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    (command, shown)
    for console in CONSOLES
    for command, shown in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", console, flags=re.MULTILINE)
]
CURLS = [
    (command, shown)
    for command, shown in COMMANDS
    # Jobs continue after their answers; tests/functions/test_jobs.py waits for them.
    if command.startswith("curl") and "model_id" in shown
]


class Demonstration(NamedTuple):
    """A fresh clone after ``make demo``."""

    folder: Path
    run: CompletedProcess[str]


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    folder = tmp_path_factory.mktemp("clone")
    for name in ("functions", "infra", "requests", "shared"):
        ignored = shutil.ignore_patterns("__pycache__", ".terraform*", "*.egg-info")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "Makefile", folder)
    return Demonstration(folder, make("demo", root=folder))


@pytest.fixture(scope="module")
def client(demonstration: Demonstration) -> Iterator[Client]:
    """A client of both functions, which reach nothing but the clone."""
    here = Path.cwd()
    os.chdir(demonstration.folder)  # paths in requests are relative to the server's folder
    try:
        with serving(SER_ALLOWED_PATHS=str(demonstration.folder)) as client:
            yield client
    finally:
        os.chdir(here)


def test_make_demo_shows_the_figures_on_unknown_speakers_first(
    demonstration: Demonstration,
) -> None:
    run = demonstration.run
    assert run.returncode == 0, run.stderr
    unknown = run.stdout.index("On speakers left out of training: unweighted average recall")
    assert unknown < run.stdout.index("of speakers in the training data: unweighted average")
    assert "anger (W)" in run.stdout
    assert ("synthetic" in run.stdout) != ("EmoDB, from" in run.stdout)


def test_make_demo_leaves_the_files_that_it_names(demonstration: Demonstration) -> None:
    lines = r"^(Model|Report|Confusion matrix|Sound).*: (\S+)$"
    named = dict(re.findall(lines, demonstration.run.stdout, flags=re.MULTILINE))
    files = {name: demonstration.folder / path for name, path in named.items()}
    assert files["Confusion matrix"].read_bytes().startswith(b"\x89PNG")
    assert files["Report"].read_text().startswith("<!doctype html>")
    assert files["Model"].stat().st_size > 100_000
    assert files["Sound"].read_bytes().startswith(b"RIFF")


def test_sample_requests_need_nothing_but_the_demo(demonstration: Demonstration) -> None:
    for request in (ROOT / "requests").glob("t*.json"):
        archive = demonstration.folder / json.loads(request.read_text())["remote_url"]
        assert archive.is_file(), request.name


def test_the_model_of_the_demo_answers_the_sample_request(client: Client) -> None:
    body = json.loads((ROOT / "requests" / "predict-held-out.json").read_text())
    answer = client.post("/predict", body)
    assert answer.status == 200, answer.body
    assert answer.body["ground_truth"] == [name[5] for name in body["sample_name"]]


def run(command: str, folder: Path, client: Client) -> dict[str, Any]:
    if not weights.found():
        command = command.replace("train-recipe.json", "train-light.json")
    words = shlex.split(command.replace("localhost:5000", client.stack.url))
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=True, timeout=CURL_SECONDS
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_answers_to_curl_have_the_fields_that_the_readme_shows(
    demonstration: Demonstration, client: Client
) -> None:
    answers = [run(command, demonstration.folder, client) for command, _ in CURLS]
    for answer, (command, shown) in zip(answers, CURLS, strict=True):
        top_level = re.findall(r'(?:^\{| |^ |,)"([a-z_]+)":', shown, flags=re.MULTILINE)
        assert set(top_level) >= {"model_id"}, command
        inner = {
            k for name in ("metrics", "seconds", "speaker_profile") for k in answer.get(name, {})
        }
        assert set(top_level) <= set(answer) | inner, command
    for before, answer in pairwise(answers):
        # The model that answers is the one trained last.
        assert "metrics" in answer or answer["model_id"] == before["model_id"]


@pytest.mark.parametrize(
    "request_file", sorted(p.name for p in (ROOT / "requests").glob("t*.json"))
)
def test_every_sample_request_trains_a_model(
    demonstration: Demonstration, client: Client, request_file: str
) -> None:
    folder = demonstration.folder
    body = json.loads((ROOT / "requests" / request_file).read_text())
    if body.get("preset") == "accurate" and not weights.found():
        pytest.skip(weights.REASON)
    body |= {
        "data_path": str(folder / "small"),
        "remote_url": str(made.corpus(folder / "small.zip")),
        "model_save_path": str(folder / "model"),
    }
    # The values suit 535 utterances of seconds; these are 56 tones of half a second.
    if isinstance(body.get("dataset_load_split_at"), int):
        body["dataset_load_split_at"] //= 10
    body.get("model_config", {}).pop("input_dim", None)
    answer = client.post("/train", body)
    assert answer.status == 200, answer.body


def test_the_first_screen_has_the_two_commands() -> None:
    assert [command for command, _ in COMMANDS[:2]] == ["make demo", "make test"]
    assert README.index("make test") < 1200


def test_every_file_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_rule_the_readme_names_exists() -> None:
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"make ([a-z][a-z-]+)", README)) <= rules
