"""A small neural network on principal components of the features, which are read from disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser._schemas import Schema
from ser.classifiers._base import DEFAULT_RANDOM_STATE, OPSETS, Classifier, require_finite
from ser.classifiers._projection import Projection
from ser.classifiers._rows import ClassIndices, FeatureMatrix, Rows
from ser.classifiers._scratch import scratch_folder
from ser.errors import InvalidInput, within

if TYPE_CHECKING:
    import onnx

DEFAULT_INPUT_DIM = 500
HIDDEN_UNITS = 100


class KerasConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`KerasClassifier`."""

    lr: Annotated[float, Meta(ge=1e-8, le=10)] = 0.001
    """Learning rate of Adam."""
    epochs: Annotated[int, Meta(ge=1, le=10_000)] = 20
    """Passes over the training data."""
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] = 32
    """Chunks per optimisation step."""
    dropout: Annotated[float, Meta(ge=0, le=0.99)] = 0.0
    """Share of the inputs, and of the hidden units, dropped in each step."""
    input_dim: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Number of principal components; ``null``: 500, or the maximum that the data allow if that
    is less."""


DEFAULTS = KerasConfig()


class KerasClassifier(Classifier):
    """Scaler, PCA, dropout, 100 rectified linear units, dropout, softmax.

    Trained with Adam on the cross-entropy. The principal components of the rows are kept in a
    file for the time of the training; the memory holds a block of rows, and the order of all rows:
    16 bytes for each.

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
        components, notes = choose_components(config.input_dim, rows.count, rows.columns)
        projection = Projection.of(rows, components)
        record = np.dtype([("components", np.float32, (components,)), ("class", np.int64)])
        with scratch_folder(rows.count * record.itemsize) as folder:
            stored = StoredRows.write(folder / "components", record, rows, projection)
            classes = int(rows.y.max()) + 1
            network = fit_network(stored, classes, config, self.random_state, on_progress)
        require_finite(network.get_weights())
        options = msgspec.to_builtins(config) | {"input_dim": components}
        return FittedKeras(options, notes, projection, network)


@dataclass(frozen=True)
class FittedKeras:
    """A fitted projection to principal components, and the network that classifies them."""

    config: dict[str, Any]
    notes: list[str]
    projection: Projection = field(repr=False)
    network: Any = field(repr=False)

    def predict_proba(self, X: FeatureMatrix) -> NDArray[np.float32]:
        probabilities = self.network.predict(self.projection(X), verbose=0)
        return np.asarray(probabilities, dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        import tensorflow
        import tf2onnx

        from ser import _graph as graph

        network, _ = tf2onnx.convert.from_function(
            tensorflow.function(lambda inputs: self.network(inputs, training=False)),
            input_signature=[tensorflow.TensorSpec(self.network.input_shape, name="components")],
            opset=OPSETS[""],
        )
        return graph.join(
            self.projection.to_onnx(), network, source="features", result="probabilities"
        )


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


@dataclass(frozen=True)
class StoredRows:
    """Principal components and classes of rows in a file, from which rows are read in any order.

    They are read into memory of their own, not mapped, so that the pages of the file count as
    the cache of the system and not as memory of the process.
    """

    path: Path
    record: np.dtype[np.void]
    """A row: its ``components`` and its ``class``."""
    count: int
    """Number of rows."""

    @classmethod
    def write(
        cls, path: Path, record: np.dtype[np.void], rows: Rows, projection: Projection
    ) -> StoredRows:
        """Write the ``projection`` of ``rows`` to ``path``."""
        with path.open("wb") as file:
            for block in rows.blocks():
                records = np.empty(len(block.X), record)
                records["components"] = projection(block.X)
                records["class"] = rows.y[block.utterances]
                records.tofile(file)
        return cls(path, record, rows.count)

    def batches(
        self, size: int, epochs: int, random_state: int
    ) -> Iterator[tuple[FeatureMatrix, ClassIndices]]:
        """Yield components and classes of ``size`` rows at a time, in a new order in each epoch."""
        random = np.random.default_rng(random_state)
        with self.path.open("rb", buffering=0) as file:
            for _ in range(epochs):
                order = random.permutation(self.count)
                for start in range(0, self.count, size):
                    batch = np.empty(min(size, self.count - start), self.record)
                    for place, row in enumerate(order[start : start + size]):
                        file.seek(int(row) * self.record.itemsize)
                        file.readinto(batch[place : place + 1].data)
                    yield batch["components"], batch["class"]


def fit_network(
    rows: StoredRows,
    classes: int,
    config: KerasConfig,
    random_state: int,
    on_progress: ProgressCallback,
) -> Any:
    """Return a network trained on ``rows``."""
    import keras
    import tensorflow

    keras.utils.set_random_seed(random_state)
    tensorflow.config.experimental.enable_op_determinism()
    (components,) = rows.record["components"].shape
    network = keras.Sequential(
        [
            keras.Input((components,)),
            keras.layers.Dropout(config.dropout),
            keras.layers.Dense(HIDDEN_UNITS, activation="relu"),
            keras.layers.Dropout(config.dropout),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    network.compile(keras.optimizers.Adam(config.lr), loss="sparse_categorical_crossentropy")
    after_each_epoch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, _logs: on_progress((epoch + 1) / config.epochs)
    )
    # One dataset of all epochs: a dataset of one epoch is opened anew by Keras, twice.
    batches = tensorflow.data.Dataset.from_generator(
        lambda: rows.batches(config.batch_size, config.epochs, random_state),
        output_signature=(
            tensorflow.TensorSpec((None, components), tensorflow.float32),
            tensorflow.TensorSpec((None,), tensorflow.int64),
        ),
    )
    network.fit(
        batches,
        epochs=config.epochs,
        steps_per_epoch=-(-rows.count // config.batch_size),
        shuffle=False,
        callbacks=[after_each_epoch],
        verbose=0,
    )
    return network
