"""The client of a server."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from ser._domain_profile import DomainProfile
from ser._prediction import Prediction
from ser._progress import Progress, ignore_progress
from ser._segments import STEP, WINDOW
from ser._speaker_profile import SpeakerProfile
from ser._threads import map_in_order
from ser.client._answers import prediction_of
from ser.client._jobs import Jobs, SourceLike
from ser.client._models import Models
from ser.client._timeline import RemoteTimeline
from ser.client._transport import Transport
from ser.errors import Conflict, InvalidInput, NotFound, SerError
from ser.model import Known, Timeline
from ser.sounds import SAMPLING_RATE, SoundLike, is_one_sound, read_sound

TIMEOUT_SECONDS = 120.0
CONNECTIONS = 4
"""Requests at once of :meth:`Client.predict_many`."""
NAMELESS = "sound.wav"


class Client:
    """A client of both functions. Several threads may use it at once.

    Methods raise the errors of the library with the text of the server's problem, among them
    ``InvalidInput`` (also for a key that is refused), ``NotFound``, ``Conflict``, ``Busy`` and
    ``RemoteFailed``. A request that the server refuses as busy is repeated when the server says,
    if a repetition can do no harm.

    Parameters
    ----------
    url
        Address of the server, such as ``http://localhost:5000``.
    api_key
        Key of the caller, for a server that wants one. It is sent to this address alone.
    registry
        Registry that the server reads and writes; ``None``: that of the server's settings.
    timeout
        Seconds without a byte from the server after which a request fails. A training may take any
        time.

    Raises
    ------
    InvalidInput
        ``url`` is not an address of a server.
    ImportError
        httpx is not installed: ``pip install 'ser[client]'``.

    Examples
    --------
    >>> client = ser.Client("http://localhost:5000", registry="model")
    >>> client
    Client('http://localhost:5000')
    >>> client.predict("speech.wav").emotion  # doctest: +SKIP
    'anger'
    >>> [str(model) for model in client.models.list()]  # doctest: +SKIP
    ['20261122T152630Z-f05f17da  emodb  light DiscriminantClassifier  UAR 0.924  latest']
    >>> client.train("s3://corpora/emodb.zip", preset="light", progress=print)  # doctest: +SKIP
    """

    jobs: Jobs
    """The trainings of the server: ``submit``, ``list``, ``get``, ``follow``, ``delete``."""
    models: Models
    """The models of the server: ``list``, ``show``, ``aliases``, ``promote``, ``rollback``,
    ``delete``."""

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        registry: str | os.PathLike[str] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._transport = Transport(url, api_key, timeout)
        self._registry = None if registry is None else os.fspath(registry)
        self.jobs = Jobs(self._transport, self._registry)
        self.models = Models(self._transport, self._registry)

    def predict(
        self,
        sound: SoundLike,
        sampling_rate: float | None = None,
        *,
        model: str | None = None,
        known: Known | None = None,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
        abstain_below: float | None = None,
    ) -> Prediction:
        """Return the server's prediction for ``sound``, as :meth:`ser.Model.predict` returns it.

        Parameters
        ----------
        sound, sampling_rate, known, profile, domain, abstain_below
            As in :meth:`ser.Model.predict`. A file is sent as it is, an array as a signal of
            16 kHz.
        model
            An id, an alias, or ``ready``; ``None``: the model that the server chooses,
            ``production`` before ``latest``.

        Raises
        ------
        SerError
            As the local model, and those of the server.
        """
        form = self._form(model, known, profile, domain, abstain_below)
        files = [("audio", upload(sound, sampling_rate))]
        answer = self._transport.ask("POST", "/predict", form=form, files=files)
        found = prediction_of(answer, self.models.labels(answer["model_id"]))
        if isinstance(found, SerError):
            raise found
        return found

    def timeline(
        self,
        sound: SoundLike,
        sampling_rate: float | None = None,
        *,
        window: float = WINDOW,
        step: float = STEP,
        model: str | None = None,
        known: Known | None = None,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
        abstain_below: float | None = None,
    ) -> Timeline:
        """Return the server's time line of ``sound``, as :meth:`ser.Model.timeline` returns it.

        Iterating sends the sound, and yields each segment when it arrives.

        Parameters
        ----------
        sound, sampling_rate, model, known, profile, domain, abstain_below
            As in :meth:`predict`.
        window, step
            As in :meth:`ser.Model.timeline`.

        Raises
        ------
        SerError
            As :meth:`predict`; errors about the sound are raised by the first iteration.
        """
        model_id = self.models.resolve(model)
        form = self._form(model_id, known, profile, domain, abstain_below)
        form["timeline"] = f"{window:g},{step:g}"
        file = ("audio", upload(sound, sampling_rate))
        return RemoteTimeline(self._transport, self.models.labels(model_id), form, file)

    def predict_many(
        self, sounds: Iterable[SoundLike], jobs: int | None = None, **options: Any
    ) -> Iterator[Prediction | SerError]:
        """Return an iterator over the predictions for ``sounds``, in their order.

        Parameters
        ----------
        sounds
            Sounds, each as in :meth:`predict`; they are sent only a few ahead of the prediction
            that was taken last.
        jobs
            Number of requests at once; ``None``: four.
        options
            Further arguments of :meth:`predict`, the same for all sounds.

        Returns
        -------
        iterator of Prediction or SerError
            The prediction for each sound, or the error that :meth:`predict` would raise for it.
        """
        if is_one_sound(sounds):
            raise InvalidInput("one sound; allowed: several sounds, such as a list")

        def predict_one(sound: SoundLike) -> Prediction | SerError:
            try:
                return self.predict(sound, **options)
            except SerError as error:
                return error

        return map_in_order(predict_one, sounds, jobs or CONNECTIONS)

    def train(
        self,
        source: SourceLike | Sequence[SourceLike],
        *,
        progress: Progress | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Train a model on the server, wait for its end, and return the answer of POST /train.

        Parameters
        ----------
        source
            The corpus, in a place that the server can read.
        progress
            Called with the name of the current step and its completed share, 0..1. For an iterator
            over the states use ``jobs.submit`` and ``jobs.follow``.
        fields
            Further fields of POST /train, such as ``preset`` and ``data_path``.

        Raises
        ------
        Conflict
            The job was cancelled.
        SerError
            The error of the training, or one of the server.
        """
        report = progress or ignore_progress
        job = self.jobs.submit(source, **fields)
        if not job.ended:
            for state in self.jobs.follow(job.job_id):
                report(state.stage, state.progress)
                job = state
        if job.result is not None:
            return job.result
        raise job.error or Conflict(f"job {job.job_id} was {job.status}")

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def _form(
        self,
        model: str | None,
        known: Known | None,
        profile: SpeakerProfile | None,
        domain: DomainProfile | None,
        abstain_below: float | None,
    ) -> dict[str, str]:
        """Return the fields of POST /predict beside its sounds."""
        profiles = {
            name: msgspec.json.encode(each).decode()
            for name, each in (("speaker_profile", profile), ("domain_profile", domain))
            if each
        }
        fields: Mapping[str, Any] = {
            **(known or {}),
            "model_id": model,
            "model_save_path": self._registry,
            "abstain_below": abstain_below,
            **profiles,
        }
        return {name: str(value) for name, value in fields.items() if value is not None}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._transport.url!r})"


def upload(sound: SoundLike, sampling_rate: float | None) -> tuple[str, bytes]:
    """Return the name and the bytes of a file with ``sound``."""
    if isinstance(sound, bytes | bytearray | memoryview):
        return NAMELESS, bytes(sound)
    if isinstance(sound, str | os.PathLike):
        path = Path(sound)
        try:
            return path.name, path.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"There is no sound file {str(path)!r}.") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InvalidInput(f"{str(path)!r} cannot be read: {reason}") from error
    import soundfile

    file = io.BytesIO()
    signal = read_sound(sound, sampling_rate)
    soundfile.write(file, signal, SAMPLING_RATE, format="WAV", subtype="FLOAT")
    return NAMELESS, file.getvalue()
