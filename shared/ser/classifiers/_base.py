"""The base of all classifiers: scikit-learn's protocol, with an export to ONNX."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Protocol, Self

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import ArrayLike, NDArray

from ser._progress import ProgressCallback, ignore_share
from ser._schemas import Schema, convert, parse, shortened
from ser.classifiers._rows import ArrayRows, FeatureMatrix, Origins, Rows
from ser.errors import InvalidInput, SerError, within
from ser.parallel import THIS_MACHINE, Workers

if TYPE_CHECKING:
    import onnx

RandomState = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""Seed of all random numbers of a training."""

OPSETS = {"": 17, "ai.onnx.ml": 3}
"""Operator sets requested from every converter."""
DEFAULT_RANDOM_STATE = 42

LeaveOut = Literal["exact", "differences"]
"""How classifiers are fitted without some utterances. ``exact``: each as if there were no others.
``differences``: the sums of the utterances that are left out are subtracted from those of all. This
is faster, but their features, not their labels, remain in the scalers."""


class FittedClassifier(Protocol):
    """A classifier after its training."""

    @property
    def config(self) -> dict[str, Any]:
        """The ``model_config`` of the training, with all defaults filled in."""

    @property
    def notes(self) -> list[str]:
        """Decisions that the configuration left open, and the training took."""

    def predict_proba(self, X: FeatureMatrix) -> NDArray[np.float32]:
        """Return the probabilities computed by the training library, shape (rows, classes)."""

    def to_onnx(self) -> onnx.ModelProto:
        """Return the classifier as a graph; its last output is the probabilities.

        The first input is the features of one sound, float32 of shape (rows, features). Further
        inputs are optional: ``speaker_mean`` and ``speaker_deviation``, float32 of shape
        (features,), are computed over the rows of the speaker's enrolled sounds;
        ``speaker_count``, a float32 scalar, is the number of these sounds and 0 by default;
        ``domain_mean`` and ``domain_count`` are the same for unlabelled sounds of the channel or
        corpus from which the sound comes. An optional output ``familiarity``, a float32 scalar
        from 0 to 1, says how much the sound resembles the training data.
        """


class FittedGraph(NamedTuple):
    """The graph of a fitted classifier, an ONNX file, and the notes of its training."""

    graph: bytes
    notes: list[str]


class Classifier(ABC):
    """Base of all classifiers: an estimator with the methods of scikit-learn's classifiers.

    ``clone``, ``cross_validate``, ``GridSearchCV`` and ``Pipeline`` of scikit-learn accept it.
    The constructor stores the hyper-parameters; :meth:`fit` validates them and sets the
    attributes that end with an underscore.

    A subclass has keyword parameters named as the fields of its :attr:`config_type`. It imports
    its training library inside its methods, because requests are validated in processes that
    must not load these libraries.
    """

    config_type: ClassVar[type[Schema]]
    """Schema of the ``model_config`` in a training request."""
    forms: ClassVar[tuple[LeaveOut, ...]] = ("exact",)
    """Forms of :meth:`fit_parts`."""

    classes_: NDArray[Any]
    """Labels in the order of the probabilities, shape (classes,); set by :meth:`fit`."""
    n_features_in_: int
    """Number of features; set by :meth:`fit`."""
    fitted_: FittedClassifier
    """Parameters learned by :meth:`fit`."""

    def __init__(self, *, random_state: int = DEFAULT_RANDOM_STATE) -> None:
        self.random_state = random_state

    @classmethod
    def from_config(cls, config: object, *, random_state: int = DEFAULT_RANDOM_STATE) -> Self:
        """Return the estimator described by ``config``, an object or its JSON.

        Raises
        ------
        InvalidInput
            One fault for each field that is unknown or invalid.
        """
        params: dict[str, Any] = msgspec.to_builtins(parse(cls.config_type, config))
        return cls(**params | {"random_state": random_state})

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        origins: Origins | None = None,
        on_progress: ProgressCallback = ignore_share,
    ) -> Self:
        """Train on ``X`` and ``y``, and return this estimator.

        Parameters
        ----------
        X
            Features, shape (rows, features); converted to float32.
        y
            Label of each row, shape (rows,), of any type that numpy can sort.
        origins
            Origin of each row. The discriminant uses it to leave out whole speakers or corpora for
            its calibration, and to learn from enrolled sounds; other classifiers ignore it.
        on_progress
            Called with the completed share of the training, 0..1.

        Raises
        ------
        InvalidInput
            A hyper-parameter is invalid, or too large for ``X``; ``X``, ``y`` and ``origins``
            differ in length; or ``X`` contains NaN or infinity.
        """
        features, labels = feature_matrix(X), label_vector(y)
        for name, values in (("y", labels), ("origins", origins)):
            if values is not None and len(values) != len(features):
                raise InvalidInput(
                    f"{name} has {len(values)} rows; allowed: {len(features)}, as X has"
                )
        classes, indices = np.unique(labels, return_inverse=True)
        self.fit_rows(ArrayRows(features, indices, origins), on_progress=on_progress)
        self.classes_ = classes
        return self

    def fit_rows(self, rows: Rows, *, on_progress: ProgressCallback = ignore_share) -> Self:
        """Train on ``rows``, which are read in blocks, and return this estimator.

        ``classes_`` are the indices of the classes of ``rows`` that have rows.

        Raises
        ------
        InvalidInput
            A hyper-parameter is invalid, or too large for ``rows``; or the training fails.
        """
        config = self._checked_config()
        classes, indices = np.unique(rows.y, return_inverse=True)
        if classes[-1] >= len(classes):
            rows = copy(rows)
            rows.y = indices
        with unsuitable():
            self.fitted_ = self._fit(config, rows, on_progress)
        self.classes_, self.n_features_in_ = classes, rows.columns
        return self

    def fit_parts(
        self,
        rows: Rows,
        parts: Sequence[NDArray[np.bool_]],
        *,
        leave_out: LeaveOut = "exact",
        on_progress: ProgressCallback = ignore_share,
        workers: Workers = THIS_MACHINE,
    ) -> list[FittedGraph]:
        """Return the graphs of this estimator fitted to each of ``parts`` of ``rows``.

        The graphs are for evaluations: they have no familiarity.

        Parameters
        ----------
        parts
            The utterances of each fit, masks of shape (utterances,).
        leave_out
            One of :attr:`forms`.

        Raises
        ------
        InvalidInput
            As for :meth:`fit_rows`.
        """
        assert leave_out in self.forms
        work = partial(fit_graph, self, rows.on_each_machine())
        # Training libraries have global state, such as the seeds of TensorFlow.
        return workers.map(work, parts, by="processes", on_progress=on_progress)

    def _checked_config(self) -> Any:
        """Return the hyper-parameters as an instance of :attr:`config_type`."""
        params = {name: python_scalar(value) for name, value in self.get_params().items()}
        with within("random_state"):
            convert(params.pop("random_state"), RandomState)
        return parse(self.config_type, params)

    @abstractmethod
    def _fit(self, config: Any, rows: Rows, on_progress: ProgressCallback) -> FittedClassifier:
        """Return the parameters learned from ``rows`` with the validated ``config``."""

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the probabilities, float32 of shape (rows, classes), in the order of ``classes_``.

        Parameters
        ----------
        X
            Features, shape (rows, features).

        Raises
        ------
        InvalidInput
            ``X`` has another number of features than the training data, or contains NaN or
            infinity.
        sklearn.exceptions.NotFittedError
            :meth:`fit` has not been called.
        """
        fitted, features = self._fitted(), feature_matrix(X)
        if features.shape[1] != self.n_features_in_:
            raise InvalidInput(
                f"X has {features.shape[1]} features; allowed: {self.n_features_in_}"
            )
        return fitted.predict_proba(features)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of each row of ``X``, shape (rows,).

        Raises
        ------
        InvalidInput, sklearn.exceptions.NotFittedError
            As :meth:`predict_proba`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the accuracy: the share of the rows of ``X`` whose label ``y`` is predicted."""
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def to_onnx(self) -> onnx.ModelProto:
        """Return the fitted classifier as a graph (:meth:`FittedClassifier.to_onnx`)."""
        return self._fitted().to_onnx()

    @property
    def config(self) -> dict[str, Any]:
        """The ``model_config`` used by :meth:`fit`, with all defaults filled in."""
        return self._fitted().config

    @property
    def notes(self) -> list[str]:
        """Decisions taken by :meth:`fit` that the configuration left open."""
        return self._fitted().notes

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor by name, ``random_state`` among them."""
        del deep  # no parameter is an estimator
        names = (*self.config_type.__struct_fields__, "random_state")
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor, and return this estimator.

        Raises
        ------
        InvalidInput
            A parameter does not exist.
        """
        allowed = self.get_params()
        if unknown := params.keys() - allowed:
            raise InvalidInput(f"unknown: {', '.join(unknown)}; allowed: {', '.join(allowed)}")
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _fitted(self) -> FittedClassifier:
        if not self.__sklearn_is_fitted__():
            from sklearn.exceptions import NotFittedError

            raise NotFittedError(f"{self!r} is not fitted yet; call fit first")
        return self.fitted_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "fitted_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
        )

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"


@contextmanager
def unsuitable() -> Iterator[None]:
    """Translate the exceptions by which libraries refuse hyper-parameters, or fail numerically.

    Values that are harmless one by one may be impossible together, or with these data.
    """
    try:
        yield
    except SerError:
        raise
    except (ValueError, ArithmeticError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidInput(
            f"a classifier with these hyper-parameters cannot be fitted: {shortened(reason)}; "
            "allowed: values nearer to the defaults"
        ) from error


def require_finite(values: Iterable[NDArray[Any]]) -> None:
    """Raise ``ArithmeticError`` unless all ``values`` that a training computed are finite."""
    if not all(np.isfinite(each).all() for each in values):
        raise ArithmeticError("the training does not converge")


def fit_graph(classifier: Classifier, rows: Rows, part: NDArray[np.bool_]) -> FittedGraph:
    """Return the graph of ``classifier`` fitted to a part of ``rows``."""
    fitted = copy(classifier).fit_rows(rows.only(part))
    return FittedGraph(fitted.to_onnx().SerializeToString(), fitted.notes)


def python_scalar(value: object) -> object:
    """Return ``value``, converted to a number of Python if it is a scalar of numpy."""
    return value.item() if isinstance(value, np.generic) else value


def label_vector(y: ArrayLike) -> NDArray[Any]:
    """Return the labels ``y``, shape (rows,); raise :class:`InvalidInput` if they are invalid."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise InvalidInput(f"y has the shape {labels.shape}; allowed: (rows,)")
    if labels.dtype.kind == "f":
        # Infinity minus infinity is NaN, so the comparison also finds NaN and infinity.
        with np.errstate(invalid="ignore"):
            fractional = labels[~(labels - np.round(labels) == 0)]
        if len(fractional):
            # scikit-learn's tools look for "Unknown label type".
            raise InvalidInput(
                f"y contains {fractional[0]}: Unknown label type; allowed: whole numbers or strings"
            )
    return labels


def feature_matrix(X: ArrayLike) -> FeatureMatrix:
    """Return ``X`` as float32 of shape (rows, features).

    Raises
    ------
    InvalidInput
        ``X`` is not numeric, has another shape, is empty, or contains NaN or infinity.
    """
    try:
        matrix = np.asarray(X).astype(np.float32, casting="same_kind", copy=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"X is not numeric: {error}; allowed: (rows, features)") from error
    if matrix.ndim != 2 or not matrix.size:
        raise InvalidInput(f"X has the shape {matrix.shape}; allowed: (rows, features), not empty")
    if not np.isfinite(matrix).all():
        raise InvalidInput("X contains NaN or infinity; allowed: finite numbers")
    return matrix
