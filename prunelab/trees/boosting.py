"""Gradient boosting: fewer stages, and stages pruned with the values boosting would have set."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from prunelab.trees.binned import cut_binned
from prunelab.trees.counts import codes_of
from prunelab.trees.prune import scores_of
from prunelab.trees.rebuild import cut, valued
from prunelab.trees.rules import up
from prunelab.trees.structure import Numbers, splits

PLAIN = (GradientBoostingClassifier, GradientBoostingRegressor)
BINNED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
LOSSES = ("log_loss", "squared_error")  # whose Newton steps are known here


def truncate_boosting(model: Any, stages: int) -> Any:
    """A copy with only the first stages: exactly the model that was boosted for so many.

    Raises:
        NotFittedError: it has not been fitted.
        TypeError: not gradient boosting of scikit-learn.
        ValueError: fewer than 1 stage, or more than there are.
    """
    _fitted(model, PLAIN + BINNED)
    has = len(model._predictors if isinstance(model, BINNED) else model.estimators_)
    if not 1 <= stages <= has:
        raise ValueError(f"stages must be from 1 to {has}, got {stages}.")
    fewer = copy.copy(model)
    if isinstance(model, BINNED):
        fewer._predictors = model._predictors[:stages]
        fewer.max_iter = stages
        for name in ("train_score_", "validation_score_"):
            setattr(fewer, name, getattr(model, name)[: stages + 1])
        return fewer
    for name in ("estimators_", "train_score_", "oob_improvement_", "oob_scores_"):
        if hasattr(model, name):
            setattr(fewer, name, getattr(model, name)[:stages])
    fewer.n_estimators = fewer.n_estimators_ = stages
    return fewer


def boosting_scores(model: Any, x: Any, y: Any) -> Numbers:
    """The score after each stage (accuracy, or R²), in one pass.

    Raises:
        NotFittedError, TypeError: not fitted gradient boosting of scikit-learn.
        ValueError: rows and targets that do not match, or classes the model has never seen.
    """
    _fitted(model, PLAIN + BINNED)
    y = _targets(model, x, y)
    told = model.staged_predict(x)
    if is_classifier(model):
        return np.array([(t == y).mean() for t in told])
    total = ((y - y.mean()) ** 2).sum()
    return np.array([1 - ((y - t) ** 2).sum() / total for t in told])


def prune_boosting(
    model: Any,
    x: Any,
    y: Any,
    *,
    sparsity: float,
    method: str = "cost-complexity",
    **knobs: Any,
) -> Any:
    """A copy whose every tree loses this share of its splits, the lowest scores of the rule first.

    A split that goes gets the Newton step of its rows, which boosting sets in leaves alone. Later
    trees were fitted to what the whole earlier ones left over, so score the result as a whole.
    Histogram boosting is cut by the gains it remembers: ``method`` and rows do not matter.

    Raises:
        NotFittedError, TypeError: not fitted gradient boosting, or neither squared error nor
            log-loss.
        ValueError: a sparsity outside 0 <= sparsity < 1, rows and targets that do not match, or
            classes the model has never seen.
    """
    _fitted(model, PLAIN + BINNED)
    if not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must be at least 0 and below 1, got {sparsity}.")
    if isinstance(model, BINNED):
        return cut_binned(model, sparsity)
    if model.loss not in LOSSES:
        raise TypeError(f"The loss must be one of {', '.join(LOSSES)}, got {model.loss}.")
    pruned = copy.copy(model)
    pruned.estimators_ = model.estimators_.copy()
    for stage, k, values in newton_values(model, x, y):
        member = model.estimators_[stage, k]
        scores = scores_of(member, method, None, **knobs)
        gone = int(np.floor(sparsity * len(scores) + 0.5))
        kept = np.ones(len(scores), dtype=bool)
        # children have the higher ids, so on ties they go before their parents
        kept[np.lexsort((-splits(member.tree_), scores))[:gone]] = False
        pruned.estimators_[stage, k] = cut(valued(member, values[:, None, None]), kept)
    return pruned


def newton_values(model: Any, x: Any, y: Any) -> Any:
    """For every tree, its stage, class, and what each node would say as a leaf.

    Leaves keep their values. Inner nodes get Σ gradient / Σ hessian of their rows, which for
    squared error is the mean residual.
    """
    y = _targets(model, x, y)
    x = model.estimators_[0, 0]._validate_X_predict(x, check_input=True)
    codes = np.searchsorted(model.classes_, y) if is_classifier(model) else y
    raw = model._raw_predict_init(x)
    for stage, row in enumerate(model.estimators_):
        gradient, hessian = _derivatives(model, codes, raw)
        steps = np.empty_like(raw)
        for k, member in enumerate(row):
            at = member.tree_.apply(x)
            yield stage, k, _newton(member.tree_, at, gradient[:, k], hessian[:, k], raw.shape[1])
            steps[:, k] = member.tree_.value[at, 0, 0]
        raw = raw + model.learning_rate * steps


def _derivatives(model: Any, y: Numbers, raw: Numbers) -> tuple[Numbers, Numbers]:
    """Negative gradients and hessians of the loss, (rows, trees of a stage)."""
    if not is_classifier(model):
        return y[:, None] - raw, np.ones_like(raw)
    if raw.shape[1] == 1:
        share = 1 / (1 + np.exp(-raw))
        return y[:, None] - share, share * (1 - share)
    share = np.exp(raw - raw.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    truth = np.eye(raw.shape[1])[y.astype(np.intp)]
    return truth - share, share * (1 - share)


def _newton(tree: Any, at: Any, gradient: Numbers, hessian: Numbers, classes: int) -> Numbers:
    size = tree.node_count
    above = up(tree, np.bincount(at, gradient, size).astype(np.float64))
    below = up(tree, np.bincount(at, hessian, size).astype(np.float64))
    factor = (classes - 1) / classes if classes > 1 else 1.0
    values = factor * np.divide(above, below, out=np.zeros(size), where=np.abs(below) > 1e-150)
    leaf = tree.children_left < 0
    values[leaf] = tree.value[leaf, 0, 0]
    return np.asarray(values)


def _targets(model: Any, x: Any, given: Any) -> NDArray[Any]:
    y: NDArray[Any] = np.asarray(given)
    check_consistent_length(x, y)
    if not isinstance(model, BINNED):
        assert_all_finite(x, input_name="X")
    if is_classifier(model):
        codes_of(model, y.reshape(-1, 1))
    elif not np.isfinite(y).all():
        raise ValueError("y must be finite numbers; some are missing or infinite.")
    return y


def _fitted(model: Any, kinds: Any) -> None:
    if not isinstance(model, kinds):
        names = " or ".join(kind.__name__ for kind in kinds[::2])
        raise TypeError(f"This needs {names} (or its regressor), got {type(model).__name__}.")
    check_is_fitted(model)
