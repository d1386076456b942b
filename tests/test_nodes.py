"""Splits as units: exact counts, valid trees, rows, and what a tree costs."""

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
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.tree import DecisionTreeClassifier
from tree_cases import DIGITS, NODES, NOISY, built_by_sklearn, grown, state

from prunelab.masks import allocate, removed, select
from prunelab.measure.trees import measure_tree
from prunelab.methods.cost_complexity import cost_complexity
from prunelab.methods.random import random
from prunelab.parts import Part
from prunelab.registry import MODELS
from prunelab.trees import splits, survivors, tree_arrays, trees


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


def test_where_whole_trees_go_the_picture_is_whole() -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(*NOISY)
    picture = tree_arrays(forest, {"forest": torch.tensor([True, False, True])}, {})
    assert picture["kept"].all()
    assert len(picture["kept"]) == forest.estimators_[0].tree_.node_count
    assert np.isnan(picture["score"]).all()


def test_the_weakest_links_of_a_large_tree_are_found_quickly() -> None:
    x, y = make_classification(20_000, 10, flip_y=0.3, random_state=0)
    tree = DecisionTreeClassifier(random_state=0).fit(x, y)
    assert tree.tree_.node_count > 5000
    start = time.process_time()
    cost_complexity(tree, None)
    assert time.process_time() - start < 2
