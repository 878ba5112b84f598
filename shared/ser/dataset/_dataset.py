"""A corpus on its way from an archive somewhere to features and classes in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from ser._progress import Progress, quiet, step
from ser.corpora import CorpusChoice, CorpusFolder, Source, Table, Utterance, recognise
from ser.corpora.fetching import ANY, FULL_ACCESS, Access, Version
from ser.dataset._cache import FeatureCache
from ser.dataset._extraction import Extracted, extract
from ser.dataset._loading import Loaded, SplitAt, cut_and_amplified, decode
from ser.dataset._rows import Rows, TrainingRows, training_rows
from ser.errors import within
from ser.frontends import DEFAULT_METHODS, Augmentations, FrontEnds
from ser.limits import NO_LIMITS, Limits
from ser.parallel import THIS_MACHINE, Workers


class Dataset:
    """A corpus kept in ``data_path``: ``pristine/`` holds the archive, ``working/`` its content,
    ``features/`` what was extracted of it.

    Its life is :meth:`download`, :meth:`extract`, :meth:`prepare`, :meth:`load`,
    :meth:`feature_extract`, :meth:`get_features`, and :meth:`clean`. Each takes the steps before
    it that have not been taken yet, and makes those after it be taken again, as they were asked
    for last. A download for the same ``remote_url`` is not done again unless ``force`` is given.

    Parameters
    ----------
    data_path
        Local folder; created if need be.
    remote_url
        Zip archive of the corpus: ``http(s)://``, ``s3://bucket/key``, ``gs://bucket/key``, a path,
        or ``file://``.
    corpus
        The field ``corpus``: what tells emotion and speaker of a file.

        - ``"auto"``: its name, by the grammar of whichever known corpus most files fit.
        - a name (``emodb``, ``ravdess``, ``crema-d``, ``savee``, ``tess``, ``emovo``): the
          grammar of that corpus.
        - ``{"label": "folder"}``: the folder that holds it is its label. ``speaker_pattern``, a
          regular expression searched in its path, finds the speaker as the first group.
        - ``{"table": "labels.csv"}``: a CSV file in the archive with the columns ``file``,
          ``emotion``, ``speaker``, and ``gender`` and ``text`` if they are known.
    access
        Decides where ``remote_url`` may reach. Default: wherever this user may.
    limits
        Sizes and durations. Default: none.
    workers
        Who extracts features. Default: all cores of this machine.
    progress
        Told the step under way and the share of it that is done.
    version
        Which version of an object in a bucket, or of a local file, is meant.

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
        access: Access = FULL_ACCESS,
        limits: Limits = NO_LIMITS,
        workers: Workers = THIS_MACHINE,
        progress: Progress = quiet,
        version: Version = ANY,
    ) -> None:
        self.remote_url = remote_url
        self._version = version
        with within("corpus"):
            self._choice = (
                corpus if isinstance(corpus, CorpusChoice) else CorpusChoice.parse(corpus)
            )
        self._limits = limits
        self._workers = workers
        self._folder = CorpusFolder(Path(data_path), access=access, limits=limits)
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
            are not those of a corpus; or another version is at ``remote_url``.
        InvalidInput, TooLarge, RemoteFailed, StorageFull
            ``remote_url`` is not allowed, is no zip archive, exceeds the limit, does not answer
            as it should, or finds no room.
        """
        if force or self._source is None:
            self._forget()
            if force:
                self._folder.forget_features()
            report = step(self._progress, "download")
            self._source = self._folder.download(
                self.remote_url, version=self._version, force=force, report=report
            )
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
            - ``None`` (``null``): utterances stay whole; what lasts longer than half a minute is
              heard in equal parts. Allowed if every feature extraction method gives the same
              number of features for any duration.

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
            self._loaded = decode(
                self.prepare(force=force),
                self.read,
                limit=self._limits.audio_seconds,
                report=step(self._progress, "load"),
            )
        self._loaded = cut_and_amplified(self._loaded, split_at, normalize)
        self._load_again = partial(self.load, split_at=split_at, normalize=normalize)
        self._extracted = None
        return self._loaded

    def read(self, utterance: Utterance) -> bytes:
        """Return the file of ``utterance`` as it is in the archive."""
        return self._folder.read(utterance.file)

    def feature_extract(
        self,
        methods: FrontEnds | Mapping[str, Mapping[str, Any]] = DEFAULT_METHODS,
        *,
        augmentation: Augmentations | Mapping[str, Mapping[str, Any]] | None = None,
        random_state: int = 42,
        force: bool = False,
    ) -> Extracted:
        """Return the features of every utterance, and the graph that makes them.

        What was extracted before of the same sounds with the same settings is read from
        ``features/``.

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
        augmentation
            The field ``dataset_augmentation``: an object METHOD_NAME -> CONFIG. Of each utterance
            that is trained on, the methods make altered copies, which are trained on too, so that
            the model meets more voices and worse recordings than the corpus holds. Default: none.
            The methods are those of :mod:`ser.frontends._augmentation`.
        random_state
            Decides what is random in the copies.
        force
            Redo this step and all before it, the download included.

        Raises
        ------
        InvalidInput
            An unknown method or CONFIG key, a value that does not fit, utterances that stay
            whole (``split_at`` null) with a method whose features grow with the duration, or
            only methods about what is not known of any utterance.
        """
        front_ends = methods if isinstance(methods, FrontEnds) else FrontEnds.parse(methods)
        if not isinstance(augmentation, Augmentations):
            augmentation = Augmentations.parse(augmentation or {})
        if force:
            self.prepare(force=True)
        self._extracted = extract(
            self._loaded or self._load_again(),
            front_ends,
            augmentation,
            random_state=random_state,
            cache=FeatureCache(self._folder.features),
            workers=self._workers,
            report=step(self._progress, "features"),
        )
        self._extract_again = partial(
            self.feature_extract, front_ends, augmentation=augmentation, random_state=random_state
        )
        return self._extracted

    def get_features(self, names: Iterable[str] | None = None) -> Rows:
        """Return the features of the utterances called ``names`` (default: all), row by row."""
        rows = self.get_training_rows(names)
        recorded = rows.origins.variants == 0
        return Rows(rows.X[recorded], rows.y[recorded], rows.origins.names[recorded])

    def get_training_rows(self, names: Iterable[str] | None = None) -> TrainingRows:
        """Return the rows of the utterances called ``names`` (default: all) and of their copies."""
        extracted = self._extracted or self._extract_again()
        loaded = self._loaded or self._load_again()
        return training_rows(loaded, extracted, None if names is None else set(names))

    def clean(self, *, archive: bool = False) -> None:
        """Forget the steps taken and remove ``working/`` and ``features/``; with ``archive`` also
        ``pristine/``."""
        self._forget()
        self._folder.clean(archive=archive)
