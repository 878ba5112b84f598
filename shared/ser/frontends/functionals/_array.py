"""Values of a graph with operators of Python, which make formulas readable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v17 as op
from numpy.typing import NDArray
from spox import Var

ROWS = 1
FRAMES = 2


@dataclass(frozen=True)
class Array:
    """A value of the graph, float32 of shape (chunks, rows, frames).

    Rows and frames of length 1 are broadcast. A comparison returns a mask: 1 where it is true,
    0 elsewhere.
    """

    var: Var

    def __add__(self, other: Array | float) -> Array:
        return Array(op.add(self.var, variable(other)))

    def __sub__(self, other: Array | float) -> Array:
        return Array(op.sub(self.var, variable(other)))

    def __rsub__(self, other: float) -> Array:
        return Array(op.sub(variable(other), self.var))

    def __mul__(self, other: Array | float) -> Array:
        return Array(op.mul(self.var, variable(other)))

    def __truediv__(self, other: Array | float) -> Array:
        return Array(op.div(self.var, variable(other)))

    def __gt__(self, other: Array | float) -> Array:
        return Array(op.cast(op.greater(self.var, variable(other)), to=np.float32))

    def __lt__(self, other: Array | float) -> Array:
        return Array(op.cast(op.less(self.var, variable(other)), to=np.float32))

    def at_least(self, other: Array | float) -> Array:
        return Array(op.max([self.var, variable(other)]))

    def at_most(self, other: Array | float) -> Array:
        return Array(op.min([self.var, variable(other)]))

    def above(self, limit: Array, other: float) -> Array:
        """Return the values that are greater than ``limit``, and ``other`` elsewhere."""
        return Array(op.where(op.greater(self.var, limit.var), self.var, variable(other)))

    def abs(self) -> Array:
        return Array(op.abs(self.var))

    def exp(self) -> Array:
        return Array(op.exp(self.var))

    def log(self) -> Array:
        return Array(op.log(self.var))

    def round(self) -> Array:
        return Array(op.round(self.var))

    def sqrt(self) -> Array:
        return Array(op.sqrt(self.var))

    def whole(self) -> Array:
        """Return the values, none of them negative, without their fractions."""
        return Array(op.cast(op.cast(self.var, to=np.int64), to=np.float32))

    def sum(self, axis: int) -> Array:
        if axis == ROWS:
            # A product takes a fifth of the time of a sum that jumps from row to row.
            return self.project(np.ones((1, self.row_count)))
        return Array(op.reduce_sum(self.var, op.const(np.array([axis]))))

    def mean(self, axis: int) -> Array:
        if axis == ROWS:
            return self.project(np.full((1, self.row_count), 1 / self.row_count))
        return Array(op.reduce_mean(self.var, axes=[axis]))

    def max(self, axis: int) -> Array:
        return Array(op.reduce_max(self.var, axes=[axis]))

    def cumulative_sum(self, axis: int) -> Array:
        return Array(op.cumsum(self.var, op.const(np.array(axis))))

    def highest_row(self) -> Array:
        """Return the index of the highest row in each frame, shape (chunks, 1, frames)."""
        return Array(op.cast(op.arg_max(self.var, axis=ROWS), to=np.float32))

    def pick_row(self, index: Array) -> Array:
        """Return the value in row ``index`` of each frame, shape (chunks, 1, frames)."""
        return Array(op.gather_elements(self.var, op.cast(index.var, to=np.int64), axis=ROWS))

    def pick_frames(self, indices: Array) -> Array:
        """Return the frames at ``indices``, shape (1, 1, indices)."""
        return Array(op.gather(self.var, op.cast(flat(indices), to=np.int64), axis=FRAMES))

    def frames_of(self, mask: Array) -> Array:
        """Return the frames in which ``mask`` is 1; there is a single chunk."""
        # Whole frames are copied faster than single values.
        kept = op.compress(self.transpose().var, op.cast(flat(mask), to=np.bool_), axis=ROWS)
        return Array(kept).transpose()

    def choose_rows(self, indices: Sequence[int]) -> Array:
        return Array(op.gather(self.var, op.const(np.array(indices)), axis=ROWS))

    @property
    def row_count(self) -> int:
        rows = (self.var.unwrap_tensor().shape or ())[ROWS]
        assert isinstance(rows, int), "the number of rows is known when the graph is built"
        return rows

    def rows(self, start: int, stop: int) -> Array:
        return self._part(ROWS, start, stop)

    def frames(self, start: int, stop: int) -> Array:
        return self._part(FRAMES, start, stop)

    def _part(self, axis: int, start: int, stop: int) -> Array:
        return Array(op.slice(self.var, *(op.const(np.array([n])) for n in (start, stop, axis))))

    def shift(self, frames: int, *, fill: float | None = None) -> Array:
        """Return the values delayed by ``frames``, or advanced if negative.

        Missing values are ``fill``, or by default copies of the first or last value.
        """
        before, after = max(frames, 0), max(-frames, 0)
        padded = op.pad(
            self.var,
            op.const(np.array([0, 0, before, 0, 0, after])),
            variable(fill or 0.0),
            mode="edge" if fill is None else "constant",
        )
        return Array(padded).frames(after, -before or np.iinfo(np.int64).max)

    def project(self, matrix: NDArray[Any]) -> Array:
        """Return the product of ``matrix``, shape (new rows, rows), with each frame."""
        return Array(op.matmul(op.const(matrix.astype(np.float32)), self.var))

    def times(self, other: Array) -> Array:
        """Return the matrix product with ``other`` in each chunk."""
        return Array(op.matmul(self.var, other.var))

    def transpose(self) -> Array:
        """Return the array with rows and frames exchanged."""
        return Array(op.transpose(self.var, perm=[0, FRAMES, ROWS]))

    def column(self, rows: int) -> Array:
        """Return the ``rows`` values of each chunk as one column, shape (chunks, rows, 1)."""
        return Array(op.reshape(self.var, op.const(np.array([0, rows, 1]))))

    def ascending(self) -> Array:
        """Return the values of each row in ascending order."""
        length = op.slice(op.shape(self.var), *(op.const(np.array([n])) for n in (2, 3)))
        return Array(op.top_k(self.var, length, axis=FRAMES, largest=0)[0])

    def correlate(self, kernels: NDArray[Any], *, stride: int = 1) -> Array:
        """Return the correlation of each row with each of ``kernels`` around each frame.

        The kernels have the shape (kernels, length), the result (chunks, rows * kernels, frames),
        ordered by row; rows are padded with zeros.
        """
        rows = self.row_count
        weights = np.tile(kernels[:, None, :], (rows, 1, 1)).astype(np.float32)
        around = kernels.shape[1] // 2
        return Array(
            op.conv(
                self.var, op.const(weights), group=rows, strides=[stride], pads=[around, around]
            )
        )


def variable(value: Array | float) -> Var:
    return value.var if isinstance(value, Array) else op.const(np.float32(value))


def flat(array: Array) -> Var:
    """Return all values of ``array`` along one axis."""
    return op.reshape(array.var, op.const(np.array([-1])))


def constant(values: Sequence[float] | NDArray[Any], axis: int) -> Array:
    """Return ``values`` along ``axis``, the same for all chunks."""
    shape = [1, 1, 1]
    shape[axis] = -1
    return Array(op.const(np.asarray(values, np.float32).reshape(shape)))


def concat(arrays: Sequence[Array], axis: int = ROWS) -> Array:
    return Array(op.concat([array.var for array in arrays], axis=axis))


class Named(NamedTuple):
    """Rows with their names: contours over frames, or features with a single frame."""

    names: tuple[str, ...]
    values: Array

    def with_prefix(self, prefix: str) -> Named:
        return Named(tuple(prefix + name for name in self.names), self.values)

    def choose(self, names: Sequence[str]) -> Named:
        """Return the rows whose names are among ``names``."""
        chosen = [index for index, name in enumerate(self.names) if name in names]
        return Named(tuple(self.names[index] for index in chosen), self.values.choose_rows(chosen))


def join(*parts: Named) -> Named:
    return Named(
        tuple(name for part in parts for name in part.names),
        concat([part.values for part in parts]),
    )
