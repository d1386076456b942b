"""Keeping some examples: runs on networks and trees, one's own (X, y), and the resampler."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import prunelab as pl
from prunelab import artefacts
from prunelab.catalogue import describe, validate
from prunelab.events import Epoch, Finished, Measured, Pruned, Warned, fold
from prunelab.experiment import run
from prunelab.job import prepare
from prunelab.keep_examples import repeated
from prunelab.registry import METHODS
from prunelab.spec import RunSpec, SpecError
from prunelab.units.examples import kept_indices

pytestmark = pytest.mark.filterwarnings("ignore::prunelab.registry.Note")
SPEC = RunSpec(method="el2n", model="mlp", sparsity=0.5, epochs=2, knobs={"runs": 2})


def test_a_run_trains_anew_on_what_stays(tmp_path):
    events = list(run(SPEC, files=tmp_path))
    assert isinstance(events[-1], Finished), events[-1]
    phases = {e.phase: e.epochs for e in events if isinstance(e, Epoch)}
    assert phases == {"dense": 2, "score 1": 1, "score 2": 1, "fewer examples": 2, "repeated": 2}
    assert sum(fold(events).plan.values()) == sum(phases.values())
    (pruned,) = (e for e in events if isinstance(e, Pruned))
    assert pruned.kept == pruned.of - round(0.5 * pruned.of + 0.001)
    with np.load(tmp_path / artefacts.EXAMPLES, allow_pickle=False) as kept:
        assert kept["kept"].sum() == pruned.kept
        assert kept["pictures"].shape[1:] == (8, 8)
        assert len(kept["place"]) == len(kept["score"]) == pruned.of
        assert kept["score"][kept["kept"]].min() >= kept["score"][~kept["kept"]].max()


def test_equal_steps_repeats_what_stays_until_it_is_as_many():
    job = prepare(SPEC)
    choice = job.choose(job.build(), 0.9)
    again = repeated(job.parts, kept_indices(job.parts, choice.mask)).train
    fewer = job.unit.keep(None, job.parts, choice.mask).train
    assert len(again.y) == len(job.parts.train.y)
    rows, times = np.unique(again.x.reshape(len(again.x), -1), axis=0, return_counts=True)
    assert len(rows) == len(np.unique(fewer.x.reshape(len(fewer.x), -1), axis=0))
    assert times.max() - times.min() <= 1


def test_none_stops_after_as_many_epochs():
    events = list(run(replace(SPEC, recover="none")))
    assert isinstance(events[-1], Finished)
    result = fold(events)
    assert result.pruned["accuracy"] == result.recovered["accuracy"]
    with pytest.raises(SpecError, match="recover must be one of none, equal-steps"):
        validate(replace(SPEC, recover="finetune"), describe())
    with pytest.raises(SpecError, match="recover must be one of"):
        validate(RunSpec(method="magnitude", model="mlp", recover="equal-steps"), describe())


def test_a_tree_is_grown_again_on_what_stays(tmp_path):
    spec = RunSpec(method="k-center", model="decision-tree", data="breast-cancer", sparsity=0.5)
    events = list(run(spec, files=tmp_path))
    assert isinstance(events[-1], Finished), events[-1]
    tested = {e.stage for e in events if isinstance(e, Measured) and e.part == "test"}
    assert tested == {"dense", "pruned", "recovered"}
    model = artefacts.load_model(tmp_path)
    assert model.tree_.n_node_samples[0] == next(e.kept for e in events if isinstance(e, Pruned))


def test_a_class_that_is_emptied_is_said():
    spec = replace(SPEC, data="iris", sparsity=0.8, knobs={"runs": 1, "keep": "easiest"}, epochs=5)
    told = [e.message for e in run(spec) if isinstance(e, Warned)]
    assert any("is left, so it cannot be learned" in message for message in told)


def test_label_errors_of_estimators_are_found():
    spec = RunSpec(
        method="label-errors",
        model="random-forest",
        data="breast-cancer",
        sparsity=0.15,
        data_knobs={"flip": 0.2},
    )
    job = prepare(spec)
    choice = job.choose(None, 0.15)
    gone = np.zeros(len(job.parts.train.y), bool)
    for number, name in enumerate(job.parts.classes):
        gone[job.parts.train.y == number] = ~choice.mask[name].numpy()
    assert job.parts.wrong[gone].mean() > 0.8
    assert "labels look wrong" in choice.notes[0]


def test_a_class_too_small_for_the_folds_is_said():
    x, y = load_iris(return_X_y=True)
    with pytest.raises(SpecError, match="only 3 examples, too few for 5 folds"):
        pl.prune((x[:53], y[:53]), "label-errors", 0.1)


@pytest.mark.parametrize("method", [m for m in METHODS if "examples" in METHODS[m].units])
def test_own_examples_come_back_as_they_were_given(method):
    x, y = load_iris(return_X_y=True, as_frame=True)
    x, y = x.iloc[::2], y.iloc[::2].map({0: "setosa", 1: "versicolor", 2: "virginica"})
    knobs = {"runs": 1} if METHODS[method].watch == "runs" else {}
    kept = pl.prune((x, y), method, 0.5, **knobs)
    assert isinstance(kept.x, pd.DataFrame)
    assert len(kept.x) == len(kept.y) == len(kept.kept_indices) == 37
    assert (kept.x.to_numpy() == x.to_numpy()[kept.kept_indices]).all()
    assert (np.diff(kept.kept_indices) > 0).all()
    again = pl.prune((x, y), method, 0.5, **knobs)
    assert np.array_equal(kept.kept_indices, again.kept_indices)


def test_own_estimator_and_network_score():
    x, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0)
    assert len(pl.prune((x, y), "label-errors", 0.1, tree).y) == 135
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    before = net[0].weight.clone()
    assert len(pl.prune((x, y), "el2n", 0.5, net, runs=2).y) == 75
    assert (net[0].weight == before).all()


def test_the_resampler_says_which_rows_stay():
    x, y = load_iris(return_X_y=True)
    pruner = pl.ExamplePruner("herding", 0.6, scope="uniform")
    assert pruner.get_params()["sparsity"] == 0.6
    left, labels = pruner.fit_resample(x, y)
    assert np.bincount(labels).tolist() == [20, 20, 20]
    assert (left == x[pruner.sample_indices_]).all()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((3, 2)), [0, 1], "with a label for each"),
        (np.ones(3), [0, 1, 1], "X must be"),
        ([[np.nan], [1.0]], [0, 1], "missing or infinite"),
        ([[0.0], [1.0]], [0.0, np.nan], "have no label"),
        ([[0.0], [1.0]], np.array(["a", None], object), "have no label"),
        ([[0.0], [1.0]], [1, 1], "only one class"),
        (np.empty((0, 2)), [], "X must be"),
    ],
)
def test_bad_examples_are_refused(x, y, message):
    with pytest.raises(SpecError, match=message):
        pl.prune((x, y), "random-examples", 0.5)


def test_methods_of_another_kind_are_refused():
    x, y = load_iris(return_X_y=True)
    with pytest.raises(SpecError, match="magnitude removes weights, not examples"):
        pl.prune((x, y), "magnitude", 0.5)
    with pytest.raises(SpecError, match="keeps examples: give it"):
        pl.prune(nn.Linear(2, 2), "el2n", 0.5)
    with pytest.raises(ValueError, match="sparsity"):
        pl.prune((x, y), "random-examples", 1.0)


def test_more_neighbours_than_rows_are_refused():
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="neighbours must be below the 20 rows"):
        pl.prune((x[40:60], y[40:60]), "edited-nn", 0.5, neighbours=30)


def test_duplicates_and_constant_features_are_no_trouble():
    x = np.tile(np.array([[0.0, 1.0], [2.0, 1.0]]), (10, 1))
    y = np.tile([0, 1], 10)
    for method in ("herding", "k-center", "condensed-nn", "edited-nn", "prototypes", "moderate"):
        assert len(pl.prune((x, y), method, 0.5).y) == 10
