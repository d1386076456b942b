"""Everything there is to see of one tree, computed once and left as plain arrays.

``prunelab.treelab`` reads them with numpy alone. What comes first is written first, so that a page
has its tree while cross-validation and the other rules still go on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from prunelab.parts import Part, Parts
from prunelab.registry import METHODS, MODELS
from prunelab.spec import RunSpec
from prunelab.subject import parts_of
from prunelab.trees.counts import Rows, Sets, class_counts, fallen
from prunelab.trees.family import Family, family, swept
from prunelab.trees.optimal import OptimalSubtrees
from prunelab.trees.path import swept_scores
from prunelab.trees.path_cv import PruningPathCV
from prunelab.trees.prune import scores_of
from prunelab.trees.structure import Numbers, depths

Arrays = dict[str, NDArray[Any]]
Tell = Callable[[str, float], None]
# Rules that answer by themselves how much stays; the others are families with a parameter.
DECIDES = ("error-based", "mdl", "minimum-error", "pessimistic-error", "reduced-error")
CROSSED = "cost-complexity"  # whose thresholds are cross-validated
CELLS = 140  # a side of the grid on which a boundary is drawn
DOTS = 700  # examples of each part drawn over it
STOPS = 48  # leaf counts at which rules are compared
MANY = 20_000  # rows from which fewer splits are compared
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
    model = _grown(spec, parts.train)
    save(
        folder / "tree.npz", {**_tree(model, parts), **_paths(model, parts), **_plane(model, parts)}
    )
    save(folder / "test.npz", {"test": _counts(model, parts.test_once())})
    notes = []
    steps: tuple[tuple[str, str, Callable[[], Arrays]], ...] = (
        ("cv.npz", "Cross-validating", lambda: _cross_validated(spec, parts)),
        ("rules.npz", "Trying every rule on fresh splits", lambda: _compared(spec, parts, tell)),
    )
    for place, (name, doing, compute) in enumerate(steps):
        tell(doing, 0.35 + 0.15 * place)
        try:
            save(folder / name, compute())
        except ValueError as impossible:  # a class too rare for every fold or split to have it
            notes.append(f"{doing} was not possible: {impossible}")
    return notes


def save(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Whole or not at all, and nothing in it is a pickle."""
    partial = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    np.savez_compressed(partial, allow_pickle=False, **arrays)
    partial.replace(path)


def _flat(part: Part) -> Part:
    return Part(np.ascontiguousarray(part.x.reshape(len(part.x), -1)), part.y)


def _grown(spec: RunSpec, train: Part) -> Any:
    build = MODELS[spec.model].function
    model = build(train.x.shape[1:], int(train.y.max()) + 1, **spec.model_knobs)
    return model.set_params(random_state=spec.seed).fit(*_pair(train))


def _pair(part: Part) -> tuple[Any, Any]:
    flat = _flat(part)
    return flat.x, flat.y


def _rows(part: Part) -> Rows:
    return Rows(*_pair(part))


def _counts(model: Any, part: Part) -> NDArray[np.int32]:
    return np.rint(fallen(model, model, _rows(part)).sums[0]).astype(np.int32)


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
    rows = Sets(_rows(parts.train), _rows(parts.validation))
    found: Arrays = {"rules": np.array(rules(), dtype=str)}
    found["labels"] = np.array([METHODS[name].label for name in rules()], dtype=str)
    found["refits"] = np.array(CROSSED)
    found["decides"] = np.array([name in DECIDES for name in rules()])
    paths = [family(model.tree_, scores_of(model, name, rows)) for name in rules()]
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
    estimator = _grown(spec, parts.train)
    found = PruningPathCV(estimator, *_pair(parts.train), cv=FOLDS, method=CROSSED)
    return {"alphas": found.alphas, "fold_scores": found.fold_scores}


def _compared(spec: RunSpec, parts: Parts, tell: Tell) -> Arrays:
    """Every rule on fresh splits of all rows but the test rows.

    Each has three parts: one to grow on, one for rules that want a pruning set, one that only
    scores.
    """
    both = _pair(parts.train), _pair(parts.validation)
    x, y = (np.concatenate(pair) for pair in zip(*both, strict=True))
    seeds = range(3 if len(y) > MANY else 5)
    trials = []
    for seed in seeds:
        tell(f"Trying every rule: split {seed + 1} of {len(seeds)}", 0.5 + 0.5 * seed / len(seeds))
        trials.append(list(_trial(spec, Part(x, y), seed)))
    most = max(int(leaves[0]) for trial in trials for leaves, _, _ in trial)
    stops = np.unique(np.rint(np.geomspace(1, most, STOPS)).astype(int))
    scores = [[_at(*one[:2], stops) for one in trial] for trial in trials]
    own = [[_own(*one) for one in trial] for trial in trials]
    return {
        "rules": np.array(rules(), dtype=str),
        "leaves": stops,
        "scores": np.array(scores).transpose(1, 0, 2),
        "own": np.array(own).transpose(1, 0, 2),
    }


def _trial(
    spec: RunSpec, pool: Part, seed: int
) -> Iterator[tuple[NDArray[np.int64], Numbers, int]]:
    """For each rule: leaves and score along its path, and where on it its own answer is or -1."""
    rest, judge = _parted(pool, 0.2, seed)
    grow, prune = _parted(rest, 0.25, seed)
    model = _grown(spec, grow)
    sets, seen = Sets(_rows(grow), _rows(prune)), fallen(model, model, _rows(judge))
    for name in rules():
        scores = scores_of(model, name, sets, seed=seed)
        path: Family = family(model.tree_, scores)
        leaves = swept(path, np.ones(model.tree_.node_count)).astype(np.int64)
        kept = int((scores > 0).sum()) + 1
        own = int(np.flatnonzero(leaves <= kept)[0]) if name in DECIDES else -1
        yield leaves, swept_scores(model, path, seen), own


def _parted(part: Part, share: float, seed: int) -> tuple[Part, Part]:
    rest, other = train_test_split(
        np.arange(len(part.y)), test_size=share, stratify=part.y, random_state=seed
    )
    return Part(part.x[rest], part.y[rest]), Part(part.x[other], part.y[other])


def _at(leaves: NDArray[np.int64], scores: Numbers, stops: NDArray[np.int64]) -> Numbers:
    """The score of the largest tree of the path with at most so many leaves."""
    return np.asarray(scores[np.searchsorted(-leaves, -stops)])


def _own(leaves: NDArray[np.int64], scores: Numbers, place: int) -> tuple[float, float]:
    return (np.nan, np.nan) if place < 0 else (float(leaves[place]), float(scores[place]))
