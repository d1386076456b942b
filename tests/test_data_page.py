"""The Data page: examples as pictures and rows, scores, curves beside random, files to take."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from paging import alts, finish, show, specs, store  # noqa: F401 - a fixture among them

from prunelab import examples
from prunelab.events import Pruned, Started
from prunelab.experiment import run
from prunelab.spec import RunSpec

SPEC = RunSpec(method="aum", model="mlp", sparsity=0.7)
VIEWS = ("Pictures", "Scores", "Map", "Wrong labels", "How much to keep", "Cost", "Export")


@pytest.fixture
def ran(store):  # noqa: F811
    """The run of the controls, with the files and the events of the one that shipped."""
    events = [
        replace(e, key=SPEC.key) if isinstance(e, Started) else e for e in examples.data_events()
    ]
    finish(store, SPEC, events)
    store.folder(SPEC.key).mkdir(parents=True)
    shutil.copy(
        examples.FOLDER / examples.DATA / "examples.npz", store.folder(SPEC.key) / "examples.npz"
    )
    return SPEC


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_the_shipped_run_renders(view, store, ran):  # noqa: F811
    for query in ({"run": examples.DATA, "seed": "9"}, {}):
        app = show("data", view=view, **query)
        assert not app.error
        assert app.title[0].value.startswith("70")
        assert all(alts(app))
        assert [tab.label for tab in app.tabs] == list(VIEWS)
        came = [i for i in app.info if "came with PruneLab" in i.value]
        assert len(came) == (1 if query else 0)


def test_what_stays_is_beside_what_goes(store, ran):  # noqa: F811
    app = show("data")
    assert app.metric[0].value == "323"
    assert [m.label for m in app.metric][1:] == [
        "Trained on all", "For as many epochs", "For as many steps",
    ]  # fmt: skip
    words = alts(app)
    assert any("323 stay: highest score" in w for w in words)
    assert any("754 go: lowest score" in w for w in words)
    app = show("data", which="At the cut", **{"class": "3"})
    assert all(w.endswith("the cut, class 3.") for w in alts(app))
    assert any("doubtful" in c.value for c in show("data", which="Doubtful labels").code)


def test_without_a_run_one_sees_what_there_will_be(store):  # noqa: F811
    app = show("data")
    assert app.title[0].value == "Which examples does a model need?"
    assert len(alts(app)) == 2
    app.button(key="start").click().run()
    assert store.submitted == [SPEC]


def test_the_curve_asks_for_random_too(store, ran):  # noqa: F811
    app = show("data", view="How much to keep", seeds="2", kept="10")
    app.button(key="start-learned").click().run()
    assert not app.exception
    assert {(s.method, s.sparsity) for s in store.submitted} == {
        ("aum", 0.9), ("random-examples", 0.9),
    }  # fmt: skip
    assert len(store.submitted) == 4
    assert not show("data", view="How much to keep", seeds="2", kept="10").code
    finish(store, store.submitted[0], list(run(replace(store.submitted[0], epochs=1))))
    app = show("data", view="How much to keep", seeds="2", kept="10", length="as many epochs")
    assert any("curve.plot.learned(steps=False)" in c.value for c in app.code)
    assert len(specs(app)) == 1


def test_rows_of_a_table_are_listed(store, tmp_path):  # noqa: F811
    spec = RunSpec(method="herding", model="decision-tree", data="iris", sparsity=0.5)
    finish(store, spec, list(run(spec, files=tmp_path)))
    shutil.copytree(tmp_path, store.folder(spec.key))
    app = show("data", run=spec.key)
    assert [list(d.value.columns)[:2] for d in app.dataframe] == [["row", "class"]] * 2
    assert "model says" in app.dataframe[0].value.columns
    assert app.metric[2].label == "Trained on those kept"
    assert len(show("data", run=spec.key, view="Export").dataframe[0].value) == 45
    assert "A tree is grown at once" in show("data", run=spec.key, view="Cost").info[0].value


def test_a_run_that_has_not_chosen_yet_says_so(store, ran):  # noqa: F811
    (store.folder(SPEC.key) / "examples.npz").unlink()
    for view in ("Pictures", "Scores", "Export"):
        app = show("data", view=view)
        assert "has not said which examples stay" in app.info[0].value


def test_a_run_on_weights_is_sent_back(store):  # noqa: F811
    app = show("data", run=RunSpec().key)  # the one every store of these tests has
    assert any("removed no examples" in i.value for i in app.info)


def test_the_shipped_run_is_the_one_its_script_makes():
    from make_data import SPEC as made

    result = examples.data()
    assert RunSpec.from_json(result.spec) == made == SPEC
    kept = next(e.kept for e in examples.data_events() if isinstance(e, Pruned))
    assert kept == 323
