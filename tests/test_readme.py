"""The README's commands do what stands under them."""

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
from typing import Any

import pytest

import made
from stacks import ROOT, Client, serving

EMODB_ZIP = os.environ.get("EMODB_ZIP", "")

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
    # Jobs go on behind their answers; tests/functions/test_jobs.py waits for them.
    if command.startswith("curl") and "model_id" in shown
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh clone, whose requests name a corpus at hand."""
    folder = tmp_path_factory.mktemp("clone")
    corpus = EMODB_ZIP or made.corpus(folder / "corpus.zip")
    (folder / "requests").mkdir()
    for request in (ROOT / "requests").glob("*.json"):
        body = json.loads(request.read_text())
        if "remote_url" in body:
            body["remote_url"] = str(Path(corpus).resolve())
        (folder / "requests" / request.name).write_text(json.dumps(body))
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    roots = [str(folder), str(Path(EMODB_ZIP).resolve()) if EMODB_ZIP else ""]
    here = Path.cwd()
    os.chdir(folder)  # relative paths of requests are those of the server
    try:
        with serving(SER_ALLOWED_PATHS=os.pathsep.join(filter(None, roots))) as client:
            yield client
    finally:
        os.chdir(here)


def run(command: str, folder: Path, client: Client) -> dict[str, Any]:
    words = shlex.split(command.replace("localhost:5000", client.stack.url))
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing")
def test_curl_is_answered_with_the_fields_that_are_shown(folder: Path, client: Client) -> None:
    trained = run(CURLS[0][0], folder, client)
    if not EMODB_ZIP:
        # Of another corpus others are held out.
        request = folder / "requests" / "predict-held-out.json"
        names = trained["test_samples"][:2]
        request.write_text(json.dumps(json.loads(request.read_text()) | {"sample_name": names}))
    answers = [trained, *(run(command, folder, client) for command, _ in CURLS[1:])]
    for answer, (command, shown) in zip(answers, CURLS, strict=True):
        top_level = re.findall(r'(?:^\{| |^ |,)"([a-z_]+)":', shown, flags=re.MULTILINE)
        assert set(top_level) >= {"model_id"}, command
        inner = {
            k for name in ("metrics", "seconds", "speaker_profile") for k in answer.get(name, {})
        }
        assert set(top_level) <= set(answer) | inner, command
    for before, answer in pairwise(answers):
        # Whoever is asked is whoever was trained last.
        assert "metrics" in answer or answer["model_id"] == before["model_id"]


@pytest.mark.parametrize(
    "request_file", sorted(p.name for p in (ROOT / "requests").glob("t*.json"))
)
def test_every_sample_request_is_answered(folder: Path, client: Client, request_file: str) -> None:
    body = json.loads((ROOT / "requests" / request_file).read_text())
    body |= {
        "data_path": str(folder / "small"),
        "remote_url": str(made.corpus(folder / "small.zip")),
        "model_save_path": str(folder / "model"),
    }
    # What suits 535 utterances of seconds does not suit tones of half a second.
    if isinstance(body.get("dataset_load_split_at"), int):
        body["dataset_load_split_at"] //= 10
    body.get("model_config", {}).pop("input_dim", None)
    answer = client.post("/train", body)
    assert answer.status == 200, answer.body


def test_the_first_screen_has_the_two_commands() -> None:
    assert [command for command, _ in COMMANDS[:2]] == ["make demo", "make test"]
    assert README.index("make test") < 1200


def test_make_demo_shows_a_table_and_a_picture(tmp_path: Path) -> None:
    picture = ROOT / "demo" / "confusion_matrix.png"
    picture.unlink(missing_ok=True)
    done = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "W - Ärger (Wut)" in done.stdout
    assert "Unweighted average recall" in done.stdout
    assert ("synthetic" in done.stdout) != ("EmoDB, from" in done.stdout)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_file_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_rule_the_readme_names_exists() -> None:
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"make ([a-z][a-z-]+)", README)) <= rules
