"""A corpus, step by step: from its files to features and classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ser._progress import Progress, ignore_progress, step
from ser.corpora import (
    CorpusChoice,
    Inventory,
    LabelRule,
    Provenance,
    SourcesLike,
    Utterance,
    open_sources,
)
from ser.dataset._extraction import ExtractedCorpus, extract
from ser.dataset._loading import (
    LoadedCorpus,
    SplitAt,
    cut_and_amplify,
    decode_utterances,
    parse_choice,
    parse_rule,
)
from ser.dataset._rows import FeatureRows, TrainingRows, training_rows
from ser.fetching import ANY, FULL_ACCESS, Access, Version
from ser.frontends import DEFAULT_METHODS, Augmentations, FrontEnds
from ser.limits import NO_LIMITS, Limits
from ser.parallel import THIS_MACHINE, Workers


class Dataset:
    """A corpus that is loaded and turned into features step by step.

    The steps are :meth:`download`, :meth:`extract`, :meth:`prepare`, :meth:`load`,
    :meth:`feature_extract`, and :meth:`get_features` or :meth:`get_training_rows`; :meth:`clean`
    removes the files that they have written. Three rules apply:

    - Each step first runs the earlier steps that have not been run, with their defaults.
    - Repeating a step discards the results of all later steps. These then run with their defaults,
      not with former arguments: :meth:`get_features` after another :meth:`load` returns the default
      features, unless :meth:`feature_extract` is called in between.
    - :meth:`download`, :meth:`extract` and :meth:`prepare` do nothing if they have been run, unless
      ``force`` is true. Files that ``data_path`` already contains are not fetched again.

    All results are immutable. The functions :func:`ser.dataset.load_corpus`,
    :func:`ser.dataset.extract` and :func:`ser.dataset.training_rows` return the same results
    without a :class:`Dataset`.

    Parameters
    ----------
    data_path
        A folder, which is created if necessary. ``pristine/`` contains the archive, ``working/``
        its content, and ``features/`` the extracted features.
    source
        A zip or tar archive (``http(s)://``, ``s3://bucket/key``, ``gs://bucket/key``, a path, or
        ``file://``); the files below ``s3://bucket/prefix/`` or ``gs://bucket/prefix/``; or a
        folder, or a CSV table beside its sounds, both read in place. A list of these, or of
        :class:`ser.Source`, is read as one corpus.
    corpus
        The field ``corpus``: the source of the emotion and the speaker of each file.

        - ``"auto"``: the file name, read by the grammar of the known corpus that most files fit;
          without any, a table with the labels, or else folders with names of emotions.
        - a name of :data:`ser.corpora.CORPORA`, such as ``emodb``: the file name, read by the
          grammar of that corpus.
        - ``{"label": "folder"}``: the name of the folder is the label, or the first group of
          ``label_pattern``. The speaker is the first group of ``speaker_pattern``. Both are regular
          expressions of RE2 that are searched in the path.
        - ``{"table": "labels.csv"}``: a CSV file in the corpus with the columns ``file``,
          ``emotion`` and ``speaker``, and optionally ``gender``, ``text`` and ``take`` (versions of
          one recording share a take, and are never separated), or with other usual names of these
          columns. This is the default if ``source`` is a table.
    labels
        The field ``labels``: a mapping from labels of the corpus to new labels, ``None`` to leave
        one out; or a list of the labels to keep; or ``"common"``: only the emotions that all
        corpora share. Default: all labels.
    access
        Rules for the places that ``source`` may name. Default: every place this user may read.
    limits
        Maximum sizes and durations. Default: no limits.
    workers
        Workers that decode the sounds and extract the features. Default: all cores of this machine.
    progress
        Called with the name of the current step and its completed share, 0..1.
    version
        Required version of an object in a bucket, or of a local archive. Default: any.

    Raises
    ------
    InvalidInput
        ``corpus`` is not one of the above, or ``access`` refuses ``source``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from ser.corpora.synthesis import synthesise
    >>> synthesise(Path("corpus.zip"))
    >>> dataset = ser.Dataset("data", "corpus.zip")
    >>> dataset.load(split_at=1500).name
    'synthetic emodb'
    >>> extracted = dataset.feature_extract({"MFCC": {"num_cepstral": 20}})
    >>> X, y, names = dataset.get_features()
    """

    def __init__(
        self,
        data_path: str | Path,
        source: SourcesLike,
        *,
        corpus: CorpusChoice | str | Mapping[str, str] = "auto",
        labels: LabelRule | None = None,
        access: Access = FULL_ACCESS,
        limits: Limits = NO_LIMITS,
        workers: Workers = THIS_MACHINE,
        progress: Progress = ignore_progress,
        version: Version = ANY,
    ) -> None:
        self._choice, self._labels = parse_choice(corpus), parse_rule(labels)
        self._limits = limits
        self._workers = workers
        self._progress = progress
        self._sources = open_sources(
            source, Path(data_path), access=access, limits=limits, version=version
        )
        self._discard_results()

    def _discard_results(self) -> None:
        self._provenance: tuple[Provenance, ...] = ()
        self._inventory: Inventory | None = None
        self._decoded: LoadedCorpus | None = None
        self._loaded: LoadedCorpus | None = None
        self._extracted: ExtractedCorpus | None = None

    def exclusively(self) -> AbstractContextManager[None]:
        """Lock ``data_path`` against changes by other processes while the context is open.

        Raises
        ------
        Busy
            Another process has locked it.
        InvalidInput
            ``data_path`` cannot be created or written.
        """
        return self._sources.exclusively()

    def download(self, *, force: bool = False) -> Provenance:
        """Fetch each archive to ``pristine/``, and return the provenance of all.

        An interrupted download is resumed if the server supports it, and started again otherwise.
        A former archive stays until the content of the new one has been accepted.

        Raises
        ------
        Conflict
            ``data_path`` contains the archive of another source and ``force`` is false, or files
            that do not come from a corpus; or ``source`` has another version.
        InvalidInput, TooLarge, RemoteFailed, StorageFull
            ``source`` is refused, is not an archive, exceeds the limit, cannot be fetched, or
            does not fit on the disk.
        """
        if force or not self._provenance:
            self._discard_results()
            self._provenance = self._sources.obtain(
                force=force, on_progress=step(self._progress, "download")
            )
        return Provenance.of_all(self._provenance)

    def extract(self, *, force: bool = False) -> None:
        """Unpack the archive to ``working/``, completely or not at all.

        Raises
        ------
        InvalidInput, TooLarge, StorageFull
            The archive is broken, has a forbidden entry, contains no utterance of a known corpus,
            exceeds the limit, or does not fit on the disk. It is then deleted.
        """
        self.prepare(force=force)

    def prepare(self, *, force: bool = False) -> Inventory:
        """Return the utterances of the corpus with their emotions and speakers.

        ``rejected`` lists every sound that does not fit the corpus, with the reason.

        Raises
        ------
        InvalidInput
            There are no sounds, no sound fits the corpus, the table of the corpus is missing, or
            ``labels`` name an unknown label.
        """
        if force or self._inventory is None:
            self.download(force=force)
            self._inventory = self._sources.inventory(
                self._provenance,
                corpus=self._choice,
                labels=self._labels,
                on_progress=step(self._progress, "extract"),
            )
        return self._inventory

    def load(
        self, *, split_at: SplitAt = "min", normalize: bool = True, force: bool = False
    ) -> LoadedCorpus:
        """Return the utterances with the length of the chunks and the gain.

        All sounds are decoded once. ``rejected`` lists every file that cannot be decoded, is
        silent, or is a copy of another sound, with the reason. ``signals``, mono at 16 kHz, are
        decoded again when they are used, so memory does not grow with the corpus; the files must
        stay as they are.

        Parameters
        ----------
        split_at
            The field ``dataset_load_split_at``. Utterances differ in duration, but a classifier
            needs a constant number of features. Therefore utterances are cut into chunks of one
            length, and the last chunk of each is padded with silence. The length is

            - ``"min"``: the duration of the shortest utterance. There are many chunks with little
              padding; each covers a small part of the intonation.
            - ``"max"``: the duration of the longest utterance. Each utterance is one chunk; most
              are padded a lot.
            - ``"avg"``: the mean duration.
            - an integer: milliseconds, from 100 to the duration of the longest utterance.
            - ``None`` (``null``): utterances stay whole; those longer than half a minute are
              cut into equal parts. Allowed if the number of features of every feature extraction
              method is independent of the duration.

            The model cuts the sounds it predicts in the same way; the probabilities of an
            utterance are the mean over its chunks.
        normalize
            The field ``dataset_load_normalize``. If true, one gain for the whole corpus brings
            its highest peak to 0.1 dB below full scale; differences in loudness between utterances
            remain. The model stores the gain and applies it to the sounds that it predicts, so
            several corpora have one gain, too: the corpus of such a sound is unknown.
        force
            Repeat this step and all earlier steps, including the download.

        Raises
        ------
        InvalidInput
            ``split_at`` is longer than the longest utterance, or no sound can be used.
        """
        if force or self._decoded is None:
            inventory = self.prepare(force=force)
            self._decoded = decode_utterances(
                inventory,
                self._sources,
                limits=self._limits,
                workers=self._workers,
                on_progress=step(self._progress, "load"),
            )
        self._extracted = None
        self._loaded = cut_and_amplify(self._decoded, split_at, normalize)
        return self._loaded

    def read(self, utterance: Utterance) -> bytes:
        """Return the bytes of the original file of ``utterance``."""
        return self._sources.read(utterance)

    def feature_extract(
        self,
        methods: FrontEnds | Mapping[str, Mapping[str, Any]] = DEFAULT_METHODS,
        *,
        augmentation: Augmentations | Mapping[str, Mapping[str, Any]] | None = None,
        random_state: int = 42,
        force: bool = False,
    ) -> ExtractedCorpus:
        """Return the features of every utterance, and the graph that computes them.

        Features are written to ``features/`` while they are extracted, and read when they are used.
        Those of the same sounds with the same settings are not extracted again.

        Parameters
        ----------
        methods
            The field ``dataset_feature_extract_methods``: an object METHOD_NAME -> CONFIG. The
            features of the methods are concatenated in this order; an empty CONFIG means the
            defaults. The methods are

            - ``MFCC``: mel-frequency cepstral coefficients of the frames of a chunk.
              ``num_cepstral`` (13) coefficients of each frame; ``frame_length`` (0.020) and
              ``frame_stride`` (0.01), the length of a frame and the distance between frames in
              seconds; ``num_filters`` (40) mel bands; ``fft_length`` (512), the length of the
              Fourier transform in samples, at least a frame; ``low_frequency`` (0) and
              ``high_frequency`` (null: half the sampling rate), the edges of the bands in Hz;
              ``dc_elimination`` (true): the first coefficient becomes the logarithm of the
              frame's energy. See :class:`ser.frontends.MFCC`.
            - ``Functionals``: statistics of pitch, spectrum, energy and voice quality over the
              active and over the voiced frames, their modulation and rhythm. The number of features
              is independent of the duration, so ``split_at`` may be ``None``; the features are
              independent of the level. They include ``num_cepstral`` (8) MFCCs of ``num_filters``
              (40) mel bands. A frame is active if it is at most ``active_range`` (35) dB below the
              loudest one, and voiced if its autocorrelation exceeds ``voicing_threshold`` (0.5).
              See :class:`ser.frontends.Functionals`.
            - ``SpeakerAndGenderAndTextType``: speaker, gender and text as one-hot columns, the
              same for every chunk. ``speaker`` (true), ``gender`` (true) and ``text`` (true)
              choose them. A model trained on it takes ``speaker``, ``gender`` and ``text`` with
              an uploaded sound; unknown ones are zeros. See
              :class:`ser.frontends.SpeakerAndGenderAndTextType`.
        augmentation
            The field ``dataset_augmentation``: an object METHOD_NAME -> CONFIG. The methods make
            altered copies of each training utterance, so the model learns from more voices and
            worse recordings than those of the corpus. Default: none. The methods are
            those of :mod:`ser.frontends._augmentation`.
        random_state
            Seed of the random values in the copies.
        force
            Extract the features again even if they are in ``features/``.

        Raises
        ------
        InvalidInput
            A method or a key of a CONFIG is unknown, or a value is invalid; utterances stay whole
            (``split_at`` null), but the features of a method grow with the duration; or all
            methods use metadata that are unknown for all utterances.
        Conflict
            A sound has changed since :meth:`load`.
        StorageFull
            No space is left for the features.
        """
        self._extracted = extract(
            self._loaded or self.load(),
            methods,
            augmentation,
            random_state=random_state,
            cache=self._sources.features,
            renew=force,
            limits=self._limits,
            workers=self._workers,
            progress=self._progress,
        )
        return self._extracted

    def get_features(self, names: Iterable[str] | None = None) -> FeatureRows:
        """Return the features of the utterances ``names`` (default: all), a row for each chunk.

        All of them are in memory; :func:`ser.dataset.training_rows` reads them in blocks.
        """
        return self.get_training_rows(names).as_recorded()

    def get_training_rows(self, names: Iterable[str] | None = None) -> TrainingRows:
        """Return the rows of the utterances ``names`` (default: all) and of their copies.

        All of them are in memory; :func:`ser.dataset.training_rows` reads them in blocks.
        """
        extracted = self._extracted or self.feature_extract()
        loaded = self._loaded or self.load()
        chosen = None if names is None else set(names)
        return TrainingRows.of(training_rows(loaded, extracted, chosen))

    def clean(self, *, archive: bool = False) -> None:
        """Discard all results, and remove ``working/`` and ``features/``.

        If ``archive``, ``pristine/`` is removed too.
        """
        self._discard_results()
        self._sources.clean(archive=archive)
