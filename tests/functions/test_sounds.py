"""The sounds that people have, through /predict and through a training."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
import tracks
from clients import Client

NAME = "03a01Wa.wav"
SIGNAL = made.signal(NAME)
PCM = made.sound(SIGNAL)
STEREO = np.stack([SIGNAL, -SIGNAL], axis=1)
WEBM = tracks.track(
    made.signal(NAME, 48_000), 48_000, "webm", "libopus", options={"live": "1"}, streamed=True
)
M4A = tracks.track(made.signal(NAME, 44_100), 44_100, "ipod", "aac")
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
SAME = {
    "RecordRTC": PCM[:4] + struct.pack("<I", len(PCM) + 36) + PCM[8:],
    "sox and espeak in a pipe": PCM[:4]
    + struct.pack("<I", 0x7FFF_F024)
    + PCM[8:40]
    + struct.pack("<I", 0x7FFF_F000)
    + PCM[44:],
    "a header that was never closed": PCM[:4] + bytes(4) + PCM[8:40] + bytes(4) + PCM[44:],
    "channels that cancel": made.sound(STEREO),
    "FLAC": made.sound(SIGNAL, container="FLAC"),
    "FLAC in Matroska": tracks.track(SIGNAL, 16_000, "matroska", "flac"),
    "the sound of an AVI video": tracks.track(SIGNAL, 16_000, "avi", "pcm_s16le", picture=True),
}
"""Sounds without loss, whose answer is that of the WAV file."""
ANSWERED = {
    **{
        subtype: made.sound(SIGNAL, container=container, subtype=subtype)
        for container, subtype in (
            ("WAV", "GSM610"),
            ("WAV", "G721_32"),
            ("WAV", "NMS_ADPCM_16"),
            ("AU", "G723_24"),
            ("XI", "DPCM_16"),
        )
    },
    "a recording of a browser": WEBM,
    "a voice memo": M4A,
    "a recording of Safari": tracks.track(
        made.signal(NAME, 44_100), 44_100, "mp4", "aac", options=FRAGMENTED, streamed=True
    ),
    "AAC": tracks.track(made.signal(NAME, 44_100), 44_100, "adts", "aac"),
    "AMR": tracks.track(made.signal(NAME, 8_000), 8_000, "amr", "libopencore_amrnb"),
    "the sound of an MP4 video": tracks.track(SIGNAL, 16_000, "mp4", "aac", picture=True),
}
LONG = np.tile(SIGNAL, 6)
CUT = {
    "WAV": PCM,
    "OGG": made.sound(LONG, container="OGG", subtype="OPUS"),
    "MP3": made.sound(LONG, container="MP3"),
    "FLAC": made.sound(LONG, container="FLAC"),
    "WebM": WEBM,
    "M4A": M4A,
}


@pytest.fixture
def ask(predict: Client, published: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Send a sound as the body and return the response."""
    folder = published["model_save_path"]
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(Path(folder).parent))
    place = {"model_id": published["model_id"], "model_save_path": folder}
    return lambda data: predict.post(
        "/predict", query_string=place, data=data, content_type="audio/wav"
    )


def test_a_sound_without_loss_gets_the_answer_of_its_samples(ask: Any) -> None:
    expected = ask(PCM).json
    for name, data in SAME.items():
        response = ask(data)
        assert response.status_code == 200, f"{name}: {response.text}"
        assert response.json["speech"] == expected["speech"], name
        (found,), (wanted,) = response.json["probabilities"], expected["probabilities"]
        assert found == pytest.approx(wanted, abs=1e-3), name


def test_every_codec_and_container_is_answered(ask: Any) -> None:
    for name, data in ANSWERED.items():
        response = ask(data)
        assert response.status_code == 200, f"{name}: {response.text}"
        assert sum(response.json["probabilities"][0].values()) == pytest.approx(1, abs=1e-5)


def test_a_sound_that_is_cut_off_is_refused_in_every_container(ask: Any) -> None:
    for name, data in CUT.items():
        response = ask(data[: len(data) // 2])
        assert response.status_code == 422, name
        assert "cut off" in response.json["detail"], name


def test_without_the_extra_the_answer_names_container_and_extra(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for name, data in (("WebM", WEBM), ("MP4 (M4A)", M4A)):
        response = ask(data)
        assert response.status_code == 422
        assert f"a {name} file" in response.json["detail"]
        assert "ser[containers]" in response.json["detail"]
    assert ask(PCM).status_code == 200


def test_a_training_uses_every_sound_and_rejects_those_that_are_cut(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    good = {f"wav/{name}": made.sound(made.signal(name)) for name in made.names()}
    odd = {
        f"wav/10a02{'AEFLNTW'[index]}a{suffix}": data
        for index, (suffix, data) in enumerate(
            [
                (".wav", ANSWERED["GSM610"]),
                (".au", ANSWERED["G723_24"]),
                (".wav", SAME["a header that was never closed"]),
                (".webm", WEBM),
                (".m4a", M4A),
                (".wav", SAME["channels that cancel"]),
                (".mp4", ANSWERED["the sound of an MP4 video"]),
            ]
        )
    }
    cut = {
        f"wav/08a04{code}b.{name.lower()}": data[: len(data) // 2]
        for code, (name, data) in zip("AEFLNT", CUT.items(), strict=True)
    }
    made.archive(bounds / "corpus.zip", good | odd | cut)
    response = train.post("/train", json=train_body)
    assert response.status_code == 200, response.text
    rejected = {each["file"]: each["reason"] for each in response.json["rejected"]}
    # Three of the files are one recording in other forms, here under several labels.
    same = {name for name, reason in rejected.items() if "same sound" in reason}
    assert len(same) == 3
    assert rejected.keys() - same == cut.keys()
    assert all("cut off" in rejected[name] for name in cut)
