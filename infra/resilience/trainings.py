"""Random trainings whose fields have extreme values within their bounds.

Each ends with a model or with an error of :mod:`ser.errors`; any other exception is a defect. The
bounds are those of the types of the fields, so a new field takes part without a line here.
"""

from __future__ import annotations

import io
import json
import math
import multiprocessing
import shutil
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import msgspec
import numpy as np
import soundfile

from resilience.fuzzing.worker import quiet
from resilience.reports import Report
from ser.classifiers import MODEL_TYPES
from ser.errors import SerError
from ser.frontends import AUGMENTATIONS
from ser.frontends import METHODS as FRONT_ENDS
from ser.service.settings import Settings
from ser.service.training.execution import execute
from ser.service.training.request import read_train_request
from ser.training import Recipe

CAPS = {
    "epochs": 3,
    "n_estimators": 12,
    "copies": 2,
    "input_dim": 24,
    "dataset_load_split_at": 400,
}
"""Largest values of fields whose only cost is time, which ``SER_MAX_TRAIN_SECONDS`` bounds, and of
those that the small corpus bounds."""
SELDOM = ("Functionals",)
"""Methods with many features, which take most of the time."""
UNUSED = ("Encoder",)
"""Methods that need a file beside the corpus."""
NAMES = [f"{s}{t}{e}a" for s in ("03", "08", "09") for t in ("a01", "b01") for e in "FNTW"]
"""Utterances of the corpus, by the grammar of EmoDB."""

PART = 10
"""Number of trainings with the same seed, one after the other in a process."""


class Training(NamedTuple):
    """A training with extreme values, and its end."""

    body: dict[str, Any]
    error: Exception | None
    """The exception that ended it; ``None``: a model was published."""

    @property
    def is_defect(self) -> bool:
        """Whether the training ended with an error that is not one of :mod:`ser.errors`."""
        return self.error is not None and not isinstance(self.error, SerError)


def train_all(count: int, processes: int) -> Report:
    """Return how ``count`` random trainings end, on ``processes``."""
    parts = [(seed, min(PART, count - seed * PART)) for seed in range(-(-count // PART))]
    spawn = multiprocessing.get_context("spawn")
    ends, defects = Counter[str](), list[str]()
    with ProcessPoolExecutor(processes, mp_context=spawn, initializer=quiet) as pool:
        for (seed, size), future in [(part, pool.submit(train_part, *part)) for part in parts]:
            try:
                found, failed = future.result()
            except BrokenExecutor as error:
                found, failed = Counter({"not known": size}), [f"part {seed}: {error}"]
            ends += found
            defects += failed
    return Report(f"{count} random trainings", dict(ends.most_common()), tuple(defects))


def train_part(seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """Return how often the trainings of ``seed`` end in which way, and the defects among them."""
    ends, defects = Counter[str](), list[str]()
    with TemporaryDirectory() as folder:
        for training in trainings(count, Path(folder).resolve(), seed):
            ends[type(training.error).__name__ if training.error else "models"] += 1
            if training.is_defect:
                defects.append(f"{training.error!r} of {json.dumps(training.body)}")
    return ends, defects


def trainings(count: int, folder: Path, seed: int = 0) -> Iterator[Training]:
    """Yield ``count`` trainings in ``folder``; the same ``seed`` gives the same requests."""
    random = Random(seed)
    archive = folder / "corpus.zip"
    archive.write_bytes(corpus())
    settings = Settings.from_environment(
        {
            "SER_ALLOWED_PATHS": str(folder),
            "SER_MAX_FEATURES": "1600",
            "SER_MAX_CHUNK_VALUES": str(2**23),
        }
    )
    for _ in range(count):
        body = {
            **request(random),
            "data_path": str(folder / "data"),
            "remote_url": str(archive),
            "model_save_path": str(folder / "model"),
        }
        yield Training(body, error_of(body, settings))
        shutil.rmtree(folder / "model", ignore_errors=True)


def error_of(body: dict[str, Any], settings: Settings) -> Exception | None:
    """Return the exception that ends a training; ``None`` if there is none."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            execute(read_train_request(body, settings), settings)
        except Exception as error:
            return error
    return None


def request(random: Random) -> dict[str, Any]:
    """Return the fields of a random request, except for its places."""
    kind = random.choice(list(MODEL_TYPES))
    methods = [
        name
        for name in FRONT_ENDS
        if name not in UNUSED and (name not in SELDOM or random.random() < 0.2)
    ]
    fields = fields_of(Recipe)
    chosen = ("random_state", "dataset_load_split_at", "dataset_load_normalize", "split")
    body: dict[str, Any] = {
        "model_type": kind,
        "model_config": config(MODEL_TYPES[kind].config_type, random),
        "dataset_feature_extract_methods": {
            name: possible(name, config(FRONT_ENDS[name], random))
            for name in random.sample(methods, random.randint(1, len(methods)))
        },
        **{name: value(fields[name], random, name) for name in chosen if random.random() < 0.5},
    }
    if random.random() < 0.3:
        name = random.choice(list(AUGMENTATIONS))
        body["dataset_augmentation"] = {name: config(AUGMENTATIONS[name], random)}
    if random.random() < 0.2:
        body |= {"evaluation": "loso", "speaker_folds": random.choice((None, 2, 3, 10_000))}
        body["leave_out"] = random.choice(MODEL_TYPES[kind].forms)
    if "MFCC" in body["dataset_feature_extract_methods"] and random.random() < 0.9:
        body["dataset_load_split_at"] = body.get("dataset_load_split_at") or "min"
    return body


def possible(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return ``fields`` of a front-end, whose values mostly fit each other.

    Requests that contradict themselves are refused before they reach a library.
    """
    defaults = msgspec.to_builtins(FRONT_ENDS[name]())
    chosen = {**defaults, **fields}
    if "num_cepstral" in chosen:
        fields["num_cepstral"] = min(chosen["num_cepstral"], chosen["num_filters"])
    if "frame_length" in chosen:
        longest = chosen["fft_length"] / 16_000
        fields["frame_length"] = max(0.001, min(chosen["frame_length"], longest))
    if "low_frequency" in chosen and chosen["low_frequency"] >= (chosen["high_frequency"] or 8_000):
        fields["low_frequency"] = 0.0
    return fields


def config(kind: type[msgspec.Struct], random: Random) -> dict[str, Any]:
    """Return some fields of ``kind`` with extreme values."""
    return {
        name: value(info, random, name)
        for name, info in fields_of(kind).items()
        if random.random() < 0.5
    }


def fields_of(kind: type[msgspec.Struct]) -> dict[str, msgspec.inspect.Type]:
    """Return the types of the fields of ``kind`` by name."""
    return {
        field.encode_name: msgspec.inspect.type_info(field.type)
        for field in msgspec.structs.fields(kind)
    }


def value(info: msgspec.inspect.Type, random: Random, name: str = "") -> Any:
    """Return a value of a type, mostly one at its bounds."""
    match info:
        case msgspec.inspect.Metadata(type=inner):
            return value(inner, random, name)
        case msgspec.inspect.UnionType(types=types):
            return value(random.choice(types), random, name)
        case msgspec.inspect.LiteralType(values=values):
            return random.choice(values)
        case msgspec.inspect.NoneType():
            return None
        case msgspec.inspect.BoolType():
            return random.random() < 0.5
        case msgspec.inspect.ListType(item_type=item):
            return [value(item, random) for _ in range(random.randint(0, 2))]
        case msgspec.inspect.IntType(ge=least, le=most):
            assert least is not None, f"{name} has no least value"
            assert most is not None, f"{name} has no greatest value"
            most = min(most, CAPS.get(name, most))
            return random.choice([least, least + 1, most, most - 1, random.randint(least, most)])
        case msgspec.inspect.FloatType(ge=ge, gt=gt, le=le, lt=lt):
            lowest = math.nextafter(gt, math.inf) if ge is None and gt is not None else ge
            highest = math.nextafter(lt, -math.inf) if le is None and lt is not None else le
            assert lowest is not None, f"{name} has no least value"
            assert highest is not None, f"{name} has no greatest value"
            return random.choice([lowest, highest, random.uniform(lowest, highest)])
    raise TypeError(f"{name} has the type {info}")


def corpus() -> bytes:
    """Return an archive of tones with the names of :data:`NAMES`, one of which is almost silent."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for index, name in enumerate(NAMES):
            random = np.random.default_rng(index)
            time = np.arange(int(16_000 * random.uniform(0.3, 0.6))) / 16_000
            pitch = 100 + 40 * "FNTW".index(name[5]) + 5 * int(name[:2])
            tone = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 6))
            level = 0.1 if index else 1e-4
            sound = io.BytesIO()
            noisy = level * (tone + random.normal(0, 0.1, len(time)))
            soundfile.write(sound, noisy, 16_000, format="WAV")
            archive.writestr(f"wav/{name}.wav", sound.getvalue())
    return file.getvalue()
