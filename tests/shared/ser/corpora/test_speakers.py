"""Checks that depend on which speakers are known."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from ser.corpora import Utterance, require_speakers, speaker_dependent
from ser.errors import InvalidInput


def utterances_by(*speakers: str) -> list[Utterance]:
    return [
        Utterance(
            name=str(n),
            file=PurePosixPath(f"{n}.wav"),
            code="",
            speaker=speaker,
            gender="",
            text="",
        )
        for n, speaker in enumerate(speakers)
    ]


@pytest.mark.parametrize(
    ("speakers", "dependent"),
    [(("a", "a", "b"), True), (("a", "b", "b"), False), (("", "b"), True), (("a", ""), True)],
)
def test_figures_are_speaker_dependent_unless_all_speakers_are_known_and_new(
    speakers: tuple[str, ...], dependent: bool
) -> None:
    assert speaker_dependent(utterances_by(*speakers), {"0"}) is dependent


def test_unknown_speakers_are_refused_with_an_example_and_the_remedies() -> None:
    require_speakers(utterances_by("a", "b"))
    with pytest.raises(
        InvalidInput, match=r"of 1 of the 2 .* as that of 1\.wav; .*speaker_pattern"
    ):
        require_speakers(utterances_by("a", ""))
