"""Settings of the functions, read from the environment in one place."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ser.errors import InvalidInput
from ser.limits import MAX_SAMPLES, Limit, Limits
from ser.registry import ModelKey, ModelLimits
from ser.service.exposure import Exposure, flag
from ser.service.exposure import SettingsError as SettingsError
from ser.sounds import SAMPLING_RATE

if TYPE_CHECKING:
    from ser.parallel import Workers

MEGABYTE = 1_000_000
SOUND_BYTES_PER_SECOND = 48_000 * 2 * 2
"""Size of uncompressed sound as devices record it at most: 48 kHz, stereo, 16 bit. It leaves room
for the same sound in base64 where it is mono."""
RUN_BYTES_PER_SECOND = 6 * 4 * SAMPLING_RATE
"""Memory of a model for a second of sound: six numbers for each sample. It takes five."""
LEAST_RUN_BYTES = 128 * MEGABYTE
"""Memory of a model for one chunk of sound; an encoder takes 100 MB."""
ANY_ORIGIN = "*"
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\s]+")
PROVIDED_FIELDS = ("model_save_path",)
"""Fields of requests that settings may provide."""


class ModelRules(NamedTuple):
    """The arguments of :func:`ser.open_registry` that settings define."""

    key: ModelKey | None
    limits: ModelLimits


class LimitSetting(NamedTuple):
    """A setting that limits a corpus."""

    name: str
    default: float
    unit: int = 1
    """The limit is the value of the setting times this."""
    whole: bool = False
    """Whether the limit is a whole number; a fraction is rounded up."""
    zero: bool = False
    """Whether the limit may be 0."""

    def read(self, env: Mapping[str, str]) -> Limit:
        """Return the limit in ``env``, or raise :class:`SettingsError`."""
        value = positive(env, self.name, self.default, zero=self.zero) * self.unit
        return Limit(math.ceil(value) if self.whole else value, self.name)


CORPUS_LIMITS = {
    "download_bytes": LimitSetting("SER_MAX_DOWNLOAD_MB", 1024, MEGABYTE, whole=True),
    "extracted_bytes": LimitSetting("SER_MAX_EXTRACTED_MB", 4096, MEGABYTE, whole=True),
    "entries": LimitSetting("SER_MAX_ENTRIES", 100_000, whole=True),
    "audio_seconds": LimitSetting("SER_MAX_AUDIO_SECONDS", 600),
    "samples": LimitSetting("SER_MAX_SAMPLES", MAX_SAMPLES, whole=True, zero=True),
    "corpus_hours": LimitSetting("SER_MAX_CORPUS_HOURS", 1_000),
    "file_bytes": LimitSetting("SER_MAX_FILE_MB", 512, MEGABYTE, whole=True),
    "expansion": LimitSetting("SER_MAX_EXPANSION", 100),
    "labels": LimitSetting("SER_MAX_LABELS", 100, whole=True),
    "speakers": LimitSetting("SER_MAX_SPEAKERS", 10_000, whole=True),
    "columns": LimitSetting("SER_MAX_COLUMNS", 1_000, whole=True),
    "features": LimitSetting("SER_MAX_FEATURES", 20_000, whole=True),
    # Each value takes about 12 bytes.
    "chunk_values": LimitSetting("SER_MAX_CHUNK_VALUES", 2**25, whole=True),
    "download_seconds": LimitSetting("SER_MAX_DOWNLOAD_SECONDS", 3_600),
    "download_rate": LimitSetting("SER_MIN_DOWNLOAD_RATE", 1_000),
}
"""The settings by the field of :class:`~ser.limits.Limits`, whose documentation says what each
limits."""


def corpus_limits(env: Mapping[str, str]) -> Limits:
    """Return the limits in ``env`` of a corpus that a request names."""
    return Limits(**{field: setting.read(env) for field, setting in CORPUS_LIMITS.items()})


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the operator, with all defaults."""

    model_save_path: str | None = None
    """Registry of models for requests without one: a folder or ``s3://bucket/prefix``."""
    allowed_paths: tuple[Path, ...] = ()
    """Roots of the local paths that a request may name; empty: the working directory."""
    allowed_buckets: tuple[str, ...] | None = None
    """Buckets that a request may name; ``None``: all that the credentials give access to."""
    allowed_hosts: frozenset[str] = frozenset()
    """Hosts exempt from the ban on private, loopback and link-local addresses."""
    corpus_limits: Limits = msgspec.field(default_factory=lambda: corpus_limits({}))
    """The limits of a corpus that a request names."""
    max_body_bytes: int = 600 * SOUND_BYTES_PER_SECOND + MEGABYTE
    """Default: enough for ``max_audio_seconds`` of uncompressed sound, and its other fields."""
    max_trainings: int = 2
    """Largest number of concurrent trainings; a further one is answered 503."""
    jobs_uri: str | None = None
    """Place of jobs: a folder or ``s3://bucket/prefix``; ``None``: no jobs."""
    train_defaults: Mapping[str, Any] = msgspec.field(default_factory=lambda: {"data_path": "data"})
    """Fields of POST /train for a corpus that arrives without a request; without a preset and a
    model type they have the default preset."""
    max_attempts: int = 5
    """Largest number of attempts of a job."""
    lease_seconds: float = 30.0
    """Time after which a job without signs of life is given to another worker."""
    wait_seconds: float = 20.0
    """Longest time for which an event waits for another worker to finish its job."""
    cloud_storage: str = "https://storage.googleapis.com"
    """URL of the server for ``gs://``, which is read by the protocol of S3."""
    dask_scheduler: str | None = None
    """Address of the scheduler of a Dask cluster for trainings: ``tcp://host:port`` or
    ``tls://host:port``; ``None``: trainings use this machine alone."""
    encoders: Path | None = None
    """Folder that is searched first for the weights of pretrained encoders; ``None``: none."""
    allowed_origins: frozenset[str] = frozenset()
    """Origins of web pages that may read answers in a browser; ``*``: any."""
    gateway: bool = False
    """Whether both functions share one address: their OpenAPI documents are then one."""
    api_keys: str | None = None
    """The keys of callers: lines of :mod:`ser.service.keys`, or files with such lines; ``None``:
    callers need none."""
    open: bool = False
    """Whether a server without keys answers other machines, too."""
    allowed_hostnames: frozenset[str] = frozenset()
    """Host names of requests that are answered beside those of loopback; empty: all names, except
    where only this machine is answered."""
    event_tokens: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """The OpenID Connect tokens that POST /events accepts; empty: none. See
    :class:`ser.service.tokens.TokenRule`."""
    max_sounds: int = 1000
    """Largest number of sounds in a field of a request."""
    max_answer_bytes: int = 16 * MEGABYTE
    max_pending_bytes: int = 0
    """Bytes of the requests that a worker receives, keeps waiting and answers, apart for those
    above and below 1 MB; at least ``max_body_bytes``."""
    max_queue_seconds: float = 4.0
    """Longest time for which a request waits for a thread before it is answered 503."""
    read_seconds: float = 10.0
    """Longest time for which a client may send the header of a request, and the time over which
    the rate of its body is measured."""
    min_body_rate: float = 1000.0
    """Smallest number of bytes of a body that a client sends per second."""
    max_train_seconds: float = 24 * 3600.0
    max_listeners: int = 64
    """Largest number of live time lines at a time."""
    max_listen_seconds: float = 3600.0
    """Longest duration of the sound of a live time line."""
    listen_idle_seconds: float = 30.0
    """Longest time for which a live time line waits for the next frame, and for its client to read
    a segment."""
    model_key: ModelKey | None = None
    """Key that signs the models of trainings, and must have signed those that are loaded; ``None``:
    models are not signed."""
    max_model_bytes: int = 100 * MEGABYTE
    """Largest size of ``model.onnx``; loading takes up to four times that in memory."""
    model_files: bool = True
    """Whether callers get ``model.onnx`` of a model, which the page needs to judge in browsers."""
    max_model_downloads: int = 8
    """Largest number of files of models that a worker sends at once; each different one is in
    memory until its clients have read it. A further one is answered 503."""
    max_run_bytes: int = 600 * RUN_BYTES_PER_SECOND
    """Largest memory for the calls of one model. Default: enough for ``max_audio_seconds``."""
    data_paths: tuple[Path, ...] = ()
    """Roots of the folders that keep corpora; relative ones are below each of ``allowed_paths``.
    Empty: these themselves, but only ``data`` in a source tree or the working directory."""
    model_paths: tuple[Path, ...] = ()
    """Roots of the folders of models, likewise; their default is ``model``."""
    keep_models: int | None = None
    """Number of the newest models that a sweep of a registry keeps; ``None``: all."""
    log_requests: bool = True
    """Whether each request is logged; checks of health, readiness and metrics never are."""
    inbox: str | None = None
    """Folder whose files start trainings, or ``s3://bucket/prefix``; ``None``: none."""

    @property
    def is_local(self) -> bool:
        """Whether only this machine is answered."""
        return Exposure(self.api_keys, self.open).is_local

    @property
    def model_rules(self) -> ModelRules:
        """The rules for the models of any registry."""
        return ModelRules(
            self.model_key,
            ModelLimits(
                Limit(self.max_model_bytes, "SER_MAX_MODEL_MB"),
                Limit(self.max_run_bytes, "SER_MAX_RUN_MB"),
            ),
        )

    @property
    def request_defaults(self) -> dict[str, str]:
        """Fields of a request that settings provide, for requests without them."""
        return {name: value for name in PROVIDED_FIELDS if (value := getattr(self, name))}

    @property
    def max_audio_seconds(self) -> float:
        """Longest duration of one sound, and of all sounds of a request, in seconds."""
        return self.corpus_limits.audio_seconds.value

    @property
    def workers(self) -> Workers:
        """The workers of trainings."""
        from ser.parallel import Workers

        shared = ("TF_ENABLE_ONEDNN_OPTS", "TF_CPP_MIN_LOG_LEVEL")
        return Workers(
            self.dask_scheduler, {name: os.environ[name] for name in shared if name in os.environ}
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Return the settings in ``environment`` (default: that of the process).

        Raises
        ------
        SettingsError
            A value is not allowed; the message names the setting.
        """
        env = os.environ if environment is None else environment
        buckets = env.get("SER_ALLOWED_BUCKETS")
        default, exposure = cls(), Exposure.from_environment(env)

        def megabytes(name: str, default_bytes: int) -> int:
            return int(positive(env, name, default_bytes / MEGABYTE) * MEGABYTE)

        limits = corpus_limits(env)
        seconds = limits.audio_seconds.value
        enough = math.ceil(seconds * SOUND_BYTES_PER_SECOND) + MEGABYTE
        body_bytes = megabytes("SER_MAX_BODY_MB", enough)
        return cls(
            model_save_path=env.get("SER_MODEL_SAVE_PATH") or None,
            allowed_paths=paths(env, "SER_ALLOWED_PATHS"),
            allowed_buckets=None if buckets is None else tuple(words(buckets)),
            allowed_hosts=frozenset(
                host.lower() for host in words(env.get("SER_ALLOWED_HOSTS", ""))
            ),
            corpus_limits=limits,
            max_body_bytes=body_bytes,
            max_trainings=math.ceil(positive(env, "SER_MAX_TRAININGS", default.max_trainings)),
            jobs_uri=env.get("SER_JOBS_URI") or None,
            train_defaults={**default.train_defaults, **json_object(env, "SER_TRAIN_DEFAULTS")},
            max_attempts=math.ceil(positive(env, "SER_MAX_ATTEMPTS", default.max_attempts)),
            lease_seconds=positive(env, "SER_LEASE_SECONDS", default.lease_seconds, least=5.0),
            wait_seconds=positive(env, "SER_WAIT_SECONDS", default.wait_seconds),
            cloud_storage=url(env.get("STORAGE_EMULATOR_HOST") or default.cloud_storage),
            dask_scheduler=dask_scheduler(env, "SER_DASK_SCHEDULER"),
            encoders=folder(env, "SER_ENCODERS"),
            allowed_origins=origins(env, "SER_ALLOWED_ORIGINS"),
            gateway=flag(env, "SER_GATEWAY"),
            api_keys=exposure.api_keys,
            open=exposure.open,
            allowed_hostnames=frozenset(
                host.lower() for host in words(env.get("SER_ALLOWED_HOSTNAMES", ""))
            ),
            event_tokens=json_object(env, "SER_EVENT_TOKENS"),
            max_sounds=math.ceil(positive(env, "SER_MAX_SOUNDS", default.max_sounds)),
            max_answer_bytes=megabytes("SER_MAX_ANSWER_MB", default.max_answer_bytes),
            max_pending_bytes=megabytes("SER_MAX_PENDING_MB", body_bytes),
            max_queue_seconds=positive(env, "SER_MAX_QUEUE_SECONDS", default.max_queue_seconds),
            read_seconds=positive(env, "SER_READ_SECONDS", default.read_seconds),
            min_body_rate=1000
            * positive(env, "SER_MIN_BODY_KB_PER_SECOND", default.min_body_rate / 1000),
            max_train_seconds=positive(env, "SER_MAX_TRAIN_SECONDS", default.max_train_seconds),
            max_listeners=math.ceil(positive(env, "SER_MAX_LISTENERS", default.max_listeners)),
            max_listen_seconds=positive(env, "SER_MAX_LISTEN_SECONDS", default.max_listen_seconds),
            listen_idle_seconds=positive(
                env, "SER_LISTEN_IDLE_SECONDS", default.listen_idle_seconds
            ),
            model_key=model_key(env, "SER_MODEL_KEY"),
            max_model_bytes=megabytes("SER_MAX_MODEL_MB", default.max_model_bytes),
            model_files=flag(env, "SER_MODEL_FILES", default="true"),
            max_model_downloads=math.ceil(
                positive(env, "SER_MAX_MODEL_DOWNLOADS", default.max_model_downloads)
            ),
            max_run_bytes=megabytes(
                "SER_MAX_RUN_MB",
                max(LEAST_RUN_BYTES, math.ceil(seconds * RUN_BYTES_PER_SECOND)),
            ),
            data_paths=paths(env, "SER_DATA_PATHS"),
            model_paths=paths(env, "SER_MODEL_PATHS"),
            keep_models=whole(env, "SER_KEEP_MODELS"),
            log_requests=flag(env, "SER_LOG_REQUESTS", default="true"),
            inbox=env.get("SER_INBOX") or None,
        )


def url(host: str) -> str:
    """Return ``host`` as a URL: Google's libraries take either in STORAGE_EMULATOR_HOST."""
    return host if "://" in host else f"http://{host}"


def paths(env: Mapping[str, str], name: str) -> tuple[Path, ...]:
    """Return the paths in the setting ``name``, which are separated as in ``PATH``."""
    return tuple(Path(each).expanduser() for each in env.get(name, "").split(os.pathsep) if each)


def words(value: str) -> list[str]:
    """Return the parts of ``value`` between commas, without empty ones."""
    return [word.strip() for word in value.split(",") if word.strip()]


def origins(env: Mapping[str, str], name: str) -> frozenset[str]:
    """Return the origins in the setting ``name``, or raise :class:`SettingsError`."""
    found = frozenset(word.lower() for word in words(env.get(name, "")))
    for origin in found - {ANY_ORIGIN}:
        if not ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"{name} has {origin!r}; allowed: origins such as https://app.example or "
                f"http://localhost:3000, without a path, between commas; or {ANY_ORIGIN} for any"
            )
    return found


def positive(
    env: Mapping[str, str], name: str, default: float, least: float = 0.0, zero: bool = False
) -> float:
    """Return the positive number in the setting ``name``, or 0 if ``zero``, or raise
    :class:`SettingsError`."""
    text = env.get(name) or str(default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value < math.inf or not (value or zero):
        allowed = f"a number of {least:g} or more" if least or zero else "a positive number"
        raise SettingsError(f"{name} is {text!r}; allowed: {allowed}")
    return value


def folder(env: Mapping[str, str], name: str) -> Path | None:
    """Return the folder in the setting ``name``, or raise :class:`SettingsError`."""
    text = env.get(name)
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_dir():
        raise SettingsError(f"{name} is {text!r}; allowed: a folder")
    return path


def model_key(env: Mapping[str, str], name: str) -> ModelKey | None:
    """Return the key in the setting ``name``, or raise :class:`SettingsError` without the value."""
    text = env.get(name)
    if not text:
        return None
    try:
        return ModelKey.of(text)
    except InvalidInput as error:
        raise SettingsError(f"{name}: {error.detail}") from error


def whole(env: Mapping[str, str], name: str) -> int | None:
    """Return the whole number in the setting ``name``, if it has a value, or raise
    :class:`SettingsError`."""
    text = env.get(name)
    if not text:
        return None
    if not text.isdecimal() or len(text) > 9:
        raise SettingsError(f"{name} is {text!r}; allowed: a whole number of 0 or more")
    return int(text)


def json_object(env: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return the JSON object in the setting ``name``, or raise :class:`SettingsError`."""
    text = env.get(name) or "{}"
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise SettingsError(f"{name} is {text!r}; allowed: a JSON object")
    return value


def dask_scheduler(env: Mapping[str, str], name: str) -> str | None:
    """Return the address in the setting ``name``, or raise :class:`SettingsError`."""
    text = env.get(name)
    if not text:
        return None
    from ser.parallel import scheduler_address

    try:
        return scheduler_address(text)
    except InvalidInput as error:
        raise SettingsError(
            f"{name} is {text!r}; allowed: tcp://host:port or tls://host:port"
        ) from error
