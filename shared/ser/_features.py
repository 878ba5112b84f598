"""Features with their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False, repr=False)
class Features:
    """Named features of one sound or of several. Its arrays cannot be changed.

    Parameters
    ----------
    array
        float32 of shape (rows, features).
    names
        Name of each feature, in the order of the columns.
    sounds
        Index of the sound that each row belongs to, shape (rows,); ``None`` where all rows belong
        to one sound.
    times
        Begin of each row in its sound in seconds, shape (rows,); ``None`` where a row stands for a
        whole sound.

    Raises
    ------
    ValueError
        The shapes do not fit together.

    Examples
    --------
    >>> features = ser.load_model("latest", registry="model").features("speech.wav")
    >>> features
    Features(1 row, 4 features: level, peak, offset, roughness)
    >>> features.array.shape
    (1, 4)
    >>> features.names[1]
    'peak'
    """

    array: NDArray[np.float32]
    names: tuple[str, ...]
    sounds: NDArray[np.int64] | None = None
    times: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "array", locked(self.array, np.float32))
        put(self, "names", tuple(self.names))
        if self.array.ndim != 2 or self.array.shape[1] != len(self.names):
            raise ValueError(f"{len(self.names)} names for features of shape {self.array.shape}")
        for field, dtype in (("sounds", np.int64), ("times", np.float64)):
            if (values := getattr(self, field)) is not None:
                put(self, field, locked(values, dtype))
                if np.shape(values) != (len(self),):
                    raise ValueError(f"{field} of shape {np.shape(values)} for {len(self)} rows")

    def to_frame(self) -> pandas.DataFrame:
        """Return a ``pandas.DataFrame``: a column for each feature, a row for each row.

        The index has the levels ``sound`` and ``seconds``, as far as both are known.

        Raises
        ------
        ImportError
            pandas is not installed.

        Examples
        --------
        >>> model = ser.load_model("latest", registry="model")
        >>> frame = model.features("speech.wav").to_frame()  # doctest: +SKIP
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "A frame needs pandas, which is not installed: pip install pandas"
            ) from error
        levels = {"sound": self.sounds, "seconds": self.times}
        known = {name: values for name, values in levels.items() if values is not None}
        index = None
        if len(known) == 1:
            ((name, values),) = known.items()
            index = pandas.Index(values, name=name)
        elif known:
            index = pandas.MultiIndex.from_arrays([*known.values()], names=[*known])
        return pandas.DataFrame(self.array, columns=[*self.names], index=index)

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        rows = "1 row" if len(self) == 1 else f"{len(self)} rows"
        first = ", ".join(self.names[:4]) + (", ..." if len(self.names) > 4 else "")
        return f"Features({rows}, {len(self.names)} features: {first})"


def locked(values: Any, dtype: Any) -> NDArray[Any]:
    """Return ``values`` as an array of ``dtype`` that cannot be written to."""
    view = np.asarray(values, dtype).view()
    view.flags.writeable = False
    return view
