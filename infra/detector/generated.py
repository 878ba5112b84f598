"""Generated sounds without speech: noise, hum, tones, clicks, offsets, strings, melodies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.sounds import SAMPLING_RATE

Array = NDArray[Any]
Random = np.random.Generator

SCALE = np.array([0, 2, 4, 5, 7, 9, 11, 12])
"""Semitones of a major scale."""


def seconds(samples: int) -> Array:
    return np.arange(samples) / SAMPLING_RATE


def coloured(samples: int, slope: float, random: Random) -> Array:
    """Return noise whose power falls with ``frequency ** -slope``: 0 white, 1 pink, 2 brown."""
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLING_RATE)
    spectrum = np.fft.rfft(random.normal(size=samples)) * np.maximum(frequencies, 20) ** (
        -slope / 2
    )
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / noise.std())


def harmonics(samples: int, pitch: float, random: Random) -> Array:
    """Return a steady tone of random timbre."""
    time, tilt = seconds(samples), random.uniform(0.3, 2)
    tone = np.zeros(samples)
    for number in range(1, int(random.integers(2, 13))):
        if pitch * number < 0.49 * SAMPLING_RATE:
            phase = random.uniform(0, 2 * np.pi)
            tone += np.sin(2 * np.pi * pitch * number * time + phase) / number**tilt
    return tone


def swell(samples: int, random: Random) -> Array:
    """Return a random envelope: decaying, with soft edges, or wavering."""
    time = seconds(samples)
    kind = random.integers(3)
    if kind == 0:
        return np.asarray(np.exp(-time * random.uniform(0.5, 12)))
    if kind == 1:
        edge = random.uniform(0.005, 0.2)
        return np.asarray(np.minimum(1, time / edge) * np.minimum(1, (time[-1] - time) / edge))
    return np.asarray(0.5 * (1 + np.sin(2 * np.pi * random.uniform(0.3, 12) * time)))


def pluck(samples: int, pitch: float, random: Random) -> Array:
    """Return a plucked string (Karplus and Strong, Digital synthesis of plucked-string and drum
    timbres, Computer Music Journal 7(2), 1983)."""
    from scipy.signal import lfilter

    period, damping = int(SAMPLING_RATE / pitch), random.uniform(0.98, 0.9999)
    excitation = np.zeros(samples)
    excitation[:period] = random.uniform(-1, 1, period)[:samples]
    loop = np.zeros(period + 2)
    loop[0], loop[period:] = 1, -damping / 2
    return np.asarray(lfilter([1.0], loop, excitation))


def noise(samples: int, random: Random) -> Array:
    return coloured(samples, random.uniform(0, 2.2), random)


def wavering_noise(samples: int, random: Random) -> Array:
    return noise(samples, random) * swell(samples, random)


def hum(samples: int, random: Random) -> Array:
    mains, time = random.choice([50, 60]), seconds(samples)
    hum = coloured(samples, 1, random) * 10 ** (-random.uniform(10, 60) / 20)
    for number in range(1, int(random.integers(2, 12))):
        phase = random.uniform(0, 2 * np.pi)
        hum += random.random() / number * np.sin(2 * np.pi * mains * number * time + phase)
    return hum


def sine(samples: int, random: Random) -> Array:
    pitch = np.exp(random.uniform(np.log(40), np.log(7000)))
    return np.asarray(np.sin(2 * np.pi * pitch * seconds(samples)))


def tone(samples: int, random: Random) -> Array:
    return harmonics(samples, random.uniform(60, 900), random)


def wavering_tone(samples: int, random: Random) -> Array:
    return tone(samples, random) * swell(samples, random)


def clicks(samples: int, random: Random) -> Array:
    sound = np.zeros(samples)
    period = int(SAMPLING_RATE / random.uniform(0.7, 12))
    regular = random.random() < 0.5
    starts = range(0, samples, period) if regular else random.integers(0, samples, 12)
    for start in starts:
        length = min(samples - start, int(random.integers(1, 300)))
        decay = np.exp(-np.arange(length) / random.uniform(1, 80))
        sound[start : start + length] += random.normal(size=length) * decay
    return sound


def offset(samples: int, random: Random) -> Array:
    return random.uniform(-1, 1) + 1e-4 * random.normal(size=samples)


def string(samples: int, random: Random) -> Array:
    return pluck(samples, random.uniform(60, 800), random)


def melody(samples: int, random: Random, instrument: Callable[..., Array] = harmonics) -> Array:
    sound = np.zeros(samples)
    base, rate, start = random.uniform(80, 500), random.uniform(1, 8), 0
    while start < samples:
        length = int(SAMPLING_RATE / rate * random.choice([0.5, 1, 1, 2]))
        pitch = base * 2 ** (random.choice(SCALE) / 12)
        for interval in (1, 1.26, 1.5)[: 1 if random.random() < 0.6 else 3]:
            note = instrument(length, pitch * interval, random) * swell(length, random)
            end = min(samples, start + length)
            sound[start:end] += note[: end - start]
        start += length
    return sound


def strings(samples: int, random: Random) -> Array:
    return melody(samples, random, pluck)


def chirp(samples: int, random: Random) -> Array:
    first, last = np.exp(random.uniform(np.log(80), np.log(4000), 2))
    pitch = first * (last / first) ** np.linspace(0, 1, samples)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLING_RATE))


def siren(samples: int, random: Random) -> Array:
    wave = np.sin(2 * np.pi * random.uniform(0.2, 7) * seconds(samples))
    pitch = random.uniform(150, 1500) * 2 ** (random.uniform(0.02, 0.6) * wave)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLING_RATE
    return np.asarray(sum(np.sin(n * phase) / n**1.5 for n in range(1, random.integers(2, 9))))


def beeps(samples: int, random: Random) -> Array:
    sound = np.zeros(samples)
    pitches = random.uniform(300, 2500, int(random.integers(1, 4)))
    period = int(SAMPLING_RATE * random.uniform(0.1, 0.8))
    for start in range(0, samples, period):
        length = min(samples - start, period // 2)
        sound[start : start + length] = harmonics(length, random.choice(pitches), random)
    return sound


def drums(samples: int, random: Random) -> Array:
    sound = np.zeros(samples)
    for start in range(0, samples, int(SAMPLING_RATE / random.uniform(2, 10))):
        length = min(samples - start, int(0.3 * SAMPLING_RATE))
        time = seconds(length)
        kick = np.sin(2 * np.pi * (50 * time + 5 * (1 - np.exp(-30 * time)))) * np.exp(-12 * time)
        snare = random.normal(size=length) * np.exp(-random.uniform(10, 60) * time)
        sound[start : start + length] += kick if random.random() < 0.5 else snare
    return sound


def ringing(samples: int, random: Random) -> Array:
    time, half = seconds(samples), random.uniform(0.2, 1)
    pitch = random.choice([425, 440, 480, 900])
    tones = np.sin(2 * np.pi * pitch * time) + np.sin(2 * np.pi * 1.09 * pitch * time)
    return np.asarray(tones * (time % (2 * half) < half))


KINDS: dict[str, Callable[[int, Random], Array]] = {
    "noise": noise,
    "wavering noise": wavering_noise,
    "hum": hum,
    "sine": sine,
    "tone": tone,
    "wavering tone": wavering_tone,
    "clicks": clicks,
    "DC": offset,
    "plucked string": string,
    "plucked strings": strings,
    "melody": melody,
    "chirp": chirp,
    "siren": siren,
    "beeps": beeps,
    "drums": drums,
    "ringing": ringing,
}


def generated(each: int, seed: int) -> Iterator[tuple[str, Array]]:
    """Yield ``each`` sounds of every kind, 1 to 8 s long, with peaks of -50 to 0 dBFS."""
    for number, (name, kind) in enumerate(KINDS.items()):
        random = np.random.default_rng([seed, number])
        for _ in range(each):
            samples = int(random.choice([1, 2, 3, 5, 8]) * SAMPLING_RATE)
            sound = kind(samples, random)
            if name != "DC":
                sound = sound / np.abs(sound).max() * 10 ** (-random.uniform(0, 50) / 20)
            if random.random() < 0.3:
                sound = sound + 10 ** (-random.uniform(50, 90) / 20) * random.normal(size=samples)
            yield name, sound.astype(np.float32)
