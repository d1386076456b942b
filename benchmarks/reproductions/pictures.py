"""Pictures as files of one's own: parts of MNIST that are no data set by themselves."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.datasets.mnist import mnist
from prunelab.files import keep_file


@functools.cache
def digits(count: int) -> str:
    """The first digits of MNIST's training part; the name of the file."""
    table = mnist()
    return own(table.x[:count, 0], table.y[:count])


def own(x: NDArray[Any], y: NDArray[Any]) -> str:
    """Pictures between 0 and 1 and their classes, kept as a file of one's own; its name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pictures.npz"
        np.savez_compressed(file, x=np.round(255 * x).astype(np.uint8), y=y)
        return keep_file(os.fspath(file))
