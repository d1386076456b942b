"""A tree and a network under one slider: every stop is a real run, both drawn as they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from make_pair import NET, TREE
from paging import alts, show, specs, store  # noqa: F401 - a fixture among them

from prunelab import aside, figures, pair, pairing, treelab
from prunelab.events import fold
from prunelab.experiment import run
from prunelab.pair import LEFT
from prunelab.spec import RunSpec, SpecError


@pytest.fixture(scope="module")
def tree():
    return treelab.grown(treelab.place(TREE))


@pytest.fixture(scope="module")
def shipped(tree):
    folder = pair.place(pair.order(NET, tree.plane.axes))
    assert folder.parent == pair.SHIPPED
    return pair.read(folder)


def test_every_stop_is_a_run(home, tree, tmp_path):
    spec = RunSpec(data="moons", model="mlp", epochs=2, model_knobs={"widths": "8-4"})
    ordered = {**pair.order(spec, tree.plane.axes), "left": [1.0, 0.25]}
    told = []
    found = pairing.compute(ordered, lambda *a: told.append(a))
    assert [share for _, share in told] == [0, 0.5]
    one = fold(list(run(RunSpec.from_json({**spec.to_json(), "sparsity": 0.75}), files=tmp_path)))
    assert found.validation[1] == pytest.approx(one.recovered["validation_accuracy"])
    assert found.weights[1] == round(one.sparsity["of"] * 0.25)
    assert found.answers.shape == (2, *tree.plane.grid.shape)
    # Where a validation row lies, its cell has the answer the network gives the row, but for rims.
    dots = tree.plane.validation
    at = [np.abs(axis[:, None] - dots.x[:, i]).argmin(0) for i, axis in enumerate(tree.plane.axes)]
    right = (found.answers[1][at[1], at[0]] == dots.y).mean()
    assert right == pytest.approx(found.validation[1], abs=0.04)
    with pytest.raises(SpecError, match="would remove all"):
        pairing.compute({**ordered, "left": [0.0001]}, lambda *_: None)


def test_the_pair_that_shipped(shipped, tree):
    assert len(shipped.weights) == len(LEFT) == len(shipped.answers)
    assert shipped.weights[0] == 2240
    assert sorted(shipped.weights, reverse=True) == list(shipped.weights)
    assert shipped.rows == int(tree.validation[0].sum())


def test_both_have_the_same_shares_left(shipped, tree):
    steps = treelab.steps(tree, "cost-complexity")
    a, b = figures.lines(tree, steps, shipped)
    assert a.units[0] == tree.leaves
    for left, leaves, weights in zip(LEFT, a.units, b.units, strict=True):
        assert leaves <= max(1, round(left * tree.leaves))
        assert weights == pytest.approx(left * 2240, abs=1)
    top = max(b.validation)
    spread = np.sqrt(top * (1 - top) / 200)
    assert b.validation[b.smallest] >= top - spread
    assert all(v < top - spread for v in b.validation[b.smallest + 1 :])
    table = figures.both((a, b), 3).table
    assert table["left"].tolist() == [*LEFT, *LEFT]
    assert (
        figures.answered(tree, shipped.answers[0], b, 0).title == "2,240 weights: 95.0\u00a0% right"
    )


def test_one_slider_moves_both(store):  # noqa: F811
    app = show("trees", view="Trees beside nets")
    tree_says, net_says, curve = alts(app)[:3]
    assert "269 weights" in net_says
    assert "The tree is as good as at its best" in curve
    app.select_slider(key="left").set_value(0.02).run()
    assert not app.exception
    now = alts(app)
    assert now[0] != tree_says
    assert "45 weights" in now[1]
    assert len(specs(app)[1]["data"]) == 1 + 4


def test_other_data_are_asked_for(store, monkeypatch):  # noqa: F811
    begun = []
    monkeypatch.setattr(pair, "start", lambda ordered, home: begun.append(ordered))
    app = show("trees", view="Trees beside nets", net="lenet-300-100")
    app.button(key="pair").click().run()
    assert not app.exception
    assert begun[0]["spec"]["data"] == "moons"
    folder = pair.place(begun[0], store.home)
    folder.mkdir(parents=True)
    aside.write(folder, {"state": "failed", "reason": "No room."})
    assert "No room." in app.run().error[0].value
    (folder / pair.FILE).write_bytes(b"PK no zip")
    assert "pruned network" in app.run().error[0].value
    assert json.dumps(begun[0])
