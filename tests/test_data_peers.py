"""Beside cleanlab and imbalanced-learn: the same rows where they do the same, else why not."""

from __future__ import annotations

import numpy as np
import pytest
from cleanlab.filter import find_label_issues
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import CondensedNearestNeighbour, EditedNearestNeighbours
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

import prunelab as pl
from prunelab.methods.condensed_nn import condense
from prunelab.methods.edited_nn import _mostly, agreeing
from prunelab.methods.label_errors import confident_issues

pytestmark = pytest.mark.filterwarnings("ignore::prunelab.registry.Note")


@pytest.fixture(scope="module")
def noisy():
    """Digits with a fifth of the labels wrong."""
    x, y = load_digits(return_X_y=True)
    random = np.random.default_rng(0)
    wrong = random.random(len(y)) < 0.2
    return x, np.where(wrong, (y + random.integers(1, 10, len(y))) % 10, y), wrong


def test_label_issues_are_those_of_cleanlab_row_for_row(noisy):
    x, y, wrong = noisy
    p = cross_val_predict(
        KNeighborsClassifier(10, weights="distance"), x, y, cv=5, method="predict_proba"
    )
    ours = confident_issues(p, y)
    theirs = find_label_issues(y, p, filter_by="confident_learning", n_jobs=1)
    assert np.array_equal(ours, theirs)
    assert wrong[ours].mean() > 0.9


@pytest.mark.parametrize("kind", ["all", "mode"])
@pytest.mark.parametrize("neighbours", [3, 5])
def test_edited_rows_are_those_of_imbalanced_learn(noisy, kind, neighbours):
    x, y, _ = noisy
    x = x + 1e-6 * np.random.default_rng(0).normal(size=x.shape)  # no equal distances
    peer = EditedNearestNeighbours(sampling_strategy="all", n_neighbors=neighbours, kind_sel=kind)
    peer.fit_resample(x, y)
    ours = agreeing(x, y, neighbours) == 1 if kind == "all" else _mostly(x, y, neighbours)
    assert np.array_equal(np.flatnonzero(ours), np.sort(peer.sample_indices_))


def test_a_condensed_store_knows_every_row_which_theirs_does_not():
    """imbalanced-learn condenses class by class, so its store need not be right about all rows."""
    x, y = load_digits(return_X_y=True)
    x = x[:600]
    y = y[:600]
    peer = CondensedNearestNeighbour(sampling_strategy="all", random_state=0)
    peer.fit_resample(x, y)

    def known(rows):
        return KNeighborsClassifier(1).fit(x[rows], y[rows]).score(x, y)

    assert known(condense(x, y)) == 1
    assert known(peer.sample_indices_) < 1


def test_the_resampler_is_a_step_of_their_pipelines():
    x, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(
        pl.ExamplePruner("herding", 0.5, scope="uniform", model=LogisticRegression()),
        LogisticRegression(max_iter=500),
    )
    search = GridSearchCV(pipeline, {"examplepruner__sparsity": [0.2, 0.6]}, cv=3).fit(x, y)
    assert search.best_score_ > 0.9
    kept = search.best_estimator_[0].sample_indices_
    assert len(kept) == round((1 - search.best_params_["examplepruner__sparsity"]) * len(y))
