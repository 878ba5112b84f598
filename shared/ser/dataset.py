"""A corpus on its way from an archive somewhere to features and classes in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser import audio
from ser.corpora import CorpusChoice, Label, Rejection, Table, Utterance, recognise
from ser.corpora.folder import CorpusFolder, Source
from ser.errors import InvalidInput, TooLarge, within
from ser.frontends import DEFAULT_METHODS, FrontEnds
from ser.metadata import FIELDS, MetadataEncoding
from ser.progress import Progress, quiet, step
from ser.settings import Settings

if TYPE_CHECKING:
    import onnx

SplitAt = Literal["min", "max", "avg"] | int | None

FULL_SCALE = 10 ** (-0.1 / 20)
"""The level that normalising raises the highest peak to: full scale less 0.1 dB."""


class Loaded(NamedTuple):
    """The sounds of a corpus, ready to be cut into chunks."""

    utterances: tuple[Utterance, ...]
    signals: tuple[audio.Signal, ...]
    labels: tuple[Label, ...]
    """The emotions that occur, in the order of their classes."""
    chunk_samples: int | None
    """Length of a chunk; ``None``: utterances stay whole."""
    gain: float
    rejected: tuple[Rejection, ...]


class Extracted(NamedTuple):
    """The features of a corpus, and the graph that made them."""

    front_end: onnx.ModelProto
    encoding: MetadataEncoding
    features: tuple[NDArray[np.float32], ...]
    """For each utterance an array of shape (chunks, features)."""


class Rows(NamedTuple):
    """Training data: one row for each chunk."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    y: NDArray[np.int64]
    """Classes, shape (rows,): indices into the labels of :class:`Loaded`."""
    names: NDArray[np.str_]
    """The utterance each row was cut from, shape (rows,)."""


class Dataset:
    """A corpus kept in ``data_path``: ``pristine/`` holds the archive, ``working/`` its content.

    Its life is :meth:`download`, :meth:`extract`, :meth:`prepare`, :meth:`load`,
    :meth:`feature_extract`, :meth:`get_features`, and :meth:`clean`. Each takes the steps before
    it that have not been taken yet, and makes those after it be taken again, as they were asked
    for last. A download for the same ``remote_url`` is not done again unless ``force`` is given.

    Parameters
    ----------
    data_path
        Local folder; created if need be.
    remote_url
        Zip archive of the corpus: ``http(s)://``, ``s3://bucket/key``, a path, or ``file://``.
    corpus
        The field ``corpus``: what tells emotion and speaker of a file.

        - ``"auto"``: its name, by the grammar of whichever known corpus most files fit.
        - a name (``emodb``, ``ravdess``, ``crema-d``, ``savee``, ``tess``, ``emovo``): the
          grammar of that corpus.
        - ``{"label": "folder"}``: the folder that holds it is its label. ``speaker_pattern``, a
          regular expression searched in its path, finds the speaker as the first group.
        - ``{"table": "labels.csv"}``: a CSV file in the archive with the columns ``file``,
          ``emotion``, ``speaker``, and ``gender`` and ``text`` if they are known.
    settings
        Limits, and where ``remote_url`` may reach. Default: those of the environment.
    progress
        Told the step under way and the share of it that is done.

    Examples
    --------
    >>> dataset = ser.Dataset("data", "corpora/emodb.zip")
    >>> dataset.load(split_at=1500)
    >>> dataset.feature_extract({"MFCC": {"num_cepstral": 20}})
    >>> X, y, names = dataset.get_features()
    """

    def __init__(
        self,
        data_path: str | Path,
        remote_url: str,
        *,
        corpus: CorpusChoice | str | Mapping[str, str] = "auto",
        settings: Settings | None = None,
        progress: Progress = quiet,
    ) -> None:
        self.remote_url = remote_url
        with within("corpus"):
            self._choice = (
                corpus if isinstance(corpus, CorpusChoice) else CorpusChoice.parse(corpus)
            )
        self._settings = settings or Settings.from_environment()
        self._folder = CorpusFolder(Path(data_path), self._settings)
        self._progress = progress
        # The steps as they were asked for last, for when one before them is taken anew.
        self._load_again: Callable[[], Loaded] = self.load
        self._extract_again: Callable[[], Extracted] = self.feature_extract
        self._forget()

    def _forget(self) -> None:
        self._source: Source | None = None
        self._table: Table | None = None
        self._loaded: Loaded | None = None
        self._extracted: Extracted | None = None

    def exclusively(self) -> AbstractContextManager[None]:
        """Keep other processes from changing ``data_path`` meanwhile; :class:`ser.errors.Busy` if
        one is at it."""
        return self._folder.exclusively()

    def download(self, *, force: bool = False) -> Source:
        """Have the archive in ``pristine/``.

        A download cut short is resumed where the server can, and begun anew where it cannot. What
        was there stays until the content of the new archive has been looked at.

        Raises
        ------
        Conflict
            ``data_path`` holds the archive of another URL and ``force`` is false, or files that
            are not those of a corpus.
        InvalidInput, TooLarge, RemoteFailed, StorageFull
            ``remote_url`` is not allowed, is no zip archive, exceeds the limit, does not answer
            as it should, or finds no room.
        """
        if force or self._source is None:
            self._forget()
            report = step(self._progress, "download")
            self._source = self._folder.download(self.remote_url, force=force, report=report)
        return self._source

    def extract(self, *, force: bool = False) -> None:
        """Have the content of the archive in ``working/``, all of it or nothing.

        Raises
        ------
        InvalidInput, TooLarge, StorageFull
            The archive is broken, holds what must not be written or no utterance of a known
            corpus, exceeds the limit, or finds no room. Then it is forgotten.
        """
        self.prepare(force=force)

    def prepare(self, *, force: bool = False) -> Table:
        """Return which sounds are utterances, and of whom, by the corpus that was chosen.

        A sound that does not fit is listed with the reason in the table's ``rejected``, and not
        used.

        Raises
        ------
        InvalidInput
            There are no sounds, none fits, or the table of the corpus is not there.
        """
        if force or self._table is None:
            self.download(force=force)
            report = step(self._progress, "extract")
            with within("remote_url"):
                self._table = self._folder.extract(
                    lambda folder, sounds: recognise(sounds, self._choice.corpora(folder, sounds)),
                    report=report,
                )
        return self._table

    def load(
        self, *, split_at: SplitAt = "min", normalize: bool = True, force: bool = False
    ) -> Loaded:
        """Return the utterances as signals, and how they are to be cut and amplified.

        Signals are mono at 16 kHz, whatever the files are. A file that cannot be decoded, or that
        holds silence alone, is listed with the reason in ``rejected``, and not used.

        Parameters
        ----------
        split_at
            The field ``dataset_load_split_at``. Utterances differ in duration, but a classifier
            takes features of one size; so utterances are cut into chunks of one length, and the
            last chunk of each is padded with silence. The length is

            - ``"min"``: the duration of the shortest utterance. Nearly no padding, many chunks;
              each chunk hears little of the melody.
            - ``"max"``: the duration of the longest. Each utterance is one chunk, most of them
              much padded.
            - ``"avg"``: the mean duration.
            - a number of milliseconds, 100 at the least and the longest utterance at the most.
            - ``None`` (``null``): utterances stay whole. Allowed if every feature extraction
              method gives the same number of features for any duration.

            The model cuts what it is asked about in the same way, and the probabilities of an
            utterance are the mean of those of its chunks.
        normalize
            The field ``dataset_load_normalize``. If true, one gain for the whole corpus brings
            its highest peak to full scale less 0.1 dB; loud stays loud beside soft. The gain is
            kept with the model and applied to what it is asked about.
        force
            Redo this step and all before it, the download included.

        Raises
        ------
        InvalidInput
            ``split_at`` is longer than the longest utterance, or no utterance is left.
        """
        if force or self._loaded is None:
            self._loaded = self._decode(self.prepare(force=force))
        self._loaded = self._loaded._replace(
            chunk_samples=chunk_samples(split_at, self._loaded.signals),
            gain=FULL_SCALE / peak(self._loaded.signals) if normalize else 1.0,
        )
        self._load_again = partial(self.load, split_at=split_at, normalize=normalize)
        self._extracted = None
        return self._loaded

    def _decode(self, table: Table) -> Loaded:
        report = step(self._progress, "load")
        utterances, signals, rejected = [], [], list(table.rejected)
        for done, utterance in enumerate(table.utterances, start=1):
            try:
                signal = audio.decode(
                    self.read(utterance), max_seconds=self._settings.max_audio_seconds
                )
                utterances.append(utterance)
                signals.append(signal)
            except (InvalidInput, TooLarge) as error:
                rejected.append(Rejection(str(utterance.file), error.detail))
            report(done / len(table.utterances))
        if not utterances:
            with within("remote_url"):
                raise InvalidInput(
                    f"no utterance can be decoded; {rejected[-1].file}: {rejected[-1].reason}"
                )
        codes = {utterance.code for utterance in utterances}
        return Loaded(
            utterances=tuple(utterances),
            signals=tuple(signals),
            labels=tuple(label for label in table.corpus.labels if label.code in codes),
            chunk_samples=None,
            gain=1.0,
            rejected=tuple(rejected),
        )

    def read(self, utterance: Utterance) -> bytes:
        """Return the file of ``utterance`` as it is in the archive."""
        return self._folder.read(utterance.file)

    def feature_extract(
        self,
        methods: FrontEnds | Mapping[str, Mapping[str, Any]] = DEFAULT_METHODS,
        *,
        force: bool = False,
    ) -> Extracted:
        """Return the features of every utterance, and the graph that makes them.

        Parameters
        ----------
        methods
            The field ``dataset_feature_extract_methods``: an object METHOD_NAME -> CONFIG. The
            features of the methods are concatenated in the order given; an empty CONFIG takes the
            defaults. The methods are

            - ``MFCC``: mel-frequency cepstral coefficients of the frames of a chunk.
              ``num_cepstral`` (13) coefficients of each frame; ``frame_length`` (0.020) and
              ``frame_stride`` (0.01), the length of a frame and the distance between frames in
              seconds; ``num_filters`` (40) mel bands; ``fft_length`` (512), the length of the
              Fourier transform in samples, at least a frame; ``low_frequency`` (0) and
              ``high_frequency`` (null: half the sampling rate), the edges of the bands in Hz;
              ``dc_elimination`` (true): the first coefficient becomes the logarithm of the
              frame's energy. See :class:`ser.frontends.MFCC`.
            - ``Functionals``: what the voice is like as a whole: statistics of pitch, spectrum,
              energy and voice quality over the active and over the voiced frames, their
              modulation and rhythm. As many features for any duration, so it suits ``split_at``
              ``None``; none depends on the level. ``num_cepstral`` (8) MFCCs are among them, of
              ``num_filters`` (40) mel bands; a frame is active if it is at most
              ``active_range`` (35) dB below the loudest one, and voiced if its autocorrelation
              exceeds ``voicing_threshold`` (0.5). See :class:`ser.frontends.Functionals`.
            - ``SpeakerAndGenderAndTextType``: who speaks what, as one-hot columns, the same for
              every chunk. ``speaker`` (true), ``gender`` (true) and ``text`` (true) choose them.
              A model trained on it takes ``speaker``, ``gender`` and ``text`` with an uploaded
              sound; what is not known is zeros. See
              :class:`ser.frontends.SpeakerAndGenderAndTextType`.
        force
            Redo this step and all before it, the download included.

        Raises
        ------
        InvalidInput
            An unknown method or CONFIG key, a value that does not fit, utterances that stay
            whole (``split_at`` null) with a method whose features grow with the duration, or
            only methods about what is not known of any utterance.
        """
        import onnxruntime

        from ser import graph

        front_ends = methods if isinstance(methods, FrontEnds) else FrontEnds.parse(methods)
        if force:
            self.prepare(force=True)
        loaded = self._loaded or self._load_again()
        if loaded.chunk_samples is None:
            refuse_growing_features(front_ends)
        known = [metadata_of(utterance) for utterance in loaded.utterances]
        encoding = MetadataEncoding.of(front_ends.metadata_fields, known)
        model = graph.front_end_model(
            with_columns(front_ends, encoding),
            chunk_samples=loaded.chunk_samples,
            gain=loaded.gain,
            encoding=encoding,
        )
        session = onnxruntime.InferenceSession(model.SerializeToString())
        report = step(self._progress, "features")
        features = []
        for done, (signal, values) in enumerate(zip(loaded.signals, known, strict=True), start=1):
            inputs = {"waveform": signal}
            if encoding.size:
                inputs["metadata"] = encoding.encode(values)
            features.append(session.run(["features"], inputs)[0])
            report(done / len(known))
        self._extracted = Extracted(model, encoding, tuple(features))
        self._extract_again = partial(self.feature_extract, front_ends)
        return self._extracted

    def get_features(self, names: Iterable[str] | None = None) -> Rows:
        """Return the features of the utterances called ``names`` (default: all), row by row."""
        extracted = self._extracted or self._extract_again()
        loaded = self._loaded or self._load_again()
        wanted = None if names is None else set(names)
        classes = {label.code: index for index, label in enumerate(loaded.labels)}
        chosen = [
            (utterance, chunks)
            for utterance, chunks in zip(loaded.utterances, extracted.features, strict=True)
            if wanted is None or utterance.name in wanted
        ]
        counts = [len(chunks) for _, chunks in chosen]
        return Rows(
            X=np.concatenate([chunks for _, chunks in chosen]),
            y=np.repeat([classes[utterance.code] for utterance, _ in chosen], counts),
            names=np.repeat([utterance.name for utterance, _ in chosen], counts),
        )

    def clean(self, *, archive: bool = False) -> None:
        """Forget the steps taken and remove ``working/``; with ``archive`` also ``pristine/``."""
        self._forget()
        self._folder.clean(archive=archive)


def peak(signals: Iterable[audio.Signal]) -> float:
    """Return the highest absolute value of all ``signals``."""
    return max(float(np.abs(signal).max()) for signal in signals)


def chunk_samples(split_at: SplitAt, signals: Iterable[audio.Signal]) -> int | None:
    """Return the length of a chunk in samples that ``split_at`` means for ``signals``."""
    if split_at is None:
        return None
    lengths = [len(signal) for signal in signals]
    if not isinstance(split_at, int):
        mean = sum(lengths) / len(lengths)
        return {"min": min(lengths), "max": max(lengths), "avg": round(mean)}[split_at]
    longest = 1000 * max(lengths) // audio.SAMPLING_RATE
    if split_at > longest:
        with within("dataset_load_split_at"):
            raise InvalidInput(
                f"{split_at} ms; allowed: at most {longest} ms, the longest utterance"
            )
    return split_at * audio.SAMPLING_RATE // 1000


def refuse_growing_features(front_ends: FrontEnds) -> None:
    """Raise :class:`InvalidInput` if the features of any of them grow with the duration."""
    growing = [name for name, front_end in front_ends.items() if not front_end.fixed_size]
    if growing:
        with within("dataset_load_split_at"):
            raise InvalidInput(
                f"null leaves utterances whole, but the features of {', '.join(growing)} grow "
                "with the duration; allowed: 'min', 'max', 'avg' or milliseconds"
            )


def with_columns(front_ends: FrontEnds, encoding: MetadataEncoding) -> FrontEnds:
    """Return ``front_ends`` without those that ``encoding`` leaves no columns.

    Raises
    ------
    InvalidInput
        None is left.
    """
    if encoding.size:
        return front_ends
    left = {name: each for name, each in front_ends.items() if not each.metadata_fields}
    if not left:
        with within("dataset_feature_extract_methods"):
            raise InvalidInput(
                f"of no utterance {', '.join(encoding.values)} is known, so "
                f"{', '.join(front_ends)} has no features; allowed: a method that hears the sound"
            )
    return FrontEnds(left)


def metadata_of(utterance: Utterance) -> dict[str, str]:
    """Return what ``utterance`` gives for each of :data:`ser.metadata.FIELDS`."""
    return {field: getattr(utterance, field) for field in FIELDS}
