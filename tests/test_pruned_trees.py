"""Trees that prune themselves, as scikit-learn expects its estimators to be."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks
from tree_cases import CASES, DIGITS, NOISY, grown, state

from prunelab.methods.cost_complexity import cost_complexity
from prunelab.spec import SpecError
from prunelab.trees import PrunedTreeClassifier, PrunedTreeRegressor, cut_at, prune_tree

X, Y = NOISY


@parametrize_with_checks([PrunedTreeClassifier(), PrunedTreeRegressor()])
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("method", ["reduced-error", "mdl"])
def test_scikit_learn_checks_of_rules_that_look_at_rows(method: str) -> None:
    wanted = ("dtypes", "str", "n_features", "fit2d", "pickle", "dict_unchanged", "idempotent")
    for estimator, check in estimator_checks_generator(PrunedTreeClassifier(method)):
        name = getattr(check, "func", check).__name__
        if any(word in name for word in wanted) and "1sample" not in name:
            check(estimator)


def test_it_is_searched_inside_a_pipeline() -> None:
    steps = make_pipeline(StandardScaler(), PrunedTreeClassifier(random_state=0))
    grid = {
        "prunedtreeclassifier__method": ["cost-complexity", "pessimistic-error", "reduced-error"],
        "prunedtreeclassifier__leaves": [4, 40],
    }
    search = GridSearchCV(steps, grid, cv=3).fit(X, Y)
    assert search.best_score_ > 0.7
    assert search.best_estimator_[-1].get_n_leaves() <= 40


@pytest.mark.parametrize("case", ["digits", "weights", "holes", "class weights"])
def test_cost_complexity_is_ccp_alpha(case: str) -> None:
    (x, y), options, weighted = CASES[case]
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float) if weighted else None
    alpha = float(cost_complexity(grown(case), None)["tree"].quantile(0.6))
    tree = PrunedTreeClassifier(threshold=alpha, random_state=0, **options)
    tree.fit(x, y, sample_weight=weight)
    assert state(tree.tree_) == state(grown(case, alpha).tree_)
    assert tree.grown_leaves_ == grown(case).get_n_leaves() > tree.get_n_leaves()


def test_pruning_a_fitted_tree_leaves_it_as_it_was() -> None:
    dense = grown("noisy table")
    before = state(dense.tree_)
    pruned = prune_tree(dense, "error-based", confidence=0.05)
    assert type(pruned) is DecisionTreeClassifier
    assert state(dense.tree_) == before
    assert 1 < pruned.get_n_leaves() < dense.get_n_leaves()
    assert export_text(pickle.loads(pickle.dumps(pruned))) == export_text(pruned)


def test_a_tree_pruned_at_alpha_can_be_grown_again_from_its_settings() -> None:
    dense = grown("noisy table")
    pruned = prune_tree(dense, "cost-complexity", threshold=0.001)
    assert state(clone(pruned).fit(X, Y).tree_) == state(pruned.tree_)
    assert dense.ccp_alpha == 0


@pytest.mark.parametrize("leaves", [1, 2, 17, 10_000])
def test_at_most_so_many_leaves_are_left(leaves: int) -> None:
    dense = grown("noisy table")
    for method in ("cost-complexity", "minimum-error", "pre-pruning", "random"):
        found = prune_tree(dense, method, leaves=leaves).get_n_leaves()
        assert found <= leaves
        assert found > min(leaves, 200) / 20 or method != "pre-pruning"
        if method == "random":
            assert found == min(leaves, dense.get_n_leaves())


def test_reduced_error_is_the_same_on_the_same_rows() -> None:
    tree = PrunedTreeClassifier("reduced-error", random_state=3).fit(X, Y)
    again = PrunedTreeClassifier("reduced-error", random_state=3).fit(X, Y)
    assert state(tree.tree_) == state(again.tree_)
    assert tree.get_n_leaves() < tree.grown_leaves_


def test_a_class_of_one_row_is_grown_on_not_held_out() -> None:
    x, y = load_iris(return_X_y=True)
    y = np.where(np.arange(150) == 7, 9, y)
    for seed in range(6):
        tree = PrunedTreeClassifier("reduced-error", random_state=seed).fit(x, y)
        assert tree.classes_.tolist() == [0, 1, 2, 9]


def test_regressors_prune_by_squares() -> None:
    target = X[:, 0] + np.random.default_rng(0).normal(size=len(X))
    rough = DecisionTreeRegressor(random_state=0).fit(X[:1000], target[:1000])
    tree = PrunedTreeRegressor("reduced-error", random_state=0).fit(X[:1000], target[:1000])
    assert tree.score(X[1000:], target[1000:]) > rough.score(X[1000:], target[1000:]) + 0.2
    weighted = PrunedTreeRegressor("reduced-error", random_state=0)
    weighted.fit(X, target, sample_weight=np.abs(X[:, 1]))
    assert weighted.get_n_leaves() < weighted.grown_leaves_


def test_cuts_by_hand_take_all_below() -> None:
    dense = grown("digits")
    tree = dense.tree_
    node = int(tree.children_left[0])
    pruned = cut_at(dense, [node])
    assert pruned.tree_.children_left[1] == -1
    assert np.array_equal(pruned.tree_.value[1], tree.value[node])
    assert state(cut_at(dense, []).tree_) == state(tree)
    leaf = int(np.flatnonzero(tree.children_left < 0)[0])
    assert state(cut_at(dense, [leaf]).tree_) == state(tree)
    for strange in (-1, tree.node_count):
        with pytest.raises(ValueError, match=f"nodes 0 to {tree.node_count - 1}, got {strange}"):
            cut_at(dense, [strange])


REFUSED: list[tuple[Any, Any, str]] = [
    (lambda t: prune_tree(t, "cost-complexty"), SpecError, "Did you mean 'cost-complexity'"),
    (lambda t: prune_tree(t, "magnitude"), SpecError, "magnitude does not prune single trees"),
    (lambda t: prune_tree(t, "minimum-error", n=2), SpecError, "has no setting 'n'; it has m, pr"),
    (lambda t: prune_tree(t, "mdl", leaves=0, x=X, y=Y), ValueError, "leaves must be at least 1"),
    (lambda t: prune_tree(DecisionTreeClassifier(), "mdl"), NotFittedError, "not fitted yet"),
    (lambda t: prune_tree(LogisticRegression(), "mdl"), TypeError, "one fitted .* got Logistic"),
    (
        lambda t: prune_tree(RandomForestClassifier(2).fit(X, Y), "mdl"),
        TypeError,
        "one fitted scikit-learn tree, got RandomForest",
    ),
    (lambda t: PrunedTreeClassifier(leaves=0).fit(X, Y), ValueError, "'leaves' parameter"),
    (lambda t: PrunedTreeClassifier("mdI").fit(*DIGITS), SpecError, "Did you mean 'mdl'"),
    (
        lambda t: PrunedTreeRegressor("pessimistic-error").fit(X, X[:, 0]),
        TypeError,
        "needs a tree of classes, got PrunedTreeRegressor",
    ),
]


@pytest.mark.parametrize(("ask", "error", "match"), REFUSED)
def test_bad_input_is_refused(ask: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        ask(grown("noisy table"))
