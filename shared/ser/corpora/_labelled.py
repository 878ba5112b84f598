"""Corpora with labels in folder names, regardless of the file names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import msgspec

from ser._labels import Label
from ser.corpora._base import BY_PATTERN, SPLITS, Corpus, Utterance
from ser.corpora._english import english, known_emotion
from ser.corpora._patterns import first_group
from ser.corpora._text import Spellings, unite_spellings

MAX_NAME_BYTES = 240
"""Maximum length of the name of an utterance in bytes; file systems allow 255."""


def labelled_by_folder(
    sounds: Sequence[PurePosixPath],
    speaker_pattern: str | None = None,
    label_pattern: str | None = None,
) -> Corpus:
    """Return the corpus in which the label of a sound is the name of its folder.

    With a ``label_pattern`` the label is instead its first group in the path of a sound. Likewise
    the speaker is the first group of ``speaker_pattern``; without a pattern speakers are unknown.
    Spellings of a label or speaker are united.
    """

    def find_label(file: PurePosixPath) -> str:
        label = first_group(label_pattern, file) if label_pattern else file.parent.name
        return label if label.strip() else ""

    def find_speaker(file: PurePosixPath) -> str:
        speaker = first_group(speaker_pattern, file) if speaker_pattern else ""
        return speaker if speaker.strip() else ""

    labels = unite_spellings(filter(None, map(find_label, sounds)))
    speakers = unite_spellings(filter(None, map(find_speaker, sounds)))

    def parse(file: PurePosixPath) -> Utterance:
        label = find_label(file)
        if not label and label_pattern:
            raise ValueError(f"label_pattern {label_pattern!r} finds no label in its path")
        if not label:
            raise ValueError("it is not in a folder, so it has no label")
        speaker = find_speaker(file)
        if speaker_pattern and not speaker:
            raise ValueError(f"speaker_pattern {speaker_pattern!r} finds no speaker in its path")
        return Utterance(
            name=flat_name(file),
            file=file,
            code=labels[label],
            speaker=speakers[speaker] if speaker else "",
            gender="",
            text="",
        )

    notes = labels.notes("labels") + speakers.notes("speakers")
    if not label_pattern:
        notes += note_splits(labels.chosen.values())
    return Corpus("folder", make_labels(labels), parse, notes=notes)


def note_splits(labels: Iterable[str]) -> tuple[str, ...]:
    """Return a note if ``labels`` are names of parts of a corpus, such as train and test."""
    splits = [label for label in sorted(labels) if label.casefold() in SPLITS]
    if not splits:
        return ()
    return (
        f"the labels {', '.join(splits)} look like parts of a corpus, not like emotions; "
        f"{BY_PATTERN} takes the label from the folder above",
    )


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


def make_labels(labels: Spellings) -> tuple[Label, ...]:
    """Return a label for each of ``labels``, sorted."""
    return tuple(Label(code, code, english(code)) for code in sorted(labels.chosen.values()))
