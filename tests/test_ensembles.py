"""Forests and boosting: curves equal to refits, orders against plain versions, exact truncation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.metrics import cohen_kappa_score, log_loss
from sklearn.tree import DecisionTreeClassifier
from tree_cases import NODES, NOISY, state

from prunelab.experiment import prune
from prunelab.methods.cost_complexity import cost_complexity
from prunelab.registry import METHODS, UNITS
from prunelab.trees import (
    boosting_scores,
    forest_curve,
    prune_boosting,
    prune_on_own_rows,
    thin,
    trees,
    truncate_boosting,
)
from prunelab.trees.boosting import newton_values
from prunelab.trees.counts import Rows, Sets

X, Y = NOISY
NAMES = np.array(["no", "yes"])[Y]
HELD = Sets(validation=Rows(X[1000:1300], Y[1000:1300]))
FOREST = RandomForestClassifier(15, random_state=0).fit(X[:1000], Y[:1000])
FOREST.oob_score_ = 0.8  # as if there were trees enough
BOOSTED = GradientBoostingClassifier(n_estimators=12, max_depth=4, random_state=0).fit(X, Y)
IRIS = load_iris(return_X_y=True)
THREE = GradientBoostingClassifier(n_estimators=6, max_depth=4, random_state=0).fit(*IRIS)
NUMBER = GradientBoostingRegressor(n_estimators=6, max_depth=4, random_state=0).fit(X, X[:, 0] + Y)


@pytest.mark.parametrize(
    "kind", [RandomForestClassifier, ExtraTreesClassifier, RandomForestRegressor]
)
def test_a_forest_at_any_alpha_answers_as_the_one_grown_with_it(kind: Any) -> None:
    forest = kind(6, random_state=0).fit(X[:800], Y[:800])
    some = cost_complexity(forest, None)["tree 2"].quantile(0.7).item()
    alphas = [0.0, some / 2, some, 4 * some, 1.0]
    curve = forest_curve(forest, X[800:], alphas)
    for alpha, leaves, answers in zip(*curve, strict=True):
        again = kind(6, random_state=0, ccp_alpha=alpha).fit(X[:800], Y[:800])
        assert leaves == sum(tree.get_n_leaves() for tree in again.estimators_)
        ask = getattr(again, "predict_proba", again.predict)
        assert np.abs(answers - ask(X[800:])).max() < 1e-12
    assert curve.leaves[0] > curve.leaves[2] > curve.leaves[-1] == 6


def test_each_tree_is_pruned_on_the_rows_out_of_its_bag() -> None:
    forest = RandomForestClassifier(8, random_state=0).fit(X, NAMES)
    forest.oob_score_ = 0.8
    before = [state(tree.tree_) for tree in forest.estimators_]
    pruned = prune_on_own_rows(forest, X, NAMES)
    assert [state(tree.tree_) for tree in forest.estimators_] == before
    assert not hasattr(pruned, "oob_score_")
    smaller = 0
    for dense, tree, inside in zip(
        forest.estimators_, pruned.estimators_, forest.estimators_samples_, strict=True
    ):
        outside = np.setdiff1d(np.arange(len(X)), inside)
        truth = Y[outside]
        right = [(t.predict(X[outside]) == truth).mean() for t in (dense, tree)]
        assert right[1] > right[0]
        smaller += tree.get_n_leaves() < dense.get_n_leaves() / 2
    assert smaller == 8
    assert pruned.score(X, NAMES) > 0.8
    number = RandomForestRegressor(3, random_state=0).fit(X, X[:, 0] + Y)
    assert prune_on_own_rows(number, X, X[:, 0] + Y).score(X, X[:, 0] + Y) > 0.7


def said() -> tuple[Any, Any]:
    x, y = X[1000:1300], Y[1000:1300]
    return np.stack([tree.predict(x) for tree in FOREST.estimators_]).astype(int), y


def order(name: str, **knobs: Any) -> list[int]:
    scores = METHODS[name].function(FOREST, HELD, **knobs)["forest"].numpy()
    assert sorted(scores) == list(range(1, 16))
    return np.argsort(-scores).tolist()


def plurality(votes: Any) -> Any:
    return np.array([np.bincount(column, minlength=2).argmax() for column in votes.T])


def test_individual_thinning_takes_the_best_trees() -> None:
    told, y = said()
    accuracy = (told == y).mean(1)
    assert order("thin-individual") == sorted(range(15), key=lambda k: -accuracy[k])


def test_reduced_error_and_complementarity_are_greedy() -> None:
    told, y = said()
    for name in ("thin-reduced-error", "thin-complementarity"):
        taken: list[int] = []
        while len(taken) < 15:
            gains = {}
            wrong = plurality(told[taken]) != y if taken else np.ones(len(y), bool)
            for k in sorted(set(range(15)) - set(taken)):
                joined = (plurality(told[[*taken, k]]) == y).sum()
                alone = ((told[k] == y) & wrong).sum()
                gains[k] = joined if name == "thin-reduced-error" else alone
            taken.append(max(gains, key=lambda k: (gains[k], -k)))
        assert order(name) == taken


def test_margin_distance_walks_to_its_point() -> None:
    told, y = said()
    signature = np.where(told == y, 1.0, -1.0)
    taken: list[int] = []
    while len(taken) < 15:
        far = {
            k: np.sqrt(((0.075 - signature[[*taken, k]].sum(0) / 15) ** 2).sum())
            for k in set(range(15)) - set(taken)
        }
        taken.append(min(far, key=lambda k: (far[k], k)))
    assert order("thin-margin") == taken
    assert order("thin-margin", p=0.4) != taken


def test_kappa_takes_the_pairs_that_agree_least() -> None:
    told, _ = said()
    pairs = [(i, j) for i in range(15) for j in range(i + 1, 15)]
    pairs.sort(key=lambda p: cohen_kappa_score(told[p[0]], told[p[1]]))
    assert order("thin-kappa") == list(dict.fromkeys(k for pair in pairs for k in pair))


def test_soft_votes_are_those_of_the_forest() -> None:
    forest = RandomForestClassifier(15, random_state=0, max_depth=3).fit(X[:1000], Y[:1000])
    hard, soft = (thin.votes(forest, HELD, vote) for vote in ("hard", "soft"))
    assert np.allclose(soft.shares.mean(0), forest.predict_proba(X[1000:1300]), atol=1e-6)
    assert thin.reduced_error(hard).tolist() != thin.reduced_error(soft).tolist()
    assert (hard.shares.sum(2) == 1).all()


def test_a_thinned_forest_is_the_forest_of_the_trees_that_stay() -> None:
    small = prune(FOREST, "thin-reduced-error", 0.6, HELD)
    first = order("thin-reduced-error")[:6]
    assert [id(t) for t in small.estimators_] == [id(FOREST.estimators_[k]) for k in sorted(first)]
    assert small.n_estimators == len(small.estimators_) == 6
    assert not hasattr(small, "oob_score_")
    assert FOREST.n_estimators == 15
    shares = np.mean([FOREST.estimators_[k].predict_proba(X) for k in first], axis=0)
    assert np.allclose(small.predict_proba(X), shares)
    assert small.score(X[1000:1300], Y[1000:1300]) > FOREST.score(X[1000:1300], Y[1000:1300]) - 0.05
    one = RandomForestClassifier(1, random_state=0).fit(X, Y)
    assert thin.kappa(thin.votes(one, HELD)).tolist() == [0]


@pytest.mark.parametrize("subsample", [1.0, 0.5])
def test_fewer_stages_are_the_model_boosted_for_fewer(subsample: float) -> None:
    options = {"max_depth": 3, "random_state": 0, "subsample": subsample}
    dense = GradientBoostingClassifier(n_estimators=10, **options).fit(X, Y)
    again = GradientBoostingClassifier(n_estimators=4, **options).fit(X, Y)
    for fewer in (truncate_boosting(dense, 4), prune(dense, "fewer-stages", 0.6)):
        assert np.array_equal(fewer.predict_proba(X), again.predict_proba(X))
        assert np.array_equal(fewer.train_score_, again.train_score_)
        assert len(fewer.estimators_) == fewer.n_estimators_ == fewer.get_params()["n_estimators"]
    assert len(dense.estimators_) == 10
    scores = boosting_scores(dense, X, Y)
    assert scores[3] == again.score(X, Y)
    assert len(scores) == 10


def test_random_stages_are_drawn_and_the_rest_still_answer() -> None:
    some = prune(BOOSTED, "thin-random", 0.5, seed=1)
    assert len(some.estimators_) == 6
    assert some.score(X, Y) > 0.7
    loss = [log_loss(Y, model.predict_proba(X)) for model in (BOOSTED, some)]
    assert loss[0] < loss[1] < log_loss(Y, np.full((len(Y), 2), 0.5))


def test_histogram_boosting_is_truncated_exactly() -> None:
    options = {"early_stopping": False, "random_state": 0}
    for kind, y in ((HistGradientBoostingClassifier, Y), (HistGradientBoostingRegressor, X[:, 0])):
        dense = kind(max_iter=8, **options).fit(X, y)
        again = kind(max_iter=3, **options).fit(X, y)
        fewer = truncate_boosting(dense, 3)
        ask = "predict_proba" if hasattr(dense, "classes_") else "predict"
        assert np.array_equal(getattr(fewer, ask)(X), getattr(again, ask)(X))
        assert fewer.n_iter_ == again.n_iter_ == 3
        assert boosting_scores(dense, X, y)[2] == pytest.approx(again.score(X, y))


@pytest.mark.parametrize("model", [BOOSTED, THREE, NUMBER], ids=["two", "three", "number"])
def test_newton_values_are_those_boosting_sets_in_leaves(model: Any) -> None:
    """Cut at the root, a stage is one leaf: boosting with trees of a single leaf says the same."""
    x, y = IRIS if model is THREE else (X, X[:, 0] + Y if model is NUMBER else Y)
    seen = 0
    for stage, k, values in newton_values(model, x, y):
        tree = model.estimators_[stage, k].tree_
        hessian = _hessians(model, x, stage)[:, k]
        leaves = tree.apply(x.astype(np.float32))
        mean = np.average(tree.value[leaves, 0, 0], weights=hessian)
        assert values[0] == pytest.approx(mean, abs=1e-9)
        leaf = tree.children_left < 0
        assert np.array_equal(values[leaf], tree.value[leaf, 0, 0])
        seen += 1
    assert seen == model.estimators_.size


def _hessians(model: Any, x: Any, stage: int) -> Any:
    if not hasattr(model, "classes_"):
        return np.ones((len(x), 1))
    before = truncate_boosting(model, stage).predict_proba(x) if stage else None
    prior = np.tile(model.init_.class_prior_, (len(x), 1))
    share = prior if before is None else before
    share = share[:, 1:] if share.shape[1] == 2 else share
    return share * (1 - share)


def test_pruned_stages_with_newton_values_beat_the_stored_ones() -> None:
    dense = GradientBoostingClassifier(n_estimators=30, max_depth=6, random_state=0)
    dense.fit(X[:1000], Y[:1000])
    pruned = prune_boosting(dense, X[:1000], Y[:1000], sparsity=0.9)
    whole = prune_boosting(dense, X[:1000], Y[:1000], sparsity=0.0)
    for stage, k in np.ndindex(dense.estimators_.shape):
        member = dense.estimators_[stage, k]
        ours = pruned.estimators_[stage, k].tree_
        kept = round(0.1 * (member.get_n_leaves() - 1))
        assert abs(ours.n_leaves - 1 - kept) <= 1
    assert np.array_equal(whole.predict_proba(X), dense.predict_proba(X))
    naive = truncate_boosting(dense, 30)
    naive.estimators_ = dense.estimators_.copy()
    for stage, k in np.ndindex(dense.estimators_.shape):
        depth = pruned.estimators_[stage, k].tree_.n_leaves
        naive.estimators_[stage, k] = _smallest(dense.estimators_[stage, k], depth)
    told = [log_loss(Y[1000:], m.predict_proba(X[1000:])) for m in (pruned, naive)]
    assert told[0] < told[1]


def _smallest(member: Any, leaves: int) -> Any:
    from prunelab.trees import prune_tree

    return prune_tree(member, "cost-complexity", leaves=leaves)


def test_histogram_trees_are_cut_by_gain_at_the_right_scale() -> None:
    """Squared error: a node's value is the mean residual, and leaves carry the learning rate."""
    y = X[:, 0] + Y
    dense = HistGradientBoostingRegressor(max_iter=1, early_stopping=False).fit(X, y)
    residual = y - y.mean()
    tree = dense._predictors[0][0].nodes
    splits = int((tree["is_leaf"] == 0).sum())
    for sparsity in (0.5, 0.9, 0.99):
        pruned = prune_boosting(dense, None, None, sparsity=sparsity)
        nodes = pruned._predictors[0][0].nodes
        assert (nodes["is_leaf"] == 0).sum() == splits - int(np.floor(sparsity * splits + 0.5))
        told = pruned.predict(X) - y.mean()
        for value in np.unique(told):
            assert value == pytest.approx(0.1 * residual[told == value].mean(), abs=1e-6)
    assert np.array_equal(prune_boosting(dense, 0, 0, sparsity=0).predict(X), dense.predict(X))
    assert (dense._predictors[0][0].nodes == tree).all()


def test_histogram_trees_lose_their_weakest_splits_first() -> None:
    dense = HistGradientBoostingClassifier(max_iter=20, early_stopping=False).fit(
        X[:1000], Y[:1000]
    )
    scores = [
        prune_boosting(dense, None, None, sparsity=s).score(X[1000:], Y[1000:])
        for s in (0.0, 0.7, 0.999)
    ]
    assert scores[1] > scores[0] - 0.03
    assert scores[2] < scores[1]
    gains = [
        [p.nodes["gain"][p.nodes["is_leaf"] == 0].min() for stage in m._predictors for p in stage]
        for m in (dense, prune_boosting(dense, None, None, sparsity=0.7))
    ]
    assert all(after >= before for before, after in zip(*gains, strict=True))


REFUSED: list[tuple[Any, Any, str]] = [
    (
        lambda: forest_curve(DecisionTreeClassifier().fit(X, Y), X, [0.0]),
        TypeError,
        "fitted forest",
    ),
    (lambda: forest_curve(BOOSTED, X, [0.0]), TypeError, "fitted forest, got GradientBoosting"),
    (lambda: forest_curve(RandomForestClassifier(), X, [0.0]), TypeError, "must be a fitted"),
    (
        lambda: forest_curve(RandomForestClassifier(2).fit(X, np.c_[Y, Y]), X, [0.0]),
        TypeError,
        "forest with one output",
    ),
    (lambda: prune_on_own_rows(FOREST, X, Y), ValueError, "x must be the 1000 rows"),
    (lambda: prune_on_own_rows(FOREST, X[:1000], Y[:1000] + 3), ValueError, "never seen"),
    (
        lambda: prune_on_own_rows(ExtraTreesClassifier(2).fit(X, Y), X, Y),
        ValueError,
        "bootstrap=True",
    ),
    (lambda: thin.votes(FOREST, None), ValueError, "needs a pruning set"),
    (lambda: thin.votes(RandomForestRegressor(2).fit(X, Y), HELD), TypeError, "forest of classes"),
    (
        lambda: thin.votes(RandomForestClassifier(2).fit(X, np.c_[Y, Y]), HELD),
        TypeError,
        "forest with one output",
    ),
    (lambda: prune(DecisionTreeClassifier().fit(X, Y), "thin-random", 0.0), TypeError, "no trees"),
    (lambda: prune(BOOSTED, "cost-complexity", 0.5), ValueError, "does not prune a boosting"),
    (lambda: NODES.keep(BOOSTED, None, {}), TypeError, "use prunelab.trees.prune_boosting"),
    (lambda: truncate_boosting(BOOSTED, 13), ValueError, "stages must be from 1 to 12, got 13"),
    (lambda: truncate_boosting(BOOSTED, 0), ValueError, "stages must be from 1 to 12, got 0"),
    (lambda: truncate_boosting(GradientBoostingClassifier(), 2), NotFittedError, "not fitted"),
    (lambda: truncate_boosting(FOREST, 2), TypeError, "This needs GradientBoosting.*RandomForest"),
    (lambda: prune_boosting(BOOSTED, X, Y, sparsity=1.0), ValueError, "at least 0 and below 1"),
    (
        lambda: prune_boosting(
            GradientBoostingClassifier(n_estimators=2, loss="exponential").fit(X, Y),
            X,
            Y,
            sparsity=0.5,
        ),
        TypeError,
        "loss must be one of log_loss, squared_error, got exponential",
    ),
]


@pytest.mark.parametrize(("ask", "error", "match"), REFUSED)
def test_bad_input_is_refused(ask: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        ask()


def test_boosting_counts_its_trees_and_stages() -> None:
    assert len(trees(THREE)) == 18
    unit = UNITS["stages"].function()
    assert unit.shapes(THREE, None) == {"stages": (6,)}
