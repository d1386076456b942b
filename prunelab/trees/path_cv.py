"""Choosing α by cross-validation with one fit a fold."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from prunelab.trees.counts import Rows, Sets, fallen
from prunelab.trees.family import Family, family
from prunelab.trees.path import at_alpha, swept_scores
from prunelab.trees.prune import scores_of, with_alpha
from prunelab.trees.rebuild import cut
from prunelab.trees.structure import Numbers


class PruningPathCV:
    """Scores of every α of the tree grown on all rows, in every fold, with one fit a fold.

    With the grid "path" ``fold_scores`` (folds, alphas) are those of ``GridSearchCV`` over
    ``ccp_alpha``, and so is ``best_alpha``. The grid "geometric" asks between the α's, at
    √(αᵢ αᵢ₊₁), as Breiman does. Other nested families work alike with their own thresholds.

    Raises:
        SpecError: an unknown method or setting.
        ValueError: rows or folds that do not work.
    """

    def __init__(
        self,
        estimator: Any,
        x: Any,
        y: Any,
        *,
        cv: Any = 5,
        method: str = "cost-complexity",
        grid: Literal["path", "geometric"] = "path",
        **knobs: Any,
    ) -> None:
        if grid not in ("path", "geometric"):
            raise ValueError(f"grid must be 'path' or 'geometric', got {grid!r}.")
        self.method, self.knobs = method, knobs
        self.dense = _grown(estimator, x, y)
        rows = Rows(x, y)
        self.split_scores = scores_of(self.dense, method, Sets(rows, rows), **knobs)
        whole = family(self.dense.tree_, self.split_scores)
        self.alphas: Numbers = np.unique(whole.alphas)
        asked = self.alphas if grid == "path" else between(self.alphas)
        folds = check_cv(cv, y, classifier=is_classifier(estimator)).split(x, y)
        scored = [self._fold(estimator, x, y, asked, fold) for fold in folds]
        self.fold_scores: Numbers = np.array(scored)
        self.mean_scores: Numbers = np.average(self.fold_scores, axis=0)

    def _fold(self, estimator: Any, x: Any, y: Any, asked: Numbers, fold: Any) -> Numbers:
        train, test = (Rows(_safe_indexing(x, rows), _safe_indexing(y, rows)) for rows in fold)
        member = _grown(estimator, train.x, train.y)
        scores = scores_of(member, self.method, Sets(train, test), **self.knobs)
        members: Family = family(member.tree_, scores)
        found = swept_scores(member, members, fallen(member, member, test))
        return found[[at_alpha(members.alphas, alpha) for alpha in asked]]

    @property
    def best_alpha(self) -> float:
        """The α of the best mean score; of equals the lowest, as ``GridSearchCV``."""
        return float(self.alphas[int(np.argmax(self.mean_scores))])

    @property
    def one_se_alpha(self) -> float:
        """The largest α whose mean score is within one standard error of the best."""
        best = int(np.argmax(self.mean_scores))
        spread = self.fold_scores[:, best].std(ddof=1) / np.sqrt(len(self.fold_scores))
        enough = self.mean_scores >= self.mean_scores[best] - spread
        return float(self.alphas[np.flatnonzero(enough)[-1]])

    def best(self) -> Any:
        """The tree grown on all rows, cut at ``best_alpha``."""
        return self.at(self.best_alpha)

    def one_se(self) -> Any:
        """The tree grown on all rows, cut at ``one_se_alpha``."""
        return self.at(self.one_se_alpha)

    def at(self, alpha: float) -> Any:
        """The tree grown on all rows, cut at this α."""
        keep = self.split_scores > alpha
        if alpha <= self.alphas[0]:
            keep = np.ones(len(keep), dtype=bool)
        return with_alpha(cut(self.dense, keep), self.method, alpha, self.knobs)


def between(alphas: Numbers) -> Numbers:
    """Geometric middles of neighbours; the last stays, and below 0 the lower neighbour does.

    >>> between(np.array([0.0, 1.0, 4.0])).tolist()
    [0.0, 2.0, 4.0]
    """
    if alphas[0] < 0:
        return alphas
    return np.append(np.sqrt(alphas[:-1] * alphas[1:]), alphas[-1:])


def _grown(estimator: Any, x: Any, y: Any) -> Any:
    fresh = clone(estimator)
    if getattr(fresh, "ccp_alpha", 0.0):
        fresh.set_params(ccp_alpha=0.0)
    return fresh.fit(x, y)
