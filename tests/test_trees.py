"""Weakest-link pruning cuts the trees that scikit-learn itself would have grown."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_graphviz, export_text
from tree_cases import CASES, DIGITS, NODES, NOISY, built_by_sklearn, grown, state

from prunelab.masks import allocate, removed, select
from prunelab.methods.cost_complexity import cost_complexity
from prunelab.trees import trees


@pytest.mark.parametrize("case", CASES)
def test_cutting_at_any_alpha_is_what_sklearn_would_have_grown(case: str) -> None:
    dense = grown(case)
    score = cost_complexity(dense, None)
    alphas = score["tree"].unique().numpy()
    assert len(alphas) > 5
    refits = set(alphas[:: max(1, len(alphas) // 6)]) | {alphas[-1]}
    for alpha in alphas:
        mask = {"tree": score["tree"] > alpha}
        pruned = NODES.keep(dense, None, mask)
        assert state(pruned.tree_) == state(built_by_sklearn(dense.tree_, mask["tree"].numpy()))
        if alpha in refits:
            assert state(pruned.tree_) == state(grown(case, max(alpha, 5e-324)).tree_)


@pytest.mark.parametrize("case", CASES)
def test_the_alphas_are_those_of_sklearns_path(case: str) -> None:
    (x, y), options, weighted = CASES[case]
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float) if weighted else None
    dense = DecisionTreeClassifier(random_state=0, **options)
    path = dense.cost_complexity_pruning_path(x, y, sample_weight=weight).ccp_alphas
    steps = np.unique(np.maximum.accumulate(np.maximum(path[1:], 0.0)))
    assert np.array_equal(np.unique(cost_complexity(grown(case), None)["tree"]), steps)


def test_a_faintly_negative_link_counts_as_nought() -> None:
    rng = np.random.default_rng(26)
    rows = int(rng.integers(10, 120))
    x, y = rng.integers(0, 4, (rows, 4)), rng.integers(0, 3, rows)
    weight = rng.integers(1, 4, rows).astype(float)
    dense = DecisionTreeClassifier(random_state=0).fit(x, y, sample_weight=weight)
    path = clone(dense).cost_complexity_pruning_path(x, y, sample_weight=weight)
    assert path.ccp_alphas[1] < 0
    score = cost_complexity(dense, None)["tree"]
    assert float(score.min()) == 0
    faint = clone(dense).set_params(ccp_alpha=1e-300).fit(x, y, sample_weight=weight)
    assert state(NODES.keep(dense, None, {"tree": score > 0}).tree_) == state(faint.tree_)
    assert faint.tree_.node_count < dense.tree_.node_count


def test_every_sparsity_gives_a_tree_of_the_family() -> None:
    dense = grown("noisy table")
    scores = NODES.order(dense, cost_complexity(dense, None))
    family = {int((scores["tree"] > a).sum()) for a in scores["tree"].unique()}
    family.add(scores["tree"].numel())
    units = scores["tree"].numel()
    kept = set()
    for sparsity in np.linspace(0, 0.99, 60):
        mask = select(scores, allocate(scores, sparsity), whole_ties=True)
        kept.add(int(mask["tree"].sum()))
        assert kept <= family
        assert int(mask["tree"].sum()) <= units - removed(sparsity, units)
    assert len(kept) > 20


def test_trees_with_several_outputs_and_regressors_are_cut_alike() -> None:
    x, y = NOISY
    several = DecisionTreeClassifier(random_state=0, max_depth=6).fit(x, np.c_[y, x[:, 0] > 0])
    number = DecisionTreeRegressor(random_state=0, max_depth=6).fit(x, x[:, 1] + y)
    for dense, targets in ((several, np.c_[y, x[:, 0] > 0]), (number, x[:, 1] + y)):
        score = cost_complexity(dense, None)["tree"]
        alpha = float(score.quantile(0.7))
        pruned = NODES.keep(dense, None, {"tree": score > alpha})
        again = clone(dense).set_params(ccp_alpha=alpha).fit(x, targets)
        assert state(pruned.tree_) == state(again.tree_)


@pytest.mark.parametrize("quantile", [0.3, 0.8, 0.97])
def test_a_forest_cut_at_one_alpha_is_the_forest_grown_with_it(quantile: float) -> None:
    x, y = NOISY
    dense = RandomForestClassifier(8, random_state=0).fit(x, y)
    scores = NODES.order(dense, cost_complexity(dense, None))
    mask = select(scores, allocate(scores, quantile), whole_ties=True)
    alpha = max(float(scores[name][~mask[name]].max()) for name in scores)
    again = RandomForestClassifier(8, random_state=0, ccp_alpha=alpha).fit(x, y)
    pruned = NODES.keep(dense, None, mask)
    for one, two in zip(pruned.estimators_, again.estimators_, strict=True):
        assert state(one.tree_) == state(two.tree_)
    assert np.array_equal(pruned.predict_proba(x), again.predict_proba(x))


def test_a_pruned_forest_forgets_what_only_held_before() -> None:
    x, y = NOISY
    dense = RandomForestClassifier(20, random_state=0, oob_score=True).fit(x, y)
    mask = {name: torch.zeros(s, dtype=torch.bool) for name, s in NODES.shapes(dense, None).items()}
    pruned = NODES.keep(dense, None, mask)
    assert dense.oob_score_ > 0.5
    assert not hasattr(pruned, "oob_score_")
    assert {tree.tree_.node_count for tree in pruned.estimators_} == {1}
    assert min(tree.tree_.node_count for tree in dense.estimators_) > 1


def test_a_pruned_tree_is_an_ordinary_tree() -> None:
    x, y = DIGITS
    dense = grown("digits")
    alpha = float(cost_complexity(dense, None)["tree"].median())
    before = state(dense.tree_)
    pruned = NODES.keep(dense, None, {"tree": cost_complexity(dense, None)["tree"] > alpha})
    again = grown("digits", alpha)
    assert state(dense.tree_) == before
    assert pruned.get_n_leaves() == again.get_n_leaves() < dense.get_n_leaves()
    assert pruned.get_depth() == again.get_depth()
    for ask in ("predict", "predict_proba", "apply"):
        assert np.array_equal(getattr(pruned, ask)(x), getattr(again, ask)(x))
    assert (pruned.decision_path(x) != again.decision_path(x)).nnz == 0
    assert np.array_equal(pruned.feature_importances_, again.feature_importances_)
    assert export_text(pruned) == export_text(again)
    assert export_graphviz(pruned) == export_graphviz(again)
    path = pruned.cost_complexity_pruning_path(x, y)
    assert np.array_equal(path.ccp_alphas, again.cost_complexity_pruning_path(x, y).ccp_alphas)
    assert state(clone(pruned).fit(x, y).tree_) == before


def test_pruned_trees_store_the_same_bytes_each_time() -> None:
    dense = grown("best first")
    mask = {"tree": torch.rand(59, generator=torch.Generator().manual_seed(0)) < 0.7}
    first, second = (NODES.keep(dense, None, mask) for _ in range(2))
    assert pickle.dumps(first) == pickle.dumps(second)
    assert first.tree_.__getstate__()["nodes"].tobytes() == (
        built_by_sklearn(dense.tree_, mask["tree"].numpy()).__getstate__()["nodes"].tobytes()
    )
    assert len(pickle.dumps(first)) < len(pickle.dumps(dense))
    for loaded in (
        pickle.loads(pickle.dumps(first)),
        skops.io.loads(skops.io.dumps(first), trusted=["sklearn.tree._tree.Tree"]),
    ):
        assert state(loaded.tree_) == state(first.tree_)
        assert np.array_equal(loaded.predict_proba(DIGITS[0]), first.predict_proba(DIGITS[0]))


def test_cutting_nothing_changes_nothing() -> None:
    for dense in (grown("best first"), RandomForestClassifier(3, random_state=0).fit(*NOISY)):
        shapes = NODES.shapes(dense, None)
        pruned = NODES.keep(dense, None, {n: torch.ones(s).bool() for n, s in shapes.items()})
        assert pruned is not dense
        for name, tree in trees(pruned).items():
            assert state(tree.tree_) == state(trees(dense)[name].tree_)


def test_a_tree_of_one_leaf_has_nothing_to_prune() -> None:
    leaf = DecisionTreeClassifier().fit(np.zeros((4, 2)), [0, 0, 1, 1])
    assert NODES.shapes(leaf, None) == {"tree": (0,)}
    assert cost_complexity(leaf, None)["tree"].shape == (0,)
    nothing = {"tree": torch.zeros(0, dtype=torch.bool)}
    assert NODES.keep(leaf, None, nothing).tree_.node_count == 1
    assert NODES.rows(leaf, None, nothing) == []


def test_trees_refuse_other_models() -> None:
    with pytest.raises(TypeError, match="must be a fitted scikit-learn tree or forest, got Logis"):
        trees(LogisticRegression())
    with pytest.raises(TypeError, match=r"fitted .* got RandomForestClassifier"):
        trees(RandomForestClassifier())
