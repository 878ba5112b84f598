"""The sounds that can be played in a report."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from ser.sounds import SAMPLING_RATE, Signal

MOST_BYTES = 1_500_000
"""Maximum size of all sounds in a report; an answer of AWS Lambda has at most 6 MB."""
# At 16 kHz, libsndfile maps 0 to 160 kbit/s and 1 to 8 kbit/s: this is 32 kbit/s.
COMPRESSION = (160 - 32) / (160 - 8)


def data_urls(signals: Iterable[tuple[str, Signal]]) -> dict[str, str]:
    """Return the data URL of each of ``signals`` by name, until they have :data:`MOST_BYTES`.

    Signals are float32 of shape (samples,) at 16 kHz. The sounds are MP3 files, which all browsers
    play.
    """
    urls: dict[str, str] = {}
    size = 0
    for name, signal in signals:
        encoded = base64.b64encode(as_mp3(signal)).decode()
        size += len(encoded)
        if size > MOST_BYTES:
            break
        urls[name] = f"data:audio/mpeg;base64,{encoded}"
    return urls


def as_mp3(signal: Signal) -> bytes:
    """Return ``signal`` as an MP3 file with a constant 32 kbit/s."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(
        file,
        signal,
        SAMPLING_RATE,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=COMPRESSION,
    )
    return file.getvalue()
