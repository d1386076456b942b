"""Trees that prune themselves when fitted, as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _num_samples

from prunelab.trees.counts import Rows, Sets
from prunelab.trees.prune import scores_of, threshold_for
from prunelab.trees.rebuild import cut

HOLDS_OUT = ("reduced-error",)  # rules that need rows the tree was not grown on

_OURS: dict[str, list[Any]] = {
    "method": [str],
    "threshold": [Interval(Real, None, None, closed="neither")],
    "leaves": [Interval(Integral, 1, None, closed="left"), None],
    "knobs": [dict, None],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
}


class PrunedTreeClassifier(DecisionTreeClassifier):  # type: ignore[misc]
    """A decision tree that is grown and then pruned by any rule of PruneLab.

    ``method`` names the rule and ``knobs`` its settings. Splits scoring above ``threshold`` stay: 0
    is the own answer of a rule that decides by itself, α for "cost-complexity", the critical value,
    the limit of "pre-pruning" (minus the depth). ``leaves`` keeps at most so many instead.
    "reduced-error" holds ``validation_fraction`` of the rows out. All else is scikit-learn's.

    >>> from sklearn.datasets import load_iris
    >>> tree = PrunedTreeClassifier("pessimistic-error", random_state=0)
    >>> int(tree.fit(*load_iris(return_X_y=True)).get_n_leaves()), tree.grown_leaves_
    (4, 9)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DecisionTreeClassifier._parameter_constraints,
        **_OURS,
    }

    def __init__(  # noqa: PLR0913 - scikit-learn reads the settings from this signature
        self,
        method: str = "cost-complexity",
        *,
        threshold: float = 0.0,
        leaves: int | None = None,
        knobs: dict[str, Any] | None = None,
        validation_fraction: float = 0.25,
        criterion: str = "gini",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: Any = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        class_weight: Any = None,
        ccp_alpha: float = 0.0,
        monotonic_cst: Any = None,
    ) -> None:
        super().__init__(
            criterion=criterion,
            splitter=splitter,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            min_weight_fraction_leaf=min_weight_fraction_leaf,
            max_features=max_features,
            random_state=random_state,
            max_leaf_nodes=max_leaf_nodes,
            min_impurity_decrease=min_impurity_decrease,
            class_weight=class_weight,
            ccp_alpha=ccp_alpha,
            monotonic_cst=monotonic_cst,
        )
        self.method, self.threshold, self.leaves = method, threshold, leaves
        self.knobs, self.validation_fraction = knobs, validation_fraction

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PrunedTreeClassifier:
        """Grow the tree and prune it."""
        _fit(self, super().fit, Rows(X, y, sample_weight))
        return self


class PrunedTreeRegressor(DecisionTreeRegressor):  # type: ignore[misc]
    """A regression tree that is grown and then pruned; see ``PrunedTreeClassifier``.

    The rules that know numbers are "cost-complexity", "reduced-error", "redundant-leaves",
    "pre-pruning", and "critical-value" with the knob ``strength="impurity"``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DecisionTreeRegressor._parameter_constraints,
        **_OURS,
    }

    def __init__(  # noqa: PLR0913 - scikit-learn reads the settings from this signature
        self,
        method: str = "cost-complexity",
        *,
        threshold: float = 0.0,
        leaves: int | None = None,
        knobs: dict[str, Any] | None = None,
        validation_fraction: float = 0.25,
        criterion: str = "squared_error",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: Any = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        ccp_alpha: float = 0.0,
        monotonic_cst: Any = None,
    ) -> None:
        super().__init__(
            criterion=criterion,
            splitter=splitter,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            min_weight_fraction_leaf=min_weight_fraction_leaf,
            max_features=max_features,
            random_state=random_state,
            max_leaf_nodes=max_leaf_nodes,
            min_impurity_decrease=min_impurity_decrease,
            ccp_alpha=ccp_alpha,
            monotonic_cst=monotonic_cst,
        )
        self.method, self.threshold, self.leaves = method, threshold, leaves
        self.knobs, self.validation_fraction = knobs, validation_fraction

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PrunedTreeRegressor:
        """Grow the tree and prune it."""
        _fit(self, super().fit, Rows(X, y, sample_weight))
        return self


def _fit(tree: Any, grow: Callable[..., Any], rows: Rows) -> None:
    """Grow on all rows or all but those held out, then put the pruned tree in place."""
    grown, held = _apart(tree, rows) if tree.method in HOLDS_OUT else (rows, rows)
    grow(*grown)
    seed = tree.random_state if isinstance(tree.random_state, int) else 0
    scores = scores_of(tree, tree.method, Sets(grown, held), seed=seed, **(tree.knobs or {}))
    at = tree.threshold
    if tree.leaves is not None:
        at = threshold_for(scores, tree.leaves)
    tree.grown_leaves_ = int(tree.tree_.n_leaves)
    tree.tree_ = cut(tree, scores > at).tree_


def _apart(tree: Any, rows: Rows) -> tuple[Rows, Rows]:
    """Some rows to grow on and some to prune with; every class is among the former."""
    check_consistent_length(rows.x, rows.y, rows.weight)
    grown, held = train_test_split(
        np.arange(_num_samples(rows.x)),
        test_size=tree.validation_fraction,
        random_state=tree.random_state,
    )
    if isinstance(tree, DecisionTreeClassifier):
        y = np.asarray(rows.y).reshape(_num_samples(rows.y), -1)
        new = np.zeros(len(held), dtype=bool)
        for column in y.T:
            new |= ~np.isin(column[held], column[grown])
        grown, held = np.concatenate((grown, held[new])), held[~new]
    return _some(rows, grown), _some(rows, held)


def _some(rows: Rows, ids: NDArray[np.intp]) -> Rows:
    weight = None if rows.weight is None else _safe_indexing(np.asarray(rows.weight), ids)
    return Rows(_safe_indexing(rows.x, ids), _safe_indexing(rows.y, ids), weight)
