"""Everything there is to see of one tree, computed once and left as plain arrays.

``prunelab.treelab`` reads them with numpy alone. What comes first is written first, so that a page
has its tree while cross-validation and the other rules still go on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.parts import Part, Parts
from prunelab.registry import METHODS, MODELS
from prunelab.spec import RunSpec
from prunelab.speech import mark, phrase
from prunelab.subject import parts_of
from prunelab.trees import ensembles
from prunelab.trees.counts import Rows, Sets, class_counts, fallen
from prunelab.trees.family import Family, family, swept
from prunelab.trees.fresh import NONE, Split, Way, rows, splits, table, told
from prunelab.trees.optimal import OptimalSubtrees
from prunelab.trees.path import swept_scores
from prunelab.trees.path_cv import PruningPathCV
from prunelab.trees.prune import scores_of
from prunelab.trees.structure import depths

Arrays = dict[str, NDArray[Any]]
Tell = Callable[[str, float], None]
# Rules that answer by themselves how much stays; the others are families with a parameter.
DECIDES = ("error-based", "mdl", "minimum-error", "pessimistic-error", "reduced-error")
CROSSED = "cost-complexity"  # whose thresholds are cross-validated
CELLS = 140  # a side of the grid on which a boundary is drawn
DOTS = 700  # examples of each part drawn over it
FOLDS = 5


def rules() -> list[str]:
    """The methods that score the splits of a tree."""
    return [name for name in METHODS if "nodes" in METHODS[name].units]


def write(spec: RunSpec, folder: Path, tell: Tell) -> list[str]:
    """Grow the tree of a spec and write its arrays; returns what could not be computed, in words.

    Raises:
        SpecError: data or settings that cannot be used.
    """
    tell("Reading the data", 0.05)
    parts = parts_of(spec.data, spec.data_knobs)
    tell("Growing the tree", 0.15)
    model = _grown(spec, rows(parts.train))
    save(
        folder / "tree.npz", {**_tree(model, parts), **_paths(model, parts), **_plane(model, parts)}
    )
    save(folder / "test.npz", {"test": _counts(model, parts.test_once())})
    notes = []
    steps: tuple[tuple[str, str, Callable[[], Arrays]], ...] = (
        ("cv.npz", mark("Cross-validating"), lambda: _cross_validated(spec, parts)),
        (
            "rules.npz",
            mark("Trying every rule on fresh splits"),
            lambda: _compared(spec, parts, tell),
        ),
        ("ensembles.npz", mark("Growing forests"), lambda: _ensembles(spec, parts, tell)),
    )
    for (name, doing, compute), share in zip(steps, (0.35, 0.5, 0.75), strict=True):
        tell(doing, share)
        try:
            save(folder / name, compute())
        except ValueError as impossible:  # a class too rare for every fold or split to have it
            notes.append(phrase(f"{doing} was not possible: {impossible}"))
    return notes


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Whole or not at all, and nothing in it is a pickle."""
    partial = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(partial, allow_pickle=False, **arrays)
    partial.replace(path)


def _grown(spec: RunSpec, train: Rows) -> Any:
    build = MODELS[spec.model].function
    model = build(train.x.shape[1:], int(train.y.max()) + 1, **spec.model_knobs)
    return model.set_params(random_state=spec.seed).fit(train.x, train.y)


def _counts(model: Any, part: Part) -> NDArray[np.int32]:
    return np.rint(fallen(model, model, rows(part)).sums[0]).astype(np.int32)


def _tree(model: Any, parts: Parts) -> Arrays:
    """The dense tree node by node, thresholds in the units the data came in."""
    tree = model.tree_
    inner = tree.children_left >= 0
    used = np.where(inner, tree.feature, 0)
    mean, deviation = parts.mean, parts.deviation
    if len(parts.shape) == 3:
        mean, deviation = (np.broadcast_to(a, parts.shape) for a in (mean, deviation))
    threshold = tree.threshold * deviation.reshape(-1)[used] + mean.reshape(-1)[used]
    return {
        "left": tree.children_left.astype(np.int32),
        "right": tree.children_right.astype(np.int32),
        "depth": depths(tree).astype(np.int32),
        "feature": tree.feature.astype(np.int32),
        "threshold": np.where(inner, threshold, np.nan),
        "impurity": tree.impurity.astype(np.float64),
        "label": tree.value[:, 0].argmax(1).astype(np.int32),
        "train": np.rint(class_counts(model)[:, 0]).astype(np.int32),
        "validation": _counts(model, parts.validation),
        "features": np.array(parts.features or _pixels(parts.shape), dtype=str),
        "classes": np.array(parts.classes, dtype=str),
    }


def _pixels(shape: tuple[int, ...]) -> list[str]:
    if len(shape) == 1:
        return [f"x{i}" for i in range(1, shape[0] + 1)]
    colours = [f" of channel {c + 1}" if shape[0] > 1 else "" for c in range(shape[0])]
    return [
        f"pixel {row + 1},{column + 1}{c}"
        for c in colours
        for row in range(shape[1])
        for column in range(shape[2])
    ]


def _paths(model: Any, parts: Parts) -> Arrays:
    """What every rule makes of this tree: each node's birth and death on its path, and the α's."""
    sets = Sets(rows(parts.train), rows(parts.validation))
    found: Arrays = {"rules": np.array(rules(), dtype=str)}
    found["labels"] = np.array([METHODS[name].label for name in rules()], dtype=str)
    found["refits"] = np.array(CROSSED)
    found["decides"] = np.array([name in DECIDES for name in rules()])
    paths = [family(model.tree_, scores_of(model, name, sets)) for name in rules()]
    found["birth"] = np.array([path.birth for path in paths], np.int32)
    found["death"] = np.array([path.death for path in paths], np.int32)
    for name, path in zip(rules(), paths, strict=True):
        found[f"alphas {name}"] = path.alphas
    best = OptimalSubtrees(model)
    found["share_start"], found["shares"] = best.shares()
    found["least"] = best.costs
    return found


def _plane(model: Any, parts: Parts) -> Arrays:
    """The dense leaf of every cell of a grid, and some examples, where there are two features."""
    if parts.shape != (2,):
        return {}
    seen = np.concatenate([parts.train.x, parts.validation.x])
    low, high = seen.min(0), seen.max(0)
    pad = 0.04 * (high - low)
    axes = [np.linspace(low[i] - pad[i], high[i] + pad[i], CELLS) for i in range(2)]
    cells = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2).astype(np.float32)
    found: Arrays = {
        "grid": model.apply(cells).reshape(CELLS, CELLS).astype(np.int32),
        "axes": np.array([axes[i] * parts.deviation[i] + parts.mean[i] for i in range(2)]),
    }
    for name, part in (("train", parts.train), ("validation", parts.validation)):
        few = part.x[:DOTS]
        found[f"{name} x"] = (few * parts.deviation + parts.mean).astype(np.float32)
        found[f"{name} y"] = part.y[:DOTS].astype(np.int32)
        found[f"{name} leaf"] = model.apply(few).astype(np.int32)
    return found


def _cross_validated(spec: RunSpec, parts: Parts) -> Arrays:
    """Scores of every α of cost-complexity in every fold of the training rows."""
    train = rows(parts.train)
    found = PruningPathCV(_grown(spec, train), train.x, train.y, cv=FOLDS, method=CROSSED)
    return {"alphas": found.alphas, "fold_scores": found.fold_scores}


def _compared(spec: RunSpec, parts: Parts, tell: Tell) -> Arrays:
    """Every rule on fresh splits."""
    some = told(splits(parts), tell, mark("Trying every rule"), (0.5, 0.75))
    return table([_trial(spec, split) for split in some])


def _trial(spec: RunSpec, split: Split) -> dict[str, Way]:
    """Each rule's path with its scores, and where on it the rule's own answer is."""
    model = _grown(spec, split.grow)
    sets, seen = Sets(split.grow, split.prune), fallen(model, model, split.judge)
    found = {}
    for name in rules():
        scores = scores_of(model, name, sets, seed=split.seed)
        path: Family = family(model.tree_, scores)
        leaves = swept(path, np.ones(model.tree_.node_count)).astype(np.int64)
        told_right = swept_scores(model, path, seen)
        own = NONE
        if name in DECIDES:
            place = int(np.flatnonzero(leaves <= (scores > 0).sum() + 1)[0])
            own = float(leaves[place]), float(told_right[place])
        found[name] = Way(leaves, told_right, own)
    return found


def _ensembles(spec: RunSpec, parts: Parts, tell: Tell) -> Arrays:
    """A forest and boosting beside the tree, on fresh splits of not too many rows."""
    some = told(
        splits(parts, many=ensembles.SPLITS, most=ensembles.MOST),
        tell,
        mark("Growing forests"),
        (0.75, 1.0),
    )
    return table([ensembles.ways(_grown(spec, split.grow), split) for split in some])
