"""The arrays of a grown tree from its files; no pickles."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prunelab.spec import SpecError
from prunelab.treelab.grown import Compared, CrossValidated, Dots, Grown, Ints, Plane
from prunelab.treelab.grown import Path as Nested

_BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


def grown(folder: Path) -> Grown | None:
    """The tree of a place; None while it is not there.

    Raises:
        SpecError: the file is damaged.
    """
    found = _arrays(folder / "tree.npz")
    try:
        return None if found is None else _grown(found)
    except _BROKEN as error:
        raise SpecError(f"{folder.name}/tree.npz is damaged: {error}") from error


def cross_validated(folder: Path) -> CrossValidated | None:
    """The folds' scores; None while they are not there."""
    found = _arrays(folder / "cv.npz")
    return None if found is None else CrossValidated(found["alphas"], found["fold_scores"])


def compared(folder: Path, what: Literal["rules", "ensembles"] = "rules") -> Compared | None:
    """Every rule, or a forest and boosting, on fresh splits; None while it is not there."""
    found = _arrays(folder / f"{what}.npz")
    if found is None:
        return None
    names = tuple(map(str, found["rules"]))
    return Compared(names, found["leaves"], found["scores"], found["own"])


def test_counts(folder: Path) -> Ints | None:
    """The class counts of the test rows at each node: for the end, never to choose by."""
    found = _arrays(folder / "test.npz")
    return None if found is None else found["test"]


def _arrays(path: Path) -> dict[str, NDArray[Any]] | None:
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except _BROKEN as error:
        raise SpecError(f"{path.parent.name}/{path.name} is damaged: {error}") from error


def _grown(found: dict[str, NDArray[Any]]) -> Grown:
    paths = {
        str(name): Nested(
            alphas=found[f"alphas {name}"],
            birth=found["birth"][i],
            death=found["death"][i],
            label=str(found["labels"][i]),
            decides=bool(found["decides"][i]),
            refits=str(name) == str(found["refits"]),
        )
        for i, name in enumerate(found["rules"])
    }
    plain = ("left", "right", "depth", "feature", "threshold", "impurity", "label", "train")
    return Grown(
        **{name: found[name] for name in (*plain, "validation", "share_start", "shares")},
        features=tuple(map(str, found["features"])),
        classes=tuple(map(str, found["classes"])),
        paths=paths,
        plane=_plane(found) if "grid" in found else None,
    )


def _plane(found: dict[str, NDArray[Any]]) -> Plane:
    train, validation = (
        Dots(*(found[f"{part} {name}"] for name in Dots._fields))
        for part in ("train", "validation")
    )
    return Plane(grid=found["grid"], axes=found["axes"], train=train, validation=validation)
