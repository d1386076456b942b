"""Whole paths in one pass say what refitting would have said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from tree_cases import CASES, DIGITS, NOISY, grown, state
from tree_oracles import leaves, prunings, small_tree, wrong

from prunelab.spec import SpecError
from prunelab.trees import OptimalSubtrees, PruningPath, PruningPathCV, splits

X, Y = NOISY


@st.composite
def problems(draw: Any) -> tuple[Any, Any, Any, Any]:
    """A tree that is not fitted, with data, weights, either task and any criterion."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = draw(st.integers(8, 80))
    x = rng.integers(0, 5, (rows, 3)).astype(float)
    options = draw(st.sampled_from([{}, {"max_depth": 3}, {"max_leaf_nodes": 8}]))
    options |= {"random_state": 0, "splitter": draw(st.sampled_from(["best", "random"]))}
    if draw(st.booleans()):
        x[rng.random(x.shape) < 0.1] = np.nan
    if draw(st.booleans()):
        options["criterion"] = draw(st.sampled_from(["gini", "entropy"]))
        y, tree = rng.integers(0, 3, rows), DecisionTreeClassifier(**options)
    else:
        options["criterion"] = draw(st.sampled_from(["squared_error", "poisson"]))
        y, tree = rng.integers(1, 9, rows).astype(float), DecisionTreeRegressor(**options)
    weight = rng.integers(1, 4, rows).astype(float) if draw(st.booleans()) else None
    return tree, x, y, weight


@settings(max_examples=100, deadline=None)
@given(problems())
def test_every_tree_of_the_path_is_the_one_grown_with_ccp_alpha(problem: Any) -> None:
    tree, x, y, weight = problem
    dense = clone(tree).fit(x, y, sample_weight=weight)
    path = PruningPath(dense, x, y, sample_weight=weight)
    for i, alpha in enumerate(path.alphas):
        again = clone(tree).set_params(ccp_alpha=alpha if i == 0 else max(alpha, 5e-324))
        again.fit(x, y, sample_weight=weight)
        mine = path.tree(i)
        assert state(mine.tree_) == state(again.tree_)
        assert path.leaves[i] == again.get_n_leaves()
        score = again.score(x, y, sample_weight=weight)
        assert path.scores[i] == pytest.approx(score, abs=1e-9)
        if tree.criterion != "poisson":
            assert path.train_scores[i] == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("case", ["digits", "noisy table", "holes", "best first", "min leaf"])
def test_scores_and_confusion_on_held_out_rows_are_those_of_each_tree(case: str) -> None:
    (x, y), options, _ = CASES[case]
    dense = DecisionTreeClassifier(random_state=0, **options).fit(x[::2], y[::2])
    path = PruningPath(dense, x[1::2], y[1::2])
    for i in range(0, len(path), 5):
        told = path.tree(i).predict(x[1::2])
        assert path.scores[i] == (told == y[1::2]).mean()
        assert np.array_equal(path.confusion(i), confusion_matrix(y[1::2], told))
        assert path.kept(i).sum() == path.tree(i).tree_.node_count
    last = path.tree(-1)
    assert last.get_n_leaves() == path.leaves[-1] == 1


UNUSUAL: dict[str, tuple[Any, Any, Any]] = {
    "sparse": (DecisionTreeClassifier(random_state=0), csr_matrix(np.where(X > 1, X, 0)), Y),
    "rising": (DecisionTreeClassifier(random_state=0, monotonic_cst=[1] + [0] * 19), X, Y),
    "extra tree": (ExtraTreeClassifier(random_state=0), X, Y),
    "medians": (
        DecisionTreeRegressor(random_state=0, criterion="absolute_error", max_depth=5),
        X[:300],
        X[:300, 0] + Y[:300],
    ),
    "numbers at once": (
        DecisionTreeRegressor(random_state=0, max_depth=6),
        X,
        X[:, :2] + Y[:, None],
    ),
    "words": (DecisionTreeClassifier(random_state=0), X, np.array(["no", "yes"])[Y]),
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_trees_are_cut_and_scored_alike(case: str) -> None:
    tree, x, y = UNUSUAL[case]
    path = PruningPath(clone(tree).fit(x, y), x, y)
    for i in np.linspace(1, len(path) - 1, 4).astype(int):
        again = clone(tree).set_params(ccp_alpha=path.alphas[i]).fit(x, y)
        assert state(path.tree(i).tree_) == state(again.tree_)
        assert path.scores[i] == pytest.approx(again.score(x, y), abs=1e-9)


def test_the_best_and_the_one_se_subtree() -> None:
    dense = DecisionTreeClassifier(random_state=0).fit(X[:1000], Y[:1000])
    path = PruningPath(dense, X[1000:], Y[1000:])
    best, small = path.best_index(), path.one_se_index()
    assert path.scores[best] == path.scores.max()
    assert (path.scores[best + 1 :] < path.scores[best]).all()
    p = path.scores[best]
    allowed = p - np.sqrt(p * (1 - p) / 500)
    assert path.scores[small] >= allowed
    assert (path.scores[small + 1 :] < allowed).all()
    assert path.one_se().get_n_leaves() < path.best().get_n_leaves() < dense.get_n_leaves()


def test_leaves_and_alpha_find_their_place() -> None:
    path = PruningPath(grown("digits"), *DIGITS)
    for k in (1, 2, 10, 10_000):
        i = path.index_at_leaves(k)
        assert path.at_leaves(k).get_n_leaves() == path.leaves[i] <= k
        assert i == 0 or path.leaves[i - 1] > k
    middle = float(path.alphas[5] + path.alphas[6]) / 2
    assert path.index_at(middle) == 5
    assert path.index_at(path.alphas[6]) == 6
    assert path.index_at(0.0) == 0
    assert path.tree(5).ccp_alpha == path.alphas[5]
    with pytest.raises(ValueError, match="leaves must be at least 1, got 0"):
        path.at_leaves(0)
    with pytest.raises(IndexError):
        path.tree(len(path))


@pytest.mark.parametrize("method", ["reduced-error", "mdl", "critical-value", "random"])
def test_any_rule_has_a_path(method: str) -> None:
    dense = DecisionTreeClassifier(random_state=0).fit(X[:1000], Y[:1000])
    path = PruningPath(dense, X[1000:], Y[1000:], method, train=(X[:1000], Y[:1000]))
    assert state(path.tree(0).tree_) == state(dense.tree_)
    assert (np.diff(path.leaves) < 0).all()
    assert path.leaves[-1] == 1
    for i in range(0, len(path), 40):
        assert path.scores[i] == path.tree(i).score(X[1000:], Y[1000:])


def test_several_outputs_score_their_mean() -> None:
    y = np.c_[Y, X[:, 0] > 0]
    dense = DecisionTreeClassifier(random_state=0, max_depth=6).fit(X, y)
    path = PruningPath(dense, X, y)
    told = path.tree(4).predict(X)
    assert path.scores[4] == pytest.approx((told == y).mean())
    assert path.train_scores[4] == pytest.approx((told == y).mean())
    assert path.one_se_index() >= path.best_index()
    with pytest.raises(TypeError, match="classifier with one output"):
        path.confusion(0)


def test_a_regressor_that_cannot_be_scored_is_scored_as_sklearn_does() -> None:
    dense = DecisionTreeRegressor(random_state=0, max_depth=3).fit(X, X[:, 0])
    assert (PruningPath(dense, X, np.ones(len(X))).scores == 0).all()
    leaf = DecisionTreeRegressor().fit(X, np.ones(len(X)))
    path = PruningPath(leaf, X, np.ones(len(X)))
    assert path.scores.tolist() == path.train_scores.tolist() == [1.0]
    assert path.one_se().get_n_leaves() == 1


@pytest.mark.parametrize("name", ["cancer", "holes"])
def test_cross_validation_is_that_of_grid_search(name: str) -> None:
    (x, y), options, _ = CASES["weights" if name == "cancer" else "holes"]
    tree = DecisionTreeClassifier(random_state=0, **options)
    ours = PruningPathCV(tree, x, y, cv=4)
    search = GridSearchCV(tree, {"ccp_alpha": ours.alphas}, cv=4).fit(x, y)
    theirs = [search.cv_results_[f"split{i}_test_score"] for i in range(4)]
    assert np.array_equal(ours.fold_scores, theirs)
    assert ours.best_alpha == search.best_params_["ccp_alpha"]
    assert state(ours.best().tree_) == state(search.best_estimator_.tree_)


def test_one_standard_error_takes_the_smaller_tree() -> None:
    tree = DecisionTreeClassifier(random_state=0)
    ours = PruningPathCV(tree, X, Y, cv=KFold(5, shuffle=True, random_state=0))
    best = int(np.argmax(ours.mean_scores))
    spread = ours.fold_scores[:, best].std(ddof=1) / np.sqrt(5)
    within = ours.alphas[ours.mean_scores >= ours.mean_scores[best] - spread]
    assert ours.one_se_alpha == within.max() >= ours.best_alpha
    assert ours.one_se().get_n_leaves() <= ours.best().get_n_leaves()
    assert state(ours.at(0.0).tree_) == state(ours.dense.tree_)
    asked = PruningPathCV(tree, X, Y, cv=3, grid="geometric")
    assert asked.fold_scores.shape == (3, len(asked.alphas))
    numbers = PruningPathCV(DecisionTreeRegressor(random_state=0, ccp_alpha=9), X, X[:, 0], cv=3)
    assert numbers.mean_scores.max() > 0.9
    other = PruningPathCV(tree, X, Y, cv=3, method="pessimistic-error")
    assert other.best().get_n_leaves() < other.dense.get_n_leaves()
    assert state(other.at(-np.inf).tree_) == state(other.dense.tree_)


def test_the_best_subtree_of_every_size_is_the_best_there_is() -> None:
    for seed in range(60):
        member, _, _ = small_tree(seed)
        tree = member.tree_
        optimal = OptimalSubtrees(member)
        least: dict[int, float] = {}
        for kept in prunings(tree):
            cost = sum(wrong(tree, leaf) for leaf in leaves(tree, kept))
            least[len(kept) + 1] = min(cost, least.get(len(kept) + 1, np.inf))
        assert optimal.costs == pytest.approx([least[k] for k in sorted(least)])
        for k in sorted(least):
            found = optimal.tree(k)
            assert found.get_n_leaves() == k
            kept = frozenset(splits(tree)[optimal.kept(k)].tolist())
            assert sum(wrong(tree, leaf) for leaf in leaves(tree, kept)) == pytest.approx(least[k])


def test_the_best_subtrees_are_never_worse_than_weakest_links() -> None:
    dense = grown("digits")
    optimal, path = OptimalSubtrees(dense), PruningPath(dense, *DIGITS)
    share = optimal.costs[path.leaves - 1] / len(DIGITS[1])
    assert (share <= 1 - path.train_scores + 1e-12).all()
    assert (share < 1 - path.train_scores - 1e-12).any()
    number = DecisionTreeRegressor(random_state=0, max_depth=4).fit(X, X[:, 1])
    assert OptimalSubtrees(number).tree(5).get_n_leaves() == 5


def test_sizes_and_costs_that_do_not_exist_are_refused(monkeypatch: Any) -> None:
    dense = grown("digits")
    for k in (0, dense.get_n_leaves() + 1):
        with pytest.raises(ValueError, match=f"leaves must be from 1 to .* got {k}"):
            OptimalSubtrees(dense).tree(k)
    with pytest.raises(ValueError, match="one number per node"):
        OptimalSubtrees(dense, np.ones(3))
    monkeypatch.setattr("prunelab.trees.optimal.MOST", 20)
    with pytest.raises(ValueError, match="at most 20 leaves"):
        OptimalSubtrees(dense)


REFUSED: list[tuple[Any, Any, str]] = [
    (lambda t: PruningPath(t, X[:0], Y[:0]), ValueError, "pruning set is empty"),
    (lambda t: PruningPath(t, None, None), ValueError, "pruning set is empty"),
    (lambda t: PruningPath(t, X[:, :2], Y), ValueError, "2 features"),
    (lambda t: PruningPath(t, X, Y + 7), ValueError, "never seen"),
    (lambda t: PruningPath(t, X, Y, "nothing"), SpecError, "no method 'nothing'"),
    (lambda t: PruningPath(DecisionTreeClassifier(), X, Y), ValueError, "not fitted yet"),
    (lambda t: PruningPath(3, X, Y), TypeError, "one fitted scikit-learn tree, got int"),
]


@pytest.mark.parametrize(("ask", "error", "match"), REFUSED)
def test_bad_input_is_refused(ask: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        ask(DecisionTreeClassifier(max_depth=3).fit(X, Y))
