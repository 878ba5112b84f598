"""The report of a model: one page with its figures."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ser.evaluation import UtterancePrediction
from ser.evaluation.report import data_urls, markdown, plots, predictions_csv, render
from ser.registry._reports import foreign_part

Manifest = dict[str, Any]

LABELS = (
    ("A", "Angst", "fear"),
    ("E", "Ekel", "disgust"),
    ("F", "Freude", "happiness"),
    ("L", "Langeweile", "boredom"),
    ("N", "Neutral", "neutral"),
    ("T", "Trauer", "sadness"),
    ("W", "Ärger (Wut)", "anger"),
)
"""Code, name and English word of each class."""
CLASSES = tuple(f"{code} - {name}" for code, name, _ in LABELS)

HOSTILE = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "--><svg onload=alert(1)>"),
    *("]]><b>", "{{ 7 * 7 }}", r"$\frac{$", "怒り 😠"),
)
"""Names of emotions, one for each class."""


def score(recall: float, support: int = 69) -> dict[str, float]:
    """Scores of an emotion."""
    return {"recall": recall, "precision": 0.9368, "f1": 0.8939, "support": support}


def figures(**changes: Any) -> Manifest:
    """The metrics of EmoDB's 535 utterances, each speaker left out once."""
    recalls = (0.855, 0.935, 0.732, 0.901, 0.899, 0.952, 0.850)
    return {
        "uar": 0.8749,
        "uar_deviation": 0.0734,
        "wa": 0.8692,
        "macro_f1": 0.8773,
        "ece": 0.1169,
        "per_class": {name: score(recall) for name, recall in zip(CLASSES, recalls, strict=True)},
        "confusion_matrix": [
            [59, 0, 5, 0, 3, 0, 2],
            [0, 43, 1, 0, 2, 0, 0],
            [1, 0, 52, 0, 1, 0, 17],
            [0, 0, 0, 73, 4, 4, 0],
            [0, 1, 2, 5, 71, 0, 0],
            [1, 0, 0, 2, 0, 59, 0],
            [2, 0, 17, 0, 0, 0, 108],
        ],
        "per_speaker": {"03": 0.9286, "08": 0.8694, "11": 0.6945, "16": 0.7849},
        "per_gender": {"female": 0.8662, "male": 0.8841},
        "reliability": [
            {"confidence": 0.563, "accuracy": 0.75, "count": 4},
            {"confidence": 0.772, "accuracy": 0.375, "count": 8},
            {"confidence": 0.996, "accuracy": 0.891, "count": 506},
        ],
    } | changes


def labels(values: Iterable[tuple[str, str, str]]) -> list[dict[str, str]]:
    """The entry ``labels`` of a manifest."""
    return [{"code": code, "name": name, "emotion": emotion} for code, name, emotion in values]


def cell(train: str, test: str, figure: float, **adapted: float) -> Manifest:
    """An entry of the matrix of training corpus and test corpus."""
    draws = {"sounds": 20, "draws": 5, "deviation": 0.01, "without": 0.5} | adapted
    plain = {"uar": figure, "ece": 0.3049, "emotions": ["anger", "fear"], "utterances": 99}
    return {"train": train, "test": test, **plain, "adapted": draws if adapted else None}


def family(name: str, share: float) -> Manifest:
    """The share of a family of features."""
    return {"family": name, "share": share, "feature": f"Functionals.{name}", "deviation": 1.2}


def full(**changes: Any) -> Manifest:
    """The manifest of a training with ``"evaluation": "full"``."""
    return {
        "model_id": "20261122T164717Z-cb226a51",
        "classes": list(CLASSES),
        "metrics": figures(
            uar=0.9692,
            confusion_matrix=[[7, 1, 0, 0, 0, 0, 0]] * 7,
            per_class={name: score(0.9692 - n / 100) for n, name in enumerate(CLASSES)},
            per_speaker={"03": 0.9, "16": 1.0},
            reliability=[{"confidence": 0.9, "accuracy": 1.0, "count": 56}],
        ),
        "loso": figures(),
        "leave_one_text_out": figures(uar=0.9213),
        "enrolment": [
            {"clips": 5, "draws": 7, "uar": 0.8481, "deviation": 0.0262, "without": 0.8421},
            {"clips": None, "draws": 1, "uar": 0.9188, "deviation": 0.0, "without": 0.8754},
        ],
        "coverage": [
            {"coverage": 1.0, "confidence": 0.2012, "uar": 0.889, "wa": 0.891},
            {"coverage": 0.5, "confidence": 0.8123, "uar": 0.9876, "wa": 0.9901},
        ],
        "transfer": [
            cell("emodb", "emodb", 0.9412),
            cell("emodb", "Emodb", 0.5134, uar=0.6241, ece=0.0719),
            cell("Emodb", "Emodb", 0.7316),
        ],
        "degraded": {
            "gain +12 dB": {"uar": 0.8751, "lost": -0.0002},
            "white noise 20 dB": {"uar": 0.8593, "lost": 0.0156},
        },
        "misheard": {
            "count": 30,
            "of": 535,
            "utterances": [
                {
                    "name": name,
                    "file": f"wav/{name}.wav",
                    "speaker": "09",
                    "true": CLASSES[5],
                    "likeliest": [[CLASSES[3], 0.671], [CLASSES[5], 0.182], [CLASSES[4], 0.112]],
                }
                for name in ("09b02Tb", "16b09Fb")
            ],
        },
        "families": {
            "method": "contribution",
            "emotions": {
                name: [family("spectrum", 1.02), family("pitch", -0.02)] for name in CLASSES
            },
            "pairs": [
                {
                    "classes": [CLASSES[6], CLASSES[5]],
                    "families": [family("pitch", 0.75), family("energy", 0.25)],
                }
            ],
        },
        "statistics": {
            "utterances": 535,
            "speakers": 10,
            "genders": {"female": 302, "male": 233},
            "seconds": {"total": 1487.2, "shortest": 1.23, "median": 2.59, "longest": 8.98},
            "sampling_rates": {"16000": 500, "44100": 35},
            "emotions": {
                name: {"utterances": 69, "speakers": 10, "seconds": 154.2} for name in CLASSES
            },
        },
        "split": "utterance",
        "speaker_dependent": True,
        "rejected": [{"file": "wav/notes.wav", "reason": "'notes' is no name of EmoDB"}],
        "notes": ["input_dim is 90, all that 91 chunks allow"],
        "chosen": "Some 270 recipes were compared to choose the defaults.",
        "request": {
            "model_type": "DiscriminantClassifier",
            "data_path": "/srv/ser/data",
            "model_save_path": "/srv/ser/model",
            "remote_url": "/srv/ser/emodb.zip",
            "random_state": 42,
            "dataset_load_split_at": None,
        },
        "model_config": {"shrinkage": 0.6},
        "labels": labels(LABELS),
        "corpus": {"name": "emodb", "utterances": 535, "remote_url": "/srv/ser/emodb.zip"},
        "versions": {"ser": "0.1.0", "numpy": "2.4.6"},
        "seconds": {"fit": 0.149},
    } | changes


class Outline(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def tags(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.elements)

    @property
    def descriptions(self) -> list[str]:
        return [a["aria-label"] or "" for _, a in self.elements if a.get("role") == "img"]


@pytest.fixture(scope="module")
def page() -> Outline:
    """The report of a full evaluation."""
    return Outline(render(full()))


def test_the_page_shows_the_figures_of_the_manifest(page: Outline) -> None:
    figures = (
        *("0.875 ± 0.073", "0.869", "0.877", "0.117", "0.921", "0.969"),
        *("0.848 ± 0.026", "0.919", "0.859", "0.016"),
        *("0.855", "0.937", "0.894", "0.866", "0.884", "59", "86%", "0.93", "108"),
    )
    assert [figure for figure in figures if figure not in page.text] == []


def test_the_matrix_has_a_row_for_each_training_and_both_kinds_of_figures(page: Outline) -> None:
    # Names that differ in case alone are different corpora; a pair without figures has a dash.
    assert "predicted emodb Emodb emodb 0.941 0.513 → 0.624 Emodb – 0.732" in page.text
    assert "emodb 0.305 0.305 → 0.072 Emodb – 0.305" in page.text
    assert "20 unlabelled sounds" in page.text
    assert "means of 5 random draws" in page.text


def test_folds_of_several_speakers_are_explained() -> None:
    request = full()["request"] | {"speaker_folds": 2}
    text = Outline(render(full(request=request))).text
    assert "the speakers were left out in 2 folds" in text
    assert "leave one speaker out" not in text


def test_the_page_shows_the_origin_of_the_model_and_its_limits_of_use(page: Outline) -> None:
    facts = (
        *("DiscriminantClassifier on emodb", "20261122T164717Z-cb226a51"),
        *("Some 270 recipes were compared", "'notes' is no name of EmoDB", "input_dim is 90"),
        *("random_state 42", "dataset_load_split_at null", "shrinkage 0.6", "numpy 2.4.6"),
        "not suitable for judging people",
    )
    assert [fact for fact in facts if fact not in page.text] == []


def test_a_loss_of_zero_has_no_sign(page: Outline) -> None:
    assert "-0.000" not in page.text


def test_figures_on_unknown_speakers_come_first(page: Outline) -> None:
    assert page.text.index("Unknown speakers") < page.text.index("Held-out utterances")
    assert page.text.index("0.875") < page.text.index("0.969")


@pytest.mark.parametrize(
    ("split", "speaker_dependent", "sentences"),
    [
        (
            "utterance",
            True,
            ("a tenth of the utterances of each emotion", "too optimistic for new speakers"),
        ),
        (
            "utterance",
            False,
            ("a tenth of the utterances of each emotion", "include none of these speakers"),
        ),
        ("speaker", False, ("a tenth of the speakers", "figures are speaker-independent")),
    ],
)
def test_the_protocol_is_explained(
    split: str, speaker_dependent: bool, sentences: tuple[str, str]
) -> None:
    manifest = full(split=split, speaker_dependent=speaker_dependent)
    del manifest["loso"]
    text = Outline(render(manifest)).text
    assert [each for each in sentences if each not in text] == []


def test_entries_that_the_manifest_lacks_are_left_out(page: Outline) -> None:
    headings = {
        "loso": "Unknown speakers",
        "enrolment": "Enrolled speakers",
        "coverage": "Confident predictions",
        "misheard": "Misheard utterances",
        "families": "What drives each emotion",
        "statistics": "The corpus",
        "degraded": "Degraded sounds",
        "transfer": "From corpus to corpus",
        "leave_one_text_out": "Unknown texts",
        "chosen": "recipes were compared",
        "model_id": "Model id",
        "model_config": "Classifier shrinkage",
        "versions": "Versions",
        "seconds": "in seconds",
    }
    small = {name: value for name, value in full().items() if name not in headings}
    text = Outline(render(small)).text
    assert [heading for heading in headings.values() if heading not in page.text] == []
    assert [heading for heading in headings.values() if heading in text] == []
    assert render(small) == render(
        small | {"enrolment": [], "degraded": {}, "transfer": [], "chosen": ""}
    )


def test_english_emotions_come_before_the_codes_of_the_corpus(page: Outline) -> None:
    for code, name, emotion in LABELS:
        assert f"{emotion} ({code})" in page.text
        assert f"{code} - {name}" not in page.text


def test_axes_are_named_true_and_predicted(page: Outline) -> None:
    assert "predicted" in plots.confusion([[1, 2], [3, 4]], ["anger (W)", "fear (A)"])
    assert "Rows: true emotions; columns: predicted emotions." in page.text


@pytest.mark.parametrize("name", ["ravdess", "synthetic emodb", "folder"])
def test_the_history_of_the_recipe_appears_for_emodb_only(page: Outline, name: str) -> None:
    assert "recipes were compared" in page.text
    other = Outline(render(full(corpus={"name": name, "utterances": 535})))
    assert "recipes were compared" not in other.text


def test_a_corpus_of_unknown_speakers_has_no_figures_of_speakers() -> None:
    metrics = figures(per_speaker={}, per_gender={})
    del metrics["uar_deviation"]
    manifest = full(metrics=metrics, enrolment=[])
    del manifest["loso"], manifest["leave_one_text_out"]
    text = Outline(render(manifest)).text
    assert [word for word in ("each speaker", "By gender", "±") if word in text] == []


def test_an_emotion_that_does_not_occur_has_no_recall() -> None:
    metrics = figures(per_class=figures()["per_class"] | {"E - Ekel": score(0.0, support=0)})
    manifest = full(metrics=metrics)
    del manifest["loso"]
    page = Outline(render(manifest))
    assert any("fear (A) 0.855; happiness (F) 0.732;" in each for each in page.descriptions)
    assert "disgust (E) 0 – 0.937" in page.text


def test_a_plot_of_many_speakers_shows_the_hardest_ones() -> None:
    speakers = {f"speaker {n}": n / 91 for n in range(91)}
    text = Outline(render(full(loso=figures(per_speaker=speakers)))).text
    assert "the 24 of 91 speakers with the lowest recall" in text
    assert "speaker 23" in text
    assert "speaker 24" not in text


def test_paths_of_the_machine_are_left_out(page: Outline) -> None:
    assert "/srv" not in page.text


def test_hostile_names_are_plain_text(page: Outline) -> None:
    classes = [f"{name} - {name}" for name in HOSTILE]
    per_class = {name: score(0.8) for name in classes}
    shares = [family(HOSTILE[0], 0.9)]
    wrong = {"name": "a", "file": HOSTILE[1], "true": classes[0], "likeliest": [[classes[1], 0.9]]}
    counted = full()["statistics"]
    changed = full(
        misheard={"count": 1, "of": 1, "utterances": [wrong]},
        families={
            "method": "contribution",
            "emotions": {classes[0]: shares},
            "pairs": [{"classes": classes[:2], "families": shares}],
        },
        statistics=counted | {"emotions": {classes[0]: counted["emotions"][CLASSES[0]]}},
        classes=classes,
        labels=labels((name, name, name) for name in HOSTILE),
        loso=figures(
            per_class=per_class, per_speaker=dict(zip("abc", (0.5, 0.6, 0.7), strict=True))
        ),
        metrics=full()["metrics"] | {"per_class": per_class},
        corpus={"name": HOSTILE[0], "utterances": 1},
        notes=[HOSTILE[1]],
        rejected=[{"file": HOSTILE[0], "reason": HOSTILE[2]}],
    )
    changed["loso"]["per_speaker"] |= {HOSTILE[1]: 0.2}
    hostile = Outline(render(changed))
    assert hostile.tags.keys() == page.tags.keys()
    assert hostile.tags["svg"] == page.tags["svg"]
    assert [name for name in HOSTILE if name not in hostile.text] == []
    handlers = [name for _, names in hostile.elements for name in names if name.startswith("on")]
    assert handlers == []


def test_hostile_names_are_no_formulas_in_the_table() -> None:
    prediction = UtterancePrediction(
        file="=1+1.wav",
        speaker="@a\rb",
        gender="",
        text="+t",
        fold="-f",
        true="\tanger",
        predicted="\rfear",
        probabilities={"anger": 0.25, "=fear": 0.75},
    )
    table = predictions_csv({"-loso": [prediction]}).decode()
    (row,) = csv.DictReader(io.StringIO(table, newline=""))
    assert [*row.values()] == [
        *("'-loso", "'=1+1.wav", "'@a\rb", "", "'+t", "'-f", "'\tanger", "'\rfear"),
        *("0.250000", "0.750000"),
    ]


@settings(max_examples=15)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
@example("a very long name " * 15)
def test_any_name_can_be_drawn(name: str) -> None:
    drawn = plots.confusion([[1, 2], [3, 4]], ["A", name])
    plain = plots.confusion([[1, 2], [3, 4]], ["A", "B"])
    assert Outline(drawn.encode()).tags.keys() == Outline(plain.encode()).tags.keys()


def test_a_name_with_dollar_signs_is_not_a_formula() -> None:
    assert r"$\frac{$" in plots.bars({r"$\frac{$": 0.5}, 0.5)


def test_the_page_loads_nothing(page: Outline) -> None:
    assert not page.tags.keys() & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/png;base64,"))
    assert "url(http" not in page.text
    assert "@import" not in page.text


def test_plots_are_described_for_screen_readers(page: Outline) -> None:
    assert len(page.descriptions) == page.tags["svg"] == 9
    assert any("11 0.695; 16 0.785" in each for each in page.descriptions)
    scopes = [attributes.get("scope") for tag, attributes in page.elements if tag == "th"]
    assert set(scopes) == {"col", "row"}


def test_an_interval_follows_each_headline_figure_that_has_one() -> None:
    drawn = {"uar": [0.8221, 0.9353], "wa": [0.8, 0.9], "macro_f1": None, "ece": [0.0, 0.1]}
    result = figures(intervals={**drawn, "unit": "speakers", "units": 10})
    page = Outline(render(full(loso=result)))
    assert "0.822 to 0.935" in page.text
    assert "whole speakers were drawn with replacement (10 speakers" in page.text
    assert "0.822 to 0.935" in markdown(full(loso=result)).decode()


def test_misheard_utterances_can_be_played_where_their_sounds_are_published() -> None:
    sounds = data_urls([("09b02Tb", np.zeros(16_000, np.float32))])
    page = Outline(render(full(), sounds))
    players = [attributes for tag, attributes in page.elements if tag == "audio"]
    assert [each["src"] for each in players] == [*sounds.values()]
    assert "boredom (L) 67%, sadness (T) 18%, neutral (N) 11%" in page.text
    assert foreign_part(render(full(), sounds).decode()) is None


def test_the_sounds_of_a_report_end_before_they_are_too_many_bytes() -> None:
    minutes = np.zeros(450 * 16_000, np.float32)
    assert [
        *data_urls([("short", minutes[:16_000]), ("long", minutes), ("next", minutes[:9])])
    ] == ["short"]


def test_families_of_features_explain_each_emotion_and_each_pair(page: Outline) -> None:
    assert "spectrum 102%, pitch -2%" in page.text
    assert "anger (W) against sadness (T) pitch 75%, energy 25%" in page.text


def test_the_card_has_the_sections_of_model_cards(page: Outline) -> None:
    titles = [
        *("Model details", "Intended use", "Factors", "Metrics", "Evaluation data"),
        *("Training data", "Quantitative analyses", "Ethical considerations"),
        "Caveats and recommendations",
    ]
    found = markdown(full()).decode()
    assert re.findall("^## (.*)$", found, re.MULTILINE) == titles
    assert all(title in page.text for title in titles)


def test_the_card_and_the_page_name_the_sampling_rates_of_the_recordings(page: Outline) -> None:
    assert "Recorded at 16 kHz (500), 44.1 kHz (35); models hear 16 kHz" in page.text
    assert "- Recorded at 16 kHz (500), 44.1 kHz (35)" in markdown(full()).decode()
    counted = full()["statistics"]
    one = full(statistics={**counted, "sampling_rates": {"48000": 535}})
    assert "- Recorded at 48 kHz\n" in markdown(one).decode()
    former = full(statistics={n: v for n, v in counted.items() if n != "sampling_rates"})
    assert b"Recorded at" not in markdown(former) + render(former)


def test_the_card_escapes_markdown_and_keeps_each_statement_on_a_line() -> None:
    found = markdown(full(notes=["<script>\n# a [link](http://x) | *bold*"])).decode()
    assert r"- \<script\> \# a \[link\](http://x) \| \*bold\*" in found


def test_identifiers_are_unique(page: Outline) -> None:
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_plots_have_the_colour_of_the_surrounding_text() -> None:
    drawn = plots.bars({"03": 0.9}, 0.8)
    assert "currentColor" in drawn
    assert plots.INK not in drawn
    assert "#000000" not in drawn


def test_the_same_manifest_gives_the_same_bytes() -> None:
    assert render(full()) == render(full())


def test_drawing_does_not_change_the_state_of_matplotlib() -> None:
    before = dict(mpl.rcParams)
    render(full())
    assert dict(mpl.rcParams) == before


def test_the_confusion_matrix_as_a_picture_is_a_png() -> None:
    picture = plots.confusion_picture([[1, 2], [3, 4]], HOSTILE[:2], "Utterances held out")
    assert picture.startswith(b"\x89PNG")
    assert picture == plots.confusion_picture([[1, 2], [3, 4]], HOSTILE[:2], "Utterances held out")
    assert picture != plots.confusion_picture([[2, 1], [3, 4]], HOSTILE[:2], "Utterances held out")


def test_predict_serves_every_report_that_is_made() -> None:
    names = {"name": "<script>\"'&é", "utterances": 535}
    for manifest in (full(), full(corpus=names), full(loso=figures(per_speaker={"<b>": 0.5}))):
        assert foreign_part(render(manifest).decode()) is None
