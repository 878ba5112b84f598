"""What follows from who is known to speak."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from ser.corpora import Utterance, require_speakers, speaker_dependent
from ser.errors import InvalidInput


def said_by(*speakers: str) -> list[Utterance]:
    return [
        Utterance(
            name=f"{n}", file=PurePosixPath(f"{n}.wav"), code="", speaker=who, gender="", text=""
        )
        for n, who in enumerate(speakers)
    ]


@pytest.mark.parametrize(
    ("speakers", "dependent"),
    [(("a", "a", "b"), True), (("a", "b", "b"), False), (("", "b"), True), (("a", ""), True)],
)
def test_figures_depend_on_speakers_unless_all_are_known_and_new(
    speakers: tuple[str, ...], dependent: bool
) -> None:
    assert speaker_dependent(said_by(*speakers), {"0"}) is dependent


def test_an_unknown_speaker_is_named_with_what_helps() -> None:
    require_speakers(said_by("a", "b"))
    with pytest.raises(InvalidInput, match=r"of 1 of the 2 .* as 1\.wav; .*speaker_pattern"):
        require_speakers(said_by("a", ""))
