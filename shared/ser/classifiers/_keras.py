"""A small network behind a principal component analysis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import Report, silent
from ser.classifiers._base import OPSETS, Classes, Classifier, Features, Origins
from ser.errors import InvalidInput, within

if TYPE_CHECKING:
    import onnx

DEFAULT_INPUT_DIM = 500
HIDDEN_UNITS = 100


class KerasClassifier(Classifier, frozen=True, kw_only=True):
    """Scaler, PCA to ``input_dim``, dropout, 100 rectified units, dropout, softmax.

    Trained by Adam on the cross-entropy.
    """

    lr: Annotated[float, Meta(gt=0, le=10)] = 0.001
    """Learning rate of Adam."""
    epochs: Annotated[int, Meta(ge=1, le=10_000)] = 20
    """Passes over the training data."""
    batch_size: Annotated[int, Meta(ge=1, le=100_000)] = 32
    """Chunks to a step."""
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Share of the inputs, and of the hidden units, silenced in each step."""
    input_dim: Annotated[int, Meta(ge=1)] | None = None
    """Number of principal components; ``null``: 500, or what the data allow if that is less."""

    def fit(
        self,
        X: Features,
        y: Classes,
        *,
        origins: Origins | None = None,
        random_state: int,
        report: Report = silent,
    ) -> FittedKerasClassifier:
        del origins
        components, notes = self._components(*X.shape)
        projection = fit_projection(X, components, random_state)
        network = self._fit_network(projection.transform(X), y, random_state, report)
        config = msgspec.to_builtins(self) | {"input_dim": components}
        return FittedKerasClassifier(config, notes, projection, network)

    def _components(self, rows: int, columns: int) -> tuple[int, list[str]]:
        """Number of principal components, and a note if the default had to give way."""
        most = min(rows, columns)
        reason = f"{rows} training chunks of {columns} features have no more components"
        if self.input_dim is None:
            note = f"input_dim is {most} instead of {DEFAULT_INPUT_DIM}: {reason}"
            return min(most, DEFAULT_INPUT_DIM), [note] if most < DEFAULT_INPUT_DIM else []
        if self.input_dim > most:
            with within("model_config", "input_dim"):
                raise InvalidInput(f"{self.input_dim}; allowed: at most {most}, as {reason}")
        return self.input_dim, []

    def _fit_network(self, Z: Features, y: Classes, random_state: int, report: Report) -> Any:
        import keras
        import tensorflow

        keras.utils.set_random_seed(random_state)
        tensorflow.config.experimental.enable_op_determinism()
        network = keras.Sequential(
            [
                keras.Input((Z.shape[1],)),
                keras.layers.Dropout(self.dropout),
                keras.layers.Dense(HIDDEN_UNITS, activation="relu"),
                keras.layers.Dropout(self.dropout),
                keras.layers.Dense(int(y.max()) + 1, activation="softmax"),
            ]
        )
        network.compile(keras.optimizers.Adam(self.lr), loss="sparse_categorical_crossentropy")
        told = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, _logs: report((epoch + 1) / self.epochs)
        )
        network.fit(
            Z, y, epochs=self.epochs, batch_size=self.batch_size, callbacks=[told], verbose=0
        )
        return network


@dataclass(frozen=True)
class FittedKerasClassifier:
    """What :class:`KerasClassifier` has learned."""

    config: dict[str, Any]
    notes: list[str]
    projection: Any = field(repr=False)
    network: Any = field(repr=False)

    def predict_proba(self, X: Features) -> NDArray[np.float32]:
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


def fit_projection(X: Features, components: int, random_state: int) -> Any:
    """Return a fitted pipeline of standard scaler and PCA."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), PCA(components, random_state=random_state))
    return pipeline.fit(X)
