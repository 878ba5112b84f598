"""Named features of sounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False, repr=False)
class Features:
    """Named features of one or more sounds; the arrays are read-only.

    Parameters
    ----------
    array
        float32 of shape (rows, features).
    names
        Names of the features, in the order of the columns.
    sounds
        Index of the sound that each row belongs to, shape (rows,); ``None`` if all rows belong to
        one sound.
    times
        Start of each row within its sound in seconds, shape (rows,); ``None`` if each row covers a
        whole sound.

    Raises
    ------
    ValueError
        The shapes do not match.

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
        set_field = object.__setattr__
        set_field(self, "array", read_only_view(self.array, np.float32))
        set_field(self, "names", tuple(self.names))
        if self.array.ndim != 2 or self.array.shape[1] != len(self.names):
            raise ValueError(f"{len(self.names)} names for features of shape {self.array.shape}")
        for field, dtype in (("sounds", np.int64), ("times", np.float64)):
            if (values := getattr(self, field)) is not None:
                set_field(self, field, read_only_view(values, dtype))
                if np.shape(values) != (len(self),):
                    raise ValueError(f"{field} of shape {np.shape(values)} for {len(self)} rows")

    def to_frame(self) -> pandas.DataFrame:
        """Return the features as a ``pandas.DataFrame`` with the same rows and columns.

        The index has the levels ``sound`` and ``seconds``; a level that is unknown is omitted.

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


def read_only_view(values: Any, dtype: Any) -> NDArray[Any]:
    """Return ``values`` as a read-only array of ``dtype``."""
    view = np.asarray(values, dtype).view()
    view.flags.writeable = False
    return view
