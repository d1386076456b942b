"""A network pruned ever further, and what it then answers in the plane: to stand beside a tree.

Another process trains and prunes it once (``prunelab.pairing``); every stop of the slider is a run
with its fine-tuning, so what is drawn is measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prunelab import aside
from prunelab.catalogue import validate
from prunelab.spec import RunSpec

FORMAT = 1  # of the file; another number prunes anew
FILE = "pair.npz"
LEFT = (1.0, 0.7, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.05, 0.03, 0.02, 0.01)  # shares that stay
SHIPPED = Path(__file__).parent / "examples" / "files" / "pair"


class Pair(NamedTuple):
    """One entry a stop of ``LEFT``."""

    weights: Sequence[int]  # that stay
    train: Sequence[float]  # accuracies
    validation: Sequence[float]
    rows: int  # validation rows
    answers: NDArray[np.uint8]  # (stops, high, wide): the class in each cell of the plane


def order(spec: RunSpec, axes: NDArray[np.float64]) -> dict[str, Any]:
    """What to prune, as plain data; ``axes`` (2, cells) are the middles of the cells.

    Raises:
        SpecError: a spec that cannot run.
    """
    plain = replace(spec, sparsity=RunSpec.sparsity, layers={}, recover="")
    validate(plain)
    ends = [[float(axis[0]), float(axis[-1])] for axis in axes]
    return {
        "format": FORMAT, "spec": plain.to_json(), "left": list(LEFT), "cells": axes.shape[1],
        "ends": ends,
    }  # fmt: skip


def place(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Where the answers are or will be; those beside the first tree came with PruneLab."""
    return aside.place("pairs", ordered, home, SHIPPED)


def start(ordered: Mapping[str, Any], home: Path | None = None) -> Path:
    """Begin to prune in another process, unless that goes on or is done.

    Raises:
        SpecError: the process cannot start or the folder cannot be written.
    """
    folder = place(ordered, home)
    return aside.order(folder, "prunelab.pairing", [json.dumps(ordered)], home, "pruned network")


def write(path: Path, found: Pair) -> None:
    """Keep what was found."""
    about = {"weights": found.weights, "train": found.train, "validation": found.validation,
             "rows": found.rows}  # fmt: skip
    aside.keep_arrays(path, about, {"answers": found.answers})


def read(folder: Path) -> Pair | None:
    """What was found; None while it is not there.

    Raises:
        SpecError: the file is damaged.
    """
    return aside.arrays(
        folder / FILE, lambda about, arrays: Pair(**about, answers=arrays["answers"]),
        "pruned network",
    )  # fmt: skip
