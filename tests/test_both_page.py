"""The Data × weights page: a plane that shipped, cells that ask for their runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paging import alts, finish, show, specs, store  # noqa: F401 - a fixture among them

from prunelab import examples, figures
from prunelab.figures.together import cells, together
from prunelab.spec import RunSpec


@pytest.fixture(scope="module")
def plane():
    return examples.both_specs(
        examples.BOTH, "aum", examples.BOTH_KEPT, examples.BOTH_SPARSITIES, range(3)
    )


def click(app, kept, sparsity):
    points = [{"customdata": [kept, sparsity]}]
    sent = {"points": points, "point_indices": [], "box": [], "lasso": []}
    app.session_state["chart-together"] = {"selection": sent}
    return app.run()


def test_the_plane_that_shipped_is_that_of_the_controls(store, plane):  # noqa: F811
    assert [spec.key for spec in plane] == list(examples.both())
    app = show("both")
    assert app.button(key="start-both").label == "All runs are there"
    (chart,) = specs(app)
    words = chart["data"][1]["text"]
    assert len(words) == 20
    assert "+" not in words
    assert "of the weights still tell" in alts(app)[0]
    assert any("came with PruneLab" in c.value for c in app.caption)


def test_each_cell_is_the_mean_of_its_runs(plane):
    found = cells(plane, examples.both())
    assert [(c.kept, c.sparsity) for c in found[:2]] == [(1.0, 0.0), (1.0, 0.5)]
    for cell in found:
        mine = [
            examples.both()[s.key].recovered["accuracy"]
            for s in plane
            if (round(1 - s.examples_sparsity, 6), s.sparsity) == (cell.kept, cell.sparsity)
        ]
        assert cell.mean == pytest.approx(sum(mine) / 3)
    table = together(plane, examples.both()).table
    assert table["seeds"].tolist() == [3] * 20
    row = table.iloc[7]  # 60 % of the examples, 80 % of the weights removed
    alone = table.iloc[[5, 2]]["accuracy"].sum() - table.iloc[0]["accuracy"]
    assert row["beyond both alone"] == pytest.approx(row["accuracy"] - alone)


def test_the_frame_is_the_smallest_that_loses_a_point_at_most(plane):
    found = cells(plane, examples.both())
    good = [c for c in found if c.mean >= found[0].mean - 0.01]
    best = min(good, key=lambda c: (round(c.kept * (1 - c.sparsity), 9), -c.mean))
    title = together(plane, examples.both()).title
    assert title.startswith(f"{figures.percent(best.kept)} of the examples and ")
    worse = {
        key: replace(result, recovered={"accuracy": 0.5})
        if result.spec.get("examples_sparsity") or result.spec.get("sparsity", 0.9)
        else result
        for key, result in examples.both().items()
    }
    assert together(plane, worse).title.startswith("Whatever goes costs more than a point")
    some = {k: r for k, r in examples.both().items() if r.spec.get("examples_sparsity")}
    assert together(plane, some).title.startswith("15 of 20 cells are there")
    with pytest.raises(ValueError, match="Choose at least one share of examples"):
        together([], {})


def test_an_empty_cell_asks_for_its_runs(store):  # noqa: F811
    app = show("both", model="lenet-300-100", seeds="2")
    words = specs(app)[0]["data"][1]["text"]
    assert [n for n, word in enumerate(words) if word != "+"] == [3]  # the run of this store
    app = click(app, 0.3, 0.9)
    assert app.button(key="run-cell").label == "Run the 2 of this cell"
    app.button(key="run-cell").click().run()
    assert not app.exception
    assert {(s.examples_method, s.examples_sparsity, s.sparsity) for s in store.submitted} == {
        ("aum", 0.7, 0.9)
    }
    assert {s.seed for s in store.submitted} == {0, 1}
    finish(store, replace(store.submitted[0], seed=5, examples_sparsity=0.0))
    assert not show("both").exception


def test_everything_can_be_started_at_once(store):  # noqa: F811
    app = show("both", model="lenet-300-100", seeds="1", kept="30", sparsities="90")
    button = app.button(key="start-both")
    assert button.label == "Start 1 runs"
    button.click().run()
    assert store.submitted == [RunSpec(sparsity=0.9, examples_method="aum", examples_sparsity=0.7)]


def test_the_copied_lines_make_this_plane(store, plane):  # noqa: F811
    code = next(c.value for c in show("both").code if "plot.together" in c.value)
    assert "examples_method='aum'" in code
    assert "examples_sparsity=[0.0, 0.4, 0.7, 0.9]" in code
    fields = {}
    exec(code.replace("import prunelab as pl", "").split("plane.plot")[0].replace(
        "pl.sweep(", "dict("), fields)  # fmt: skip
    asked = fields["plane"]
    asked.pop("baselines")
    from prunelab.presets import combine

    assert {s.key for s in combine(asked)} == {s.key for s in plane}


def test_nothing_chosen_is_said(store):  # noqa: F811
    app = show("both", data="table")
    assert "Choose methods" in app.info[0].value
    assert "Upload a file first." in [c.value for c in app.caption]


def test_the_lab_opens_a_run_with_fewer_examples(store):  # noqa: F811
    spec = RunSpec(model="mlp", examples_method="aum", examples_sparsity=0.7)
    finish(store, spec)
    app = show("lab", run=spec.key)
    assert app.selectbox(key="examples_method").value == "aum"
    assert app.slider(key="examples_sparsity").value == 70
    assert not [i for i in app.info if "controls have changed" in i.value]


def test_the_lab_shows_methods_of_one_kind(store):  # noqa: F811
    methods = show("lab").selectbox(key="method").options
    assert "snip" in methods
    assert "el2n" not in methods
    linked = show("lab", method="el2n", model="mlp").selectbox(key="method")
    assert linked.value == "el2n"
    assert "snip" not in linked.options
