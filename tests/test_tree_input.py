"""What nobody should give to tree pruning is refused in words, and what is given stays as is."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from prunelab.spec import SpecError
from prunelab.trees import (
    OptimalSubtrees,
    PrunedTreeClassifier,
    PruningPath,
    PruningPathCV,
    boosting_scores,
    cut_at,
    forest_curve,
    prune_and_relabel,
    prune_boosting,
    prune_on_own_rows,
    prune_tree,
    raise_subtrees,
    thin,
    truncate_boosting,
)
from prunelab.trees.counts import Rows, Sets

X, Y = make_classification(300, 6, flip_y=0.2, random_state=0)
HOLE = np.where(np.arange(1800).reshape(300, 6) == 20, np.nan, X)
LATE = np.where(np.arange(300) == 5, np.nan, Y)  # a target is missing
TREE = DecisionTreeClassifier(random_state=0).fit(X, Y)
FOREST = RandomForestClassifier(4, random_state=0).fit(X, Y)
BOOSTED = GradientBoostingClassifier(n_estimators=4, random_state=0).fit(X, Y)
NUMBER = DecisionTreeRegressor(random_state=0).fit(X, X[:, 0])

# name: what is asked of a model with rows, the model, and whether rows and targets are looked at
ASKED: dict[str, tuple[Any, Any, str]] = {
    "prune_tree": (lambda m, x, y: prune_tree(m, "reduced-error", x, y), TREE, "xy"),
    "PruningPath": (PruningPath, TREE, "xy"),
    "prune_and_relabel": (prune_and_relabel, TREE, "xy"),
    "OptimalSubtrees": (lambda m, x, y: OptimalSubtrees(m).tree(2), TREE, ""),
    "raise_subtrees": (raise_subtrees, TREE, "xy"),
    "cut_at": (lambda m, x, y: cut_at(m, [0]), TREE, ""),
    "forest_curve": (lambda m, x, y: forest_curve(m, x, [0.0, 0.01]), FOREST, "x"),
    "prune_on_own_rows": (prune_on_own_rows, FOREST, "xy"),
    "votes": (lambda m, x, y: thin.votes(m, Sets(None, Rows(x, y))), FOREST, "xy"),
    "truncate_boosting": (lambda m, x, y: truncate_boosting(m, 2), BOOSTED, ""),
    "boosting_scores": (boosting_scores, BOOSTED, "xy"),
    "prune_boosting": (lambda m, x, y: prune_boosting(m, x, y, sparsity=0.5), BOOSTED, "xy"),
}
LOOKS = [name for name, (_, _, rows) in ASKED.items() if "x" in rows]
JUDGES = [name for name, (_, _, rows) in ASKED.items() if "y" in rows]


@pytest.mark.parametrize("name", ASKED)
def test_an_unfitted_or_foreign_estimator_is_refused(name: str) -> None:
    ask, model, _ = ASKED[name]
    with pytest.raises((NotFittedError, TypeError), match=r"not fitted|must be a fitted"):
        ask(type(model)(), X, Y)
    for foreign in (LogisticRegression().fit(X, Y), 3, None):
        with pytest.raises(TypeError, match=rf"got {type(foreign).__name__}"):
            ask(foreign, X, Y)


@pytest.mark.parametrize("name", LOOKS)
def test_rows_with_other_features_or_none_at_all_are_refused(name: str) -> None:
    ask, model, _ = ASKED[name]
    with pytest.raises(ValueError, match=r"X has 3 features, but .* expecting 6"):
        ask(model, X[:, :3], Y)
    with pytest.raises(ValueError, match=r"0 sample\(s\)|pruning set is empty"):
        ask(model, X[:0], Y[:0])


@pytest.mark.parametrize("name", JUDGES)
def test_targets_that_are_strange_missing_or_too_few_are_refused(name: str) -> None:
    ask, model, _ = ASKED[name]
    with pytest.raises(ValueError, match=r"class 5, which the .* has never seen"):
        ask(model, X, Y + 5)
    with pytest.raises(ValueError, match=r"class nan, which the .* has never seen"):
        ask(model, X, LATE)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples|y must be 300 rows"):
        ask(model, X, Y[:9])


@pytest.mark.parametrize("name", ASKED)
def test_what_is_given_is_never_changed(name: str) -> None:
    ask, model, _ = ASKED[name]
    x, y = X.copy(), Y.copy()
    before = pickle.dumps(model)
    ask(model, x, y)
    assert pickle.dumps(model) == before
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)


def test_missing_values_where_the_tree_was_grown_without_are_refused() -> None:
    with pytest.raises(ValueError, match="Feature 2 has missing values, and the tree was grown wi"):
        PruningPath(TREE, HOLE, Y, train=(X, Y))
    assert PruningPath(TREE, X, Y, train=(X, Y)).scores[0] == 1.0
    holed = DecisionTreeClassifier(random_state=0).fit(HOLE, Y)
    assert PruningPath(holed, HOLE, Y, train=(HOLE, Y)).scores[0] == holed.score(HOLE, Y)
    late = DecisionTreeClassifier(random_state=0).fit(_sparse(X), Y)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        PruningPath(late, _sparse(HOLE), Y, train=(_sparse(X), Y))
    with pytest.raises(ValueError, match="X has 3 features"):
        PruningPath(TREE, X[:, :3], Y, train=(X, Y))
    with pytest.raises(ValueError, match="Input X contains NaN"):  # scikit-learn's own rule
        PruningPath(DecisionTreeClassifier(splitter="random", monotonic_cst=None).fit(X, Y),
                    _sparse(HOLE), Y)  # fmt: skip
    for ask in (boosting_scores, lambda *a: prune_boosting(*a, sparsity=0.5)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            ask(BOOSTED, HOLE, Y)


def _sparse(x: Any) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(x)


def test_a_tree_of_one_node_goes_through_everything() -> None:
    leaf = DecisionTreeClassifier().fit(X, np.zeros(300))
    none = np.zeros(300)
    path = PruningPath(leaf, X, none)
    assert (len(path), path.leaves.tolist(), path.scores.tolist()) == (1, [1], [1.0])
    one = [path.best(), path.one_se(), path.at_leaves(1), OptimalSubtrees(leaf).tree(1)]
    one += [raise_subtrees(leaf, X, none), cut_at(leaf, [0])]
    one += [PruningPathCV(DecisionTreeClassifier(), X, none).best()]
    one += [prune_tree(leaf, rule, X, none) for rule in ("reduced-error", "mdl", "error-based")]
    assert [tree.tree_.node_count for tree in one] == [1] * len(one)


@pytest.mark.parametrize("m", [-1, -1e-9, np.nan])
def test_an_m_below_nought_is_refused(m: float) -> None:
    with pytest.raises(ValueError, match="m must be at least 0, got"):
        prune_tree(TREE, "minimum-error", m=m)


@pytest.mark.parametrize("confidence", [0, 1, -0.5, 1.5, np.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got"):
        prune_tree(TREE, "error-based", confidence=confidence)
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got"):
        raise_subtrees(TREE, X, Y, confidence=confidence)


@pytest.mark.parametrize("weight", [-np.ones(300), np.zeros(300), np.full(300, np.nan)])
def test_weights_that_weigh_nothing_are_refused(weight: Any) -> None:
    for ask in (PruningPath, lambda *a, **k: prune_tree(a[0], "reduced-error", *a[1:], **k)):
        with pytest.raises(ValueError, match="sample_weight must be finite numbers from 0 up"):
            ask(TREE, X, Y, sample_weight=weight)


CHOICES = {
    "cost-complexity": "risk",
    "critical-value": "strength",
    "error-based": "table",
    "mdl": "code",
    "minimum-error": "prior",
    "pre-pruning": "criterion",
}


@pytest.mark.parametrize("rule", CHOICES)
def test_a_choice_that_is_none_is_refused(rule: str) -> None:
    with pytest.raises(SpecError, match=f"{CHOICES[rule]} must be one of .*, got 'best'"):
        prune_tree(TREE, rule, X, Y, **{CHOICES[rule]: "best"})


REFUSED: list[tuple[Any, str]] = [
    (lambda: raise_subtrees(TREE, X, Y, table="best"), "table must be one of c45, weka, exact, go"),
    (lambda: raise_subtrees(TREE, X[::-1], Y), "must be those that the tree was grown on"),
    (lambda: prune_tree(TREE, "mdl", X, Y, threshold=np.nan), "threshold must be a number, got na"),
    (lambda: PruningPathCV(TREE, X, Y, grid="fine"), "grid must be 'path' or 'geometric', got 'fi"),
    (lambda: PruningPathCV(TREE, X[:0], Y[:0]), r"0 sample\(s\)"),
    (lambda: PruningPathCV(TREE, X, LATE), "Input y contains NaN"),
    (lambda: OptimalSubtrees(TREE, np.full(TREE.tree_.node_count, np.nan)), "cost must be finite"),
    (lambda: forest_curve(FOREST, X, []), "alphas must be a list of at least one number"),
    (lambda: forest_curve(FOREST, X, [np.nan]), "alphas must be a list of at least one number"),
    (lambda: PruningPath(NUMBER, X, LATE), "y must be finite numbers"),
    (lambda: boosting_scores(_number(), X, LATE), "y must be finite numbers"),
    (lambda: PrunedTreeClassifier("reduced-error").fit(X, Y[:9]), "inconsistent numbers of sample"),
    (lambda: PrunedTreeClassifier("reduced-error").fit(X[:0], Y[:0]), "n_samples=0"),
]


def _number() -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(n_estimators=2).fit(X, X[:, 0])


@pytest.mark.parametrize(("ask", "match"), REFUSED)
def test_other_bad_input_is_refused(ask: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ask()
