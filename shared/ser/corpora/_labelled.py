"""Corpora with labels in folder names, regardless of the file names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import msgspec

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora._english import english, known_emotion
from ser.corpora._text import Spellings, unite_spellings

MAX_NAME_BYTES = 240
"""Maximum length of the name of an utterance in bytes; file systems allow 255."""


def labelled_by_folder(
    sounds: Iterable[PurePosixPath], speaker_pattern: str | None = None
) -> Corpus:
    """Return the corpus in which the label of a sound is the name of its folder.

    The speaker is the first group of ``speaker_pattern``, which is searched in the path of a sound;
    without a pattern speakers are unknown. Spellings of a label or speaker are united.
    """
    sounds = [*sounds]
    labels = unite_spellings(file.parent.name for file in sounds if file.parent.name)
    speakers = unite_spellings(
        filter(None, (search_speaker(file, speaker_pattern) for file in sounds))
    )

    def parse(file: PurePosixPath) -> Utterance:
        if not file.parent.name:
            raise ValueError("it is not in a folder, so it has no label")
        speaker = search_speaker(file, speaker_pattern)
        if speaker_pattern and not speaker:
            raise ValueError(f"speaker_pattern {speaker_pattern!r} finds no speaker in its path")
        return Utterance(
            name=flat_name(file),
            file=file,
            code=labels[file.parent.name],
            speaker=speakers[speaker] if speaker else "",
            gender="",
            text="",
        )

    notes = labels.notes("labels") + speakers.notes("speakers")
    return Corpus("folder", make_labels(labels), parse, notes=notes)


def labelled_by_emotion_folder(sounds: Sequence[PurePosixPath]) -> Corpus | None:
    """Return the corpus labelled by folders if the folders of all sounds are named after emotions.

    Folders of the same emotion, such as ``ann/Happy`` and ``bob/joy``, share a label. Speakers
    are unknown. The result is ``None`` if another folder contains sounds, or if there is only one
    emotion.
    """
    emotions = {name: known_emotion(name) for name in sorted({s.parent.name for s in sounds})}
    if None in emotions.values() or len({*emotions.values()}) < 2:
        return None
    by_folder = labelled_by_folder(sounds)
    # The first label of each emotion is the one of all its folders.
    codes: dict[str, str] = {}
    for label in by_folder.labels:
        codes.setdefault(label.emotion, label.code)

    def parse(file: PurePosixPath) -> Utterance:
        utterance = by_folder.parse(file)
        return msgspec.structs.replace(utterance, code=codes[english(utterance.code)])

    note = (
        f"no file name fits a known corpus, so the folders are the labels ({', '.join(emotions)}) "
        'and speakers are unknown; {"label": "folder", "speaker_pattern": "..."} finds speakers'
    )
    labels = tuple(label for label in by_folder.labels if label.code in codes.values())
    return replace(by_folder, labels=labels, parse=parse, notes=(note, *by_folder.notes))


def flat_name(file: PurePosixPath) -> str:
    """Return the path ``file`` as one name, since files of different folders may share a name."""
    name = "_".join(file.parts)
    if not name.isprintable() or name.startswith(".") or len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(
            f"its path cannot be the name of a sample; allowed: at most {MAX_NAME_BYTES} bytes, "
            "printable, no leading dot"
        )
    return name


def search_speaker(file: PurePosixPath, pattern: str | None) -> str:
    """Return the first group of ``pattern`` in the path ``file``; an empty string if it is not
    found."""
    match = re.search(pattern, str(file)) if pattern else None
    return (match[1] or "").strip() if match else ""


def make_labels(labels: Spellings) -> tuple[Label, ...]:
    """Return a label for each of ``labels``, sorted."""
    return tuple(Label(code, code, english(code)) for code in sorted(labels.chosen.values()))
