"""One tree, a forest and boosting on the same splits, each pruned every way there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunelab.registry import METHODS, MODELS
from prunelab.trees.boosting import boosting_scores, prune_boosting
from prunelab.trees.counts import Sets
from prunelab.trees.forest import forest_curve, prune_on_own_rows
from prunelab.trees.fresh import Split, Way
from prunelab.trees.path import PruningPath
from prunelab.trees.prune import scores_of

TREES, STAGES, SPLITS = 50, 40, 3
MOST = 5000  # rows; a forest of more takes too long to wait for
ALPHAS = 24  # sizes of the forest that is cut at one α
SHARES = tuple(gone / 7 for gone in range(7))  # of the splits of a stage, which are seven at most
RANDOM = "thin-random"


def thinned() -> list[str]:
    """The methods that say which trees of a forest stay."""
    return [name for name in METHODS if name.startswith("thin-")]


def ways(tree: Any, split: Split) -> dict[str, Way]:
    """Every way on one split; ``tree`` is one that has been grown on it."""
    classes = int(split.grow.y.max()) + 1
    shape = split.grow.x.shape[1:]

    def grown(model: str, **knobs: int) -> Any:
        build = MODELS[model].function(shape, classes, **knobs)
        return build.set_params(random_state=split.seed).fit(split.grow.x, split.grow.y)

    path = PruningPath(tree, split.judge.x, split.judge.y)
    forest = grown("random-forest", trees=TREES)
    boosted = grown("gradient-boosting", stages=STAGES)
    return {
        "one tree": Way(path.leaves, path.scores),
        "forest, one α": _one_alpha(forest, split),
        "forest, own rows": _own_rows(forest, split),
        **{name: _thin(forest, name, split) for name in thinned()},
        "fewer-stages": _fewer(boosted, split),
        "boosting, smaller stages": _smaller(boosted, split),
    }


def _one_alpha(forest: Any, split: Split) -> Way:
    members = forest.estimators_
    links = np.sort(np.concatenate([scores_of(m, "cost-complexity", None) for m in members]))
    left = np.unique(np.rint(np.geomspace(1, len(links), ALPHAS)).astype(int))[::-1]  # splits
    found = forest_curve(forest, split.judge.x, [0.0, *links[-left[1:] - 1], links[-1]])
    right = forest.classes_[found.answers.argmax(2)] == split.judge.y
    return Way(found.leaves.astype(np.int64), right.mean(1))


def _own_rows(forest: Any, split: Split) -> Way:
    pruned = prune_on_own_rows(forest, split.grow.x, split.grow.y)
    size, score = leaves(pruned.estimators_), pruned.score(split.judge.x, split.judge.y)
    return Way(np.array([size]), np.array([score]), (float(size), float(score)))


def _thin(forest: Any, name: str, split: Split) -> Way:
    """The first trees of an order, one more at a time; they vote with their class shares."""
    order = _order(forest, name, split)
    shares = np.stack([forest.estimators_[k].predict_proba(split.judge.x) for k in order])
    answers = forest.classes_[shares.cumsum(0).argmax(2)]
    sizes = np.cumsum([forest.estimators_[k].get_n_leaves() for k in order])
    return Way(sizes[::-1], (answers == split.judge.y).mean(1)[::-1])


def _order(forest: Any, name: str, split: Split) -> NDArray[np.intp]:
    if name == RANDOM:
        return np.random.default_rng(split.seed).permutation(len(forest.estimators_))
    scores = METHODS[name].function(forest, Sets(split.grow, split.prune))["forest"]
    return np.argsort(-scores.numpy(), kind="stable")


def _fewer(boosted: Any, split: Split) -> Way:
    sizes = np.cumsum([leaves(stage) for stage in boosted.estimators_])
    scores = boosting_scores(boosted, split.judge.x, split.judge.y)
    return Way(sizes[::-1], scores[::-1])


def _smaller(boosted: Any, split: Split) -> Way:
    found = list(_cut(boosted, split))
    sizes, scores = (np.array(column) for column in zip(*found, strict=True))
    return Way(sizes.astype(np.int64), scores)


def _cut(boosted: Any, split: Split) -> Iterator[tuple[int, float]]:
    for share in SHARES:
        pruned = prune_boosting(boosted, split.grow.x, split.grow.y, sparsity=share)
        yield leaves(pruned.estimators_.ravel()), pruned.score(split.judge.x, split.judge.y)


def leaves(members: Any) -> int:
    """The leaves of several trees together."""
    return sum(int(member.get_n_leaves()) for member in members)
