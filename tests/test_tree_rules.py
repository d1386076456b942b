"""Every rule against a slow, plain version of itself, or against every pruning there is."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.stats import chi2_contingency
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tree_cases import DIGITS, NODES, NOISY, state
from tree_oracles import (
    cheapest,
    counts,
    expected_error,
    leaf_bits,
    leaves,
    pessimist,
    prunings,
    quinlan,
    small_tree,
    wrong,
)

from prunelab.masks import allocate, select
from prunelab.methods.cost_complexity import cost_complexity
from prunelab.methods.critical_value import critical_value
from prunelab.methods.error_based import error_based
from prunelab.methods.mdl import mdl
from prunelab.methods.minimum_error import minimum_error
from prunelab.methods.pessimistic_error import pessimistic_error
from prunelab.methods.pre_pruning import pre_pruning
from prunelab.methods.reduced_error import reduced_error
from prunelab.methods.redundant_leaves import redundant_leaves
from prunelab.registry import METHODS
from prunelab.trees import splits, survivors
from prunelab.trees.counts import Rows, Sets
from prunelab.trees.limits import added_errors

X, Y = NOISY
HALF = Sets(train=Rows(X[:700], Y[:700]), validation=Rows(X[700:], Y[700:]))
RULES = [
    name
    for name, entry in METHODS.items()
    if "nodes" in entry.units and "tree" in entry.needs and not entry.whole_ties
]


def own(tree: Any, scores: Any) -> frozenset[int]:
    """The splits of the rule's own tree."""
    return frozenset(splits(tree)[scores["tree"].numpy() > 0].tolist())


def check_cheapest(tree: Any, kept: frozenset[int], leaf: Any, split: Any = lambda _: 0.0) -> None:
    assert kept in set(prunings(tree))
    cost = sum(map(leaf, leaves(tree, kept))) + sum(map(split, kept))
    least, size = cheapest(tree, leaf, split)
    assert cost == pytest.approx(least, abs=1e-9)
    assert len(kept) + 1 == size


def split_bits(tree: Any, values: list[int], node: int) -> float:
    return float(1 + np.log2(3) + np.log2(values[tree.feature[node]] - 1))


def limit_at(tree: Any, table: Any, node: int) -> float:
    e, n = wrong(tree, node), sum(counts(tree, node))
    return e + float(added_errors(n, e, 0.25, table))


def risk_and(tree: Any, alpha: float, node: int) -> float:
    return wrong(tree, node) / sum(counts(tree, 0)) + alpha


@pytest.mark.parametrize("regressor", [False, True])
def test_reduced_error_is_the_smallest_of_the_most_accurate(regressor: bool) -> None:
    for seed in range(50):
        member, x, y = small_tree(seed, regressor=regressor)
        tree = member.tree_
        found = own(tree, reduced_error(member, Sets(validation=Rows(x, y))))
        errors = {}
        for kept in prunings(tree):
            mask = {"tree": torch.from_numpy(np.isin(splits(tree), list(kept)))}
            told = NODES.keep(member, None, mask).predict(x)
            errors[kept] = float(((told - y) ** 2).sum() if regressor else (told != y).sum())
        least = min(errors.values())
        assert errors[found] == pytest.approx(least, rel=1e-9)
        best = [kept for kept, error in errors.items() if error <= least + 1e-9]
        assert len(found) == min(map(len, best))


def test_minimum_error_and_mdl_are_the_cheapest_of_all_prunings() -> None:
    for seed in range(40):
        member, x, _ = small_tree(seed)
        tree = member.tree_
        for m in (0.5, 8.0):
            kept = own(tree, minimum_error(member, None, m=m))
            check_cheapest(tree, kept, partial(expected_error, tree, m=m))
        train = Sets(train=Rows(x, np.zeros(len(x))))
        values = [len(np.unique(column)) for column in x.T]
        for code in ("mehta", "kt"):
            kept = own(tree, mdl(member, train, code=code))
            bits = partial(leaf_bits, tree, code=code)
            check_cheapest(tree, kept, bits, partial(split_bits, tree, values))


def test_niblett_and_bratko_is_the_m_estimate_of_a_flat_prior() -> None:
    member, _, _ = small_tree(3)
    tree = member.tree_

    def error(node: int) -> float:
        n = sum(counts(tree, node))
        return n * (wrong(tree, node) + 3 - 1) / (n + 3)

    check_cheapest(tree, own(tree, minimum_error(member, None, prior="laplace")), error)


@pytest.mark.parametrize("table", ["c45", "weka", "exact"])
def test_error_based_and_pessimistic_keep_what_quinlan_would(table: str) -> None:
    kept_any = 0
    for seed in range(40):
        member, _, _ = small_tree(seed)
        tree = member.tree_
        found = own(tree, error_based(member, None, table=table, collapse=False))
        assert found == quinlan(tree, partial(limit_at, tree, table))[1]
        assert own(tree, error_based(member, None, table=table)) <= found
        assert own(tree, pessimistic_error(member, None)) == pessimist(tree)
        kept_any += len(found)
    assert kept_any > 40


def test_quinlans_worked_example() -> None:
    """C4.5 (1993), §4.2: U25%(0,6), (0,9), (0,1), (1,16); the subtree loses to a leaf."""

    def limit(n: int, e: int, table: Any = "c45") -> float:
        return float(e + added_errors(n, e, 0.25, table)) / n

    assert [round(limit(n, 0), 3) for n in (6, 9, 1)] == [0.206, 0.143, 0.75]
    assert round(limit(16, 1), 4) == 0.1567
    assert round(limit(16, 1, "weka"), 4) == 0.1547
    assert round(limit(16, 1, "exact"), 4) == 0.1596
    branch = 6 * limit(6, 0) + 9 * limit(9, 0) + limit(1, 0)
    assert round(branch, 3) == 3.273
    assert 16 * limit(16, 1) < branch


def test_limits_grow_with_errors_and_reach_all_rows() -> None:
    errors = np.linspace(0, 8, 33)
    for table in ("c45", "weka", "exact"):
        total = errors + added_errors(8.0, errors, 0.25, table)
        assert (np.diff(total) > 0).all() or table != "exact"
        assert ((total >= errors) & (total <= 8)).all()
        assert total[-1] == 8
    assert (added_errors(8.0, errors, 0.7, "weka") == 0).all()


def test_the_critical_value_is_that_of_the_g_test() -> None:
    member = DecisionTreeClassifier(max_depth=1).fit(X, Y)
    tree = member.tree_
    table = np.array([counts(tree, 1), counts(tree, 2)])
    p = chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert float(critical_value(member, None)["tree"]) == pytest.approx(-np.log(p), rel=1e-9)


@pytest.mark.parametrize("strength", ["g", "impurity"])
def test_a_branch_is_as_strong_as_the_strongest_split_in_it(strength: Any) -> None:
    member = DecisionTreeClassifier(random_state=0).fit(X, Y)
    score = critical_value(member, None, strength=strength)
    assert torch.equal(NODES.order(member, score)["tree"], score["tree"])
    assert float(score["tree"][0]) == float(score["tree"].max())
    assert score["tree"].unique().numel() > 5


def test_redundant_leaves_go_and_no_answer_changes() -> None:
    member = DecisionTreeClassifier(random_state=0, min_samples_leaf=10).fit(X, Y)
    tree = member.tree_
    score = redundant_leaves(member, None)
    pruned = NODES.keep(member, None, {"tree": score["tree"] > 0})
    assert pruned.tree_.node_count < tree.node_count
    assert np.array_equal(pruned.predict(X), member.predict(X))
    left, label = pruned.tree_.children_left, pruned.tree_.value[:, 0].argmax(1)
    right = pruned.tree_.children_right
    twins = (left >= 0) & (left[left] < 0) & (left[right] < 0) & (label[left] == label[right])
    assert not twins.any()
    further = NODES.keep(member, None, {"tree": score["tree"] > score["tree"].quantile(0.9)})
    assert (further.predict(X) != member.predict(X)).any()


def test_redundant_leaves_of_a_regressor_say_the_same_number() -> None:
    x = np.arange(8.0)[:, None]
    member = DecisionTreeRegressor(criterion="absolute_error").fit(x, [0, 0, 0, 9, 9, 9, 9, 0])
    score = redundant_leaves(member, None)
    pruned = NODES.keep(member, None, {"tree": score["tree"] > 0})
    assert np.array_equal(pruned.predict(x), member.predict(x))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_tree_cut_at_a_depth_is_the_tree_grown_to_it(depth: int) -> None:
    dense = DecisionTreeClassifier(random_state=0).fit(*DIGITS)
    score = pre_pruning(dense, None)["tree"]
    grown = DecisionTreeClassifier(random_state=0, max_depth=depth).fit(*DIGITS)
    pruned = NODES.keep(dense, None, {"tree": score > -depth})
    assert state(pruned.tree_) == state(grown.tree_)


@pytest.mark.parametrize(
    ("criterion", "limit"), [("leaf size", 20), ("node size", 50), ("impurity decrease", 0.002)]
)
def test_what_is_left_obeys_the_limit(criterion: Any, limit: float) -> None:
    dense = DecisionTreeClassifier(random_state=0).fit(X, Y)
    score = pre_pruning(dense, None, criterion=criterion)["tree"]
    tree = NODES.keep(dense, None, {"tree": score >= limit}).tree_
    assert 3 < tree.node_count < dense.tree_.node_count
    inner = splits(tree)
    rows, risk = tree.n_node_samples, tree.weighted_n_node_samples * tree.impurity / len(X)
    left, right = tree.children_left[inner], tree.children_right[inner]
    held = {
        "leaf size": np.minimum(rows[left], rows[right]),
        "node size": rows[inner],
        "impurity decrease": risk[inner] - risk[left] - risk[right],
    }
    assert held[criterion].min() >= limit


@pytest.mark.parametrize("rule", RULES)
def test_scores_rank_parents_first_and_the_own_count_is_the_own_tree(rule: str) -> None:
    dense = DecisionTreeClassifier(random_state=0, min_samples_leaf=2).fit(X[:700], Y[:700])
    scores = METHODS[rule].function(dense, HALF)
    assert torch.equal(NODES.order(dense, scores)["tree"], scores["tree"])
    kept = scores["tree"] > 0
    count = int(kept.sum())
    if 0 < count < len(kept):
        mask = select(scores, allocate(scores, 1 - count / len(kept)))
        assert torch.equal(mask["tree"], kept)


def test_published_orderings_hold() -> None:
    """MDL prunes hardest; PEP more than C4.5 at its default; less confidence prunes more."""
    for x, y in (DIGITS, NOISY):
        half = Sets(train=Rows(x, y))
        dense = DecisionTreeClassifier(random_state=0).fit(x, y)
        sizes = [
            len(own(dense.tree_, scores))
            for scores in (
                mdl(dense, half),
                pessimistic_error(dense, None),
                error_based(dense, None, confidence=0.05),
                error_based(dense, None, confidence=0.25),
            )
        ]
        assert sizes[0] < min(sizes[1:])
        assert max(sizes[1:3]) < sizes[3] <= len(splits(dense.tree_))


def test_error_as_risk_is_breimans_own() -> None:
    for seed in range(20):
        member, _, _ = small_tree(seed)
        tree = member.tree_
        score = cost_complexity(member, None, risk="error")
        alpha = float(score["tree"].median()) + 1e-6
        kept = frozenset(splits(tree)[score["tree"].numpy() > alpha].tolist())
        check_cheapest(tree, kept, partial(risk_and, tree, alpha))


@pytest.mark.parametrize(
    "rule",
    ["reduced-error", "pessimistic-error", "minimum-error", "error-based", "critical-value", "mdl"],
)
def test_several_outputs_holes_and_weights_are_pruned(rule: str) -> None:
    rng = np.random.default_rng(0)
    x = np.where(rng.random((400, 4)) < 0.1, np.nan, rng.integers(0, 9, (400, 4)))
    y = np.c_[rng.integers(0, 2, 400), rng.integers(0, 3, 400)]
    weight = rng.integers(1, 4, 400).astype(float)
    dense = DecisionTreeClassifier(random_state=0).fit(x, y, sample_weight=weight)
    data = Sets(train=Rows(x, y, weight), validation=Rows(x[:100], y[:100], weight[:100]))
    score = METHODS[rule].function(dense, data)["tree"].numpy()
    assert np.isfinite(score).all()
    splitting = survivors(dense.tree_, score > np.median(score))[1]
    assert splitting.sum() == (score > np.median(score)).sum() > 0


def test_a_tree_of_one_leaf_has_no_scores() -> None:
    leaf = DecisionTreeClassifier().fit(np.zeros((4, 2)), [0, 0, 1, 1])
    data = Sets(Rows(np.zeros((4, 2)), [0, 0, 1, 1]), Rows(np.zeros((4, 2)), [0, 0, 1, 1]))
    for rule in RULES:
        assert METHODS[rule].function(leaf, data)["tree"].shape == (0,)


REFUSED: list[tuple[Any, str]] = [
    (lambda t: reduced_error(t, None), "needs a pruning set"),
    (lambda t: mdl(t, None), "needs the training rows"),
    (lambda t: reduced_error(t, Sets(validation=Rows(X[:0], Y[:0]))), "pruning set is empty"),
    (lambda t: reduced_error(t, Sets(validation=Rows(X[:, :3], Y))), "3 features"),
    (lambda t: reduced_error(t, Sets(validation=Rows(csr_matrix(X * np.nan), Y))), "contains NaN"),
    (lambda t: reduced_error(t, Sets(validation=Rows(X, Y + 5))), "class 5.*never seen"),
    (lambda t: reduced_error(t, Sets(validation=Rows(X, Y[:9]))), "y must be 1500 rows"),
    (lambda t: reduced_error(t, Sets(validation=Rows(X, Y, Y[:9]))), "one number a row"),
    (lambda t: minimum_error(t, None, m=-1), "m must be at least 0, got -1"),
    (lambda t: error_based(t, None, confidence=1.0), "between 0 and 1, got 1"),
    (lambda t: error_based(t, None, confidence=0.0), "between 0 and 1, got 0"),
]


@pytest.mark.parametrize(("ask", "match"), REFUSED)
def test_bad_input_is_refused(ask: Any, match: str) -> None:
    dense = DecisionTreeClassifier(random_state=0, max_depth=3).fit(X, Y)
    with pytest.raises(ValueError, match=match):
        ask(dense)


def test_rules_of_classes_refuse_numbers() -> None:
    tree = DecisionTreeRegressor(max_depth=2).fit(X, Y)
    for rule in (pessimistic_error, minimum_error, error_based, critical_value):
        with pytest.raises(TypeError, match="needs a tree of classes, got DecisionTreeRegressor"):
            rule(tree, None)
