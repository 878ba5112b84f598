"""Sounds from a microphone."""

from __future__ import annotations

import sys

from ser.command._sounds import Sound


def record(seconds: float) -> Sound:
    """Return what the default microphone hears within ``seconds``.

    Raises
    ------
    NotFound
        There is no microphone, or no library of the system that reaches it.
    ImportError
        The package sounddevice is not installed.
    """
    from ser.errors import NotFound
    from ser.sounds import SAMPLING_RATE

    try:
        import sounddevice
    except OSError as error:
        raise NotFound(
            f"sounds cannot be recorded: {error}; allowed: with the library PortAudio, such as the "
            "package libportaudio2 of Debian"
        ) from error
    if sys.stderr.isatty():
        sys.stderr.write(f"Recording {seconds:g} s ...\n")
    try:
        samples = sounddevice.rec(
            round(seconds * SAMPLING_RATE), samplerate=SAMPLING_RATE, channels=1, dtype="float32"
        )
        sounddevice.wait()
    except sounddevice.PortAudioError as error:
        raise NotFound(
            f"the microphone cannot be used: {error}; allowed: a microphone that is connected and "
            "not in use"
        ) from error
    return Sound("microphone", samples[:, 0])
