"""One's own arrays, from NumPy."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from prunelab import npz
from prunelab.files import find
from prunelab.parts import Table, labels
from prunelab.registry import dataset
from prunelab.spec import SpecError


@dataset(
    traits={"images", "table"},
    title="My arrays",
    licence="your own",
    source="an .npz file with x and y",
    epochs=30,
)
def arrays(*, file: Annotated[str, "path of an .npz file with arrays x and y"] = "") -> Table:
    """Arrays of your own: x as rows, grey images or (n, channels, height, width), and classes y."""
    found = npz.read(find(file, ".npz"), "x", "y")
    x, y = _examples(found["x"]), found["y"]
    if y.shape != (len(x),):
        raise SpecError(
            f"y must hold one class for each of the {len(x)} rows, got shape {y.shape}."
        )
    codes, classes = labels(y, "y")
    names = tuple(f"x{i}" for i in range(1, x.shape[1] + 1)) if x.ndim == 2 else ()
    return Table(x=x, y=codes, classes=classes, features=names)


def _examples(x: NDArray[Any]) -> NDArray[np.float32]:
    if x.dtype.kind not in "biuf":
        raise SpecError(f"x must hold numbers, got {x.dtype}.")
    if x.ndim not in (2, 3, 4):
        raise SpecError(
            f"x must be (n, features), (n, height, width) or (n, channels, height, width), "
            f"got shape {x.shape}."
        )
    if x.ndim == 4 and x.shape[3] in (1, 3) and x.shape[1] not in (1, 3):
        raise SpecError(
            f"x must have its channels first, got {x.shape}; save x.transpose(0, 3, 1, 2)."
        )
    with np.errstate(over="ignore"):  # what overflows is refused with the other infinities
        numbers = x.astype(np.float32)
    return numbers[:, None] if x.ndim == 3 else numbers
