"""The benchmark: its figures, and the fairness of its yardstick. No test depends on time."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from rich.console import Console

import made
from benchmark.contest import USUAL, Contest, Contestant, Effort
from benchmark.machine import machine
from benchmark.measuring import code_predictor, measure_sizes
from benchmark.prediction import measure_cold, measure_cold_from_s3, measure_warm
from benchmark.report import Results
from benchmark.rows import ACCURATE, DIRECT, SAME_NETWORK, Row, Target, all_rows
from benchmark.servers import EncodedRequest
from benchmark.sizes import installed_megabytes
from benchmark.speed import measure_speed
from benchmark.workplace import Workplace
from benchmark.yardstick import Yardstick, make_yardstick
from clients import Client, client_of

pytestmark = [
    # Raised by Keras when it saves a network, and by the audio reader of librosa.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("benchmark")
    return Workplace(folder, made.corpus(folder / "corpus.zip"))


@pytest.fixture(scope="module")
def yardstick(place: Workplace) -> Yardstick:
    return make_yardstick(place)


def test_ratios_compare_turn_by_turn_and_exceed_one_if_our_function_is_better() -> None:
    seconds = Row("first answer", "s", ours=[1.0, 2.0, 4.0], usual=[12.0, 18.0, 60.0])
    assert seconds.ratios == [12.0, 9.0, 15.0]
    speed = Row("requests", "1/s", more_is_better=True, ours=[50.0], usual=[10.0])
    assert speed.ratios == [5.0]
    assert Row("front-end", "x", ours=[300.0]).ratios == []


def test_unequal_numbers_of_turns_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = Row("first answer", "s", ours=[1.0, 2.0], usual=[12.0]).ratios


@pytest.mark.parametrize(
    ("row", "target", "reached"),
    [
        (Row("", "s", ours=[1, 2, 9]), Target("ours", 2), True),
        (Row("", "s", ours=[1, 3, 3]), Target("ours", 2), False),
        (Row("", "x", more_is_better=True, ours=[310]), Target("ours", 300), True),
        (Row("", "x", more_is_better=True, ours=[290]), Target("ours", 300), False),
        (Row("", "s", ours=[1], usual=[12]), Target("ratio", 12), True),
        (Row("", "s", ours=[1], usual=[11]), Target("ratio", 12), False),
        (Row("", "1/s", more_is_better=True, ours=[12], usual=[1]), Target("ratio", 12), True),
        (Row("", "s"), Target("ours", 12), None),
        (Row("", "s", ours=[1]), Target("ratio", 12), None),
    ],
)
def test_a_target_is_reached_on_the_better_side_of_its_bound(
    row: Row, target: Target, reached: bool | None
) -> None:
    assert row.reached(target) is reached


def install(folder: Path, name: str, size: int, *requires: str) -> None:
    """Write a distribution of ``size`` bytes to ``folder``."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {each}" for each in requires)]
    (information / "METADATA").write_text("\n".join(lines))
    (folder / f"{name}.py").write_bytes(b" " * size)
    # Files that no longer exist, such as bytecode, do not count.
    (information / "RECORD").write_text(f"{name}.py,,\n{name}.pyc,,\n")


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    install(folder, "server", 1_000_000, "Common_Part", "faster; extra == 'fast'", "server[fast]")
    install(folder, "common-part", 2_000_000, "server")
    install(folder, "faster", 4_000_000, "elsewhere; sys_platform == 'nowhere'")
    install(folder, "unwanted", 8_000_000)
    return folder


@pytest.mark.parametrize(
    ("requirements", "megabytes"),
    [
        ("common_part==1.0", 7.0),
        ("faster==1.0  # why\n    # via\n    #   server\n", 4.0),
        ("faster ; sys_platform == 'nowhere'", 0.0),
        ("faster\nFASTER", 4.0),
    ],
)
def test_the_size_includes_dependencies_once(
    environment: Path, tmp_path: Path, requirements: str, megabytes: float
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(requirements)
    assert installed_megabytes(file, [str(environment)]) == megabytes


def test_the_dependencies_of_an_extra_count_only_if_it_is_required(
    environment: Path, tmp_path: Path
) -> None:
    install(environment, "plain", 1_000_000, "faster; extra == 'fast'")
    file = tmp_path / "requirements.txt"
    for requirement, megabytes in (("plain", 1.0), ("plain[fast]", 5.0)):
        file.write_text(requirement)
        assert installed_megabytes(file, [str(environment)]) == megabytes


def test_a_requirement_that_is_not_installed_is_named(environment: Path, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("missing>=2")
    with pytest.raises(ValueError, match="missing>=2 is not installed"):
        installed_megabytes(file, [str(environment)])


def test_the_yardstick_answers_like_our_function_with_the_same_network(
    place: Workplace, yardstick: Yardstick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(place.folder))
    create_app: Any = functions_framework.create_app
    usual: Client = create_app("predict", str(USUAL)).test_client()
    expected_code = code_predictor(yardstick.same_network)
    contestants = (
        (client_of("predict"), Contestant("ours", yardstick.same_network, expected_code, ())),
        (usual, Contestant("usual", yardstick.usual, expected_code, ())),
        (usual, Contestant("usual", yardstick.usual, expected_code, (), (("call", "directly"),))),
    )
    for signal in map(made.signal, ("03a01Wa.wav", "09a01Ta.wav")):
        ours, *theirs = (
            answer(client, contestant.encoded_request(signal, str(place.registries)))
            for client, contestant in contestants
        )
        assert ours["prediction"] == [expected_code(signal)]
        for each in theirs:
            only_ours = {"ground_truth", "speech", "too_short"}
            only_ours |= {"confidence", "familiarity", "reason"}
            assert set(each) == set(ours) - only_ours
            assert all(each[field] == ours[field] for field in ("prediction", "emotions"))
            (expected,), (found,) = ours["probabilities"], each["probabilities"]
            # Our function weights chunks by their speech, the usual one counts all of them alike.
            assert found == pytest.approx(expected, abs=0.1)


def answer(client: Client, request: EncodedRequest) -> dict[str, Any]:
    response = client.post("/", data=request.body, content_type=request.media_type)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json
    return body


@pytest.fixture(scope="module")
def results(place: Workplace, yardstick: Yardstick) -> Results:
    """Results of a contest without trainings, with the slow contestant only where it is needed."""
    expected_code = code_predictor(yardstick.same_network)
    ours, usual = (
        Contestant(
            "ours", yardstick.same_network, expected_code, ("", SAME_NETWORK, DIRECT, ACCURATE)
        ),
        Contestant("usual", yardstick.usual, expected_code, ("", SAME_NETWORK)),
    )
    effort = Effort(runs=1, requests=2, load_seconds=0.05, long_seconds=4)
    contest = Contest(place, (ours, usual), yardstick.utterances, effort, all_rows())
    measure_cold(contest)
    measure_speed(contest._replace(contestants=(ours, ours, usual)))
    for measurement in (measure_cold_from_s3, measure_warm):
        measurement(contest._replace(contestants=(ours,)))
    measure_sizes(contest.rows)
    stages = {"training our recipe, first time": {"start": 1.0, "fit": 2.0}}
    return Results(contest.rows, stages, {"corpus": "made", **machine()})


def test_the_table_has_all_rows(results: Results) -> None:
    console = Console(width=150, record=True)
    console.print(results.table(), results.stage_table())
    text = console.export_text()
    for row in results.rows.values():
        assert f" {row.name} [{row.unit}] " in text
    assert "first time" in text


def test_the_json_document_has_all_rows(results: Results) -> None:
    document = json.loads(results.as_json())
    rows = {row["name"]: row for row in document["rows"]}
    assert list(rows) == list(all_rows())
    compared = rows["first answer, local"]
    assert compared["ratio"]["median"] == compared["usual"]["median"] / compared["ours"]["median"]
    assert isinstance(compared["targets"][0]["reached"], bool)
    unmeasured = {name for name, row in rows.items() if row["ours"] is None}
    assert unmeasured == {name for name in rows if "training" in name or "idle" in name}
    assert document["facts"]["onnxruntime"] == version("onnxruntime")


def test_the_plot_is_a_png(results: Results, tmp_path: Path) -> None:
    results.plot(tmp_path / "results.png")
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
