"""A small neural network on principal components of the features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser._schemas import Schema
from ser.classifiers._base import DEFAULT_RANDOM_STATE, OPSETS, Classifier
from ser.classifiers._rows import ClassIndices, FeatureMatrix, Rows
from ser.errors import InvalidInput, within

if TYPE_CHECKING:
    import onnx

DEFAULT_INPUT_DIM = 500
HIDDEN_UNITS = 100


class KerasConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`KerasClassifier`."""

    lr: Annotated[float, Meta(gt=0, le=10)] = 0.001
    """Learning rate of Adam."""
    epochs: Annotated[int, Meta(ge=1, le=10_000)] = 20
    """Passes over the training data."""
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] = 32
    """Chunks per optimisation step."""
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Share of the inputs, and of the hidden units, dropped in each step."""
    input_dim: Annotated[int, Meta(ge=1)] | None = None
    """Number of principal components; ``null``: 500, or the maximum that the data allow if that
    is less."""


DEFAULTS = KerasConfig()


class KerasClassifier(Classifier):
    """Scaler, PCA, dropout, 100 rectified linear units, dropout, softmax.

    Trained with Adam on the cross-entropy.

    Parameters
    ----------
    lr, epochs, batch_size, dropout, input_dim
        See :class:`KerasConfig`; ``None`` is its ``null``.
    random_state
        Seed of the weights, of the order of the chunks and of the dropout.
    """

    config_type = KerasConfig

    def __init__(
        self,
        *,
        lr: float = DEFAULTS.lr,
        epochs: int = DEFAULTS.epochs,
        batch_size: int = DEFAULTS.batch_size,
        dropout: float = DEFAULTS.dropout,
        input_dim: int | None = DEFAULTS.input_dim,
        random_state: int = DEFAULT_RANDOM_STATE,
    ) -> None:
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.input_dim = input_dim
        self.random_state = random_state

    def _fit(
        self,
        config: KerasConfig,
        rows: Rows,
        on_progress: ProgressCallback,
    ) -> FittedKeras:
        X, y = rows.as_arrays()
        components, notes = choose_components(config.input_dim, *X.shape)
        projection = fit_projection(X, components, self.random_state)
        network = fit_network(projection.transform(X), y, config, self.random_state, on_progress)
        options = msgspec.to_builtins(config) | {"input_dim": components}
        return FittedKeras(options, notes, projection, network)


@dataclass(frozen=True)
class FittedKeras:
    """A fitted projection to principal components, and the network that classifies them."""

    config: dict[str, Any]
    notes: list[str]
    projection: Any = field(repr=False)
    network: Any = field(repr=False)

    def predict_proba(self, X: FeatureMatrix) -> NDArray[np.float32]:
        probabilities = self.network.predict(self.projection.transform(X), verbose=0)
        return np.asarray(probabilities, dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        import skl2onnx
        import tensorflow
        import tf2onnx
        from skl2onnx.common.data_types import FloatTensorType

        from ser import _graph as graph

        columns = self.projection.n_features_in_
        projection = skl2onnx.to_onnx(
            self.projection,
            initial_types=[("features", FloatTensorType([None, columns]))],
            target_opset=OPSETS,
        )
        network, _ = tf2onnx.convert.from_function(
            tensorflow.function(lambda inputs: self.network(inputs, training=False)),
            input_signature=[tensorflow.TensorSpec(self.network.input_shape, name="components")],
            opset=OPSETS[""],
        )
        return graph.join(projection, network, source="features", result="probabilities")


def choose_components(input_dim: int | None, rows: int, columns: int) -> tuple[int, list[str]]:
    """Return the number of principal components, and a note if it is below the default."""
    maximum = min(rows, columns)
    reason = f"{rows} training chunks of {columns} features have no more components"
    if input_dim is None:
        note = f"input_dim is {maximum} instead of {DEFAULT_INPUT_DIM}: {reason}"
        return min(maximum, DEFAULT_INPUT_DIM), [note] if maximum < DEFAULT_INPUT_DIM else []
    if input_dim > maximum:
        with within("input_dim"):
            raise InvalidInput(f"{input_dim}; allowed: at most {maximum}, as {reason}")
    return input_dim, []


def fit_projection(X: FeatureMatrix, components: int, random_state: int) -> Any:
    """Return a fitted pipeline of a standard scaler and a PCA."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), PCA(components, random_state=random_state))
    return pipeline.fit(X)


def fit_network(
    Z: FeatureMatrix,
    y: ClassIndices,
    config: KerasConfig,
    random_state: int,
    on_progress: ProgressCallback,
) -> Any:
    """Return a network trained on principal components ``Z``, shape (rows, components)."""
    import keras
    import tensorflow

    keras.utils.set_random_seed(random_state)
    tensorflow.config.experimental.enable_op_determinism()
    network = keras.Sequential(
        [
            keras.Input((Z.shape[1],)),
            keras.layers.Dropout(config.dropout),
            keras.layers.Dense(HIDDEN_UNITS, activation="relu"),
            keras.layers.Dropout(config.dropout),
            keras.layers.Dense(int(y.max()) + 1, activation="softmax"),
        ]
    )
    network.compile(keras.optimizers.Adam(config.lr), loss="sparse_categorical_crossentropy")
    after_each_epoch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, _logs: on_progress((epoch + 1) / config.epochs)
    )
    network.fit(
        Z,
        y,
        epochs=config.epochs,
        batch_size=config.batch_size,
        callbacks=[after_each_epoch],
        verbose=0,
    )
    return network
