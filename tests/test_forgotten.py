"""Who paid: the test examples that pruned models forget, from the answers of real and made runs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import prunelab as pl
from prunelab import answers, examples, figures
from prunelab.controls import EQUAL_TIME, SMALL_LONG, every
from prunelab.figures import forget
from prunelab.parts import Part, Parts, Table, split
from prunelab.rating.answers import answers as written
from prunelab.spec import RunSpec


def told(label, dense, pruned):
    return {
        name: np.array(a) for name, a in (("label", label), ("dense", dense), ("pruned", pruned))
    }


def parts(x, y):
    """A data set of which there is a test part alone."""
    none = Part(x[:0], y[:0])
    return Parts(
        classes=(), features=(), train=none, validation=none, digest="", rows=y[:0],
        wrong=np.zeros(0, bool), mean=np.zeros(1), deviation=np.ones(1), _test=Part(x, y),
    )  # fmt: skip


def test_forgotten_is_right_by_most_dense_and_wrong_by_most_pruned_models():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, 200)
    line = {
        at: [told(label, rng.integers(0, 3, 200), rng.integers(0, 3, 200)) for _ in range(3)]
        for at in (0.5, 0.9)
    }
    found = {one.example: one for one in forget(line, 0.9)}

    def lost(i, at):
        right = sum(run["dense"][i] == label[i] for run in line[at])
        wrong = sum(run["pruned"][i] != label[i] for run in line[at])
        return right >= 2 and wrong >= 2

    assert set(found) == {i for i in range(200) if lost(i, 0.9)}
    for i, one in found.items():
        assert one.first == (0.5 if lost(i, 0.5) else 0.9)
        assert one.seeds == sum(run["pruned"][i] != label[i] for run in line[0.9])
        assert one.says != label[i] == one.dense
    order = forget(line, 0.9)
    assert order == sorted(order, key=lambda o: (o.first, -o.seeds, o.example))


def test_what_is_written_are_the_answers_and_pictures_of_what_was_lost():
    x = np.arange(4 * 1 * 2 * 2, dtype=np.float32).reshape(4, 1, 2, 2)
    y = np.array([0, 1, 2, 300])
    kept = written(parts(x, y), np.array([0, 1, 0, 300]), np.array([0, 2, 2, 1]))
    assert kept["label"].dtype == np.uint16
    assert kept["pictured"].tolist() == [1, 3]
    assert kept["pictures"].shape == (2, 2, 2)
    none = written(parts(x, y), y, y)
    assert (none["pictured"].tolist(), len(none["pictures"])) == ([], 0)


def test_of_a_table_the_rows_that_were_lost_are_written_as_they_were_given():
    x = np.random.default_rng(0).normal(50, 9, (60, 3)).astype(np.float32)
    y = np.arange(60) % 2
    table = split(Table(x=x, y=y, classes=("no", "yes"), features=("a", "b", "c")))
    test = table.test_once()
    kept = written(table, test.y, 1 - test.y)
    assert kept["listed"].tolist() == [*range(len(test.y))]
    assert kept["features"].tolist() == ["a", "b", "c"]
    given = {tuple(np.round(row, 2)) for row in x}
    assert {tuple(np.round(row, 2)) for row in kept["values"]} <= given
    assert "pictured" not in kept
    bare = split(Table(x=x, y=y, classes=("no", "yes")))
    assert written(bare, test.y, test.y)["features"].tolist() == [f"feature {n}" for n in (1, 2, 3)]


def test_rows_of_a_table_are_shown_with_their_values_and_what_was_said():
    lost = told([0, 1, 1], [0, 1, 1], [0, 0, 1]) | {
        "listed": np.array([1]), "values": np.array([[7.5, 1.0, 30.0]]),
        "mean": np.array([5.0, 1.0, 10.0]), "deviation": np.array([5.0, 1.0, 2.0]),
        "features": np.array(["size", "<b>age</b>", "weight"]),
    }  # fmt: skip
    drawn = figures.forgotten("magnitude", {0.5: [lost]}, 0.5, ["no", "yes"])
    assert drawn.title.startswith(
        "magnitude at 50\u00a0%: 1 of 3 test rows that the dense model knew"
    )
    (cells,) = drawn.figure.data
    assert list(cells.x) == ["weight", "size", "&lt;b&gt;age&lt;/b&gt;"]  # the furthest first
    assert list(cells.y) == ["1: yes → no"]
    assert cells.z.tolist() == [[10.0, 0.5, 0.0]]
    assert cells.text[0][0] == "30"
    row = drawn.table.iloc[0]
    assert (row["class"], row["dense models say"], row["pruned models say"]) == ("yes", "yes", "no")
    assert row["value of size"] == 7.5


@pytest.mark.parametrize(
    "spec",
    [
        {"model": "mlp", "method": "random", "epochs": 2},
        {"model": "decision-tree", "method": "cost-complexity"},
    ],
)
def test_a_run_keeps_answers_that_give_its_accuracies(home, spec):
    run = pl.run(sparsity=0.8, progress=False, **spec)
    kept = answers.read(run.folder)
    for stage, name in (("dense", "dense"), ("recovered", "pruned")):
        right = np.mean(kept[name] == kept["label"])
        assert right == pytest.approx(getattr(run.result, stage)["accuracy"])
    lost = (kept["dense"] == kept["label"]) & (kept["pruned"] != kept["label"])
    assert kept["pictured"].tolist() == np.flatnonzero(lost).tolist()
    if spec["model"] == "decision-tree":
        table = figures.card(run.result).set_index("cost")
        assert list(table.columns) == ["dense", "pruned"]
        assert table.loc["nodes", "dense"] == f"{run.result.dense['nodes']:,}"
        assert "time of a batch of 256" in table.index
        assert "(" in table.loc["time of one example", "pruned"]


def test_what_cannot_be_shown_says_why(tmp_path):
    assert answers.read(tmp_path) is None
    with pytest.raises(ValueError, match="known of runs that kept their answers"):
        forget({}, 0.5)
    same = {**told([0, 1], [0, 1], [0, 1]), "pictured": [], "pictures": []}
    with pytest.raises(ValueError, match="forgets no test example"):
        figures.forgotten("magnitude", {0.5: [same]}, 0.5, ["a", "b"])
    lost = {**told([0, 1], [0, 1], [0, 0]), "pictured": [], "pictures": []}
    with pytest.raises(ValueError, match="1 of 2 test examples; these runs were made before rows"):
        figures.forgotten("magnitude", {0.5: [lost]}, 0.5, ["a", "b"])
    with pytest.raises(ValueError, match="No control of this run is done yet"):
        figures.rethinking("magnitude", 0.5, [], {})


def test_the_shipped_comparison_has_all_its_pictures(home):
    runs = pl.example()
    assert runs.referee.grade == "B"
    plot = runs.plot
    for figure in (
        plot.compare(), plot.gaps(), plot.damage(0.9375), plot.forgotten("wanda", 0.9375),
        plot.agreement(0.96875), plot.rethinking("magnitude", examples.CONTROLLED),
    ):  # fmt: skip
        assert json.loads(figure.to_json())["data"]
    assert plot.forgotten().layout.title.text.startswith("magnitude at 96.9")


def test_every_control_is_among_those_one_click_away():
    found = every(RunSpec(sparsity=0.9), {"dense": 30, "recover": 15})
    assert {s.recover for s in found.values()} >= {"scratch-e", "scratch-b"}
    assert found[EQUAL_TIME].sparsity == 0.0
    assert found[SMALL_LONG].epochs == 45
    assert found["small dense"].model_knobs["share"] == pytest.approx(0.1)
    assert SMALL_LONG not in every(RunSpec(model="lenet-5"), {"dense": 30})
    shipped = [r for r in examples.comparison().values() if r.spec.get("sparsity") == 0.9375]
    first = next(r for r in shipped if "scope" not in r.spec and "method" not in r.spec)
    keys = {s.key for s in every(RunSpec.from_json(first.spec), first.plan).values()}
    assert keys <= set(examples.controls())
    assert replace(RunSpec.from_json(first.spec), recover="scratch-e").key in keys
