"""The whole path of a rule in one pass: every nested subtree with its score on held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from prunelab.trees.counts import Fallen, Rows, Sets, errors, fallen, held_out, refuse_new_holes
from prunelab.trees.family import family, swept
from prunelab.trees.prune import scores_of, with_alpha
from prunelab.trees.rebuild import cut
from prunelab.trees.structure import Numbers, single


class PruningPath:
    """Every subtree that a rule passes through, from the full tree to its root.

    ``alphas`` are the thresholds (for cost-complexity scikit-learn's α), ``leaves`` the sizes,
    ``scores`` what each subtree scores on ``x, y`` as ``tree.score`` would: accuracy or R². With
    several outputs the accuracy is their mean. ``train_scores`` come from what the tree remembers,
    with the weights it was grown with; for a regressor the share of the root's impurity that is
    gone, which is R² for squared errors.

    Raises:
        SpecError: an unknown method or setting.
        NotFittedError, TypeError, ValueError: a tree or rows that do not work.
    """

    def __init__(
        self,
        tree: Any,
        x: Any,
        y: Any,
        method: str = "cost-complexity",
        *,
        sample_weight: Any = None,
        train: tuple[Any, Any] | None = None,
        seed: int = 0,
        **knobs: Any,
    ) -> None:
        rows = held_out(Sets(validation=Rows(x, y, sample_weight)))
        grown = Rows(*train) if train else rows
        if train:
            refuse_new_holes(grown.x, rows.x)
        self.dense, self.method, self.knobs = single(tree), method, knobs
        self.split_scores = scores_of(tree, method, Sets(grown, rows), seed=seed, **knobs)
        self._family = family(tree.tree_, self.split_scores)
        self._rows = rows
        self._seen = fallen(tree, tree, rows)
        self.alphas: Numbers = self._family.alphas
        nodes = np.ones(tree.tree_.node_count)
        self.leaves: NDArray[np.int64] = swept(self._family, nodes).astype(np.int64)
        self.scores: Numbers = swept_scores(tree, self._family, self._seen)
        self.train_scores: Numbers = _train_scores(tree, self._family)

    def __len__(self) -> int:
        return len(self.alphas)

    def tree(self, i: int) -> Any:
        """The i-th subtree as an estimator of its own; 0 is the full tree."""
        alpha = float(self.alphas[range(len(self))[i]])
        if i in (0, -len(self)):
            return cut(self.dense, np.ones(len(self.split_scores), dtype=bool))
        return with_alpha(
            cut(self.dense, self.split_scores > alpha), self.method, alpha, self.knobs
        )

    def kept(self, i: int) -> NDArray[np.bool_]:
        """Which nodes of the full tree are part of the i-th subtree."""
        return np.asarray(self._family.death > range(len(self))[i])

    def best_index(self) -> int:
        """The subtree of highest score; of equals the smallest."""
        return len(self) - 1 - int(np.argmax(self.scores[::-1]))

    def best(self) -> Any:
        """The subtree of highest score; of equals the smallest."""
        return self.tree(self.best_index())

    def one_se_index(self) -> int:
        """The smallest subtree within one standard error of the best score."""
        enough = self.scores >= self.scores.max() - self._spread()
        return int(np.flatnonzero(enough)[-1])

    def one_se(self) -> Any:
        """The smallest subtree within one standard error of the best score."""
        return self.tree(self.one_se_index())

    def at_leaves(self, leaves: int) -> Any:
        """The largest subtree of the path with at most so many leaves."""
        return self.tree(self.index_at_leaves(leaves))

    def index_at_leaves(self, leaves: int) -> int:
        """Where on the path that subtree is.

        Raises:
            ValueError: fewer than one leaf.
        """
        if leaves < 1:
            raise ValueError(f"leaves must be at least 1, got {leaves}.")
        return int(np.flatnonzero(self.leaves <= leaves)[0])

    def index_at(self, alpha: float) -> int:
        """The subtree at a threshold; for cost-complexity that of ``ccp_alpha``."""
        return at_alpha(self.alphas, alpha)

    def confusion(self, i: int) -> NDArray[np.float64]:
        """Held-out examples by true class (rows) and answer of the i-th subtree; one output only.

        Raises:
            TypeError: a regressor, or several outputs.
        """
        if not is_classifier(self.dense) or self.dense.n_outputs_ > 1:
            raise TypeError("A confusion matrix needs a classifier with one output.")
        i = range(len(self))[i]
        ids = np.flatnonzero((self._family.death > i) & (self._family.birth <= i))
        sums = self._seen.sums[0]
        table = np.zeros((sums.shape[1], sums.shape[1]))
        np.add.at(table.T, self.dense.tree_.value[ids, 0].argmax(1), sums[ids])
        return table

    def _spread(self) -> float:
        """The standard error of the best score, from its losses row by row."""
        x, y, _ = self._rows
        y = np.asarray(y).reshape(len(y), -1)
        told = np.asarray(self.tree(self.best_index()).predict(x)).reshape(y.shape)
        if is_classifier(self.dense):
            loss = (told != y).mean(1)
        else:
            loss = ((told - y) ** 2 / np.maximum(y.var(0), 1e-300)).mean(1)
        return float(loss.std() / np.sqrt(len(loss)))


def at_alpha(alphas: Numbers, alpha: float) -> int:
    """Which tree of a path a threshold gives; exactly the first α leaves the tree whole."""
    if alpha <= alphas[0]:
        return 0
    return int(np.searchsorted(alphas, alpha, side="right")) - 1


def swept_scores(tree: Any, members: Any, seen: Fallen) -> Numbers:
    """Accuracy or R² of every tree of a family on the rows that fell through it."""
    outputs = [_output_scores(tree, members, seen, o) for o in range(len(seen.sums))]
    return np.asarray(np.mean(outputs, axis=0))


def _output_scores(tree: Any, members: Any, seen: Fallen, output: int) -> Numbers:
    sums, value = seen.sums[output], tree.tree_.value[:, output, :]
    if is_classifier(tree):
        right = sums[np.arange(len(sums)), value.argmax(1)]
        return np.asarray(swept(members, right) / seen.weight[0])
    v = value[:, 0] - seen.origin[output]
    squares = swept(members, sums[:, 2] - 2 * v * sums[:, 1] + v * v * sums[:, 0])
    total = sums[0, 2] - sums[0, 1] ** 2 / sums[0, 0]
    if total == 0:  # as scikit-learn's r2_score: a constant target is met or missed
        return np.where(squares == 0, 1.0, 0.0)
    return np.asarray(1 - squares / total)


def _train_scores(tree: Any, members: Any) -> Numbers:
    weight, impurity = tree.tree_.weighted_n_node_samples, tree.tree_.impurity
    if is_classifier(tree):
        wrong = swept(members, errors(tree))
        return np.asarray(1 - wrong / (weight[0] * tree.tree_.n_outputs))
    root = weight[0] * impurity[0]
    return (
        1 - swept(members, weight * impurity) / root if root > 0 else np.ones(len(members.alphas))
    )
