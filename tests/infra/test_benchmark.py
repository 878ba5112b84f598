"""The benchmark: its figures, and the fairness of its yardsticks. No test depends on time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import functions_framework
import numpy as np
import pytest
from rich.console import Console

import made
from benchmark import __main__ as command
from benchmark.bench import USUAL_FUNCTION, Bench, code_predictor
from benchmark.contest import Contestant, Effort
from benchmark.copies import Speech
from benchmark.installed import installed_megabytes
from benchmark.machine import machine
from benchmark.repeated import RepeatedRows, save
from benchmark.report import Results, section_table, stage_table
from benchmark.rows import OURS, USUAL, Row, Target
from benchmark.sections import SECTIONS, Measured, measure
from benchmark.servers import EncodedRequest, framework, our_function
from benchmark.workplace import Workplace
from clients import Client, client_of
from ser._progress import ignore_progress
from ser.classifiers import DiscriminantClassifier, Origins
from ser.corpora import open_sources
from ser.dataset import load_corpus

pytestmark = [
    # Raised by Keras when it saves a network, and by the audio reader of librosa.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'(aifc|audioop|sunau)' is:DeprecationWarning"),
]

LITTLE = Effort(runs=1, requests=2, load_seconds=0.05, long_seconds=4, copies=(1, 2), hours=0.2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("benchmark")
    return Workplace(folder, made.corpus(folder / "corpus.zip"))


@pytest.fixture(scope="module")
def bench(place: Workplace) -> Iterator[Bench]:
    """A benchmark with little effort; the environment of openSMILE is that of ``make bench``."""
    with closing(Bench(place, LITTLE, command.RESULTS / "alternatives")) as bench:
        yield bench


def test_ratios_compare_turn_by_turn_and_exceed_one_if_ours_is_better() -> None:
    values = {OURS: [1.0, 2.0, 4.0], USUAL: [12.0, 18.0, 60.0], "other": [2.0, 2.0, 2.0]}
    seconds = Row("first answer", "s", values=values)
    assert seconds.ratios(USUAL) == [12.0, 9.0, 15.0]
    assert seconds.ratios("other") == [2.0, 1.0, 0.5]
    speed = Row("requests", "1/s", more_is_better=True, values={OURS: [50.0], USUAL: [10.0]})
    assert speed.ratios(USUAL) == [5.0]
    assert Row("front-end", "x", values={OURS: [300.0]}).ratios(USUAL) == []
    assert Row("front-end", "x", values={USUAL: [300.0]}).ratios(USUAL) == []


def test_unequal_numbers_of_turns_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Row("first answer", "s", values={OURS: [1.0, 2.0], USUAL: [12.0]}).ratios(USUAL)


@pytest.mark.parametrize(
    ("more_is_better", "ours", "usual", "target", "reached"),
    [
        (False, [1, 2, 9], [], Target(2), True),
        (False, [1, 3, 3], [], Target(2), False),
        (True, [310], [], Target(300), True),
        (True, [290], [], Target(300), False),
        (False, [1], [12], Target(12, over=USUAL), True),
        (False, [1], [11], Target(12, over=USUAL), False),
        (True, [12], [1], Target(12, over=USUAL), True),
        (False, [], [], Target(12), None),
        (False, [1], [], Target(12, over=USUAL), None),
    ],
)
def test_a_target_is_reached_on_the_better_side_of_its_bound(
    more_is_better: bool,
    ours: list[float],
    usual: list[float],
    target: Target,
    reached: bool | None,
) -> None:
    row = Row("", "", more_is_better=more_is_better, values={OURS: ours, USUAL: usual})
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


@pytest.fixture(scope="module")
def speech(bench: Bench) -> Speech:
    return bench.speech


def test_copies_have_their_own_speakers_and_are_no_duplicates(
    speech: Speech, tmp_path: Path
) -> None:
    table = speech.write(tmp_path / "copies", times=3)
    loaded = load_corpus(open_sources(str(table), tmp_path / "data"), split_at=None)
    assert loaded.rejected == ()
    assert len(loaded.utterances) == 3 * len(speech.utterances)
    speakers = {utterance.speaker for utterance in speech.utterances}
    assert {u.speaker for u in loaded.utterances} == {
        f"{s}-{n}" for s in speakers for n in range(3)
    }


def test_copies_are_the_same_each_time_and_not_clipped(speech: Speech, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        speech.write(tmp_path / folder, times=2)
    names = [path.name for path in (tmp_path / "one").iterdir()]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert len(names) == 2 * len(speech.utterances) + 2


@pytest.fixture
def repeated(tmp_path: Path) -> RepeatedRows:
    """Three repetitions of 12 utterances of 4 speakers, each with a copy."""
    random = np.random.default_rng(0)
    y = np.tile(np.repeat([0, 1, 2], 4), 2)
    X = (random.normal(size=(24, 5)) + 3 * y[:, None]).astype(np.float32)
    names = np.tile([f"u{n:02}" for n in range(12)], 2)
    speakers = np.tile(["a", "b", "c", "d"], 6)
    save(tmp_path / "rows.npz", X, y, Origins(speakers, names, np.repeat([0, 1], 12), names))
    return RepeatedRows.load(tmp_path / "rows.npz", times=3, seed=1)


def test_repeated_rows_are_the_same_in_each_pass_but_not_in_each_repetition(
    repeated: RepeatedRows,
) -> None:
    first, second = repeated.as_arrays(), repeated.as_arrays()
    assert np.array_equal(first[0], second[0])
    parts = np.split(first[0], 3)
    assert not np.isclose(parts[0], parts[1]).any()
    assert np.allclose(parts[0], parts[1], atol=2)
    assert (repeated.count, repeated.columns) == (72, 5) == first[0].shape
    assert len(set(repeated.origins.names)) == len(repeated.y) == 36
    assert len(set(repeated.origins.speakers)) == 12


def test_chosen_repeated_rows_are_those_of_all_rows(repeated: RepeatedRows) -> None:
    chosen = np.isin(repeated.origins.speakers, ["a-0", "c-2"])
    X, y = repeated.as_arrays()
    utterances = np.concatenate([block.utterances for block in repeated.blocks()])
    some = repeated.only(chosen)
    found_X, found_y = some.as_arrays()
    assert np.array_equal(found_X, X[chosen[utterances]])
    assert np.array_equal(found_y, y[chosen[utterances]])
    assert len(some.y) == chosen.sum()
    assert some.count == 2 * chosen.sum()
    assert set(some.only(some.origins.speakers == "c-2").origins.speakers) == {"c-2"}


def test_a_classifier_learns_from_repeated_rows(repeated: RepeatedRows) -> None:
    classifier = DiscriminantClassifier().fit_rows(repeated)
    X, y = repeated.as_arrays()
    assert (classifier.predict(X) == y).mean() > 0.9


def test_the_yardstick_answers_like_our_function_with_the_same_network(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(bench.place.folder))
    create_app: Any = functions_framework.create_app
    usual: Client = create_app("predict", str(USUAL_FUNCTION)).test_client()
    network = bench.yardstick.same_network
    expected_code = code_predictor(network)
    theirs = Contestant(USUAL, framework(USUAL_FUNCTION, "predict"), model=bench.yardstick.usual)
    contestants = (
        (client_of("predict"), Contestant(OURS, our_function("predict"), model=network)),
        (usual, theirs),
        (usual, theirs._replace(extra_fields=(("call", "directly"),))),
    )
    settings = json.loads((bench.yardstick.usual / "settings.json").read_bytes())
    for name in ("03a01Wa.wav", "09a01Ta.wav"):
        # One chunk: our function weights several by their speech, the usual one counts all alike.
        signal = made.signal(name)[: settings["chunk_samples"]]
        ours, *others = (
            answer(client, contestant.encoded_request(signal, str(bench.place.registries)))
            for client, contestant in contestants
        )
        assert ours["prediction"] == [expected_code(signal)]
        for each in others:
            only_ours = {"ground_truth", "speech", "too_short"}
            only_ours |= {"confidence", "familiarity", "reason"}
            assert set(each) == set(ours) - only_ours
            assert all(each[field] == ours[field] for field in ("prediction", "emotions"))
            (expected,), (found,) = ours["probabilities"], each["probabilities"]
            assert found == pytest.approx(expected, abs=1e-3)


def answer(client: Client, request: EncodedRequest) -> dict[str, Any]:
    response = client.post("/", data=request.body, content_type=request.media_type)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json
    return body


@pytest.fixture(scope="module")
def results(bench: Bench) -> Results:
    """Results of all sections."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        # A clone may have no further history.
        monkeypatch.setenv("RELEASE", "HEAD")
        sections = tuple(measure(bench, SECTIONS, ignore_progress))
    return Results(sections, bench.stages, {"corpus": "made", **machine()})


def unmeasured(section: Measured) -> set[str]:
    """Return the sides without values, by row."""
    return {f"{row.name}: {side}" for row in section.rows for side in row.sides if not row.of(side)}


@pytest.mark.parametrize("name", SECTIONS)
def test_all_rows_of_a_section_are_measured(results: Results, name: str) -> None:
    (section,) = (each for each in results.sections if each.name == name)
    if any("openSMILE cannot be installed" in reason for reason in section.missing):
        pytest.skip(section.missing[0])
    assert (unmeasured(section), section.missing) == (set(), ())


def test_tables_are_markdown_with_all_rows(results: Results) -> None:
    console = Console(width=250, record=True)
    console.print(*map(section_table, results.sections), stage_table(results.stages))
    lines = [line.strip() for line in console.export_text().splitlines() if line.strip()]
    assert all(line.startswith(("| ", "|-")) for line in lines)
    for section in results.sections:
        for row in section.rows:
            assert any(line.startswith(f"| {row.name} ") for line in lines)
    assert any("first time" in line for line in lines)


def test_a_cell_has_the_median_the_range_and_the_factor() -> None:
    values = {OURS: [1.0, 2.0, 4.0], USUAL: [12.0, 18.0, 60.0]}
    row = Row("wait", "s", (Target(10, over=USUAL),), (OURS, USUAL), values=values)
    console = Console(width=250, record=True)
    console.print(section_table(Measured("start", "Start", (row,), ())))
    header, _, line = (line for line in console.export_text().splitlines() if line.strip())
    assert [cell.strip() for cell in header.split("|")[1:-1]] == [
        *("Start", "ours", "usual", "reach", "reached"),
    ]
    assert [cell.strip() for cell in line.split("|")[1:-1]] == [
        *("wait [s]", "2.00 (1.00 – 4.00)", "18.0 (12.0 – 60.0), 12.0 ×", "10 × usual", "yes"),
    ]


def test_the_json_document_has_all_rows(results: Results) -> None:
    document = json.loads(results.as_json())
    rows = {row["name"]: row for section in document["sections"] for row in section["rows"]}
    assert set(rows) == {row.name for section in results.sections for row in section.rows}
    compared = rows["first answer, folder"]
    medians = {side: found["median"] for side, found in compared["values"].items() if found}
    assert compared["ratios"][USUAL]["median"] == medians[USUAL] / medians[OURS]
    assert isinstance(compared["targets"][0]["reached"], bool)
    assert document["facts"]["onnxruntime"] == version("onnxruntime")


def test_the_plot_is_a_png(results: Results, tmp_path: Path) -> None:
    results.plot(tmp_path / "results.png")
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_a_plot_of_nothing_is_a_png(tmp_path: Path) -> None:
    Results((), {}, machine()).plot(tmp_path / "results.png")
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_a_section_without_opensmile_says_why_and_measures_ours(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with closing(
        Bench(bench.place._replace(folder=tmp_path / "work"), LITTLE, tmp_path / "file")
    ) as other:
        other.place.folder.mkdir()
        (section,) = measure(other, ["batch"], ignore_progress)
    assert section.missing[0].startswith("openSMILE cannot be installed: ")
    compared = {row.name for row in section.rows if "openSMILE" in row.sides}
    assert unmeasured(section) == {f"{name}: openSMILE" for name in compared}


def test_a_release_that_does_not_exist_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RELEASE", "no-such-release")
    other = Bench(bench.place._replace(folder=tmp_path), LITTLE, Path("unused"))
    assert other.before == ()
    assert [*other.missing] == [
        "The release before: RELEASE=no-such-release cannot be read; "
        "allowed: a commit or tag of this clone"
    ]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("RUNS", "0", "RUNS=0; allowed: a whole number from 1 on"),
        ("HOURS", "many", "HOURS=many; allowed: a whole number from 1 on"),
        ("SECTIONS", "start end", f"SECTIONS=end; allowed: {' '.join(SECTIONS)}"),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(
    variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit) as exit_:
        command.main()
    assert exit_.value.code == message
