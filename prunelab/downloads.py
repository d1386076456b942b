"""Image sets from openml.org: from a folder of one's own first, otherwise fetched once and kept."""

from __future__ import annotations

import os
import tempfile
import zlib
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab import npz
from prunelab.files import home
from prunelab.parts import Part, Table
from prunelab.spec import SpecError

TEST = 10_000  # the last rows of these sets are the test part their authors fixed
_NAMES = ("x_train", "y_train", "x_test", "y_test")
_FAILURES = (OSError, ValueError, EOFError, HTTPException, zlib.error)


def images(name: str, number: int, shape: tuple[int, int, int], classes: tuple[str, ...]) -> Table:
    """An image set by its name and its number at openml.org; ``shape`` is that of one image.

    Looks for ``<name>.npz`` in the folder of PRUNELAB_DATA, then among what was fetched before.

    Raises:
        SpecError: it cannot be fetched, or the file there does not hold such images.
    """
    found = next((path for path in _places(name) if path.is_file()), None)
    path = found or _fetch(name, number, shape)
    arrays = npz.read(path, *_NAMES)
    train, test = (
        _part(path, arrays[f"x_{part}"], arrays[f"y_{part}"], shape, len(classes))
        for part in ("train", "test")
    )
    return Table(x=train.x, y=train.y, classes=classes, test=test)


def _places(name: str) -> list[Path]:
    own = os.environ.get("PRUNELAB_DATA")
    kept = home() / "data" / f"{name}.npz"
    return [Path(own) / f"{name}.npz", kept] if own else [kept]


def _fetch(name: str, number: int, shape: tuple[int, int, int]) -> Path:
    """Fetch into a folder that vanishes and keep what is complete; scikit-learn checks the MD5."""
    from sklearn.datasets import fetch_openml

    target = _places(name)[-1]
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        try:
            # As bytes from the start: a ninth of the memory, and classes that pandas would read as
            # numbers break scikit-learn's own way to read them.
            fetched = fetch_openml(
                data_id=number, data_home=folder, as_frame=False, n_retries=2, parser="pandas",
                read_csv_kwargs={"dtype": np.uint8},
            )  # fmt: skip
            x = np.asarray(fetched.data, dtype=np.uint8).reshape(-1, *shape)
            y = np.asarray(fetched.target).astype(np.uint8)
        except _FAILURES as error:
            raise SpecError(
                f"{name} could not be fetched from openml.org ({error}). Without a network, choose "
                f"digits, or put {name}.npz into a folder and set PRUNELAB_DATA to that folder."
            ) from error
        partial = Path(folder) / target.name
        cut = (x[:-TEST], y[:-TEST], x[-TEST:], y[-TEST:])
        arrays: dict[str, Any] = dict(zip(_NAMES, cut, strict=True))
        np.savez_compressed(partial, **arrays)
        partial.replace(target)
    return target


def _part(
    path: Path, x: NDArray[Any], y: NDArray[Any], shape: tuple[int, int, int], classes: int
) -> Part:
    if x.ndim == 4 and x.shape[-1] == shape[0] != x.shape[1]:
        x = x.transpose(0, 3, 1, 2)
    if x[0:1].size != np.prod(shape) or x.dtype != np.uint8 or len(x) != y.size:
        raise SpecError(
            f"{path.name} must hold uint8 images of {shape} with one label each, "
            f"got {x.dtype} {x.shape} and {y.size} labels."
        )
    if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= classes:
        raise SpecError(f"The labels of {path.name} must be whole numbers below {classes}.")
    scaled = x.reshape(-1, *shape).astype(np.float32) / np.float32(255)
    return Part(scaled, y.reshape(-1).astype(np.int64))
