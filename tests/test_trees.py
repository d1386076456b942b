"""Trees: splits as units, weakest-link pruning against scikit-learn's own, what is measured."""

from __future__ import annotations

import pickle
import time
from typing import Any

import numpy as np
import pytest
import skops.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_graphviz, export_text
from sklearn.tree._tree import Tree, _build_pruned_tree_py

from prunelab.masks import allocate, removed, select
from prunelab.measure.trees import measure_tree
from prunelab.methods.cost_complexity import cost_complexity
from prunelab.methods.random import random
from prunelab.parts import Part
from prunelab.registry import MODELS, UNITS
from prunelab.trees import splits, survivors, tree_arrays, trees

NODES = UNITS["nodes"].function()
DIGITS = load_digits(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
NOISY = make_classification(1500, 20, n_informative=6, flip_y=0.2, random_state=0)


def with_holes() -> tuple[Any, Any]:
    x, y = CANCER
    holes = np.random.default_rng(0).random(x.shape) < 0.2
    return np.where(holes, np.nan, x), y


CASES: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "digits": (DIGITS, {}, False),
    "entropy": (DIGITS, {"criterion": "entropy"}, False),
    "noisy table": (NOISY, {}, False),
    "weights": (CANCER, {}, True),
    "class weights": (NOISY, {"class_weight": "balanced", "max_features": 3}, False),
    "holes": (with_holes(), {}, False),
    "best first": (DIGITS, {"max_leaf_nodes": 60}, False),
    "min leaf": (NOISY, {"min_samples_leaf": 5, "criterion": "log_loss"}, False),
}


def grown(case: str, alpha: float = 0.0) -> DecisionTreeClassifier:
    (x, y), options, weighted = CASES[case]
    weight = np.random.default_rng(1).integers(1, 4, len(y)).astype(float) if weighted else None
    tree = DecisionTreeClassifier(random_state=0, ccp_alpha=alpha, **options)
    return tree.fit(x, y, sample_weight=weight)


def state(tree: Any) -> tuple[Any, ...]:
    found = tree.__getstate__()
    fields = found["nodes"].dtype.names
    columns = tuple(found["nodes"][name].tobytes() for name in fields)
    return (*columns, found["values"].tobytes(), found["max_depth"], found["node_count"])


def built_by_sklearn(tree: Any, kept: np.ndarray) -> Any:
    there, splitting = survivors(tree, kept)
    pruned = Tree(tree.n_features, np.array(tree.n_classes), tree.n_outputs)
    _build_pruned_tree_py(pruned, tree, (there & ~splitting).astype(np.uint8))
    return pruned


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


@st.composite
def small_trees(draw: Any) -> tuple[Any, np.ndarray]:
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    rows = draw(st.integers(4, 60))
    x, y = rng.integers(0, 6, (rows, 3)), rng.integers(0, 3, rows)
    options = draw(st.sampled_from([{}, {"max_leaf_nodes": 7}, {"max_depth": 3}]))
    tree = DecisionTreeClassifier(random_state=0, **options).fit(x, y)
    return tree, rng.random(len(splits(tree.tree_)))


@settings(max_examples=60, deadline=None)
@given(small_trees(), st.floats(0, 0.95))
def test_any_scores_in_order_give_exact_counts_and_a_valid_tree(
    drawn: tuple[Any, np.ndarray], sparsity: float
) -> None:
    tree, numbers = drawn
    scores = NODES.order(tree, {"tree": torch.from_numpy(numbers)})
    units = len(numbers)
    if units - removed(sparsity, units) < 1:
        return
    mask = select(scores, allocate(scores, sparsity))
    pruned = NODES.keep(tree, None, mask)
    assert len(splits(pruned.tree_)) == units - removed(sparsity, units)
    assert sum(row["kept"] for row in NODES.rows(tree, None, mask)) == len(splits(pruned.tree_))
    assert survivors(tree.tree_, mask["tree"].numpy())[1].sum() == mask["tree"].sum()


@settings(max_examples=60, deadline=None)
@given(small_trees())
def test_a_cut_takes_everything_below_it(drawn: tuple[Any, np.ndarray]) -> None:
    tree, numbers = drawn
    kept = numbers > 0.4
    inside = dict(zip(splits(tree.tree_).tolist(), kept.tolist(), strict=True))
    left, right = tree.tree_.children_left, tree.tree_.children_right

    def count(node: int) -> int:
        return 1 + count(left[node]) + count(right[node]) if inside.get(node) else 0

    pruned = NODES.keep(tree, None, {"tree": torch.from_numpy(kept)})
    assert len(splits(pruned.tree_)) == count(0)
    if not kept.all():
        assert state(pruned.tree_) == state(built_by_sklearn(tree.tree_, kept))


@settings(max_examples=40, deadline=None)
@given(small_trees())
def test_cost_complexity_holds_on_any_small_tree(drawn: tuple[Any, np.ndarray]) -> None:
    tree, _ = drawn
    score = cost_complexity(tree, None)
    assert torch.equal(NODES.order(tree, score)["tree"], score["tree"])
    assert bool((score["tree"] >= 0).all())


def test_order_ranks_parents_first_over_all_trees_of_a_forest() -> None:
    forest = ExtraTreesClassifier(4, random_state=0).fit(*NOISY)
    drawn = random(forest, None, unit=NODES, seed=3)
    ranked = NODES.order(forest, drawn)
    everything = torch.cat(list(ranked.values()))
    assert everything.unique().numel() == everything.numel()
    assert everything.max() == everything.numel()
    for name, member in trees(forest).items():
        tree, inner = member.tree_, splits(member.tree_)
        rank = dict(zip(inner.tolist(), ranked[name].tolist(), strict=True))
        assert max(rank, key=rank.__getitem__) == 0
        for node in inner:
            below = [c for c in (tree.children_left[node], tree.children_right[node]) if c in rank]
            assert all(rank[node] > rank[child] for child in below)


def test_order_leaves_scores_that_are_not_numbers_to_be_refused() -> None:
    tree = grown("best first")
    scores = {"tree": torch.rand(59, generator=torch.Generator().manual_seed(0))}
    scores["tree"][3] = float("nan")
    with pytest.raises(ValueError, match="scores of tree must be finite"):
        allocate(NODES.order(tree, scores), 0.5)


def test_rows_of_a_tree_go_by_depth_and_of_a_forest_by_tree() -> None:
    tree = grown("digits")
    units = len(splits(tree.tree_))
    mask = {"tree": torch.arange(units) == 0}
    rows = NODES.rows(tree, None, mask)
    assert [row["name"] for row in rows[:2]] == ["depth 0", "depth 1"]
    assert [row["kept"] for row in rows] == [1] + [0] * (len(rows) - 1)
    assert sum(row["units"] for row in rows) == units
    forest = RandomForestClassifier(2, random_state=0).fit(*NOISY)
    all_of_them = {n: torch.ones(s).bool() for n, s in NODES.shapes(forest, None).items()}
    rows = NODES.rows(forest, None, all_of_them)
    assert [row["name"] for row in rows] == ["tree 0", "tree 1"]
    assert all(row["kept"] == row["units"] == row["shape"][0] > 50 for row in rows)


@pytest.mark.parametrize("name", ["decision-tree", "random-forest"])
def test_the_models_are_measured_as_sklearn_measures(name: str) -> None:
    x, y = DIGITS
    model = MODELS[name].function((1, 8, 8), 10, min_samples_leaf=2).set_params(random_state=0)
    model.fit(x[:900].astype(np.float32), y[:900])
    part = Part(x[900:].astype(np.float32).reshape(-1, 1, 8, 8), y[900:])
    found = measure_tree(model, part)
    shares = model.predict_proba(x[900:])
    assert found["accuracy"] == model.score(x[900:], y[900:])
    assert found["loss"] == pytest.approx(log_loss(part.y, shares, labels=range(10)), rel=1e-9)
    assert found["confusion"] == confusion_matrix(part.y, model.predict(x[900:])).tolist()
    members = list(trees(model).values())
    assert found["nodes"] == found["params"] == sum(m.tree_.node_count for m in members)
    assert found["leaves"] == sum(m.get_n_leaves() for m in members)
    assert found["depth"] == max(m.get_depth() for m in members)
    passed = sum(m.decision_path(x[900:]).sum() - len(part.y) for m in members) / len(part.y)
    assert found["mean_path"] == pytest.approx(passed)
    assert found["bytes"]["zip"] < found["bytes"]["raw"]
    assert found["bytes"]["raw"] == pytest.approx(len(skops.io.dumps(model)), rel=0.1)
    copied = pickle.loads(pickle.dumps(model))
    assert measure_tree(copied, part) == found


def test_a_class_the_tree_never_saw_still_counts() -> None:
    tree = DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 2])
    part = Part(np.array([[0.0], [1.0], [1.0]], np.float32), np.array([0, 2, 3]))
    found = measure_tree(tree, part)
    assert found["confusion"] == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    assert found["loss"] == pytest.approx(-np.log(np.finfo(float).eps) / 3)


def test_the_picture_of_a_tree_says_what_stays() -> None:
    dense = grown("digits")
    score = cost_complexity(dense, None)
    mask = {"tree": score["tree"] > score["tree"].median()}
    picture = tree_arrays(dense, mask, score)
    pruned = NODES.keep(dense, None, mask)
    assert picture["kept"].sum() == pruned.tree_.node_count < dense.tree_.node_count
    assert picture["value"].shape == (dense.tree_.node_count, 10)
    assert np.allclose(picture["value"].sum(1), 1)
    assert picture["depth"].max() == dense.get_depth()
    assert np.array_equal(np.isnan(picture["score"]), picture["left"] < 0)
    assert np.isnan(tree_arrays(dense, mask)["score"]).all()
    assert all(array.dtype != object for array in picture.values())


def test_the_weakest_links_of_a_large_tree_are_found_quickly() -> None:
    x, y = make_classification(20_000, 10, flip_y=0.3, random_state=0)
    tree = DecisionTreeClassifier(random_state=0).fit(x, y)
    assert tree.tree_.node_count > 5000
    start = time.process_time()
    cost_complexity(tree, None)
    assert time.process_time() - start < 2
