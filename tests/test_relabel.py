"""Reduced-error pruning that relabels its leaves: the best there is on the pruning rows."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tree_cases import CASES, NOISY, grown
from tree_oracles import prunings, small_tree

from prunelab.trees import cut, prune_and_relabel, prune_tree, splits


def fewest_errors(member: Any, x: Any, y: Any) -> dict[frozenset[int], int]:
    """For every pruned subtree, the errors that remain when each leaf says what suits it best."""
    found = {}
    for kept in prunings(member.tree_):
        at = cut(member, np.isin(splits(member.tree_), list(kept))).apply(x)
        found[kept] = sum(
            int((at == leaf).sum() - np.bincount(y[at == leaf]).max()) for leaf in np.unique(at)
        )
    return found


def test_it_is_the_smallest_of_the_most_accurate_whatever_leaves_say() -> None:
    better = 0
    for seed in range(40):
        member, x, y = small_tree(seed)
        found = prune_and_relabel(member, x, y)
        errors = fewest_errors(member, x, y)
        least = min(errors.values())
        assert (found.predict(x) != y).sum() == least
        assert found.get_n_leaves() - 1 == min(len(k) for k, e in errors.items() if e == least)
        better += found.score(x, y) > prune_tree(member, "reduced-error", x, y).score(x, y)
    assert better > 20  # its leaves may say more than those that were grown


@pytest.mark.parametrize("case", ["holes", "class weights", "weights"])
def test_leaves_answer_as_their_rows_do_and_the_rest_stays(case: str) -> None:
    (x, y), dense = CASES[case][0], grown(case)
    before = pickle.dumps(dense)
    rows = np.random.default_rng(0).permutation(len(y))[:200]
    weight = np.random.default_rng(1).integers(0, 3, 200).astype(float)
    found = prune_and_relabel(dense, x[rows], y[rows], sample_weight=weight)
    assert pickle.dumps(dense) == before
    at = found.apply(x[rows])
    for leaf in np.unique(at[weight > 0]):
        inside = at == leaf
        shares = np.bincount(y[rows][inside], weight[inside], len(found.classes_))
        assert np.allclose(found.tree_.value[leaf, 0], shares / shares.sum())
    assert type(found) is DecisionTreeClassifier
    assert 1 < found.get_n_leaves() < dense.get_n_leaves()


def test_several_outputs_count_as_examples_each() -> None:
    x, y = load_iris(return_X_y=True)
    both = np.c_[y, y > 0]
    dense = DecisionTreeClassifier(random_state=0).fit(x[::2], both[::2])
    found = prune_and_relabel(dense, x[1::2], both[1::2])
    assert (found.predict(x[1::2]) == both[1::2]).mean() > 0.95
    assert found.get_n_leaves() <= dense.get_n_leaves()


def test_bad_input_is_refused() -> None:
    x, y = NOISY
    with pytest.raises(TypeError, match="needs a tree of classes"):
        prune_and_relabel(DecisionTreeRegressor(max_depth=2).fit(x, y), x, y)
    with pytest.raises(ValueError, match="pruning set is empty"):
        prune_and_relabel(grown("noisy table"), x[:0], y[:0])
    with pytest.raises(ValueError, match="never seen"):
        prune_and_relabel(grown("noisy table"), x, y + 5)
    with pytest.raises(ValueError, match="not fitted"):
        prune_and_relabel(DecisionTreeClassifier(), x, y)
