"""What the models of a run said of each test example, from its files, as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.events import Result
from prunelab.spec import RunSpec

FILE = "answers.npz"
Answers = dict[str, NDArray[Any]]


def read(folder: Path) -> Answers | None:
    """The answers a run kept; None where it kept none."""
    path = folder / FILE
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def by_sparsity(
    results: Iterable[Result], folder: Callable[[str], Path]
) -> dict[float, list[Answers]]:
    """The answers of the runs of one line, by the sparsity that was asked for."""
    found: dict[float, list[Answers]] = {}
    for result in results:
        if kept := read(folder(result.key)):
            found.setdefault(RunSpec.from_json(result.spec).sparsity, []).append(kept)
    return found
